"""`nngrad vjp`: the gradient of a weighted sum of the outputs, for rows of inputs."""

from __future__ import annotations

from typing import Any

import click

from nngrad.cli.options import PATH, Asked, Told, model_options, table_options


@click.command(short_help="Write w' J, the gradient of weighted outputs.")
@table_options
@click.option(
    "--weighting",
    type=PATH,
    required=True,
    metavar="W",
    help="One weight an output, such as 1,0,2, or a table with a row for each row.",
)
@model_options
def vjp(model: str, told: Told, asked: Asked, weighting: str) -> Any:
    """\b
    Example: nngrad vjp sample_models/cascade.mat -i sample_models/cascade_x.csv --weighting 1,-1

    Write w' J for every row of the input: the gradient of w1 y1 + w2 y2 + ... with respect to the inputs of MODEL, in
    the units of the training data. The columns are dwy/dx1, dwy/dx2, ... The Jacobian itself is never formed.
    """
    from nngrad.cli import quantities
    from nngrad.cli.opening import opened
    from nngrad.cli.output import write_results

    net = opened(model, told, asked.quiet)
    return write_results(net, asked, quantities.vjp(net, weighting, asked))
