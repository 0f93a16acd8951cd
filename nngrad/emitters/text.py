"""Text that all target languages need: formulas, numbers, names, wrapped lines.

Nothing that a model file says can become code: names pass a whitelist, and numbers are printed from floats.
"""

from __future__ import annotations

import ast
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nngrad.core.formula import parse
from nngrad.core.network import Network
from nngrad.core.ports import Port

WIDTH = 118
MOST_ROWS = 1000  # inputs or outputs that a header lists
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "=="}
SIGNS: dict[type, tuple[str, int]] = {ast.Add: (" + ", 2), ast.Sub: (" - ", 2), ast.Mult: ("*", 3), ast.Div: ("/", 3)}
ATOM, UNARY = 9, 4
Piece = tuple[str, int, bool]  # text, how strongly it binds, whether it is a plain number


@dataclass(frozen=True)
class Style:
    """How a language writes formulas: numbers, names of functions, a choice, and products of vectors."""

    number: Callable[[float], str]
    functions: dict[str, str]
    choice: str  # with {c}, {a}, {b}
    choice_binds: int = ATOM
    dotted: bool = False  # MATLAB's .* and ./


def formula(text: str, names: dict[str, str | float], style: Style) -> str:
    """A formula of `nngrad.core.formula` in another language; names become the given texts or numbers."""
    return _print(parse(text), names, style)[0]


def _print(node: ast.expr, names: dict[str, str | float], style: Style) -> Piece:
    match node:
        case ast.Constant(value=float(value)):
            return _number(value, style)
        case ast.UnaryOp(operand=ast.Constant(value=float(value))):
            return _number(-value, style)
        case ast.Name(id=name):
            given = names[name]
            return _number(given, style) if isinstance(given, float) else (given, ATOM, False)
        case ast.UnaryOp(operand=operand):
            inner = _print(operand, names, style)
            return "-" + _within(inner, UNARY + 1), UNARY, False
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(_print(left, names, style), type(op), _print(right, names, style), style)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            sides = [_within(_print(n, names, style), 2) for n in (left, right)]
            return f" {COMPARISONS[type(op)]} ".join(sides), 1, False
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            c, a, b = (_print(n, names, style) for n in (condition, yes, no))
            inside = 0 if style.choice_binds == ATOM else 1
            return style.choice.format(c=c[0], a=_within(a, inside), b=_within(b, inside)), style.choice_binds, False
        case ast.Call(func=ast.Name(id=name), args=args):
            return f"{style.functions[name]}({', '.join(_print(a, names, style)[0] for a in args)})", ATOM, False
    raise ValueError(f"{ast.unparse(node)} is outside the vocabulary of formulas")


def _number(value: float, style: Style) -> Piece:
    text = style.number(value)
    return text, UNARY if text.startswith("-") else ATOM, True


def _within(piece: Piece, least: int) -> str:
    return piece[0] if piece[1] >= least else f"({piece[0]})"


def _binary(left: Piece, op: type, right: Piece, style: Style) -> Piece:
    sign, binds = SIGNS[op]
    if op in (ast.Add, ast.Sub) and right[2] and right[0].startswith("-"):  # x - (-1.0) is x + 1.0
        sign, right = " - " if op is ast.Add else " + ", (right[0][1:], ATOM, True)
    if style.dotted and binds == 3 and not (right[2] or (left[2] and op is ast.Mult)):
        sign = f" .{sign} "
    return _within(left, binds) + sign + _within(right, UNARY + 1 if right[1] == UNARY else binds + 1), binds, False


def shortest(value: float) -> str:
    """The shortest text that reads back as the same double."""
    return repr(float(value))


def shortest_single(value: float) -> str:
    """The shortest text that reads back as the nearest number of single precision."""
    return str(np.float32(value))


# names


def plain(text: str, most: int = 100) -> str:
    """Text of a model file as it may stand in a comment of any language: letters, digits, harmless signs, on one line.

    A letter that ASCII has no likeness of stands as its code, such as <U+03B8>, so that names stay apart.
    """
    letters = (c for c in unicodedata.normalize("NFKD", str(text)[: 2 * most]) if not unicodedata.combining(c))
    ascii_text = "".join(c if c.isascii() else f"<U+{ord(c):04X}>" for c in letters)
    return re.sub(r"[^A-Za-z0-9 _.,:;(){}\[\]+=<>-]", "_", ascii_text)[:most]


def identifier(text: str) -> str:
    """A name for a function, made of a file's name."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", plain(text)).strip("_")[:50] or "net"
    return name if name[0].isalpha() else f"net_{name}"


def reserved(*texts: str) -> frozenset[str]:
    """The words of the texts."""
    return frozenset(word for text in texts for word in text.split())


# lines


def wrapped(items: list[str], indent: str, separator: str = ", ", end: str = "") -> list[str]:
    """Items in lines of at most WIDTH characters; `end` closes every line but the last (MATLAB's ...)."""
    lines, line = [], ""
    for k, item in enumerate(items):
        piece = item + (separator if k < len(items) - 1 else "")
        if line and len(indent) + len(line) + len(piece.rstrip()) + len(end) > WIDTH:
            lines.append(indent + line.rstrip() + end)
            line = ""
        line += piece
    return [*lines, indent + line] if line else lines


def indented(lines: Iterable[str], by: int = 1) -> list[str]:
    """Lines four blanks further in, for each of `by` levels; empty ones stay empty."""
    return ["    " * by + line if line else "" for line in lines]


def filled(text: str, words: dict[str, str]) -> str:
    """A template with its words in capitals replaced."""
    names = "|".join(sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<![A-Za-z])({names})(?![A-Za-z])", lambda found: words[found[1]], text)


def is_run(index: tuple[int, ...]) -> bool:
    """Whether these are numbers one after the other."""
    return all(b - a == 1 for a, b in pairwise(index))


def facts(net: Network, name: str, convention: list[str]) -> list[str]:
    """What the comment at the head of every file says: the source, the sizes, inputs and outputs with their ranges."""
    origin = net.origin
    sizes = f"{_count(net.input_size, 'input')}, {_count(net.output_size, 'output')}"
    lines = [f"Written by nngrad from a trained network: {sizes}, in the units of its data."]
    if origin.path:
        where = f", network {plain(origin.network)}" if origin.network else ""
        lines.append(f"Source: {plain(Path(origin.path).name)}{where}")
        if Path(origin.path).is_file():
            lines.append(f"SHA-256 of it: {hashlib.sha256(Path(origin.path).read_bytes()).hexdigest()}")
    for text in (*origin.processing, *origin.layers)[:40]:
        lines.append(f"  {plain(text)}")
    lines += ["", *convention, ""]
    for what, ports in (("Inputs", net.inputs), ("Outputs", net.outputs)):
        lines.append(f"{what} [the file's name of them] (with the range of the training data where the file has it):")
        rows = [row for port in ports for row in _port(port)]
        lines += [f"  {k:>3}  {row}" for k, row in enumerate(rows[:MOST_ROWS], 1)]
        lines += [f"  ... and {len(rows) - MOST_ROWS} more"] if len(rows) > MOST_ROWS else []
    return lines


def listed(ports: Iterable[Port], most: int = 40) -> str:
    """The columns of ports in one line, each as the header of the main file calls it."""
    names = [name for port in ports for name in _names(port)]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _port(port: Port) -> list[str]:
    names = _names(port)
    if port.lower is None or port.upper is None:
        return names
    return [f"{name}  {shortest(a)} to {shortest(b)}" for name, a, b in zip(names, port.lower, port.upper, strict=True)]


def _names(port: Port) -> list[str]:
    """What each column of a port is: its name, and where that isn't the port's own, its place in the port."""
    own, count = plain(port.name, 60), port.size
    places = [f"[{own}]" if count == 1 else f"[{own}, {k} of {count}]" for k in range(1, count + 1)]
    columns = zip(port.columns, places, strict=True)
    return [plain(c, 60) if not own or c == port.name else f"{plain(c, 60)} {place}" for c, place in columns]
