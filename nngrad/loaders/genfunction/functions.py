"""MATLAB's values, operators and functions that the calculator knows: small two-dimensional matrices, in bounded sizes.

A value is a 2-D array of float64 or bool, a text (str), a struct (dict) or a function handle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

MOST_ENTRIES = 2_000_000  # of one array

Value = Any


class StuckError(Exception):
    """The calculator can't go on: why, and in which line."""


# values


def bounded(shape: tuple[int, ...]) -> tuple[int, ...]:
    if np.prod([float(n) for n in shape]) > MOST_ENTRIES:
        raise StuckError(f"an array of more than {MOST_ENTRIES} numbers")
    return shape


def scalar(value: float) -> np.ndarray:
    return np.array([[float(value)]])


def logical(value: bool) -> np.ndarray:
    return np.array([[bool(value)]])


def array(value: Value) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise StuckError(
            f"a {'text' if isinstance(value, str) else 'struct' if isinstance(value, dict) else 'function handle'} where numbers belong"
        )
    return value


def number(value: Value) -> float:
    a = array(value)
    if a.size != 1:
        raise StuckError(f"{a.size} numbers where one belongs")
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
            raise StuckError(f"{op} of two matrices")
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


def _extreme(
    pick: Callable[..., Any], at: Callable[..., Any], other: float
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """max and min: they pass over NaN, and may tell where."""

    def both(wanted: int, x: Value, y: Value | None = None, dim: Value | None = None) -> list[Value]:
        a = array(x).astype(float)
        if y is not None and array(y).size:
            if wanted > 1 or dim is not None:
                raise StuckError("max or min of two arrays with several results")
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
            [a for a in args if isinstance(a, np.ndarray)]
            if not any(a == "like" for a in args if isinstance(a, str))
            else list(args[:-2])
        )
        shape = [float(n) for n in sizes[0].ravel()] if len(sizes) == 1 else [number(a) for a in sizes]
        shape = shape * 2 if len(shape) == 1 else shape or [1.0, 1.0]
        if (len(shape) > 2 and any(n != 1 for n in shape[2:])) or not np.isfinite(shape).all():
            raise StuckError("an array with more than two dimensions")
        return np.full(bounded((max(0, int(shape[0])), max(0, int(shape[1])))), value)

    return make


def _repmat(x: Value, *times: Value) -> np.ndarray:
    counts = [int(n) for t in times for n in array(t).ravel()]
    counts = counts * 2 if len(counts) == 1 else counts
    a = array(x)
    if len(counts) != 2:
        raise StuckError("repmat in more than two dimensions")
    bounded((a.shape[0] * max(0, counts[0]), a.shape[1] * max(0, counts[1])))
    return np.tile(a, (max(0, counts[0]), max(0, counts[1])))


def _reshape(x: Value, *shape: Value) -> np.ndarray:
    a = array(x)
    sizes = [
        int(n) if (n := float(s)) == n else -1 for t in shape for s in (array(t).ravel() if array(t).size else [-1])
    ]
    if len(sizes) != 2:
        raise StuckError("reshape to more than two dimensions")
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
    np.add.at(
        out, (i.ravel().astype(int) - 1, j.ravel().astype(int) - 1), v.ravel() if v.size > 1 else float(v.ravel()[0])
    )
    return out


def _isa(x: Value, kind: Value) -> np.ndarray:
    return logical(isinstance(x, np.ndarray) and kind in ("double", "float", "numeric") and x.dtype != bool)


def _cat(dim: Value, *parts: Value) -> np.ndarray:
    axis = int(number(dim)) - 1
    if axis not in (0, 1):
        raise StuckError("cat in more than two dimensions")
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
    **{
        name: _named(op)
        for name, op in {
            "plus": "+",
            "minus": "-",
            "times": ".*",
            "rdivide": "./",
            "power": ".^",
            "mtimes": "*",
        }.items()
    },
    **{
        name: _named(op)
        for name, op in {
            "eq": "==",
            "ne": "~=",
            "lt": "<",
            "le": "<=",
            "gt": ">",
            "ge": ">=",
            "and": "&",
            "or": "|",
        }.items()
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
    "isempty": lambda x: logical(
        isinstance(x, np.ndarray | str) and not np.size(x) if not isinstance(x, str) else not x
    ),
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
