"""`nngrad emit`: a network as source code in another language, with its exact derivatives."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from nngrad.cli.options import PATH, Listed, model_options
from nngrad.errors import UsageError


@click.command(short_help="Write a network as MATLAB, C or Python source code.")
@click.option("--to", "target", type=click.Choice(("matlab", "c", "python")), required=True, help="The language to write.")
@click.option(
    "-o", "--output", type=PATH, metavar="FILE", help="File to write, or a folder/; other files go beside it. Else standard output."
)
@click.option("--name", metavar="NAME", help="Name of the function (of the module in Python); else that of FILE, else of MODEL.")
@click.option("--float", "single", is_flag=True, help="C: single precision.")
@click.option("--with-tests", type=click.IntRange(1, 10_000), metavar="N", default=None, help="Write a test of N points too.")
@click.option(
    "--wrap", type=click.Choice(("objective", "constraint")), multiple=True, help="MATLAB: write such a function for fmincon too."
)
@click.option("--of", type=Listed(), metavar="NAMES", help="MATLAB: outputs that --wrap means: names, or numbers from 1, with commas.")
@click.option("--mex", is_flag=True, help="C: write a MEX gateway too.")
@click.option("--simulink", is_flag=True, help="C: write a function for Simulink's C Caller block too.")
@model_options
def emit(model: str, told: dict[str, Any], quiet: bool, target: str, output: str | None, name: str | None, **asked: Any) -> None:
    """\b
    Example: nngrad emit sample_models/fitnet.mat --to matlab

    Write MODEL as one source file that needs nothing but its language: it gives the outputs y, the exact Jacobian J and the Hessians H,
    in the units of the training data, with everything that the model does to its inputs and outputs.

    \b
    matlab  NAME.m: [y, J, H] = NAME(x), samples in columns; MATLAB from R2013b, Octave, MATLAB Coder
    c       NAME.c, NAME.h: NAME(x, y, J) and NAME_hessian(x, y, J, H); C99, no memory asked for
    python  NAME.py: f(x), jacobian(x), hessian(x), samples in rows; NumPy only
    """
    from pathlib import Path

    from nngrad import tables
    from nngrad.cli.output import opened
    from nngrad.emit import Extras
    from nngrad.emit import emit as write
    from nngrad.emit.text import identifier

    net = opened(model, told, quiet)
    of = None if asked["of"] is None else net.indices_of_outputs(asked["of"])
    if of is not None and not asked["wrap"]:
        raise UsageError("--of: it is for --wrap; a function has all outputs")
    extras = Extras(asked["single"], asked["with_tests"] or 0, tuple(dict.fromkeys(asked["wrap"])), of, asked["mex"], asked["simulink"])
    stream = output is None or tables.place(output).is_stream
    folder = output is not None and (output.endswith("/") or Path(output).is_dir())
    if output is not None and not stream and not folder:
        stem = Path(output).name.removesuffix(SUFFIXES[target])
        if name not in (None, stem):
            raise UsageError(
                f"{output}: the file must have the name of the function, {name}{SUFFIXES[target]}; leave out --name, or name a folder/"
            )
        name = stem if target != "c" or name else identifier(stem)
    files = write(net, target, name, extras)
    if output is None or stream:
        _show(files, output or "-")
    else:
        _write(files, Path(output) if folder else Path(output).parent, model, quiet)


def _show(files: dict[str, str], output: str) -> None:
    """The main file (for C with its header) on standard output, a pipe or a device; the others have no place there."""
    shown = {f: text for f, text in files.items() if not f.endswith(".h")}
    if len(shown) > 1:
        raise UsageError(
            f"{', '.join(files)}: several files have no place on standard output; name one with -o FILE or a folder with -o FOLDER/"
        )
    with click.open_file(output, "w") as file:
        file.write("".join(shown.values()))


def _write(files: dict[str, str], folder: Any, model: str, quiet: bool) -> None:
    from nngrad.cli.output import note
    from nngrad.cli.places import spare
    from nngrad.tables.files import Output

    for file in files:
        spare(str(folder / file), model)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as opened:
        outs = []
        for file, text in files.items():
            outs.append(Output(str(folder / file)))
            opened.callback(outs[-1].abandon)
            outs[-1].file.write(text.encode("ascii"))
        for out in outs:  # once all of them are written
            out.commit()
    note(f"wrote {', '.join(str(folder / file) for file in files)}", quiet)


SUFFIXES = {"matlab": ".m", "c": ".c", "python": ".py"}
