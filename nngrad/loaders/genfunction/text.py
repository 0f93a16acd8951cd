"""MATLAB source as statements: a parser for the part of the language that generated functions are written in.

The one rule: text is taken apart, never run, and what can't be taken apart becomes a `Refused` statement with its line, so that
one odd line stops nobody who doesn't need it. Language reference: MathWorks' public pages on operators, precedence and brackets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nngrad.loaders.genfunction.tokens import MIDDLES, WORDS, Token, tokens

MOST_NESTED = 40
MOST_CHAINED = 200  # operators or indices one after the other


class Number(NamedTuple):
    """A numeric literal, scalar or bracketed, as a MATLAB matrix."""

    value: np.ndarray


class Text(NamedTuple):
    value: str


class Name(NamedTuple):
    id: str


class Handle(NamedTuple):
    id: str


class Call(NamedTuple):
    """base(args) or base{args}: a call or an index, the text can't tell."""

    base: Any
    args: tuple[Any, ...]
    brace: bool = False


class Member(NamedTuple):
    base: Any
    name: str


class Unary(NamedTuple):
    op: str
    of: Any


class Binary(NamedTuple):
    op: str
    left: Any
    right: Any


class Transpose(NamedTuple):
    of: Any


class Matrix(NamedTuple):
    rows: tuple[tuple[Any, ...], ...]
    brace: bool = False


class Range(NamedTuple):
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
    branches: tuple[tuple[Any, tuple[Any, ...]], ...]
    line: int


@dataclass(frozen=True)
class For:
    name: str
    over: Any
    body: tuple[Any, ...]
    line: int


@dataclass(frozen=True)
class While:
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
class Function:
    name: str
    ins: tuple[str, ...]
    outs: tuple[str, ...]
    body: tuple[Any, ...]
    line: int


@dataclass(frozen=True)
class Source:
    """A file: what stands outside of functions, the functions in order, and the lines of text for messages."""

    loose: tuple[Any, ...]
    functions: tuple[Function, ...]
    lines: tuple[str, ...]

    def at(self, line: int) -> str:
        """The line as messages quote it: its number and its text, shortened."""
        text = " ".join(self.lines[line - 1][:400].split()) if 0 < line <= len(self.lines) else ""
        text = "".join(c if c.isprintable() else "?" for c in text)
        return f"line {line}: `{text if len(text) <= 90 else text[:87] + '...'}`"


# statements


class _Unreadable(Exception):
    """Inside the parser alone: this statement is none."""


@dataclass
class _Parser:
    tokens: list[Token]
    at: int = 0
    depth: int = 0
    brackets: list[str] = field(default_factory=list)

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def is_op(self, *values: str) -> bool:
        return self.now.kind in ("op", "newline") and self.now.value in values

    def is_word(self, *values: str) -> bool:
        return self.now.kind == "name" and self.now.value in values

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self.at += 1
        return token

    def expect(self, op: str) -> None:
        if not self.is_op(op):
            raise _Unreadable(f"{op!r} is missing before {self.now.shown}")
        self.take()

    def skip_blank(self) -> None:
        while self.is_op("\n", ";", ","):
            self.take()

    def finish(self) -> None:
        """The end of a statement."""
        if not (self.is_op("\n", ";", ",") or self.now.kind == "end" or self.is_word("end")):
            raise _Unreadable(f"{self.now.shown} stands where the statement should end")

    def skip_statement(self) -> None:
        """On to the end of a line outside of brackets that was not understood."""
        self.brackets.clear()
        depth = 0
        while self.now.kind != "end" and not (self.now.kind == "newline" and depth <= 0):
            depth += self.is_op("(", "[", "{") - self.is_op(")", "]", "}")
            self.take()

    def source(self, lines: tuple[str, ...]) -> Source:
        loose, functions = [*self.block()], []
        while self.now.kind != "end":
            if self.is_word("function"):
                functions.append(self.function())
            else:  # an `end` too many
                self.take()
            loose += self.block()
        return Source(tuple(loose), tuple(functions), lines)

    def function(self) -> Function:
        line = self.take().line
        start = self.at
        outs: tuple[str, ...] = ()
        try:
            name, outs, ins = self.signature()
        except _Unreadable as e:
            self.at = start
            self.skip_statement()
            return Function("", (), (), (Refused(str(e), line), *self.block()), line)
        body = self.block()
        if self.is_word("end"):
            self.take()
        return Function(name, ins, outs, body, line)

    def signature(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        outs: tuple[str, ...] = ()
        if self.now.kind == "number" and not self.now.value.size:  # function [] = name(...)
            self.take()
            self.expect("=")
        elif self.is_op("["):
            outs = self.names("[", "]")
            self.expect("=")
        name = self.identifier()
        if self.is_op("="):
            self.take()
            outs, name = (name,), self.identifier()
        ins = self.names("(", ")") if self.is_op("(") else ()
        return name, outs, ins

    def names(self, left: str, right: str) -> tuple[str, ...]:
        self.expect(left)
        names = []
        while not self.is_op(right):
            names.append(self.take().value if self.is_op("~") else self.identifier())
            if self.is_op(","):
                self.take()
        self.expect(right)
        return tuple(names)

    def identifier(self) -> str:
        if self.now.kind != "name" or self.now.value in WORDS:
            raise _Unreadable(f"a name is missing before {self.now.shown}")
        return str(self.take().value)

    def block(self) -> tuple[Any, ...]:
        """Statements up to a word that ends or divides the block; the word is left standing."""
        self.depth += 1
        out = []
        while True:
            self.skip_blank()
            if self.now.kind == "end" or self.is_word("end", "function", *MIDDLES):
                break
            line, start = self.now.line, self.at
            try:
                if self.depth > MOST_NESTED:
                    raise _Unreadable(f"more than {MOST_NESTED} blocks inside each other")
                out.append(self.statement())
            except _Unreadable as e:
                out.append(Refused(str(e), line))
                self.at = max(self.at, start)
                self.skip_statement()
        self.depth -= 1
        return tuple(out)

    def statement(self) -> Any:
        line = self.now.line
        if self.is_word("if"):
            return self.conditional(line)
        if self.is_word("for"):
            return self.loop(line)
        if self.is_word("while"):
            self.take()
            condition = self.expression()
            return While(condition, self.closed_block(), line)
        if self.is_word("return", "break", "continue"):
            return Leave(self.take().value, line)
        if self.is_word("switch", "try", "parfor", "spmd"):
            return self.other_block(line)
        if self.now.kind == "name" and self.now.value in WORDS:
            raise _Unreadable(f"{self.now.shown} is not supported")
        statement = self.assignment(line)
        self.finish()
        return statement

    def closed_block(self) -> tuple[Any, ...]:
        body = self.block()
        if not self.is_word("end"):
            raise _Unreadable("'end' is missing")
        self.take()
        return body

    def conditional(self, line: int) -> If:
        branches: list[tuple[Any, tuple[Any, ...]]] = []
        while self.is_word("if", "elseif"):
            self.take()
            condition = self.expression()
            branches.append((condition, self.block()))
        if self.is_word("else"):
            self.take()
            branches.append((None, self.block()))
        if not self.is_word("end"):
            raise _Unreadable("'end' is missing")
        self.take()
        return If(tuple(branches), line)

    def loop(self, line: int) -> For:
        self.take()
        bracketed = self.is_op("(")
        if bracketed:
            self.take()
        name = self.identifier()
        self.expect("=")
        over = self.expression()
        if bracketed:
            self.expect(")")
        return For(name, over, self.closed_block(), line)

    def other_block(self, line: int) -> Refused:
        """switch, try, parfor, spmd: passed over whole."""
        word = self.take().value
        self.skip_statement()
        while True:
            self.block()
            if not self.is_word("case", "otherwise", "catch", "else", "elseif"):
                break
            self.skip_statement()
        if self.is_word("end"):
            self.take()
        return Refused(f"{word!r} is not supported", line)

    def assignment(self, line: int) -> Assign | Do:
        targets = self.targets()
        if targets is None:
            value = self.expression()
            if not self.is_op("="):
                return Do(value, line)
            self.take()
            targets = (value,)
        if not all(t is None or _is_target(t) for t in targets):
            raise _Unreadable("nothing can be assigned to this")
        return Assign(targets, self.expression(), line)

    def targets(self) -> tuple[Any, ...] | None:
        """[a, ~, c] = ; None where the statement begins otherwise."""
        if not self.is_op("["):
            return None
        depth, ahead = 0, self.at
        while self.tokens[ahead].kind not in ("newline", "end"):
            token = self.tokens[ahead]
            if token.kind == "op":
                depth += (token.value in ("(", "[", "{")) - (token.value in (")", "]", "}"))
            if depth == 0:
                break
            ahead += 1
        if depth or self.tokens[ahead + 1][:2] != ("op", "="):
            return None
        self.take()
        self.brackets.append("[")
        out: list[Any] = []
        while not self.is_op("]"):
            if self.is_op("~"):
                self.take()
                out.append(None)
            else:
                out.append(self.postfix())
            if self.is_op(","):
                self.take()
        self.brackets.pop()
        self.expect("]")
        self.expect("=")
        return tuple(out)

    # expressions

    def expression(self, level: int = 0) -> Any:
        """Binary operators by level of precedence; `:` stands between comparison and sum."""
        self.depth += 1
        if self.depth > MOST_NESTED:
            self.depth -= 1
            raise _Unreadable(f"more than {MOST_NESTED} brackets inside each other")
        try:
            left = self.binary(level)
        finally:
            self.depth -= 1
        return left

    def binary(self, level: int) -> Any:
        left = self.unary()
        for _ in range(MOST_CHAINED):
            op = self.now.value if self.now.kind == "op" else None
            its = LEVELS.get(op, -1) if op is not None else -1
            if its < level or self.separates():
                return left
            if op == ":":
                left = self.range(left)
            else:
                self.take()
                self.skip_lines()
                left = Binary(str(op), left, self.expression(its + 1))
        raise _Unreadable(f"more than {MOST_CHAINED} operators in one expression")

    def range(self, start: Any) -> Range:
        parts = [start]
        while self.is_op(":") and len(parts) < 3:
            self.take()
            parts.append(self.expression(LEVELS[":"] + 1))
        return Range(parts[0], parts[1] if len(parts) == 3 else None, parts[-1])

    def skip_lines(self) -> None:
        while self.brackets and self.brackets[-1] == "(" and self.is_op("\n"):
            self.take()

    def separates(self) -> bool:
        """Inside [ ]: `1 -2` are two elements, `1 - 2` and `1-2` are one."""
        inside = bool(self.brackets) and self.brackets[-1] in "[{"
        return inside and self.is_op("+", "-") and self.now.spaced and not self.tokens[self.at + 1].spaced

    def unary(self) -> Any:
        if self.is_op("-", "+", "~"):
            op = self.take().value
            return Unary(op, self.expression(LEVELS["*"] + 1))
        return self.power()

    def power(self) -> Any:
        base = self.postfix()
        for _ in range(MOST_CHAINED):
            if not self.is_op("^", ".^"):
                return base
            op = self.take().value
            exponent = Unary(self.take().value, self.postfix()) if self.is_op("-", "+", "~") else self.postfix()
            base = Binary(op, base, exponent)
        raise _Unreadable(f"more than {MOST_CHAINED} powers in one expression")

    def postfix(self) -> Any:
        value = self.primary()
        for _ in range(MOST_CHAINED):
            apart = bool(self.brackets) and self.brackets[-1] in "[{" and self.now.spaced
            if self.is_op("(") and not apart:
                value = Call(value, self.arguments("(", ")"))
            elif self.is_op("{") and not apart:
                value = Call(value, self.arguments("{", "}"), brace=True)
            elif self.is_op(".") and not apart:
                self.take()
                value = Member(value, self.identifier())
            elif self.is_op("'", ".'"):
                self.take()
                value = Transpose(value)
            else:
                return value
        raise _Unreadable(f"more than {MOST_CHAINED} indices after one name")

    def arguments(self, left: str, right: str) -> tuple[Any, ...]:
        self.expect(left)
        self.brackets.append("(")
        out: list[Any] = []
        self.skip_lines()
        while not self.is_op(right):
            out.append(self.argument(right))
            self.skip_lines()
            if self.is_op(","):
                self.take()
                self.skip_lines()
            elif not self.is_op(right):
                raise _Unreadable(f"{right!r} is missing before {self.now.shown}")
        self.brackets.pop()
        self.take()
        return tuple(out)

    def argument(self, right: str) -> Any:
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else self.now
        if self.is_op(":") and following.kind == "op" and following.value in (",", right):
            self.take()
            return Colon()
        return self.expression()

    def primary(self) -> Any:
        token = self.now
        if token.kind == "number":
            return Number(self.take().value)
        if token.kind == "text":
            return Text(self.take().value)
        if token.kind == "name" and token.value == "end" and self.brackets:
            self.take()
            return End()
        if token.kind == "name" and token.value not in WORDS:
            return Name(self.take().value)
        if self.is_op("("):
            self.take()
            self.brackets.append("(")
            value = self.expression()
            self.skip_lines()
            self.brackets.pop()
            self.expect(")")
            return value
        if self.is_op("[", "{"):
            return self.matrix()
        if self.is_op("@"):
            self.take()
            return Handle(self.identifier())
        raise _Unreadable(f"{token.shown} is not understood here" if token.kind != "end" else "the text ends here")

    def matrix(self) -> Matrix:
        left = self.take().value
        right = "]" if left == "[" else "}"
        self.brackets.append(left)
        rows: list[tuple[Any, ...]] = []
        row: list[Any] = []
        while not self.is_op(right):
            if self.is_op(";", "\n"):
                self.take()
                rows, row = [*rows, tuple(row)] if row else rows, []
            elif self.is_op(",") and row:
                self.take()
            else:
                row.append(self.expression())
        self.brackets.pop()
        self.take()
        return Matrix(tuple([*rows, tuple(row)] if row else rows), left == "{")


LEVELS = {"||": 1, "&&": 2, "|": 3, "&": 4, "==": 5, "~=": 5, "<": 5, "<=": 5, ">": 5, ">=": 5, ":": 6, "+": 7, "-": 7} | dict.fromkeys(
    ("*", "/", "\\", ".*", "./", ".\\"), 8
)


def _is_target(e: Any) -> bool:
    while isinstance(e, Call | Member):
        e = e.base
    return isinstance(e, Name)


def parse(text: str) -> Source:
    """The functions of a file; ModelError only where the text is beyond all bounds."""
    return _Parser(tokens(text)).source(tuple(text.split("\n")))
