"""Every kind of failure ends in its exit code and one line `nngrad: ...` on standard error."""

import errno
import os
import subprocess
import sys

import click
import pytest

from nngrad.cli import run
from nngrad.cli.messages import EXIT_CODES, INTERRUPTED, exit_code, message
from nngrad.errors import DataError, ModelError, NngradError, UsageError

FAILURES = [
    (click.UsageError("No such option: --foo."), 2, "nngrad: no such option: --foo; see nngrad --help"),
    (
        UsageError("net.mat: no output 'y7'; outputs are y1, y2"),
        2,
        "nngrad: net.mat: no output 'y7'; outputs are y1, y2",
    ),
    (ModelError("net.mat: layer 'lstm' is not supported"), 3, "nngrad: net.mat: layer 'lstm' is not supported"),
    (DataError("x.csv: line 3:\nnot a number"), 4, "nngrad: x.csv: line 3: not a number"),
    (OSError(errno.ENOSPC, "No space left on device", "y.csv"), 4, "nngrad: y.csv: no space left on device; "),
    (OSError(errno.EACCES, "Permission denied"), 4, "nngrad: output: permission denied; "),
    (MemoryError(), 4, "nngrad: not enough memory; "),
    (ZeroDivisionError("division by zero"), 70, "nngrad: ZeroDivisionError: division by zero; this is a bug"),
]


@pytest.fixture
def failing(monkeypatch):
    """A way to make whatever command is asked for fail with a given error."""

    def fail_with(error):
        def raise_it(arguments):
            raise error

        monkeypatch.setattr("nngrad.cli._invoke", raise_it)

    return fail_with


@pytest.mark.parametrize(("error", "code", "beginning"), FAILURES, ids=lambda value: type(value).__name__)
def test_an_error_becomes_one_line_and_an_exit_code(failing, capsys, error, code, beginning):
    failing(error)
    assert run(["info", "net.mat"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[-1].startswith(beginning)
    assert len(lines) == 1 or code == 70


@pytest.mark.parametrize("error", [e for e, *_ in FAILURES], ids=lambda e: type(e).__name__)
def test_debug_shows_the_traceback_and_changes_nothing_else(failing, capsys, error):
    failing(error)
    assert run(["info", "net.mat", "--debug"]) == exit_code(error)
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1] == message(error)


def test_every_error_class_of_the_library_has_an_exit_code():
    classes = NngradError.__subclasses__()
    assert {ModelError, DataError, UsageError} <= set(classes)
    assert all(any(issubclass(c, kind) for kind, _ in EXIT_CODES) for c in classes)


def test_an_interrupt_is_not_an_error(failing, capsys):
    failing(KeyboardInterrupt())
    assert run(["info", "net.mat"]) == INTERRUPTED
    assert capsys.readouterr().err == "nngrad: interrupted\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["jacobain", "net.mat"], ["no command or file named 'jacobain'", "did you mean 'jacobian'?"]),
        (["--verson"], ["no such option", "--version"]),
        (["info"], ["missing argument 'MODEL'"]),
        (["predict", "net.mat", "--digits", "many"], ["--digits", "many"]),
        (["jacobian", "net.mat", "--of"], ["--of"]),
    ],
    ids=lambda value: " ".join(value) if value[0] in ("--verson", "info") else None,
)
def test_wrong_usage_is_exit_2_with_one_line(capsys, arguments, words):
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("nngrad: ")
    assert err.rstrip().endswith("--help")
    assert all(word in err for word in words)


def test_nothing_asked_is_exit_2_with_the_help_on_standard_error(capsys):
    assert run([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Usage: nngrad" in err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion_script(shell):
    environment = {**os.environ, "_NNGRAD_COMPLETE": f"{shell}_source"}
    done = subprocess.run(
        [sys.executable, "-m", "nngrad"], env=environment, capture_output=True, text=True, check=False
    )
    if shell == "bash" and "bash" in done.stderr.lower():
        pytest.skip("no bash here")
    assert done.returncode == 0
    assert "_NNGRAD_COMPLETE" in done.stdout


@pytest.mark.parametrize("words", ["jacobian ", "jacobian net.mat -i ", "convert net.mat ", "verify net.mat --expect "])
def test_names_of_files_are_completed(words):
    environment = {
        **os.environ,
        "_NNGRAD_COMPLETE": "bash_complete",
        "COMP_WORDS": f"nngrad {words}x",
        "COMP_CWORD": str(len(words.split()) + 1),
    }
    done = subprocess.run([sys.executable, "-m", "nngrad"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "file,x\n"


def test_commands_are_completed():
    environment = {**os.environ, "_NNGRAD_COMPLETE": "bash_complete", "COMP_WORDS": "nngrad ja", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-m", "nngrad"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split(",")[1].strip() == "jacobian"
