"""Formulas as text, parsed, never run as code, and evaluated with NumPy ufuncs in place.

The vocabulary is what NumPy and C99 share: + - * /, comparisons, numbers, names, `where(c, a, b)`, and the functions of
FUNCTIONS. A parsed formula is a tree of Python's own `ast` nodes, so emitters can print it in other languages.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from nngrad.core.grammar import Grammar, NotAdmittedError
from nngrad.core.scratch import LARGE, empty

Env = dict[str, Any]
Evaluator = Callable[[Env], tuple[Any, bool]]  # -> (value, whether the value is scratch memory that may be overwritten)

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tanh": np.tanh,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "fabs": np.fabs,
    "sin": np.sin,
    "cos": np.cos,
}
OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
}
GRAMMAR = Grammar(
    operators=frozenset({ast.USub, *OPERATORS}),
    functions=dict.fromkeys((*FUNCTIONS, "erfc"), 1) | {"where": 3},
    number=lambda value: isinstance(value, float),
)


def function(name: str) -> Callable[..., Any]:
    """The ufunc of that name; KeyError where it is outside the vocabulary."""
    if name == "erfc":  # the only function that NumPy lacks
        from scipy.special import erfc

        special: Callable[..., Any] = erfc
        return special
    return FUNCTIONS[name]


@lru_cache(maxsize=1024)
def parse(text: str) -> ast.expr:
    """The syntax tree of a formula; ValueError where it is outside the vocabulary."""
    try:
        return GRAMMAR.tree(text)
    except NotAdmittedError as part:
        raise ValueError(f"formula {text!r}: {part} is outside the vocabulary") from None
    except ValueError as error:
        raise ValueError(f"formula {text!r} is outside the vocabulary: {error}") from None


@lru_cache(maxsize=1024)
def names_in(text: str) -> frozenset[str]:
    """What a formula reads, and the functions that it calls."""
    return frozenset(node.id for node in ast.walk(parse(text)) if isinstance(node, ast.Name))


@lru_cache(maxsize=1024)
def compiled(text: str) -> Callable[[Env], Any]:
    """The formula as a function of a dict of arrays and numbers; the arrays are not changed, and shapes broadcast."""
    evaluate = _compile(parse(text))
    return lambda env: evaluate(env)[0]


def _compile(node: ast.expr) -> Evaluator:
    match node:
        case ast.Constant() | ast.UnaryOp(operand=ast.Constant()):
            number = _number(node)
            return lambda env: (number, False)
        case ast.Name(id=name):
            return lambda env: (env[name], False)
        case ast.UnaryOp(operand=operand):
            return _apply(np.negative, [operand])
        case ast.BinOp(left=left, op=op, right=right):
            return _apply(OPERATORS[type(op)], [left, right])
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            a, b, compare = _compile(left), _compile(right), OPERATORS[type(op)]
            return lambda env: (compare(a(env)[0], b(env)[0]), False)
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            c, a, b = _compile(condition), _compile(yes), _compile(no)
            return lambda env: (np.where(c(env)[0], a(env)[0], b(env)[0]), True)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _apply(function(name), args)
    raise ValueError(f"{ast.unparse(node)} is outside the vocabulary of formulas")


def _number(node: ast.expr) -> np.ndarray:
    """As an array, which ufuncs take in half the time that a Python number needs."""
    return np.array(ast.literal_eval(node))


def _apply(ufunc: Callable[..., Any], args: list[ast.expr]) -> Evaluator:
    """A ufunc that writes into the scratch memory of an argument where there is some of the right shape."""
    match args:
        case [ast.Constant() as constant, part]:
            number = _number(constant)
            return _unary(lambda value, *out: ufunc(number, value, *out), _compile(part))
        case [part, ast.Constant() as constant]:
            number = _number(constant)
            return _unary(lambda value, *out: ufunc(value, number, *out), _compile(part))
        case [ast.Name(id=name)]:
            return _of_name(ufunc, name)
        case [part]:
            return _unary(ufunc, _compile(part))
        case [ast.Name(id=left), ast.Name(id=right)]:
            return _of_names(ufunc, left, right)
    return _binary(ufunc, *(_compile(part) for part in args))


def _unary(ufunc: Callable[..., Any], part: Evaluator) -> Evaluator:
    def run(env: Env) -> tuple[Any, bool]:
        value, scratch = part(env)
        if scratch and isinstance(value, np.ndarray):
            return ufunc(value, value), True
        return _fresh(ufunc, value, value), True

    return run


def _binary(ufunc: Callable[..., Any], left: Evaluator, right: Evaluator) -> Evaluator:
    def run(env: Env) -> tuple[Any, bool]:
        (a, of_a), (b, of_b) = left(env), right(env)
        if isinstance(a, float) or isinstance(b, float) or a.shape == b.shape:
            if of_a and isinstance(a, np.ndarray):
                return ufunc(a, b, a), True
            if of_b and isinstance(b, np.ndarray):
                return ufunc(a, b, b), True
            return _fresh(ufunc, b if isinstance(a, float) else a, a, b), True
        return ufunc(a, b), True

    return run


def _of_name(ufunc: Callable[..., Any], name: str) -> Evaluator:
    """_unary() of a name: most formulas are short, and so is the time of most calls."""

    def run(env: Env) -> tuple[Any, bool]:
        value = env[name]
        return _fresh(ufunc, value, value), True

    return run


def _of_names(ufunc: Callable[..., Any], left: str, right: str) -> Evaluator:
    """_binary() of two names."""

    def run(env: Env) -> tuple[Any, bool]:
        a, b = env[left], env[right]
        if isinstance(a, float) or isinstance(b, float) or a.shape == b.shape:
            return _fresh(ufunc, b if isinstance(a, float) else a, a, b), True
        return ufunc(a, b), True

    return run


def _fresh(ufunc: Callable[..., Any], like: Any, *operands: Any) -> Any:
    if isinstance(like, np.ndarray) and like.size >= LARGE:
        return ufunc(*operands, empty(like.shape))
    return ufunc(*operands)
