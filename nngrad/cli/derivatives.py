"""What gradient, hessian, jvp and vjp write for every row. The one rule is that of results.py: names and a function of a block of rows."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nngrad import tables
from nngrad.cli.options import Asked
from nngrad.cli.results import Array, Beside, Names, Result, Wanted, chosen_inputs
from nngrad.core.network import Network
from nngrad.core.scalar import Scalar
from nngrad.errors import DataError, UsageError, clipped, listed
from nngrad.reports.units import Scale


def one_output(net: Network, of: str | None, scalar: str | None) -> tuple[str, int | Scalar]:
    """What is differentiated, under its name in columns: an output, or a scalar of the outputs ("f")."""
    if scalar is not None and of is not None:
        raise UsageError("--of and --scalar: give one of the two")
    if scalar is not None:
        return "f", Scalar.parse(net, scalar)
    if of is None and net.output_size > 1:
        names = listed(net.output_names)
        raise UsageError(f"{net.origin.path}: has {net.output_size} outputs ({names}); choose one with --of, or say --scalar 'y1 + y2'")
    (i,) = (0,) if of is None else net.indices_of_outputs((of,))
    return net.output_names[i], i


def gradient(net: Network, what: tuple[str, int | Scalar], wrt: Names | None, with_outputs: bool, scale: Scale | None) -> Wanted:
    """The gradient of one output or scalar: (rows, inputs)."""
    name, f = what

    def result(table: Names | None) -> Result:
        columns = chosen_inputs(net, table, wrt)
        names = tuple((table or net.input_names)[j] for j in columns)

        def both(x: Array) -> tuple[Array, Array]:
            if isinstance(f, Scalar):
                y, g = f.value_and_gradient(x)
                y, g = y[:, None], g[:, columns]
            else:
                y, J = net.value_and_jacobian(x, (f,), columns)
                g = J[:, 0]
            return y, (g if scale is None else scale(x, y, g[:, None], columns)[:, 0])

        columns_of = tuple(f"d{name}/d{x}" if scale is None else scale.column(name, x) for x in names)
        if with_outputs:
            return Result("yg", (name, *columns_of), (1 + len(names),), lambda x: np.concatenate(both(x), axis=1), "--with-outputs")
        return Result("g", columns_of, (len(names),), lambda x: both(x)[1])

    return lambda table: replace(result(table), scalar=f if isinstance(f, Scalar) else None)


def hessian(net: Network, of: Names | Scalar | None, wrt: Names | None, upper: bool, laplacian: bool) -> Wanted:
    """Second derivatives of outputs (rows, outputs, inputs, inputs), or of a scalar (rows, inputs, inputs); or their traces."""
    rows = () if isinstance(of, Scalar) else tuple(range(net.output_size)) if of is None else net.indices_of_outputs(of)
    outputs = ("f",) if isinstance(of, Scalar) else tuple(net.output_names[i] for i in rows)

    def result(table: Names | None) -> Result:
        columns = chosen_inputs(net, table, wrt)
        names = tuple((table or net.input_names)[j] for j in columns)

        def full(x: Array) -> Array:
            return of.hessian(x, columns)[:, None] if isinstance(of, Scalar) else net.hessian(x, rows, columns)

        a, b = np.triu_indices(len(columns)) if upper else (i.ravel() for i in np.indices((len(columns),) * 2))
        pairs = tuple(f"d2{y}/d{names[i]}d{names[j]}" for y in outputs for i, j in zip(a, b, strict=True))
        shape = (*(() if isinstance(of, Scalar) else (len(rows),)), len(columns), len(columns))
        if laplacian:
            return Result("L", tuple(f"laplacian({y})" for y in outputs), (len(outputs),), lambda x: np.trace(full(x), axis1=2, axis2=3))
        if upper:
            return Result("H", pairs, (len(pairs),), lambda x: full(x)[:, :, a, b].reshape(len(x), -1), "--upper")
        return Result("H", pairs, shape, lambda x: full(x).reshape(len(x), *shape))

    return lambda table: replace(result(table), scalar=of if isinstance(of, Scalar) else None)


def jvp(net: Network, direction: str, asked: Asked) -> Wanted:
    """J v along one direction for all rows, or along one for each row."""
    return lambda table: Result(
        "Jv",
        tuple(f"d{y}/dv" for y in net.output_names),
        (net.output_size,),
        *_each(direction, "--direction", asked, net.jvp, (table or net.input_names, net.input_names), net.input_aliases),
    )


def vjp(net: Network, weights: str, asked: Asked) -> Wanted:
    """w' J for one weighting of the outputs for all rows, or for one for each row."""
    return lambda table: Result(
        "wJ",
        tuple(f"dwy/d{x}" for x in table or net.input_names),
        (net.input_size,),
        *_each(weights, "--weighting", asked, net.vjp, (net.output_names,), net.output_aliases),
    )


def _each(text: str, option: str, asked: Asked, product: Any, called: tuple[Names, ...], aliases: Names) -> tuple[Any, str, Beside | None]:
    """The numbers of a result, for a vector written as 1,0,2 or a table with a row for each row of the input.

    The columns of the table are called as those of the input, or as the model calls them: `called`, first choice first.
    """
    vector, names = _vector(text), called[0]
    if vector is None:
        return product, "", lambda: Feed(text, option, asked, called, aliases)
    if len(vector) != len(names):
        raise UsageError(f"{option} {clipped(text)}: {len(vector)} numbers for {len(names)} columns ({listed(names)}); give one each")
    return (lambda x: product(x, vector)), "", None


def _vector(text: str) -> Array | None:
    if os.path.exists(text):
        return None
    try:
        return np.array([float(part) for part in text.split(",")])
    except ValueError:
        return None


class Feed:
    """Rows of a second table, drawn as many at a time as the input's blocks have."""

    def __init__(self, path: str, option: str, asked: Asked, called: tuple[Names, ...], aliases: Names) -> None:
        self._path, self._option, self._quiet = path, option, asked.quiet
        self._reader = self._opened(asked, called, aliases)
        self._blocks = self._parsed()
        self._left = np.empty((0, len(called[0])))

    def _opened(self, asked: Asked, called: tuple[Names, ...], aliases: Names) -> tables.Reader:
        """By the names of the input's table; where those don't fit, by the model's own and nothing but names."""
        reading = tables.understood(self._path, **asked.reading)
        reading.pop("choose", None)  # --columns are those of the input
        first, *others = called
        try:
            return tables.reader(self._path, size=len(first), columns=first, aliases=aliases, **reading)
        except DataError:
            for names in others:
                if names != first and reading.get("by") != "order" and self._path != "-":
                    with contextlib.suppress(DataError):
                        return tables.reader(self._path, size=len(names), columns=names, aliases=aliases, **{**reading, "by": "name"})
            raise

    def _parsed(self) -> Iterator[Array]:
        for chunk in self._reader.chunks():
            yield self._reader.parse(chunk).x

    def take(self, count: int) -> Array:
        parts = [self._left]
        have = len(self._left)
        while have < count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            have += len(block)
        if have < count:
            raise DataError(f"{self._path}: has fewer rows than the input; {self._option} takes one vector, or a row for each row of it")
        every = np.concatenate(parts)
        self._left = every[count:]
        return every[:count]

    def finish(self) -> None:
        """After the last row: nothing may be left."""
        if len(self._left) or next(self._blocks, None) is not None:
            raise DataError(f"{self._path}: has more rows than the input; {self._option} takes one vector, or a row for each row of it")

    def __enter__(self) -> Feed:
        from nngrad.cli.output import note

        for text in self._reader.notes:
            note(text, self._quiet)
        return self

    def __exit__(self, *error: object) -> None:
        self._reader.__exit__(*error)


def deviations(net: Network, asked: Asked) -> Array:
    """Standard deviations of all rows of all inputs, in a first pass."""
    from nngrad.cli.output import open_rows
    from nngrad.cli.places import pairs
    from nngrad.cli.progress import Progress
    from nngrad.reports import units

    sources = [source for source, _ in pairs(asked)]
    if any(tables.place(source).is_stream for source in sources):
        raise UsageError("--scale sigma: a pipe can't be read twice; give the standard deviations with --sigma, one number an input")

    def blocks() -> Iterator[Array]:
        for source in sources:
            with open_rows(net, source, asked) as rows, Progress(asked.quiet, False, source) as progress:
                for chunk in rows.chunks():
                    x = rows.parse(chunk).x
                    yield x
                    progress.advance(len(x), rows.progress)

    return units.deviations(blocks(), net.input_names)


def scale_of(net: Network, asked: Asked, scale: str, sigma: Names | None) -> Scale | None:
    """The scale that was asked for; None for raw."""
    from nngrad.reports import units

    if sigma is not None and scale != "sigma":
        raise UsageError("--sigma: means something with --scale sigma only; leave it out")
    if scale == "raw":
        return None
    if scale == "range":
        return units.training_range(net)
    if scale == "elasticity":
        return units.elasticity()
    if sigma is None:
        return units.sigma(net, deviations(net, asked).tolist())
    try:
        return units.sigma(net, [float(part) for part in sigma])
    except ValueError:
        raise UsageError(f"--sigma {clipped(','.join(sigma))}: is no list of numbers; write it as 1.5,0.2,3") from None


def second_order(net: Network, of: Names | None) -> Names | None:
    """The outputs of a Hessian: those named, `all` (None), or the only one; of several, UsageError."""
    if of == ("all",) and "all" not in net.output_names:
        return None
    if of is None and net.output_size > 1:
        names = listed(net.output_names)
        raise UsageError(f"{net.origin.path}: has {net.output_size} outputs ({names}); choose with --of NAMES, or say --of all")
    return of


def without_curvature(net: Network) -> bool:
    """Whether every layer is linear between its kinks."""
    return not any(node.layer.curved for node in net.layers)
