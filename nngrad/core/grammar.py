"""Expressions of Python's grammar as checked trees: text is parsed, never run as code.

Formulas and scalars are parsed here, each with a `Grammar` of its own, outside of which everything is refused; the
caller says so in its own words.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MOST_NODES = 1000  # of an expression; a level of its depth takes two at least, so that walking it is no deep recursion


@dataclass(frozen=True)
class Grammar:
    """What an expression may hold beside names."""

    operators: frozenset[type]  # and comparisons: classes of `ast`, such as ast.Add and ast.Lt
    functions: Mapping[str, int]  # their numbers of arguments
    number: Callable[[object], bool]  # whether it takes a constant
    kinds: tuple[type, ...] = field(init=False)

    def __post_init__(self) -> None:
        compares = any(issubclass(operator, ast.cmpop) for operator in self.operators)
        kinds = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Load, *self.operators, *((ast.Compare,) if compares else ()))
        object.__setattr__(self, "kinds", kinds)

    def tree(self, text: str) -> ast.expr:
        """The syntax tree of a text; NoExpressionError, TooLongError, or NotAdmittedError for a part outside."""
        tree = _parsed(text)
        nodes = list(ast.walk(tree))
        if len(nodes) > MOST_NODES:
            raise TooLongError(len(nodes))
        for node in nodes:
            if not self._admits(node):
                raise NotAdmittedError(node)
        return tree

    def _admits(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and self.functions.get(node.func.id) == len(node.args)
            return known and not node.keywords
        if isinstance(node, ast.Constant):
            return self.number(node.value)
        return isinstance(node, self.kinds)


class NoExpressionError(ValueError):
    """Python's grammar doesn't know the text; it says why."""


class TooLongError(ValueError):
    """The expression has more than MOST_NODES parts: this many."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count} parts, at most {MOST_NODES} are taken")
        self.count = count


class NotAdmittedError(ValueError):
    """A part of the expression is outside of the grammar; as text it is that part."""

    def __init__(self, node: ast.AST) -> None:
        super().__init__(_text(node))
        self.node = node


def _text(node: ast.AST) -> str:
    """A part as it was written, or only its kind where it is an operator or nested too deeply to be printed."""
    try:
        return ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    except RecursionError:
        return type(node).__name__


def _parsed(text: str) -> ast.expr:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the grammar, for a user of Python
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise NoExpressionError(error.msg) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NoExpressionError(str(error)) from None


def names_in(tree: ast.expr) -> tuple[str, ...]:
    """The names that an expression reads, each once, without those of functions."""
    nodes = list(ast.walk(tree))
    functions = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return tuple(dict.fromkeys(n.id for n in nodes if isinstance(n, ast.Name) and id(n) not in functions))
