"""A small calculator for MATLAB text: arithmetic on small matrices, in bounded steps and sizes.

The one rule: it knows the names below and the functions of the same file, and nothing else: no files, no time, no names from outside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.loaders.genfunction import text as m

MOST_STEPS = 200_000
MOST_ENTRIES = 2_000_000
MOST_CALLS = 20

Value = Any  # a 2-D array of float64 or bool, str, dict (a struct), Handle


class Stuck(Exception):
    """The calculator can't go on: why, and in which line."""


@dataclass
class Calculator:
    """Follows functions of one file. Variables are 2-D arrays, texts and structs."""

    functions: dict[str, m.Function]
    steps: int = 0
    calls: int = 0
    line: int = 0
    ends: list[tuple[Value, int, int]] = field(default_factory=list)

    def call(self, name: str, args: list[Value], wanted: int = 1) -> list[Value]:
        """The outputs of a function of the file."""
        function = self.functions[name]
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise Stuck("functions that call each other too deeply")
        if len(args) > len(function.ins):
            raise Stuck(f"{name} with {len(args)} arguments")
        env: dict[str, Value] = {k: a for k, a in zip(function.ins, args, strict=False) if k != "~"}
        env["nargin"] = scalar(len(args))
        self.run(function.body, env)
        self.calls -= 1
        missing = [k for k in function.outs[:wanted] if k not in env]
        if missing or len(function.outs) < wanted:
            raise Stuck(f"{name} that gives no {missing[0] if missing else 'second result'}")
        return [env[k] for k in function.outs[:wanted]]

    # statements

    def tick(self, line: int) -> None:
        self.line = line
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Stuck(f"more than {MOST_STEPS} steps")

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
                    chosen = next((b for condition, b in branches if condition is None or truth(self.evaluate(condition, env))), ())
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
                    raise Stuck(getattr(statement, "why", "this statement"))
        return None

    def assign(self, targets: tuple[Any, ...], value: Any, env: dict[str, Value]) -> None:
        results = self.several(value, env, len(targets)) if len(targets) > 1 else [self.evaluate(value, env)]
        for target, result in zip(targets, results, strict=False):
            if isinstance(target, m.Name):
                env[target.id] = result
            elif isinstance(target, m.Call) and isinstance(target.base, m.Name) and not target.brace:
                env[target.base.id] = self.put(env.get(target.base.id, np.zeros((0, 0))), target.args, result, env)
            elif target is not None:
                raise Stuck("this kind of assignment")

    def put(self, old: Value, args: tuple[Any, ...], value: Value, env: dict[str, Value]) -> np.ndarray:
        """old(args) = value; grows as MATLAB does, with zeros."""
        old = array(old).astype(float)
        index = [self.index(a, old, k, len(args), env) for k, a in enumerate(args)]
        new = array(value)
        if len(index) == 1:
            flat = old.ravel(order="F").copy()
            if index[0].size and index[0].max() >= flat.size:
                raise Stuck("an assignment that makes an array grow")
            flat[index[0]] = new.ravel(order="F") if new.size > 1 else float(new.ravel()[0]) if new.size else new.ravel()
            return flat.reshape(old.shape, order="F")
        if len(index) != 2:
            raise Stuck("an index with more than two dimensions")
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
        if isinstance(e, m.Call) and isinstance(e.base, m.Name) and not e.brace and e.base.id not in env:
            args = [self.evaluate(a, env) for a in e.args]
            if e.base.id in self.functions:
                return self.call(e.base.id, args, wanted)
            if e.base.id in SEVERAL:
                return SEVERAL[e.base.id](wanted, *args)
        raise Stuck("this call with several results")

    def evaluate(self, e: Any, env: dict[str, Value]) -> Value:
        self.tick(self.line)
        match e:
            case m.Number(value):
                return value
            case m.Text(text):
                return text
            case m.Name(name):
                return env[name] if name in env else self.apply(name, ())
            case m.Handle():
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
                count = int(np.floor((last - first) / by + 1e-10)) + 1 if by and np.isfinite([first, by, last]).all() else 0
                return first + by * np.arange(bounded((1, max(0, count)))[1])[None]
            case m.Matrix(rows, False):
                return joined(0, [joined(1, [self.evaluate(i, env) for i in row]) for row in rows])
            case m.Member(base, name):
                struct = self.evaluate(base, env)
                if not isinstance(struct, dict) or name not in struct:
                    raise Stuck(f"the field {name}, which is not set")
                return struct[name]
            case m.Call(base, args, False):
                if isinstance(base, m.Name) and base.id not in env:
                    return self.apply(base.id, tuple(self.evaluate(a, env) for a in args))
                return self.take(self.evaluate(base, env), args, env)
            case m.End():
                if not self.ends:
                    raise Stuck("'end' outside of an index")
                old, k, of_all = self.ends[-1]
                return scalar(old.size if of_all == 1 else old.shape[k] if k < 2 else 1)
        raise Stuck(f"{type(e).__name__.lower()} in this place")

    def apply(self, name: str, args: tuple[Value, ...]) -> Value:
        if name in self.functions:
            return self.call(name, list(args))[0]
        if name == "bsxfun" and len(args) == 3 and isinstance(args[0], m.Handle):
            return self.apply(args[0].id, args[1:])
        if name not in BUILT_IN:
            raise Stuck(f"{name}, which is not known here")
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
        raise Stuck("an index with more than two dimensions")

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
            raise Stuck("an index that is not a whole number above 0")
        return flat.astype(int)


# values


def bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    if np.prod([float(n) for n in shape]) > MOST_ENTRIES:
        raise Stuck(f"an array of more than {MOST_ENTRIES} numbers")
    return shape


def scalar(value: float) -> np.ndarray:
    return np.array([[float(value)]])


def logical(value: bool) -> np.ndarray:
    return np.array([[bool(value)]])


def array(value: Value) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise Stuck(
            f"a {'text' if isinstance(value, str) else 'struct' if isinstance(value, dict) else 'function handle'} where numbers belong"
        )
    return value


def number(value: Value) -> float:
    a = array(value)
    if a.size != 1:
        raise Stuck(f"{a.size} numbers where one belongs")
    return float(a.ravel()[0])


def truth(value: Value) -> bool:
    a = array(value)
    return bool(a.size and np.all(a != 0))


def joined(axis: int, parts: list[Value]) -> np.ndarray:
    arrays = [a for p in parts if (a := array(p)).size]
    return np.concatenate(arrays, axis) if arrays else np.zeros((0, 0))


def binary(op: str, left: Value, right: Value) -> np.ndarray:
    a, b = array(left), array(right)
    if op in ("*", "/", "^", "\\") and a.size != 1 and b.size != 1:
        if op != "*":
            raise Stuck(f"{op} of two matrices")
        bounded((a.shape[0], b.shape[1]))
        bounded((a.shape[0], a.shape[1]))
        return a.astype(float) @ b.astype(float)
    bounded(np.broadcast_shapes(a.shape, b.shape))
    if op not in ("&", "|"):
        a, b = a.astype(float), b.astype(float)
    return np.asarray(OPERATORS[op](a, b))


def _logical_pair(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b: f(a != 0, b != 0)


OPERATORS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    ".*": np.multiply,
    "*": np.multiply,
    "./": np.divide,
    "/": np.divide,
    ".\\": lambda a, b: b / a,
    "\\": lambda a, b: b / a,
    ".^": np.power,
    "^": np.power,
    "==": np.equal,
    "~=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "&": _logical_pair(np.logical_and),
    "|": _logical_pair(np.logical_or),
}


# functions


def _elementwise(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x: np.asarray(f(array(x).astype(float)))


def _named(op: str) -> Callable[..., Any]:
    return lambda a, b: binary(op, a, b)


def _axis(a: np.ndarray, dim: Value | None) -> int:
    return (0 if a.shape[0] != 1 else 1) if dim is None else int(number(dim)) - 1


def _along(f: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(x: Value, dim: Value | None = None) -> np.ndarray:
        a = array(x)
        axis = _axis(a, dim)
        return np.asarray(f(a.astype(float), axis=axis, keepdims=True)) if axis < 2 else a

    return reduce


def _extreme(pick: Callable[..., Any], at: Callable[..., Any], other: float) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """max and min: they pass over NaN, and may tell where."""

    def both(wanted: int, x: Value, y: Value | None = None, dim: Value | None = None) -> list[Value]:
        a = array(x).astype(float)
        if y is not None and array(y).size:
            if wanted > 1 or dim is not None:
                raise Stuck("max or min of two arrays with several results")
            return [pick(a, array(y).astype(float))]
        axis = _axis(a, dim)
        if not a.size or axis > 1:
            return [a, np.ones(a.shape)][:wanted]
        filled = np.where(np.isnan(a), other, a)
        best = np.where(np.isnan(a).all(axis, keepdims=True), np.nan, pick.reduce(filled, axis=axis, keepdims=True))  # type: ignore[attr-defined]
        return [best, np.expand_dims(at(filled, axis=axis), axis) + 1.0][:wanted]

    return (lambda *args: both(1, *args)[0]), both


def _size(x: Value, dim: Value | None = None) -> np.ndarray:
    shape = array(x).shape if not isinstance(x, dict | str) else (1, len(x) if isinstance(x, str) else 1)
    if dim is None:
        return np.array([shape], float)
    k = int(number(dim)) - 1
    return scalar(shape[k] if 0 <= k < 2 else 1)


def _sizes(wanted: int, x: Value) -> list[Value]:
    return [scalar(n) for n in (*array(x).shape, 1, 1, 1)][:wanted]


def _filled(value: float) -> Callable[..., Any]:
    def make(*args: Value) -> np.ndarray:
        sizes = (
            [a for a in args if isinstance(a, np.ndarray)] if not any(a == "like" for a in args if isinstance(a, str)) else list(args[:-2])
        )
        shape = [float(n) for n in sizes[0].ravel()] if len(sizes) == 1 else [number(a) for a in sizes]
        shape = shape * 2 if len(shape) == 1 else shape or [1.0, 1.0]
        if (len(shape) > 2 and any(n != 1 for n in shape[2:])) or not np.isfinite(shape).all():
            raise Stuck("an array with more than two dimensions")
        return np.full(bounded((max(0, int(shape[0])), max(0, int(shape[1])))), value)

    return make


def _repmat(x: Value, *times: Value) -> np.ndarray:
    counts = [int(n) for t in times for n in array(t).ravel()]
    counts = counts * 2 if len(counts) == 1 else counts
    a = array(x)
    if len(counts) != 2:
        raise Stuck("repmat in more than two dimensions")
    bounded((a.shape[0] * max(0, counts[0]), a.shape[1] * max(0, counts[1])))
    return np.tile(a, (max(0, counts[0]), max(0, counts[1])))


def _reshape(x: Value, *shape: Value) -> np.ndarray:
    a = array(x)
    sizes = [int(n) if (n := float(s)) == n else -1 for t in shape for s in (array(t).ravel() if array(t).size else [-1])]
    if len(sizes) != 2:
        raise Stuck("reshape to more than two dimensions")
    return a.reshape(sizes, order="F")


def _find(x: Value) -> np.ndarray:
    a = array(x)
    found = np.flatnonzero(a.ravel(order="F") != 0) + 1.0
    return found[None] if a.shape[0] == 1 else found[:, None]


def _sparse(*args: Value) -> np.ndarray:
    """sparse(x), or sparse(i, j, v, rows, columns): full, as everything here."""
    if len(args) == 1:
        return array(args[0])
    i, j, v, rows, columns = (array(a) for a in args)
    out = np.zeros(bounded((int(number(rows)), int(number(columns)))))
    np.add.at(out, (i.ravel().astype(int) - 1, j.ravel().astype(int) - 1), v.ravel() if v.size > 1 else float(v.ravel()[0]))
    return out


def _isa(x: Value, kind: Value) -> np.ndarray:
    return logical(isinstance(x, np.ndarray) and kind in ("double", "float", "numeric") and x.dtype != bool)


def _cat(dim: Value, *parts: Value) -> np.ndarray:
    axis = int(number(dim)) - 1
    if axis not in (0, 1):
        raise Stuck("cat in more than two dimensions")
    return joined(axis, list(parts))


def _rounded_down(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(b == 0, a, np.mod(a, np.where(b == 0, 1, b)))


MAX, MAX_AT = _extreme(np.fmax, np.argmax, -np.inf)
MIN, MIN_AT = _extreme(np.fmin, np.argmin, np.inf)
SEVERAL: dict[str, Callable[..., list[Value]]] = {"max": MAX_AT, "min": MIN_AT, "size": _sizes}
BUILT_IN: dict[str, Callable[..., Value]] = {
    **{
        name: _elementwise(getattr(np, name))
        for name in ("exp", "log", "sqrt", "sign", "tanh", "floor", "ceil", "isnan", "isinf", "isfinite")
    },
    **{name: _named(op) for name, op in {"plus": "+", "minus": "-", "times": ".*", "rdivide": "./", "power": ".^", "mtimes": "*"}.items()},
    **{
        name: _named(op)
        for name, op in {"eq": "==", "ne": "~=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=", "and": "&", "or": "|"}.items()
    },
    "abs": _elementwise(np.abs),
    "round": _elementwise(lambda a: np.sign(a) * np.floor(np.abs(a) + 0.5)),
    "uminus": _elementwise(np.negative),
    "double": _elementwise(lambda a: a),
    "logical": lambda x: array(x) != 0,
    "not": lambda x: array(x) == 0,
    "sum": _along(np.sum),
    "prod": _along(np.prod),
    "mean": _along(np.mean),
    "any": _along(lambda a, **k: np.any(a != 0, **k)),
    "all": _along(lambda a, **k: np.all(a != 0, **k)),
    "max": MAX,
    "min": MIN,
    "size": _size,
    "numel": lambda x: scalar(array(x).size),
    "length": lambda x: scalar(max(array(x).shape) if array(x).size else 0),
    "isempty": lambda x: logical(isinstance(x, np.ndarray | str) and not np.size(x) if not isinstance(x, str) else not x),
    "isa": _isa,
    "isnumeric": lambda x: logical(isinstance(x, np.ndarray) and x.dtype != bool),
    "islogical": lambda x: logical(isinstance(x, np.ndarray) and x.dtype == bool),
    "isstruct": lambda x: logical(isinstance(x, dict)),
    "iscell": lambda x: logical(False),
    "isreal": lambda x: logical(True),
    "isfield": lambda x, name: logical(isinstance(x, dict) and isinstance(name, str) and name in x),
    "class": lambda x: "double",
    "full": lambda x: array(x),
    "zeros": _filled(0.0),
    "ones": _filled(1.0),
    "nan": _filled(np.nan),
    "NaN": _filled(np.nan),
    "inf": _filled(np.inf),
    "Inf": _filled(np.inf),
    "true": lambda *a: _filled(1.0)(*a) != 0,
    "false": lambda *a: _filled(0.0)(*a) != 0,
    "pi": lambda: scalar(np.pi),
    "eps": lambda: scalar(np.finfo(float).eps),
    "realmin": lambda: scalar(np.finfo(float).tiny),
    "repmat": _repmat,
    "reshape": _reshape,
    "cat": _cat,
    "horzcat": lambda *p: joined(1, list(p)),
    "vertcat": lambda *p: joined(0, list(p)),
    "find": _find,
    "sparse": _sparse,
    "nnz": lambda x: scalar(float(np.count_nonzero(array(x)))),
    "cumsum": lambda x, dim=None: np.cumsum(array(x).astype(float), axis=min(1, _axis(array(x), dim))),
    "mod": lambda a, b: _rounded_down(array(a).astype(float), array(b).astype(float)),
    "transpose": lambda a: array(a).T,
    "ctranspose": lambda a: array(a).T,
}
