"""`nngrad emit`: a network as source code in another language, with its exact derivatives.

Languages and their options are those of `nngrad.emitters.registry`; nothing here knows one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nngrad.cli.options import PATH, Listed, model_options
from nngrad.emitters.registry import BY_NAME, TARGETS, Option, Target, options
from nngrad.errors import UsageError

LANGUAGES = ", ".join(target.language for target in TARGETS[:-1]) + f" or {TARGETS[-1].language}"
WIDEST = max(len(target.name) for target in TARGETS)
HELP = f"""\b
Example: nngrad emit sample_models/fitnet.mat --to {TARGETS[0].name}

Write MODEL as one source file that needs nothing but its language: it gives the outputs y, the exact Jacobian J and the
Hessians H, in the units of the training data, with everything that the model does to its inputs and outputs.

\b
{chr(10).join(f"{target.name:{WIDEST}}  {target.gives}" for target in TARGETS)}
"""
POINTS = click.IntRange(1, 10_000)
TYPES: dict[str, Callable[[Option], dict[str, Any]]] = {  # of click, by the kind of an option
    "flag": lambda option: {"is_flag": True},
    "choices": lambda option: {"type": click.Choice(option.choices), "multiple": True},
    "outputs": lambda option: {"type": Listed(), "metavar": "NAMES"},
}


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every target, which the command gets by their names."""
    for option, owners in reversed(options().items()):
        command = _click(option, owners)(command)
    return command


def _click(option: Option, owners: tuple[Target, ...]) -> Callable[[Any], Any]:
    help_ = f"{', '.join(owner.language for owner in owners)}: {option.help}"
    return click.option(option.flag, option.name, help=help_, **TYPES[option.kind](option))


@click.command(short_help=f"Write a network as {LANGUAGES} source code.", help=HELP)
@click.option("--to", "target", type=click.Choice(list(BY_NAME)), required=True, help="The language to write.")
@click.option(
    "-o",
    "--output",
    type=PATH,
    metavar="FILE",
    help="File to write, or a folder/; other files go beside it. Else standard output.",
)
@click.option("--name", metavar="NAME", help="Name of the function or module; else that of FILE, else of MODEL.")
@click.option("--with-tests", "tests", type=POINTS, metavar="N", help="Write a test of N points too.")
@target_options
@model_options
def emit(
    model: str,
    told: dict[str, Any],
    quiet: bool,
    target: str,
    output: str | None,
    name: str | None,
    tests: int | None,
    **asked: Any,
) -> None:
    from nngrad import tables
    from nngrad.cli.messages import note
    from nngrad.cli.opening import opened
    from nngrad.cli.places import names_a_folder
    from nngrad.emitters.writing import written

    net = opened(model, told, quiet)
    if output is None or tables.place(output).is_stream:
        made = written(net, target, name, None, tests or 0, asked)
        _show(made.files, made.alone, output or "-")
        return
    if not output:
        raise UsageError("-o: the name is empty; name a file, or - for standard output")
    folder = names_a_folder(output)
    made = written(net, target, name, None if folder else Path(output).name, tests or 0, asked)
    paths = _write(made.files, Path(output) if folder else Path(output).parent, model)
    note(f"wrote {', '.join(paths)}{_called(made.function, next(iter(made.files)))}", quiet)


def _show(files: dict[str, bytes], alone: bytes | None, output: str) -> None:
    """All of it on standard output, a pipe or a device, where several files have no place."""
    from nngrad.tables.files import write as put

    if alone is None:
        why = "several files have no place on standard output"
        raise UsageError(f"{', '.join(files)}: {why}; name one with -o FILE or a folder with -o FOLDER/")
    put(output, alone)


def _write(files: dict[str, bytes], folder: Path, model: str) -> list[str]:
    """All files or none; their paths."""
    from nngrad.cli.places import spare
    from nngrad.tables.files import together
    from nngrad.tables.files import write as put

    paths = [str(folder / file) for file in files]
    for path in paths:
        spare(path, model)
    folder.mkdir(parents=True, exist_ok=True)
    with together():
        for path, contents in zip(paths, files.values(), strict=True):
            put(path, contents)
    return paths


def _called(function: str, main: str) -> str:
    """What the function is called, where its file is called something else."""
    return "" if main.startswith(f"{function}.") else f"; the function is {function}"
