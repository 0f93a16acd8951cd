"""Which file is read, and which is written for it: no output takes the place of an input or of another output."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path

from nngrad import tables
from nngrad.cli.options import Asked
from nngrad.errors import DataError, UsageError


def pairs(asked: Asked, *others: str) -> list[tuple[str, str]]:
    """Every input with its output; `-` is standard input or output. `others` are files that are
    read beside the inputs.
    """
    sources = [path for text in asked.inputs for path in _matching(text)] or ["-"]
    target = "-" if asked.output is None else asked.output
    if not target:
        raise UsageError("-o: the name is empty; name a file, or - for standard output")
    if names_a_folder(target):
        found = _in_folder(sources, target, asked.format or "csv")
    elif len(sources) > 1:
        raise UsageError(
            f"-o {target}: {len(sources)} inputs need a folder to write to; name one, with a slash at its end: -o results/"
        )
    else:
        found = [(sources[0], target)]
    if "-" in sources and "-" in others:
        raise UsageError("-: standard input can't be read twice; name a file for one of the two")
    for source, place in found:
        spare(place, source, *others)
        if asked.flags and format_of(place, asked.format) in tables.ARRAYS:
            spare(side_file(place), source, *others)
    return found


def names_a_folder(target: str) -> bool:
    """Whether an output is a folder: one that is there, or a name that ends as this system's
    folders do (in Windows: results\\ too).
    """
    ends = target.endswith(tuple(filter(None, ("/", os.sep, os.altsep))))
    return (ends and tables.place(target).name is None) or os.path.isdir(target)


def side_file(target: str) -> str:
    """Where the flags of an array of numbers are written."""
    return f"{tables.place(target).path}.flags.csv"


def spare(target: str, *read: str) -> None:
    """UsageError if writing `target` would replace one of the files that are read."""
    written = tables.place(target).path
    for source in read:
        path = tables.place(source).path
        if os.path.isfile(written) and os.path.exists(path) and os.path.samefile(path, written):
            raise UsageError(f"{target}: is the input {source}, and would be replaced; choose another place")


def format_of(target: str, asked: str | None) -> str:
    """The format that a target is written in: what is asked for, else its suffix, else csv."""
    return asked or next((f.name for f in tables.WRITERS if f.fits(tables.place(target))), "csv")


def _matching(text: str) -> list[str]:
    if os.path.lexists(text) or not glob.has_magic(text):
        return [text]
    found = sorted(glob.glob(text, recursive=True))
    if not found:
        raise DataError(f"{text}: no file matches this pattern; check it, and put it in quotes")
    return found


def _in_folder(sources: list[str], folder: str, suffix: str) -> list[tuple[str, str]]:
    found = [(source, os.path.join(folder, f"{_stem(source)}.{suffix}")) for source in sources]
    place, count = Counter(place for _, place in found).most_common(1)[0]
    if count > 1:
        raise UsageError(
            f"{place}: would be written for {count} inputs; rename them, or run nngrad once for each folder"
        )
    os.makedirs(folder, exist_ok=True)
    return found


def _stem(source: str) -> str:
    where = tables.place(source)
    path = Path(where.path)
    return "stdin" if source == "-" else Path(path.stem).stem if where.gz else path.stem
