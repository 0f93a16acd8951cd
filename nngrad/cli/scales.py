"""--scale and --sigma: what derivatives are multiplied by, measured in a first pass over the inputs where asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nngrad import tables
from nngrad.cli import opening
from nngrad.cli.options import Asked
from nngrad.cli.places import pairs
from nngrad.cli.progress import Progress
from nngrad.core.network import Network
from nngrad.errors import UsageError, clipped
from nngrad.reports import units

Array = np.ndarray


def scale_of(net: Network, asked: Asked, scale: str, sigma: tuple[str, ...] | None) -> units.Factors | None:
    """The scale that was asked for; None for raw. UsageError for a --sigma that is no list of numbers or not wanted."""
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


def deviations(net: Network, asked: Asked) -> Array:
    """Standard deviations (n,) of all rows of all inputs, in a first pass. UsageError for what can't be read twice."""
    sources = [source for source, _ in pairs(asked)]
    if any(tables.place(source).is_stream for source in sources):
        twice = "--scale sigma: a pipe can't be read twice"
        raise UsageError(f"{twice}; give the standard deviations with --sigma, one number an input")
    return units.deviations((x for source in sources for x in _inputs(net, source, asked)), net.input_names)


def _inputs(net: Network, source: str, asked: Asked) -> Iterator[Array]:
    """The inputs of one table, block by block (N, n)."""
    with opening.rows(net, source, asked) as rows, Progress(asked.quiet, False, source) as progress:
        for chunk in rows.chunks():
            x = rows.parse(chunk).x
            yield x
            progress.advance(len(x), rows.progress)
