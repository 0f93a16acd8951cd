"""A second evaluator of networks, for complex inputs: the definitions of the layers written down once more, for `nngrad
check`.

Nothing of the layers' own rules is used, only their numbers and the formula texts of the activations' values. Every
function is analytic between kinks, so that the imaginary part carries the derivative.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.core import formula
from nngrad.core.layers import (
    Affine,
    Compet,
    Concatenate,
    Distance,
    Elementwise,
    FillMissing,
    Normalize,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from nngrad.core.network import Network

Array = np.ndarray


def unknown_layers(net: Network) -> tuple[str, ...]:
    """Layer kinds that `evaluate` has no definition for."""
    return tuple(sorted({type(node.layer).__name__ for node in net.layers if type(node.layer) not in COMPLEX}))


def evaluate(net: Network, z: Array) -> Array:
    """The outputs (m, N) for complex inputs z (n, N), from the definitions below alone."""
    return evaluated(net, z)[net.last]


def evaluated(net: Network, z: Array) -> list[Array]:
    """Every value (units, N) of the network, likewise."""
    values = [z]
    with np.errstate(all="ignore"):
        for node in net.layers:
            read = (values[s] for s in node.sources)
            values.append(np.asarray(COMPLEX[type(node.layer)](node.layer, *read), complex))
    return values


def _affine(layer: Affine, z: Array) -> Array:
    return np.asarray(layer.W @ z + layer.b[:, None])


def _place(layer: Place, z: Array) -> Array:
    y = np.repeat(layer.fill[:, None].astype(complex), z.shape[1], axis=1)
    y[layer.index] = z
    return y


def _fill_missing(layer: FillMissing, z: Array) -> Array:
    u = z[layer.source]
    missing = np.isnan(u.real)
    y = np.where(missing & np.asarray(layer.filled, bool)[:, None], layer.fill[:, None], u)
    return np.where(np.asarray(layer.flag, bool)[:, None], np.where(missing, 0.0, 1.0), y)


def _softmax(layer: Softmax, z: Array) -> Array:
    if not len(z):
        return z
    e = np.exp(
        z - np.take_along_axis(z, z.real.argmax(axis=0)[None], 0)
    )  # the complex largest: its exponential is exactly 1
    return np.asarray(e / e.sum(axis=0))


def _compet(layer: Compet, z: Array) -> Array:
    if not len(z):
        return z
    winners = np.arange(len(z))[:, None] == z.real.argmax(axis=0)
    return np.where(np.isnan(z.real).any(axis=0), np.nan, winners)


def _distance(layer: Distance, z: Array) -> Array:
    D = z.T[:, None, :] - layer.W
    if layer.manhattan:
        return np.asarray(layer.sign * _fabs(D).sum(axis=2).T)
    return np.asarray(layer.sign * np.sqrt((D * D).sum(axis=2)).T)


def _squared_distance(layer: SquaredDistance, z: Array) -> Array:
    D = z.T[:, None, :] - layer.C
    return np.asarray(-layer.scale[:, None] * (D * D).sum(axis=2).T)


def _normalize(layer: Normalize, z: Array) -> Array:
    runs = z.reshape(layer.groups, -1, z.shape[1])
    D = runs - runs.mean(axis=1, keepdims=True)
    return np.asarray((D / np.sqrt((D * D).mean(axis=1, keepdims=True) + layer.epsilon)).reshape(z.shape))


def _elementwise(layer: Elementwise, z: Array) -> Array:
    params = {name: np.asarray(p, float).reshape(-1, 1) if np.ndim(p) else p for name, p in layer.params.items()}
    return _text(formula.parse(layer.activation.f), {"x": z, **params})


def _text(node: ast.expr, env: dict[str, Any]) -> Any:
    """A formula's value for complex numbers: branches are chosen by real parts, |x| is x or -x."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return env[name]
        case ast.UnaryOp(operand=operand):
            return -_text(operand, env)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _quotient(_text(left, env), _text(right, env))
        case ast.BinOp(left=left, op=op, right=right):
            return formula.OPERATORS[type(op)](_text(left, env), _text(right, env))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return formula.OPERATORS[type(op)](np.real(_text(left, env)), np.real(_text(right, env)))
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            return np.where(_text(condition, env), _text(yes, env), _text(no, env))
        case ast.Call(func=ast.Name(id="fabs"), args=[argument]):
            return _fabs(_text(argument, env))
        case ast.Call(func=ast.Name(id="log1p"), args=[argument]):
            return _log1p(_text(argument, env))
        case ast.Call(func=ast.Name(id=name), args=args):
            return formula.function(name)(*(_text(a, env) for a in args))
    raise ValueError(f"{ast.unparse(node)} is outside the vocabulary of formulas")


def _fabs(z: Any) -> Any:
    return np.where(np.real(z) < 0.0, -z, z)


def _quotient(a: Any, b: Any) -> Any:
    """a/b; where b has overflowed to a complex infinity, which NumPy divides by to NaN, it is 0."""
    return np.where(np.isinf(b) & np.isfinite(a), 0.0, a / b)


def _log1p(z: Any) -> Any:
    """log(1 + z) for real parts above -1/2, also of small z, which leave NumPy's complex log1p no digit."""
    a, b = np.real(z), np.imag(z)
    return 0.5 * np.log1p(a * (2.0 + a) + b * b) + 1j * np.arctan2(b, 1.0 + a)


COMPLEX: dict[type, Callable[..., Array]] = {
    Affine: _affine,
    Scale: lambda layer, z: (z - layer.center[:, None]) * layer.gain[:, None] + layer.shift[:, None],
    Select: lambda layer, z: z[layer.index],
    Place: _place,
    FillMissing: _fill_missing,
    Elementwise: _elementwise,
    Softmax: _softmax,
    Compet: _compet,
    SquaredDistance: _squared_distance,
    Distance: _distance,
    NormProd: lambda layer, z: (layer.W @ z) / z.sum(axis=0),
    Normalize: _normalize,
    Sum: lambda layer, *z: sum(z[1:], z[0]),
    Product: lambda layer, *z: np.prod(np.stack(z), axis=0),
    Concatenate: lambda layer, *z: np.concatenate(z, axis=0),
}
