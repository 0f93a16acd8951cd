"""`nngrad export-script`: the MATLAB function that writes what nngrad can't read into a file that it can."""

from __future__ import annotations

import os

import click

from nngrad.cli.options import DEBUG, PATH

NAME = "nngrad_export.m"


@click.command("export-script", short_help="Print a MATLAB function that exports networks.")
@click.option(
    "-o", "--output", type=PATH, default="-", metavar="FILE", help="File to write, or a folder/; else standard output."
)
@DEBUG
def export_script(output: str) -> None:
    """\b
    Example: nngrad export-script

    Print a function for MATLAB (R2013b or newer) and Octave; save it as nngrad_export.m. There, nngrad_export(net,
    'out.mat') writes a network object, a dlnetwork, SeriesNetwork or DAGNetwork, a fitrnet or fitcnet model, or cells
    of weights into a file that nngrad reads. It is for models whose own file nngrad can't read.
    """
    from importlib.resources import files

    from nngrad.cli.places import names_a_folder
    from nngrad.tables.files import write

    if names_a_folder(output):
        os.makedirs(output, exist_ok=True)
        output = os.path.join(output, NAME)
    write(output, (files("nngrad") / "data" / NAME).read_bytes())
