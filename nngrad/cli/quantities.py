"""What predict, jacobian, gradient, hessian, jvp and vjp ask of a network: names of columns, shapes and numbers.

A function here takes the network and the options of its command, and gives the Request that cli.output carries out.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from nngrad.cli import beside
from nngrad.cli.options import Asked
from nngrad.cli.results import LINE_NUMBERS, Names, Request, Result, chosen_inputs, chosen_outputs, long
from nngrad.core.network import Network
from nngrad.core.scalar import Scalar
from nngrad.errors import UsageError, clipped, listed
from nngrad.reports.units import Factors

Array = np.ndarray


def outputs(net: Network, of: Names | None) -> Request:
    """y (N, m), or the outputs called `of`."""
    chosen = chosen_outputs(net, of)
    columns = tuple(net.output_names[i] for i in chosen)
    numbers = net if of is None else lambda x: net(x)[:, chosen]
    return Request(lambda _: Result("y", columns, (len(chosen),), numbers), net.output_size)


def jacobian(
    net: Network,
    of: Names | None,
    wrt: Names | None,
    with_outputs: bool,
    in_lines: bool,
    scale: Factors | None,
) -> Request:
    """J (N, m, n) of the outputs `of` by the inputs `wrt`, scaled; with the outputs before it (N, m + m n)."""
    rows = chosen_outputs(net, of)
    of_names = tuple(net.output_names[i] for i in rows)

    def result(table: Names | None) -> Result:
        columns = chosen_inputs(net, table, wrt)
        wrt_names = _names(net, table, columns)
        names = tuple(_column(scale, y, x) for y in of_names for x in wrt_names)
        both = partial(_value_and_jacobian, net, rows, columns, scale)
        if with_outputs:
            return Result(
                "yJ",
                (*of_names, *names),
                (len(rows) + len(names),),
                lambda x: _side_by_side(*both(x)),
                "--with-outputs",
            )
        plain = Result("J", names, (len(rows), len(columns)), lambda x: both(x)[1])
        return long(plain, of_names, wrt_names) if in_lines else plain

    return Request(result, (LINE_NUMBERS if in_lines else 1) * net.output_size * net.input_size)


def _value_and_jacobian(net: Network, rows: Any, columns: Any, scale: Factors | None, x: Array) -> tuple[Array, Array]:
    y, J = net.value_and_jacobian(x, rows, columns)
    return y, (J if scale is None else scale(x, y, J, columns))


def _side_by_side(y: Array, J: Array) -> Array:
    return np.concatenate([y, J.reshape(len(J), -1)], axis=1)


def _names(net: Network, table: Names | None, columns: tuple[int, ...]) -> Names:
    """What the inputs are called: as in the table, else as in the model."""
    return tuple((table or net.input_names)[j] for j in columns)


def _column(scale: Factors | None, y: str, x: str) -> str:
    return f"d{y}/d{x}" if scale is None else scale.column(y, x)


def gradient(
    net: Network,
    what: tuple[str, int | Scalar],
    wrt: Names | None,
    with_outputs: bool,
    scale: Factors | None,
) -> Request:
    """The gradient (N, n) of what one_output() gives; with its value before it (N, 1 + n)."""
    name, f = what

    def result(table: Names | None) -> Result:
        columns = chosen_inputs(net, table, wrt)
        both = partial(_value_and_gradient, net, f, columns, scale)
        names = tuple(_column(scale, name, x) for x in _names(net, table, columns))
        of_scalar = f if isinstance(f, Scalar) else None
        if with_outputs:
            numbers = lambda x: np.concatenate(both(x), axis=1)  # noqa: E731
            return Result("yg", (name, *names), (1 + len(names),), numbers, "--with-outputs", of_scalar)
        return Result("g", names, (len(names),), lambda x: both(x)[1], scalar=of_scalar)

    return Request(result, net.input_size)


def _value_and_gradient(
    net: Network,
    f: int | Scalar,
    columns: tuple[int, ...],
    scale: Factors | None,
    x: Array,
) -> tuple[Array, Array]:
    """y (N, 1) and its gradient (N, k)."""
    if isinstance(f, Scalar):
        value, g = f.value_and_gradient(x)
        y, g = value[:, None], g[:, columns]
    else:
        y, J = net.value_and_jacobian(x, (f,), columns)
        g = J[:, 0]
    return y, (g if scale is None else scale(x, y, g[:, None], columns)[:, 0])


def one_output(net: Network, of: str | None, scalar: str | None) -> tuple[str, int | Scalar]:
    """What is differentiated, under its name in columns: an output, or a scalar ("f"). UsageError if unclear."""
    if scalar is not None and of is not None:
        raise UsageError("--of and --scalar: give one of the two")
    if scalar is not None:
        return "f", Scalar.parse(net, scalar)
    if of is None and net.output_size > 1:
        names = listed(net.output_names)
        several = f"{net.origin.path}: has {net.output_size} outputs ({names})"
        raise UsageError(f"{several}; choose one with --of, or say --scalar 'y1 + y2'")
    (i,) = (0,) if of is None else net.indices_of_outputs((of,))
    return net.output_names[i], i


def hessian(net: Network, of: Names | Scalar | None, wrt: Names | None, upper: bool, laplacian: bool) -> Request:
    """H (N, m, n, n) of outputs or (N, n, n) of a scalar; or its upper triangles (N, ...), or its traces (N, m)."""
    scalar = of if isinstance(of, Scalar) else None
    rows = () if isinstance(of, Scalar) else chosen_outputs(net, of)
    names = ("f",) if scalar else tuple(net.output_names[i] for i in rows)

    def result(table: Names | None) -> Result:
        columns = chosen_inputs(net, table, wrt)
        called = _names(net, table, columns)

        def full(x: Array) -> Array:
            return scalar.hessian(x, columns)[:, None] if scalar else net.hessian(x, rows, columns)

        a, b = np.triu_indices(len(columns)) if upper else (i.ravel() for i in np.indices((len(columns),) * 2))
        pairs = tuple(f"d2{y}/d{called[i]}d{called[j]}" for y in names for i, j in zip(a, b, strict=True))
        shape = (*(() if scalar else (len(rows),)), len(columns), len(columns))
        if laplacian:
            traces = tuple(f"laplacian({y})" for y in names)
            return Result("L", traces, (len(names),), lambda x: np.trace(full(x), axis1=2, axis2=3), scalar=scalar)
        if upper:
            upper_half = lambda x: full(x)[:, :, a, b].reshape(len(x), -1)  # noqa: E731
            return Result("H", pairs, (len(pairs),), upper_half, "--upper", scalar)
        return Result("H", pairs, shape, lambda x: full(x).reshape(len(x), *shape), scalar=scalar)

    return Request(result, len(names) * net.input_size * net.input_size)


def second_order(net: Network, of: Names | None) -> Names | None:
    """The outputs of a Hessian: those named, `all` (None), or the only one; of several, UsageError."""
    if of == ("all",) and "all" not in net.output_names:
        return None
    if of is None and net.output_size > 1:
        names = listed(net.output_names)
        several = f"{net.origin.path}: has {net.output_size} outputs ({names})"
        raise UsageError(f"{several}; choose with --of NAMES, or say --of all")
    return of


def jvp(net: Network, direction: str, asked: Asked) -> Request:
    """J v (N, m) along one direction for all rows, or along one for each row of a second table."""
    v, columns = _vector(direction), tuple(f"d{y}/dv" for y in net.output_names)

    def result(table: Names | None) -> Result:
        called = (table or net.input_names, net.input_names)
        plain = Result("Jv", columns, (net.output_size,), net.jvp)
        return _along(plain, v, direction, "--direction", asked, called, net.input_aliases)

    return Request(result, net.output_size, (direction,))


def vjp(net: Network, weighting: str, asked: Asked) -> Request:
    """w' J (N, n) for one weighting of the outputs for all rows, or for one for each row of a second table."""
    w, called = _vector(weighting), (net.output_names,)

    def result(table: Names | None) -> Result:
        columns = tuple(f"dwy/d{x}" for x in table or net.input_names)
        plain = Result("wJ", columns, (net.input_size,), net.vjp)
        return _along(plain, w, weighting, "--weighting", asked, called, net.output_aliases)

    return Request(result, net.input_size, (weighting,))


def _along(
    product: Result,
    vector: Array | None,
    text: str,
    option: str,
    asked: Asked,
    called: tuple[Names, ...],
    aliases: Names,
) -> Result:
    """A product with one vector (k,) for all rows, or with the rows (N, k) of the table at `text`.

    The columns of that table are called as the input's, or as the model calls them: `called`, first choice first.
    """
    if vector is None:
        return replace(product, beside=partial(beside.opened, text, option, asked, called, aliases))
    names, both = called[0], product.numbers
    if len(vector) != len(names):
        counts = f"{len(vector)} numbers for {len(names)} columns ({listed(names)})"
        raise UsageError(f"{option} {clipped(text)}: {counts}; give one each")
    return replace(product, numbers=lambda x: both(x, vector))


def _vector(text: str) -> Array | None:
    """The numbers of 1,0,2; None for what is no such list, or the name of a file."""
    if os.path.exists(text):
        return None
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError:
        return None


def without_curvature(net: Network) -> bool:
    """Whether every layer is linear between its kinks."""
    return not any(node.layer.curved for node in net.layers)
