"""What the function and the main file are called; a name that can't be used is refused before anything is written."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

from nngrad.emitters.registry import Target
from nngrad.emitters.text import identifier
from nngrad.errors import UsageError

NAME = r"[A-Za-z][A-Za-z0-9_]{0,49}"


class Names(NamedTuple):
    """Those of the function and of the main file."""

    function: str
    file: str


def names(target: Target, name: str | None, file: str | None, model: str, taken: Container[str]) -> Names:
    """From what the user chose: the function's name, the main file's, or neither (then `model`, a path, gives both).

    `taken` are words that can't be the function's name. UsageError, with a name that will do, for what can't be used.
    """
    if name is not None:
        _check(f"--name {name}", name, taken)
    if file is None:
        stem = model.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        function = name or _free(identifier(stem or "net"), taken)
        return Names(function, function + target.suffixes[0])
    stem, suffix = _split(target, file)
    if not target.found:
        return Names(name or _free(identifier(stem), taken), stem + suffix)
    if name not in (None, stem):
        needed = f"{name}{suffix}; leave out --name, or name a folder/"
        raise UsageError(f"{file}: the file must have the name of the function, {needed}")
    if not re.fullmatch(NAME, stem) or stem in taken:
        why = "is a word with another meaning there" if stem in taken else "is none"
        hint = f"-o {_free(identifier(stem), taken)}{suffix}"
        raise UsageError(f"{file}: {target.found} by the name of its file, and {stem} {why}; take {hint}")
    return Names(stem, stem + suffix)


def _check(what: str, name: str, taken: Container[str]) -> None:
    if not re.fullmatch(NAME, name):
        raise UsageError(f"{what}: a name is a letter, then letters, digits and underscores, at most 50 in all")
    if name in taken:
        why = "this word has another meaning in the file that is written"
        raise UsageError(f"{what}: {why}; choose another name, such as {name}_net")


def _free(name: str, taken: Container[str]) -> str:
    return f"{name}_net" if name in taken else name


def _split(target: Target, file: str) -> tuple[str, str]:
    """The name and the suffix of the main file; one without any gets that of the language."""
    stem, dot, suffix = file.rpartition(".")
    if not dot:
        return file, target.suffixes[0]
    if dot + suffix not in target.suffixes:
        known, better = " or ".join(target.suffixes), identifier(stem) + target.suffixes[0]
        raise UsageError(f"{file}: a file of {target.language} ends in {known}; take -o {better}")
    return stem, dot + suffix
