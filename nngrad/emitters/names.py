"""What the function and the main file are called. The one rule: a name that can't be used is refused before anything is written."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

from nngrad.emitters.text import identifier, reserved
from nngrad.errors import UsageError

SUFFIXES = {"matlab": (".m",), "c": (".c", ".cpp", ".cc", ".cxx"), "python": (".py",)}
LANGUAGES = {"matlab": "MATLAB", "c": "C", "python": "Python"}
CALLS = {"matlab": "MATLAB calls a function", "python": "Python imports a module"}
NAME = r"[A-Za-z][A-Za-z0-9_]{0,49}"
FILE = r"[A-Za-z0-9_][A-Za-z0-9 _.+-]*"  # what an #include of ASCII may name
HEADERS = reserved(  # a file of such a name beside the source would be included instead, case aside on some systems
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbit stdbool "
    "stdckdint stddef stdint stdio stdlib stdnoreturn string strings tgmath threads time uchar wchar wctype malloc memory alloca "
    "features endian unistd fcntl windows mex matrix tmwtypes rtwtypes simstruc crtdefs corecrt vcruntime sal"
)


class Names(NamedTuple):
    function: str
    file: str  # the main file


def names(target: str, name: str | None, file: str | None, model: str, taken: Container[str]) -> Names:
    """From what the user chose: the function's name, the main file's name, or neither (then `model`, a path, gives both)."""
    if name is not None:
        _check(f"--name {name}", name, taken)
    if file is None:
        function = name or _free(identifier(model.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0] or "net"), taken)
        return Names(function, function + SUFFIXES[target][0])
    stem, suffix = _split(target, file)
    if target == "c":
        _check_header(file, stem, suffix)
        return Names(name or _free(identifier(stem), taken), stem + suffix)
    if name not in (None, stem):
        raise UsageError(f"{file}: the file must have the name of the function, {name}{suffix}; leave out --name, or name a folder/")
    if not re.fullmatch(NAME, stem) or stem in taken:
        why = "is a word with another meaning there" if stem in taken else "is none"
        hint = f"-o {_free(identifier(stem), taken)}{suffix}"
        raise UsageError(f"{file}: {CALLS[target]} by the name of its file, and {stem} {why}; take {hint}")
    return Names(stem, stem + suffix)


def _check(what: str, name: str, taken: Container[str]) -> None:
    if not re.fullmatch(NAME, name):
        raise UsageError(f"{what}: a name is a letter, then letters, digits and underscores, at most 50 in all")
    if name in taken:
        raise UsageError(f"{what}: this word has another meaning in the file that is written; choose another name, such as {name}_net")


def _free(name: str, taken: Container[str]) -> str:
    return f"{name}_net" if name in taken else name


def _split(target: str, file: str) -> tuple[str, str]:
    """The name and the suffix of the main file; one without any gets that of the language."""
    stem, dot, suffix = file.rpartition(".")
    if not dot:
        return file, SUFFIXES[target][0]
    if dot + suffix not in SUFFIXES[target]:
        known = " or ".join(SUFFIXES[target])
        raise UsageError(f"{file}: a file of {LANGUAGES[target]} ends in {known}; take -o {identifier(stem)}{SUFFIXES[target][0]}")
    return stem, dot + suffix


def _check_header(file: str, stem: str, suffix: str) -> None:
    better = f"take -o {identifier(stem)}{'_net' if stem.lower() in HEADERS else ''}{suffix}"
    if not re.fullmatch(FILE, stem):
        raise UsageError(f"{file}: the source includes a header of this name, which has room for letters, digits, . _ + - only; {better}")
    if stem.lower() in HEADERS:
        raise UsageError(f"{file}: its header {stem}.h would be taken for the one of that name in C's library; {better}")
