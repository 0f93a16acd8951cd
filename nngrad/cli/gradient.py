"""`nngrad gradient`: the exact gradient of one output, or of a scalar of the outputs, for rows of inputs."""

from __future__ import annotations

from typing import Any

import click

from nngrad.cli.options import Asked, Listed, Told, model_options, scale_options, table_options


@click.command(short_help="Write the gradient of one output, or of a scalar of them.")
@table_options
@click.option("--of", metavar="NAME", help="The output y to differentiate: its name, or its number from 1.")
@click.option(
    "--scalar", metavar="EXPR", help="A scalar of the outputs instead, such as 'y1**2 + 3*y2'; it is called f."
)
@click.option(
    "--wrt",
    type=Listed(),
    metavar="NAMES",
    help="Inputs x to differentiate with respect to: names, or numbers, with commas.",
)
@click.option("--with-outputs", is_flag=True, help="Write the output, or the scalar, before its derivatives.")
@scale_options
@model_options
def gradient(
    model: str, told: Told, asked: Asked, of: Any, scalar: Any, wrt: Any, with_outputs: bool, scale: str, sigma: Any
) -> Any:
    """\b
    Example: nngrad gradient sample_models/cascade.mat -i sample_models/cascade_x.csv --scalar 'y1*y2'

    Write the gradient of one output of MODEL (--of), or of a scalar of its outputs (--scalar), for every row of the
    input, exact to rounding and in the units of the training data.

    Tables have one line a row with the columns dy1/dx1, dy1/dx2, ... (df/dx1, ... of a scalar); npy, npz, mat and h5
    store the shape (rows, inputs). A scalar takes + - * / **, numbers, the names of outputs or y1, y2, ... by number,
    and exp, log, sqrt, sin, cos, tan, tanh, abs, sigmoid, softplus, relu.
    """
    from nngrad.cli import quantities
    from nngrad.cli.messages import note
    from nngrad.cli.opening import opened
    from nngrad.cli.output import write_results
    from nngrad.cli.scales import scale_of

    net = opened(model, told, asked.quiet)
    if net.flat:
        note(f"{model}: its outputs are piecewise constant, so the gradient is zero wherever it exists", asked.quiet)
    what = quantities.one_output(net, of, scalar)
    times = scale_of(net, asked, scale, sigma)
    return write_results(net, asked, quantities.gradient(net, what, wrt, with_outputs, times))
