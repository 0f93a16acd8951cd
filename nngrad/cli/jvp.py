"""`nngrad jvp`: derivatives of all outputs along a direction in the inputs, for rows of inputs."""

from __future__ import annotations

from typing import Any

import click

from nngrad.cli.options import PATH, Asked, Told, model_options, table_options


@click.command(short_help="Write J v, the derivatives along a direction.")
@table_options
@click.option(
    "--direction",
    type=PATH,
    required=True,
    metavar="V",
    help="One direction, such as 1,0,2, or a table with a direction for each row.",
)
@model_options
def jvp(model: str, told: Told, asked: Asked, direction: str) -> Any:
    """\b
    Example: nngrad jvp sample_models/fitnet.mat -i sample_models/fitnet_x.csv --direction 100,1,0

    Write J v for every row of the input: how fast each output of MODEL changes when the inputs move along v, in the
    units of the training data. The columns are dy1/dv, dy2/dv, ...; v is not normalised. The Jacobian itself is never
    formed.
    """
    from nngrad.cli import quantities
    from nngrad.cli.opening import opened
    from nngrad.cli.output import write_results

    net = opened(model, told, asked.quiet)
    return write_results(net, asked, quantities.jvp(net, direction, asked))
