"""Errors in words: the line `nngrad: subject: cause; next action`, and the exit code. Its one rule: one error, one line."""

from __future__ import annotations

import click

from nngrad.errors import DataError, ModelError, NngradError, UsageError

WRONG_USAGE = 2
SOME_FAILED = 5
A_BUG = 70
INTERRUPTED = 130
TERMINATED = 143


def message(error: BaseException) -> str:
    """The one line that a user reads."""
    return one_line(_text(error))


def one_line(text: str) -> str:
    """Names that come from files may hold anything: only what can be printed reaches the terminal."""
    return "nngrad: " + printable(" ".join(text.split()))


def printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def exit_code(error: BaseException) -> int:
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), A_BUG)


def _text(error: BaseException) -> str:
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, NngradError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or 'output'}: {_lowered(error.strerror or str(error))}; choose another place or make room"
    if isinstance(error, MemoryError):
        return "not enough memory; ask for fewer outputs or inputs with --of and --wrt, or take fewer --threads"
    return f"{type(error).__name__}: {error}; this is a bug in nngrad, please report it with the lines above"


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
