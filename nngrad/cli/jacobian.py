"""`nngrad jacobian`: the exact derivatives of outputs with respect to inputs, for rows of inputs."""

from __future__ import annotations

from typing import Any

import click

from nngrad.cli.options import Asked, Told, derivative_options, model_options, scale_options, table_options
from nngrad.errors import UsageError


@click.command(short_help="Write the exact Jacobians dy/dx of a network.")
@table_options
@derivative_options
@scale_options
@click.option("--with-outputs", is_flag=True, help="Write the outputs y before their derivatives.")
@click.option(
    "--layout",
    type=click.Choice(("wide", "long")),
    default="wide",
    help="A line a row, or a line a number: row, output, input, value.",
)
@model_options
def jacobian(
    model: str, told: Told, asked: Asked, of: Any, wrt: Any, scale: str, sigma: Any, with_outputs: bool, layout: str
) -> Any:
    """\b
    Example: nngrad jacobian sample_models/fitnet.mat -i sample_models/fitnet_x.csv

    Write the Jacobian J of MODEL for every row of the input, exact to rounding and in the units of the training data:
    the normalisation that the model carries is differentiated with it.

    J[s, i, j] is the derivative of output i with respect to input j at row s. Tables have one line a row with the
    columns dy1/dx1, dy1/dx2, ..., dy2/dx1, ... (under the real names where they are known); npy, npz, mat and h5 store
    the shape (rows, outputs, inputs).

    A name that the model and the input both know decides which column is which; where their order decides, it is said.
    --columns chooses among more columns than the model takes. Without -i, rows are read from standard input.
    """
    from nngrad.cli import quantities
    from nngrad.cli.messages import note
    from nngrad.cli.opening import opened
    from nngrad.cli.output import write_results
    from nngrad.cli.scales import scale_of

    if with_outputs and layout == "long":
        raise UsageError("--with-outputs: there is no place for them in --layout long; leave out one of the two")
    net = opened(model, told, asked.quiet)
    if net.flat:
        note(f"{model}: its outputs are piecewise constant, so the Jacobian is zero wherever it exists", asked.quiet)
    times = scale_of(net, asked, scale, sigma)
    return write_results(net, asked, quantities.jacobian(net, of, wrt, with_outputs, layout == "long", times))
