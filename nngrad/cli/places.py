"""Which file is read, and which is written for it. The one rule: no output takes the place of an input or of another output."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path

from nngrad import tables
from nngrad.cli.options import Asked
from nngrad.errors import DataError, UsageError


def pairs(asked: Asked) -> list[tuple[str, str]]:
    """Every input with its output; `-` is standard input or output."""
    sources = [path for text in asked.inputs for path in _matching(text)] or ["-"]
    target = asked.output or "-"
    if target.endswith(("/", os.sep)) or os.path.isdir(target):
        found = _in_folder(sources, target, asked.format or "csv")
    elif len(sources) > 1:
        raise UsageError(f"-o {target}: {len(sources)} inputs need a folder to write to; name one, with a slash at its end: -o results/")
    else:
        found = [(sources[0], target)]
    for source, place in found:
        if os.path.exists(place) and os.path.exists(source) and os.path.samefile(source, place) and os.path.isfile(place):
            raise UsageError(f"{place}: is the input, and would be replaced; choose another place with -o")
    return found


def format_of(target: str, asked: str | None) -> str:
    """The format that a target is written in: what is asked for, else its suffix, else csv."""
    path = tables.place(target).path.lower()
    return asked or next((f.name for f in tables.WRITERS if path.endswith(f.suffixes)), "csv")


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
        raise UsageError(f"{place}: would be written for {count} inputs; rename them, or run nngrad once for each folder")
    os.makedirs(folder, exist_ok=True)
    return found


def _stem(source: str) -> str:
    return "stdin" if source == "-" else Path(source.removesuffix(".gz")).stem
