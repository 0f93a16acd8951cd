"""The command line: the one place where errors become messages and exit codes.

Data goes to standard output, everything else to standard error. Commands return None, or their exit code if it isn't 0.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import sys
from collections.abc import Sequence

import click

from nngrad.cli.group import SETTINGS, commands
from nngrad.cli.messages import EXPECTED, INTERRUPTED, WRONG_USAGE, complain, exit_code, say

__all__ = ["attempt", "run"]

WINDOWS = os.name == "nt"


def run(arguments: Sequence[str]) -> int:
    """Run one command in this process; returns its exit code, after one line on standard error if it failed."""
    try:
        return attempt(arguments)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED


def attempt(arguments: Sequence[str]) -> int:
    """As run(), but an interrupt is the caller's business."""
    gc.set_threshold(
        100_000
    )  # what is imported stays: looking for garbage in it again and again is a tenth of a small job
    debug = "--debug" in arguments  # looked up here, so that wrong arguments show their traceback too
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
        return code
    except Exception as error:
        _silence_stdout()
        if _reader_has_gone(error):
            return 0
        if debug or not isinstance(error, EXPECTED):
            _show_traceback()
        complain(error)
        return exit_code(error)


def _invoke(arguments: list[str]) -> int:
    instruction = os.environ.get("_NNGRAD_COMPLETE")
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(commands, {}, "nngrad", "_NNGRAD_COMPLETE", instruction)
    if not arguments:
        click.echo(commands.get_help(click.Context(commands, info_name="nngrad", **SETTINGS)), err=True)
        return WRONG_USAGE
    try:
        with commands.make_context("nngrad", arguments) as context:
            return commands.invoke(context) or 0
    except click.exceptions.Exit as done:
        return done.exit_code


def _reader_has_gone(error: Exception) -> bool:
    """Whether this is a closed pipe, which Windows calls an invalid argument."""
    return isinstance(error, BrokenPipeError) or (
        WINDOWS and isinstance(error, OSError) and error.errno == errno.EINVAL and error.filename is None
    )


def _silence_stdout() -> None:
    """What is buffered and can't be written must not raise once more when the interpreter flushes at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):  # a stream without a number, in the tests
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_traceback() -> None:
    import traceback

    with contextlib.suppress(OSError):
        traceback.print_exc()
