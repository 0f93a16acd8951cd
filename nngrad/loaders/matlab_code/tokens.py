"""MATLAB source as tokens; brackets that hold nothing but numbers become one token each.

Every step is linear in the length of the text, whatever the text is.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import ModelError


class Token(NamedTuple):
    kind: str  # number, name, text, op, newline, end
    value: Any
    line: int
    spaced: bool  # white space stands before it

    @property
    def shown(self) -> str:
        """How a message names it."""
        return "a number" if self.kind == "number" else repr(self.value) if self.value else "the end"


MOST_TOKENS = 200_000  # numbers inside brackets don't count

BLOCKS = ("if", "for", "while", "switch", "try", "parfor", "spmd", "function")
MIDDLES = ("else", "elseif", "case", "otherwise", "catch")
WORDS = frozenset({*BLOCKS, *MIDDLES, "end", "return", "break", "continue", "global", "persistent", "classdef"})
NUMBER = r"(?:\d++(?:\.(?![*/\\^'])\d*+)?|\.\d++)(?:[eEdD][-+]?\d++)?"
TOKEN = re.compile(
    rf"""(?P<space>[ \t\f\v]++)|(?P<more>\.\.\.[^\n]*+\n?)|(?P<comment>%[^\n]*+)|(?P<newline>\n)
    |(?P<number>{NUMBER})(?![A-Za-z_0-9])|(?P<name>[A-Za-z]\w*+)
    |(?P<op>==|~=|<=|>=|&&|\|\||\.\*|\./|\.\\|\.\^|\.'|[-+*/\\^=<>&|~:;,.()\[\]{{}}@'"])""",
    re.ASCII | re.VERBOSE,
)
NUMBERS = re.compile(r"\[(?:\.\.\.[^\n]*+\n|%[^\n]*+\n|[-+0-9.eEdD \t\f\v,;\n]|[Ii]nf|[Nn]a[Nn])*+\]", re.ASCII)
NOISE = re.compile(r"\.\.\.[^\n]*\n|%[^\n]*")  # a continuation joins lines, a comment leaves the newline
ITEM = rf"[-+]?(?:{NUMBER}|[Ii]nf|[Nn]a[Nn])"
PLAIN = re.compile(
    rf"[ \t\f\v;]*+(?:{ITEM}(?:[ \t\f\v]*+,[ \t\f\v]*+(?=[^;])|[ \t\f\v]*+;[ \t\f\v;]*+|[ \t\f\v]++|\Z))*+\Z", re.ASCII
)
ROW = re.compile(r"[^;]+")
TO_BLANKS = str.maketrans(",;\t\f\vdD", "     ee")
STRINGS = {"'": re.compile(r"'((?:[^'\n]|'')*+)'"), '"': re.compile(r'"((?:[^"\n]|"")*+)"')}
BLOCK = re.compile(r"(?m)^[ \t]*%([{}])[ \t]*$")


def tokens(text: str) -> list[Token]:
    """All tokens; a character that begins none becomes an op of its own, which no statement accepts."""
    out: list[Token] = []
    brackets: list[str] = []
    at, line, spaced = 0, 1, False
    while at < len(text):
        if len(out) > MOST_TOKENS:
            raise ModelError(
                f"line {line}: more than {MOST_TOKENS} words and signs; a generated function has a few thousand"
            )
        found = TOKEN.match(text, at)
        kind, piece = (str(found.lastgroup), found.group()) if found else ("op", text[at])
        start, at = at, at + len(piece)
        if kind == "comment":
            at = _past_block(text, start) if piece.rstrip() == "%{" and _alone(text, start) else at
            line += text.count("\n", start, at)
        elif kind in ("space", "more"):
            line, spaced = line + piece.count("\n"), True
        elif kind == "op" and piece in STRINGS and (piece == '"' or not _ends_value(out, spaced, brackets)):
            string = STRINGS[piece].match(text, start)
            out.append(
                Token("text", string[1].replace(piece * 2, piece), line, spaced)
                if string
                else Token("op", "unclosed", line, spaced)
            )
            at, spaced = (string.end() if string else at), False
        else:
            numbers = _numbers(text, start) if piece == "[" else None
            if numbers:
                out.append(Token("number", numbers[0], line, spaced))
                at = numbers[1]
            else:
                out.append(Token(kind, _value(kind, piece), line, spaced))
                _track(brackets, piece)
            line, spaced = line + text.count("\n", start, at), False
    return [*out, Token("newline", "\n", line, False), Token("end", "", line, False)]


def _value(kind: str, piece: str) -> Any:
    return np.array([[_float(piece)]]) if kind == "number" else piece


def _float(piece: str) -> float:
    return float(piece.replace("d", "e").replace("D", "e"))


def _track(brackets: list[str], piece: str) -> None:
    if piece in ("(", "[", "{"):
        brackets.append(piece)
    elif piece in (")", "]", "}") and brackets:
        brackets.pop()


def _ends_value(out: list[Token], spaced: bool, brackets: list[str]) -> bool:
    """Whether a quote after these tokens is a transpose, not the start of a text."""
    if not out or (spaced and brackets and brackets[-1] in "[{"):
        return False
    last = out[-1]
    return (
        last.kind in ("number", "text")
        or (last.kind == "name" and last.value not in WORDS - {"end"})
        or last.value in (")", "]", "}", "'", ".'")
    )


def _alone(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _past_block(text: str, at: int) -> int:
    """The end of the block comment that begins here; of the text, if it is never closed."""
    depth = 0
    for mark in BLOCK.finditer(text, text.rfind("\n", 0, at) + 1):
        depth += 1 if mark[1] == "{" else -1
        if depth == 0:
            return mark.end()
    return len(text)


def _numbers(text: str, at: int) -> tuple[np.ndarray, int] | None:
    """A bracket with nothing but numbers, and where it ends: the quick way for the millions of numbers of a network."""
    found = NUMBERS.match(text, at)
    if not found:
        return None
    body = NOISE.sub(" ", found.group()[1:-1]).replace("\n", ";")
    if not PLAIN.match(body):
        return None
    columns = {len(row.group().replace(",", " ").split()) for row in ROW.finditer(body)} - {0}
    if len(columns) > 1:
        return None
    if not columns:
        return np.zeros((0, 0)), found.end()
    return np.fromstring(body.translate(TO_BLANKS), sep=" ").reshape(-1, *columns), found.end()
