"""The command line. Its one rule: errors become messages and exit codes here and nowhere else.

Data goes to standard output, everything else to standard error. Commands return None, or their exit code if it isn't 0.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from nngrad.cli.group import SETTINGS, commands
from nngrad.cli.messages import EXPECTED, INTERRUPTED, TERMINATED, WRONG_USAGE, exit_code, message


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The program: run with these arguments and exit."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115  (None where the caller has closed it)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    gc.set_threshold(100_000)  # what is imported stays: looking for garbage in it again and again is a tenth of a small job
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # an exception, so that unfinished files are removed on the way out
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code, after one line on standard error if it failed."""
    debug = "--debug" in arguments  # looked up here, so that wrong arguments show their traceback too
    try:
        code = _invoke(list(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _silence_stdout()
        return 0
    except KeyboardInterrupt:
        print("nngrad: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug or not isinstance(error, EXPECTED):
            import traceback

            traceback.print_exc()
        print(message(error), file=sys.stderr)
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


def _silence_stdout() -> None:
    """The reader has gone: what is still buffered must not raise once more when the interpreter flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
