"""Errors in words: one line for each, `nngrad: subject: cause; next action`, and the exit code."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterable
from typing import Any

import click

from nngrad.errors import DataError, ModelError, NngradError, UsageError

WRONG_USAGE = 2
SOME_FAILED = 5
A_BUG = 70
INTERRUPTED = 130
LONGEST = 300  # characters of a message
LONGEST_WORD = 100


def say(text: str) -> None:
    """One line on standard error, `nngrad: ...`."""
    _tell(one_line(text))


def note(text: str, quiet: bool) -> None:
    """Something worth knowing that is no failure, on standard error unless it is to be quiet."""
    if not quiet:
        say(text)


def complain(error: BaseException) -> None:
    """The line for an error on standard error."""
    _tell(message(error))


def _tell(line: str) -> None:
    """Where standard error is full or closed, nothing else changes."""
    with contextlib.suppress(OSError, ValueError):
        print(_encodable(line, sys.stderr), file=sys.stderr, flush=True)


def show(lines: Iterable[str]) -> None:
    """Text on standard output, line by line: for what is no table."""
    sys.stdout.write("".join(f"{_encodable(printable(line), sys.stdout)}\n" for line in lines))


def show_json(facts: Any) -> None:
    """Facts as JSON on standard output, in characters that every console has."""
    import json

    show(json.dumps(facts, indent=2, allow_nan=False).splitlines())


def one_line(text: str) -> str:
    """A text as it reaches the terminal."""
    return shortened("nngrad: " + printable(" ".join(text.split())))


def message(error: BaseException) -> str:
    """The one line that a user reads."""
    return one_line(_text(error))


def printable(text: str) -> str:
    """Names that come from files may hold anything: what a terminal could take for a command is shown as an escape."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(c: str) -> str:
    if "\udc80" <= c <= "\udcff":  # a byte of a file's name that is no text here
        return f"\\x{ord(c) - 0xDC00:02x}"
    return c.encode("unicode_escape").decode("ascii")


def _encodable(text: str, stream: Any) -> str:
    """With escapes for what a console has no characters for."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def shortened(text: str, most: int = LONGEST) -> str:
    """The beginning and the end of a long text, and of each long word in it: they say what is wrong, and what to do."""
    if len(text) <= most:
        return text
    text = " ".join(_middle_out(word, LONGEST_WORD) for word in text.split(" "))
    return _middle_out(text, most)


def _middle_out(text: str, most: int) -> str:
    half = (most - 5) // 2
    return text if len(text) <= most else f"{text[:half]} ... {text[-half:]}"


def exit_code(error: BaseException) -> int:
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), A_BUG)


def _text(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, NngradError):
        return str(error)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError):
        return "not enough memory; ask for fewer outputs or inputs with --of and --wrt, or take fewer --threads"
    return f"{type(error).__name__}: {error}; this is a bug in nngrad, please report it with the lines above"


def _of_system(error: OSError) -> str:
    """What the system says of a file, and what to do about it."""
    if error.filename is None and error.errno == errno.EBADF:
        return "standard output: is closed; name a file with -o FILE"
    held = isinstance(error, PermissionError)
    advice = "close it where else it is open, or choose another place" if held else "choose another place or make room"
    return f"{error.filename or 'output'}: {_lowered(error.strerror or str(error))}; {advice}"


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "nngrad"
    subject = command.removeprefix("nngrad").strip()
    return f"{subject}: ".removeprefix(": ") + f"{_lowered(error.format_message())}; see {command} --help"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")


EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (click.ClickException, WRONG_USAGE),
    (UsageError, WRONG_USAGE),
    (ModelError, 3),
    (DataError, 4),
    (OSError, 4),
    (MemoryError, 4),
)
EXPECTED = tuple(kind for kind, _ in EXIT_CODES)
