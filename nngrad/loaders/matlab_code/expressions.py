"""MATLAB expressions as a tree: one parser for generated functions and for the text of function handles.

The grammar by precedence, lowest first: || && | & comparison : sum product, then unary signs, powers, and what follows
a name. The depth of brackets and the length of chains are bounded. Language reference: MathWorks' public pages on
operators and precedence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nngrad.loaders.matlab_code.tokens import WORDS, Token, tokens
from nngrad.loaders.matlab_code.tree import (
    AnonymousFunction,
    Binary,
    BracketMatrix,
    CallOrIndex,
    Colon,
    End,
    Member,
    Name,
    NamedHandle,
    NumberLiteral,
    Range,
    TextLiteral,
    Transpose,
    Unary,
)

MOST_NESTED = 40
MOST_CHAINED = 200  # operators or indices one after the other
LEVELS = {
    "||": 1,
    "&&": 2,
    "|": 3,
    "&": 4,
    "==": 5,
    "~=": 5,
    "<": 5,
    "<=": 5,
    ">": 5,
    ">=": 5,
    ":": 6,
    "+": 7,
    "-": 7,
} | dict.fromkeys(("*", "/", "\\", ".*", "./", ".\\"), 8)


class UnreadableError(Exception):
    """The text can't be taken apart here, and why; never seen outside of a loader."""


@dataclass
class ExpressionParser:
    """Takes expressions off a list of tokens; raises UnreadableError where they are none."""

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
            raise UnreadableError(f"{op!r} is missing before {self.now.shown}")
        self.take()

    def identifier(self) -> str:
        if self.now.kind != "name" or self.now.value in WORDS:
            raise UnreadableError(f"a name is missing before {self.now.shown}")
        return str(self.take().value)

    def expression(self, level: int = 0) -> Any:
        """Binary operators by level of precedence; `:` stands between comparison and sum."""
        self.depth += 1
        if self.depth > MOST_NESTED:
            self.depth -= 1
            raise UnreadableError(f"more than {MOST_NESTED} brackets inside each other")
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
        raise UnreadableError(f"more than {MOST_CHAINED} operators in one expression")

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
        raise UnreadableError(f"more than {MOST_CHAINED} powers in one expression")

    def postfix(self) -> Any:
        value = self.primary()
        for _ in range(MOST_CHAINED):
            apart = bool(self.brackets) and self.brackets[-1] in "[{" and self.now.spaced
            if self.is_op("(") and not apart:
                value = CallOrIndex(value, self.arguments("(", ")"))
            elif self.is_op("{") and not apart:
                value = CallOrIndex(value, self.arguments("{", "}"), brace=True)
            elif self.is_op(".") and not apart:
                self.take()
                value = Member(value, self.identifier())
            elif self.is_op("'", ".'"):
                self.take()
                value = Transpose(value)
            else:
                return value
        raise UnreadableError(f"more than {MOST_CHAINED} indices after one name")

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
                raise UnreadableError(f"{right!r} is missing before {self.now.shown}")
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
            return NumberLiteral(self.take().value)
        if token.kind == "text":
            return TextLiteral(self.take().value)
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
            return NamedHandle(self.identifier())
        raise UnreadableError(f"{token.shown} is not understood here" if token.kind != "end" else "the text ends here")

    def matrix(self) -> BracketMatrix:
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
        return BracketMatrix(tuple([*rows, tuple(row)] if row else rows), left == "{")


def anonymous_function(text: str) -> AnonymousFunction:
    """@(a, b) expression, and nothing behind it; UnreadableError for any other text. One parameter at least."""
    parser = ExpressionParser(tokens(text))
    parser.expect("@")
    parser.expect("(")
    parameters = [parser.identifier()]
    while parser.is_op(","):
        parser.take()
        parameters.append(parser.identifier())
    parser.expect(")")
    body = parser.expression()
    if not parser.is_op("\n"):
        raise UnreadableError(f"{parser.now.shown} is not understood")
    return AnonymousFunction(tuple(parameters), body)
