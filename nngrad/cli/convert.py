"""`nngrad convert`: a model of any supported format into a file of nngrad's own."""

from __future__ import annotations

import os

import click

from nngrad.cli.options import PATH, Told, model_options
from nngrad.errors import UsageError


@click.command(short_help="Write a network in nngrad's own format.")
@model_options
@click.argument("output", type=PATH)
def convert(model: str, told: Told, output: str, quiet: bool) -> None:
    """\b
    Example: nngrad convert sample_models/fitnet.mat /tmp/fitnet.h5

    Write the network of MODEL to OUTPUT (.h5 or .mat) in a plain, documented format: every layer with its numbers, with
    the processing of inputs and outputs as layers too. nngrad reads it back to the last bit; anything that reads HDF5
    or MAT-files can.

    What the model file doesn't say itself (--activation, --weights) is said in OUTPUT. Several networks: one at a time,
    by --network.
    """
    from nngrad.cli.messages import note
    from nngrad.cli.opening import opened
    from nngrad.own_format.encode import save

    if os.path.exists(output) and os.path.exists(model) and os.path.samefile(model, output):
        raise UsageError(f"{output}: is the model itself, and would be replaced; choose another place")
    net = opened(model, told, quiet)
    save(net, output)
    for text in net.origin.notes:
        note(f"{model}: {text}", quiet)
