"""`nngrad info`: what a model file holds."""

from __future__ import annotations

import click

from nngrad.cli.messages import show, show_json
from nngrad.cli.options import Told, model_options
from nngrad.errors import ModelError


@click.command(short_help="Show what a model file holds.")
@model_options
@click.option("--json", "as_json", is_flag=True, help="Write JSON: {file, container, created, networks: [...]}.")
def info(model: str, told: Told, quiet: bool, as_json: bool) -> None:
    """\b
    Example: nngrad info sample_models/fitnet.mat

    Show what MODEL holds: where the network stands in the file, its inputs and outputs with their ranges in training,
    its layers and processing steps, and the steps that nngrad computes. Of a file with several networks it shows the
    list. Of a network that it can't compute it shows the layers that are known, and fails.
    """
    from nngrad.reports import info

    described = info.describe(model, **told)
    if as_json:
        show_json(described)
    else:
        show(info.text(described))
    networks = described["networks"]
    if len(networks) == 1 and "error" in networks[0]:
        raise ModelError(networks[0]["error"])
