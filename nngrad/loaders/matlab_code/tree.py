"""MATLAB source taken apart: the nodes of expressions, the statements and functions of a file. Nothing is ever run.

What a node means is its reader's business: genfunction follows signals through them and computes with small matrices,
the reader of function layers lowers them to layers. Language reference: MathWorks' public pages on operators,
precedence and brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class NumberLiteral(NamedTuple):
    """A numeric literal, scalar or bracketed, as a MATLAB matrix."""

    value: np.ndarray


class TextLiteral(NamedTuple):
    """A text in quotes, without them."""

    value: str


class Name(NamedTuple):
    """A variable, or a function without arguments: the text can't tell."""

    id: str


class NamedHandle(NamedTuple):
    """@name."""

    id: str


class AnonymousFunction(NamedTuple):
    """@(parameters) body."""

    parameters: tuple[str, ...]
    body: Any


class CallOrIndex(NamedTuple):
    """base(args) or base{args}: a call or an index, the text can't tell."""

    base: Any
    args: tuple[Any, ...]
    brace: bool = False


class Member(NamedTuple):
    """base.name."""

    base: Any
    name: str


class Unary(NamedTuple):
    """-x, +x or ~x."""

    op: str
    of: Any


class Binary(NamedTuple):
    """left op right."""

    op: str
    left: Any
    right: Any


class Transpose(NamedTuple):
    """x' or x.', which are the same for real numbers."""

    of: Any


class BracketMatrix(NamedTuple):
    """[...] or, with `brace`, {...}, row by row; brackets of nothing but numbers are a NumberLiteral."""

    rows: tuple[tuple[Any, ...], ...]
    brace: bool = False


class Range(NamedTuple):
    """start:stop or start:step:stop; `step` is None where there is none."""

    start: Any
    step: Any
    stop: Any


class Colon(NamedTuple):
    """A bare `:` as an index."""


class End(NamedTuple):
    """`end` inside an index."""


@dataclass(frozen=True)
class Assign:
    """`targets` = `value`; a target is None where the text says ~."""

    targets: tuple[Any, ...]
    value: Any
    line: int


@dataclass(frozen=True)
class Do:
    """An expression for its own sake."""

    value: Any
    line: int


@dataclass(frozen=True)
class If:
    """(condition, body) of every branch; the condition of `else` is None."""

    branches: tuple[tuple[Any, tuple[Any, ...]], ...]
    line: int


@dataclass(frozen=True)
class For:
    """The body once for each column of `over`."""

    name: str
    over: Any
    body: tuple[Any, ...]
    line: int


@dataclass(frozen=True)
class While:
    """The body as long as the condition holds."""

    condition: Any
    body: tuple[Any, ...]
    line: int


@dataclass(frozen=True)
class Leave:
    """return, break or continue."""

    word: str
    line: int


@dataclass(frozen=True)
class Refused:
    """A statement that can't be taken apart, and why."""

    why: str
    line: int


@dataclass(frozen=True)
class FunctionDefinition:
    """A function of the file: the names of its inputs and outputs, and its statements."""

    name: str
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    body: tuple[Any, ...]
    line: int


@dataclass(frozen=True)
class SourceFile:
    """A file: what stands outside of functions, the functions in order, and the lines of text for messages."""

    loose: tuple[Any, ...]
    functions: tuple[FunctionDefinition, ...]
    lines: tuple[str, ...]

    def at(self, line: int) -> str:
        """The line as messages quote it: its number and its text, shortened."""
        text = " ".join(self.lines[line - 1][:400].split()) if 0 < line <= len(self.lines) else ""
        text = "".join(c if c.isprintable() else "?" for c in text)
        return f"line {line}: `{text if len(text) <= 90 else text[:87] + '...'}`"
