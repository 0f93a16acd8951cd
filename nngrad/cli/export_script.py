"""`nngrad export-script`: the MATLAB function that writes what nngrad can't read into a file that it can."""

from __future__ import annotations

import click


@click.command("export-script", short_help="Print a MATLAB function that exports networks.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def export_script() -> None:
    """\b
    Example: nngrad export-script

    Print a function for MATLAB (R2013b or newer) and Octave; save it as nngrad_export.m. There, nngrad_export(net, 'out.mat') writes a
    network object, a dlnetwork, SeriesNetwork or DAGNetwork, a fitrnet or fitcnet model, or cells of weights into a file that nngrad
    reads. It is for models whose own file nngrad can't read.
    """
    from importlib.resources import files

    click.echo((files("nngrad") / "data" / "nngrad_export.m").read_text("utf-8"), nl=False)
