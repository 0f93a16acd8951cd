"""MATLAB source as statements: a parser for the part of the language that generated functions are written in.

Text is taken apart, never run, and what can't be taken apart becomes a `Refused` statement with its line, so that one
odd line stops nobody who doesn't need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nngrad.loaders.matlab_code.expressions import MOST_NESTED, ExpressionParser, UnreadableError
from nngrad.loaders.matlab_code.tokens import MIDDLES, WORDS, tokens
from nngrad.loaders.matlab_code.tree import (
    Assign,
    CallOrIndex,
    Do,
    For,
    FunctionDefinition,
    If,
    Leave,
    Member,
    Name,
    Refused,
    SourceFile,
    While,
)


@dataclass
class _StatementParser(ExpressionParser):
    """Takes blocks of statements and functions off the tokens."""

    def skip_blank(self) -> None:
        while self.is_op("\n", ";", ","):
            self.take()

    def finish(self) -> None:
        """The end of a statement."""
        if not (self.is_op("\n", ";", ",") or self.now.kind == "end" or self.is_word("end")):
            raise UnreadableError(f"{self.now.shown} stands where the statement should end")

    def skip_statement(self) -> None:
        """On to the end of a line outside of brackets that was not understood."""
        self.brackets.clear()
        depth = 0
        while self.now.kind != "end" and not (self.now.kind == "newline" and depth <= 0):
            depth += self.is_op("(", "[", "{") - self.is_op(")", "]", "}")
            self.take()

    def source(self, lines: tuple[str, ...]) -> SourceFile:
        loose, functions = [*self.block()], []
        while self.now.kind != "end":
            if self.is_word("function"):
                functions.append(self.function())
            else:  # an `end` too many
                self.take()
            loose += self.block()
        return SourceFile(tuple(loose), tuple(functions), lines)

    def function(self) -> FunctionDefinition:
        line = self.take().line
        start = self.at
        outs: tuple[str, ...] = ()
        try:
            name, outs, ins = self.signature()
        except UnreadableError as e:
            self.at = start
            self.skip_statement()
            return FunctionDefinition("", (), (), (Refused(str(e), line), *self.block()), line)
        body = self.block()
        if self.is_word("end"):
            self.take()
        return FunctionDefinition(name, ins, outs, body, line)

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
                    raise UnreadableError(f"more than {MOST_NESTED} blocks inside each other")
                out.append(self.statement())
            except UnreadableError as e:
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
            raise UnreadableError(f"{self.now.shown} is not supported")
        statement = self.assignment(line)
        self.finish()
        return statement

    def closed_block(self) -> tuple[Any, ...]:
        body = self.block()
        if not self.is_word("end"):
            raise UnreadableError("'end' is missing")
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
            raise UnreadableError("'end' is missing")
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
            raise UnreadableError("nothing can be assigned to this")
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


def _is_target(e: Any) -> bool:
    while isinstance(e, CallOrIndex | Member):
        e = e.base
    return isinstance(e, Name)


def parse(text: str) -> SourceFile:
    """The functions of a file; ModelError only where the text is beyond all bounds."""
    return _StatementParser(tokens(text)).source(tuple(text.split("\n")))
