"""`nngrad samples`: the sample models, for whoever has no clone of the project."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from nngrad.cli.messages import show
from nngrad.cli.options import DEBUG, PATH
from nngrad.errors import DataError

FOLDER = "sample_models"


@click.command(short_help="Write the sample models and their tables.")
@click.argument("folder", type=PATH, default=FOLDER)
@DEBUG
def samples(folder: str) -> None:
    """\b
    Example: nngrad samples

    Write small models of every kind that nngrad reads, and tables of inputs for them, into FOLDER, and list them. With
    the folder sample_models the examples of every command's help, and those of the README, work where you are.

    A file that is there already stays as it is; if it differs, nothing is written.
    """
    from nngrad.tables.files import together, write

    files = {os.path.join(folder, path.name): path.read_bytes() for path in shipped()}
    missing = {target: data for target, data in files.items() if not _there(target, data)}
    os.makedirs(folder, exist_ok=True)
    with together():
        for target, data in missing.items():
            write(target, data)
    show(files)


def shipped() -> list[Any]:
    """Models and tables: of the installed package, or of the clone that it runs in."""
    from importlib.resources import files

    package = Path(str(files("nngrad")))
    homes = (package / "data" / FOLDER, package.parent / FOLDER)
    home = next(home for home in homes if home.is_dir())
    return sorted(path for path in home.iterdir() if path.is_file() and path.suffix != ".py")


def _there(target: str, data: bytes) -> bool:
    if not os.path.lexists(target):
        return False
    if not os.path.isfile(target) or Path(target).read_bytes() != data:
        raise DataError(f"{target}: is there already, and differs; name another folder: nngrad samples FOLDER")
    return True
