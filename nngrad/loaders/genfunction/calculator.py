"""A small calculator for MATLAB text: arithmetic on small matrices, in bounded steps and sizes.

It knows the functions in functions.py and those of the same file, and nothing else: no files, no time, no names from
outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.loaders.genfunction.functions import (
    BUILT_IN,
    MOST_ENTRIES,
    SEVERAL,
    StuckError,
    Value,
    array,
    binary,
    bounded,
    joined,
    logical,
    number,
    scalar,
    truth,
)
from nngrad.loaders.matlab_code import tree as m

MOST_STEPS = 200_000
MOST_CALLS = 20


@dataclass
class Calculator:
    """Follows functions of one file. Variables are 2-D arrays, texts and structs."""

    functions: dict[str, m.FunctionDefinition]
    steps: int = 0
    calls: int = 0
    line: int = 0
    ends: list[tuple[Value, int, int]] = field(default_factory=list)

    def call(self, name: str, args: list[Value], wanted: int = 1) -> list[Value]:
        """The outputs of a function of the file."""
        function = self.functions[name]
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise StuckError("functions that call each other too deeply")
        if len(args) > len(function.ins):
            raise StuckError(f"{name} with {len(args)} arguments")
        env: dict[str, Value] = {k: a for k, a in zip(function.ins, args, strict=False) if k != "~"}
        env["nargin"] = scalar(len(args))
        self.run(function.body, env)
        self.calls -= 1
        missing = [k for k in function.outs[:wanted] if k not in env]
        if missing or len(function.outs) < wanted:
            raise StuckError(f"{name} that gives no {missing[0] if missing else 'second result'}")
        return [env[k] for k in function.outs[:wanted]]

    # statements

    def tick(self, line: int) -> None:
        self.line = line
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise StuckError(f"more than {MOST_STEPS} steps")

    def run(self, body: tuple[Any, ...], env: dict[str, Value]) -> str | None:
        """'return', 'break' or 'continue' where the body is left early."""
        for statement in body:
            self.tick(statement.line)
            match statement:
                case m.Assign(targets, value):
                    self.assign(targets, value, env)
                case m.Do(value):
                    self.evaluate(value, env)
                case m.If(branches):
                    chosen = next(
                        (b for condition, b in branches if condition is None or truth(self.evaluate(condition, env))),
                        (),
                    )
                    if word := self.run(chosen, env):
                        return word
                case m.For(name, over, inner):
                    columns = array(self.evaluate(over, env))
                    for k in range(columns.shape[1]):
                        self.tick(statement.line)
                        env[name] = columns[:, k : k + 1]
                        if (word := self.run(inner, env)) in ("return", "break"):
                            if word == "return":
                                return word
                            break
                case m.While(condition, inner):
                    while truth(self.evaluate(condition, env)):
                        self.tick(statement.line)
                        if (word := self.run(inner, env)) in ("return", "break"):
                            if word == "return":
                                return word
                            break
                case m.Leave(word):
                    return str(word)
                case _:
                    raise StuckError(getattr(statement, "why", "this statement"))
        return None

    def assign(self, targets: tuple[Any, ...], value: Any, env: dict[str, Value]) -> None:
        results = self.several(value, env, len(targets)) if len(targets) > 1 else [self.evaluate(value, env)]
        for target, result in zip(targets, results, strict=False):
            if isinstance(target, m.Name):
                env[target.id] = result
            elif isinstance(target, m.CallOrIndex) and isinstance(target.base, m.Name) and not target.brace:
                env[target.base.id] = self.put(env.get(target.base.id, np.zeros((0, 0))), target.args, result, env)
            elif target is not None:
                raise StuckError("this kind of assignment")

    def put(self, old: Value, args: tuple[Any, ...], value: Value, env: dict[str, Value]) -> np.ndarray:
        """old(args) = value; grows as MATLAB does, with zeros."""
        old = array(old).astype(float)
        index = [self.index(a, old, k, len(args), env) for k, a in enumerate(args)]
        new = array(value)
        if len(index) == 1:
            flat = old.ravel(order="F").copy()
            if index[0].size and index[0].max() >= flat.size:
                raise StuckError("an assignment that makes an array grow")
            flat[index[0]] = (
                new.ravel(order="F") if new.size > 1 else float(new.ravel()[0]) if new.size else new.ravel()
            )
            return flat.reshape(old.shape, order="F")
        if len(index) != 2:
            raise StuckError("an index with more than two dimensions")
        shape = tuple(max(n, int(i.max()) + 1 if i.size else 0) for n, i in zip(old.shape, index, strict=True))
        for k in (0, 1):  # x(:, k) = column of a fresh x
            if isinstance(args[k], m.Colon) and old.size == 0 and new.size > 1:
                shape = (new.shape[0], shape[1]) if k == 0 else (shape[0], new.shape[1])
                index[k] = np.arange(shape[k])
        grown = np.zeros(bounded(shape))
        grown[: old.shape[0], : old.shape[1]] = old
        grown[np.ix_(*index)] = new if new.size != 1 else new.ravel()[0]
        return grown

    # expressions

    def several(self, e: Any, env: dict[str, Value], wanted: int) -> list[Value]:
        if isinstance(e, m.CallOrIndex) and isinstance(e.base, m.Name) and not e.brace and e.base.id not in env:
            args = [self.evaluate(a, env) for a in e.args]
            if e.base.id in self.functions:
                return self.call(e.base.id, args, wanted)
            if e.base.id in SEVERAL:
                return SEVERAL[e.base.id](wanted, *args)
        raise StuckError("this call with several results")

    def evaluate(self, e: Any, env: dict[str, Value]) -> Value:
        self.tick(self.line)
        match e:
            case m.NumberLiteral(value):
                return value
            case m.TextLiteral(text):
                return text
            case m.Name(name):
                return env[name] if name in env else self.apply(name, ())
            case m.NamedHandle():
                return e
            case m.Unary(op, of):
                value = array(self.evaluate(of, env))
                return ~(value != 0) if op == "~" else -value if op == "-" else value
            case m.Binary("&&" | "||" as op, left, right):
                decided = truth(self.evaluate(left, env))
                return logical(truth(self.evaluate(right, env)) if decided == (op == "&&") else decided)
            case m.Binary(op, left, right):
                return binary(op, self.evaluate(left, env), self.evaluate(right, env))
            case m.Transpose(of):
                return array(self.evaluate(of, env)).T
            case m.Range(start, step, stop):
                first, by, last = (number(self.evaluate(p, env)) if p else 1.0 for p in (start, step, stop))
                count = (
                    int(np.floor((last - first) / by + 1e-10)) + 1 if by and np.isfinite([first, by, last]).all() else 0
                )
                return first + by * np.arange(bounded((1, max(0, count)))[1])[None]
            case m.BracketMatrix(rows, False):
                return joined(0, [joined(1, [self.evaluate(i, env) for i in row]) for row in rows])
            case m.Member(base, name):
                struct = self.evaluate(base, env)
                if not isinstance(struct, dict) or name not in struct:
                    raise StuckError(f"the field {name}, which is not set")
                return struct[name]
            case m.CallOrIndex(base, args, False):
                if isinstance(base, m.Name) and base.id not in env:
                    return self.apply(base.id, tuple(self.evaluate(a, env) for a in args))
                return self.take(self.evaluate(base, env), args, env)
            case m.End():
                if not self.ends:
                    raise StuckError("'end' outside of an index")
                old, k, of_all = self.ends[-1]
                return scalar(old.size if of_all == 1 else old.shape[k] if k < 2 else 1)
        raise StuckError(f"{type(e).__name__.lower()} in this place")

    def apply(self, name: str, args: tuple[Value, ...]) -> Value:
        if name in self.functions:
            return self.call(name, list(args))[0]
        if name == "bsxfun" and len(args) == 3 and isinstance(args[0], m.NamedHandle):
            return self.apply(args[0].id, args[1:])
        if name not in BUILT_IN:
            raise StuckError(f"{name}, which is not known here")
        return BUILT_IN[name](*args)

    def take(self, value: Value, args: tuple[Any, ...], env: dict[str, Value]) -> Value:
        a = array(value)
        if not args:
            return a
        index = [self.index(e, a, k, len(args), env) for k, e in enumerate(args)]
        if len(index) == 1:
            got = a.ravel(order="F")[index[0]]
            shaped = (
                index[0].shape
                if index[0].ndim == 2
                else ((got.size, 1) if isinstance(args[0], m.Colon) or a.shape[1] == 1 else (1, got.size))
            )
            return got.reshape(shaped)
        if len(index) == 2:
            return a[np.ix_(*index)]
        raise StuckError("an index with more than two dimensions")

    def index(self, e: Any, a: np.ndarray, k: int, count: int, env: dict[str, Value]) -> np.ndarray:
        """0-based flat indices."""
        extent = a.size if count == 1 else a.shape[k] if k < 2 else 1
        if isinstance(e, m.Colon):
            return np.arange(extent)
        self.ends.append((a, k, count))
        value = array(self.evaluate(e, env))
        self.ends.pop()
        if value.dtype == bool:
            return np.flatnonzero(value.ravel(order="F"))
        flat = value.ravel(order="F") - 1
        if np.any(flat != np.floor(flat)) or (flat.size and not 0 <= flat.min() <= flat.max() < MOST_ENTRIES):
            raise StuckError("an index that is not a whole number above 0")
        return flat.astype(int)
