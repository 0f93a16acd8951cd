"""`nngrad hessian`: the exact second derivatives of outputs with respect to inputs, for rows of inputs."""

from __future__ import annotations

from typing import Any

import click

from nngrad.cli.options import Asked, Told, derivative_options, model_options, table_options
from nngrad.errors import UsageError


@click.command(short_help="Write the exact Hessians d2y/dx dx of a network.")
@table_options
@derivative_options
@click.option(
    "--scalar", metavar="EXPR", help="A scalar of the outputs instead of --of, such as 'y1**2 + 3*y2'; it is called f."
)
@click.option("--upper", is_flag=True, help="The upper triangle only, row by row; the rest is the same by symmetry.")
@click.option("--laplacian", is_flag=True, help="The trace of every Hessian instead: d2y/dx1dx1 + d2y/dx2dx2 + ...")
@model_options
def hessian(
    model: str, told: Told, asked: Asked, of: Any, wrt: Any, scalar: str | None, upper: bool, laplacian: bool
) -> Any:
    """\b
    Example: nngrad hessian sample_models/fitnet.mat -i sample_models/fitnet_x.csv

    Write the Hessian H of one output of MODEL for every row of the input, exact to rounding and in the units of the
    training data. Of a model with several outputs, choose with --of NAMES, or --of all.

    H[s, i, j, k] is the second derivative of output i with respect to inputs j and k at row s. Tables have one line a
    row with the columns d2y1/dx1dx1, d2y1/dx1dx2, ... (under the real names where they are known); npy, npz, mat and h5
    store the shape (rows, outputs, inputs, inputs), and (rows, inputs, inputs) for --scalar. At a kink (poslin at 0)
    the second derivative is taken as 0.
    """
    from nngrad.cli import quantities
    from nngrad.cli.messages import note
    from nngrad.cli.opening import opened
    from nngrad.cli.output import write_results
    from nngrad.core.scalar import Scalar

    if upper and laplacian:
        raise UsageError("--upper and --laplacian: give one of the two")
    if scalar is not None and of is not None:
        raise UsageError("--of and --scalar: give one of the two")
    net = opened(model, told, asked.quiet)
    what = quantities.second_order(net, of) if scalar is None else Scalar.parse(net, scalar)
    if quantities.without_curvature(net) and scalar is None:
        note(f"{model}: is piecewise linear, so the Hessian is zero wherever it exists", asked.quiet)
    return write_results(net, asked, quantities.hessian(net, what, wrt, upper, laplacian))
