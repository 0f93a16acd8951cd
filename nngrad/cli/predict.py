"""`nngrad predict`: the outputs of a network for rows of inputs."""

from __future__ import annotations

from typing import Any

import click

from nngrad.cli.options import Asked, Listed, Told, model_options, table_options


@click.command(short_help="Write the outputs y of a network.")
@table_options
@click.option("--of", type=Listed(), metavar="NAMES", help="Outputs to write: names, or numbers from 1, with commas.")
@model_options
def predict(model: str, told: Told, asked: Asked, of: tuple[str, ...] | None) -> Any:
    """\b
    Example: nngrad predict sample_models/fitnet.mat -i sample_models/fitnet_x.csv

    Write the outputs y of MODEL for every row of the input: one row a sample, one column an output, in the units of the
    training data.

    A name that the model and the input both know decides which column is which; where their order decides, it is said.
    --columns chooses among more columns than the model takes. Without -i, rows are read from standard input.
    """
    from nngrad.cli import quantities
    from nngrad.cli.opening import opened
    from nngrad.cli.output import write_results

    net = opened(model, told, asked.quiet)
    return write_results(net, asked, quantities.outputs(net, of))
