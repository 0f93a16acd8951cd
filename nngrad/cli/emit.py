"""`nngrad emit`: a network as source code in another language, with its exact derivatives."""

from __future__ import annotations

from pathlib import Path
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
    c       NAME.c, NAME.h: NAME(x, y, J) and NAME_hessian(x, y, J, H); C90 or later, or C++
    python  NAME.py: f(x), jacobian(x), hessian(x), samples in rows; NumPy only
    """
    from nngrad import tables
    from nngrad.cli.output import note, opened
    from nngrad.cli.places import names_a_folder
    from nngrad.emitters import Extras
    from nngrad.emitters import emit as write

    net = opened(model, told, quiet)
    of = None if asked["of"] is None else net.indices_of_outputs(asked["of"])
    if of is not None and not asked["wrap"]:
        raise UsageError("--of: it is for --wrap; a function has all outputs")
    extras = Extras(asked["single"], asked["with_tests"] or 0, tuple(dict.fromkeys(asked["wrap"])), of, asked["mex"], asked["simulink"])
    if output is None or tables.place(output).is_stream:
        _show(write(net, target, name, extras), output or "-")
        return
    if not output:
        raise UsageError("-o: the name is empty; name a file, or - for standard output")
    folder = names_a_folder(output)
    files = write(net, target, name, extras, file=None if folder else Path(output).name)
    written = _write(files, Path(output) if folder else Path(output).parent, model)
    note(f"wrote {', '.join(written)}{_called(target, next(iter(files)), name)}", quiet)


def _show(files: dict[str, str], output: str) -> None:
    """The main file (for C with its header in it) on standard output, a pipe or a device; the others have no place there."""
    from nngrad.emitters.c import together
    from nngrad.tables.files import write as put

    main, *others = files
    if any(not f.endswith(".h") for f in others):
        raise UsageError(
            f"{', '.join(files)}: several files have no place on standard output; name one with -o FILE or a folder with -o FOLDER/"
        )
    put(output, (together(files) if others else files[main]).encode("ascii"))


def _write(files: dict[str, str], folder: Path, model: str) -> list[str]:
    """All files or none; their paths."""
    from nngrad.cli.places import spare
    from nngrad.tables.files import together
    from nngrad.tables.files import write as put

    paths = [str(folder / file) for file in files]
    for path in paths:
        spare(path, model)
    folder.mkdir(parents=True, exist_ok=True)
    with together():
        for path, text in zip(paths, files.values(), strict=True):
            put(path, text.encode("ascii"))
    return paths


def _called(target: str, main: str, name: str | None) -> str:
    """What a function of C is called, where its file is called something else."""
    from nngrad.emitters.c import RESERVED
    from nngrad.emitters.names import names

    function = names(target, name, main, "", RESERVED).function if target == "c" else ""
    return f"; the function is {function}" if function and not main.startswith(f"{function}.") else ""
