"""The README is true: its commands give the output that stands below them. `python
tests/test_readme.py` fills it in anew.
"""

import doctest
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nngrad.cli.group import COMMANDS
from nngrad.cli.messages import EXIT_CODES, INTERRUPTED, SOME_FAILED
from nngrad.core.activations import ACTIVATIONS
from nngrad.errors import DataError, ModelError, UsageError
from nngrad.loaders import DIALECTS
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.matlab.shallow import NET_INPUT, TRANSFER, WEIGHT
from nngrad.tables import READERS, WRITERS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SHELL = "    $ "
COMMAND = re.compile(
    r"^    \$ (?!make )(.+)\n((?:(?!    \$ )(?:    .*)?\n)*?)(?=\n?(?!    )\S|\n*\Z|\n    \$ )", re.MULTILINE
)
NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
MEASURED = ROOT / "build" / "speed.md"  # by make bench
GENERATED = re.compile(r"(<!-- ([a-z ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def output_of(command):
    """What a person sees at a terminal of 100 columns, in the project's folder."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "COLUMNS": "100", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


def alike(a, b):
    """Whether two texts are the same but for rounding."""
    one, other = ([line.rstrip() for line in text.rstrip("\n").splitlines()] for text in (a, b))
    words = [[re.split(NUMBER, line) for line in lines] for lines in (one, other)]
    figures = [[float(number) for line in lines for number in re.findall(NUMBER, line)] for lines in (one, other)]
    return words[0] == words[1] and all(math.isclose(p, q, rel_tol=1e-9) for p, q in zip(*figures, strict=True))


def indented(text):
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def exit_codes():
    codes = dict(EXIT_CODES)
    rows = [
        (0, "all well"),
        (1, "a check found a difference"),
        (codes[UsageError], "wrong usage"),
        (codes[ModelError], "the model can't be read, or holds something that isn't supported"),
        (codes[DataError], "the input data is wrong, or the output can't be written"),
        (SOME_FAILED, "some of several inputs failed; the others are written"),
        (INTERRUPTED, "interrupted; ended by SIGTERM it is 143, by SIGHUP 129"),
    ]
    return table(("code", "meaning"), rows)


def known():
    rows = [
        ("models", "; ".join(d.module.NAME for d in DIALECTS)),
        ("transfer functions of MATLAB's networks", names(sorted(TRANSFER))),
        ("weight and net input functions", names((*WEIGHT, *NET_INPUT))),
        ("processing steps", names(STEPS)),
        ("activations", names(a.name for a in ACTIVATIONS)),
        ("tables read", formats(READERS)),
        ("tables written", formats(WRITERS)),
    ]
    return table(("", ""), rows)


def names(every):
    return ", ".join(f"`{name}`" for name in every)


def formats(every):
    return ", ".join(f"{f.name} ({' '.join(f.suffixes)})" for f in every)


def table(head, rows):
    return "".join(f"| {a} | {b} |\n" for a, b in (head, ("---", "---"), *rows))


TABLES = {"exit codes": exit_codes, "known": known}


def filled(text):
    """The README with every output and table as it is now."""
    text = COMMAND.sub(lambda m: f"{SHELL}{m[1]}\n{indented(output_of(m[1]))}", text)
    tables = {**TABLES, "speed": MEASURED.read_text} if MEASURED.exists() else TABLES
    return GENERATED.sub(lambda m: m[1] + (tables[m[2]]() if m[2] in tables else m[3]) + m[4], text)


def commands():
    return [match[1] for match in COMMAND.finditer(README.read_text())]


@pytest.mark.parametrize("command", commands())
def test_a_command_gives_the_output_below_it(command):
    (below,) = [match[2] for match in COMMAND.finditer(README.read_text()) if match[1] == command]
    assert alike(below, indented(output_of(command))), "run make readme"


def what_to_type():
    table = re.search(r"<!-- what you have -->\n(.*?)<!-- end -->", README.read_text(), re.DOTALL)[1]
    return re.findall(r"\| `(nngrad [^`]*)` \|", table)


@pytest.mark.parametrize("command", what_to_type())
def test_what_to_type_works(command):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, shell=True, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"\n") > 3


def test_every_kind_of_file_has_a_row():
    assert len(what_to_type()) >= len(DIALECTS)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_the_one_of_the_program(name):
    (there,) = [match[3] for match in GENERATED.finditer(README.read_text()) if match[2] == name]
    assert there == TABLES[name](), "run make readme"


def test_the_python_example_runs(monkeypatch):
    monkeypatch.chdir(ROOT)
    failures, tried = doctest.testfile(str(README), module_relative=False)
    assert tried >= 5
    assert failures == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_there(command):
    assert any(f"nngrad {command} " in line for line in commands())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("1.5,2", "1.5,3"),
        ("1.5,2", "1.5;2"),
        ("0.30000000000000004", "0.3000001"),
        ("y1", "y2"),
        ("1\n2", "1"),
        ("a", "b"),
    ],
)
def test_a_wrong_output_would_be_noticed(right, wrong):
    assert alike(right, right)
    assert not alike(right, wrong)


def test_the_last_digits_may_be_those_of_another_machine():
    assert alike("dy1,0.30000000000000004", "dy1,0.3")


def test_every_command_is_looked_at():
    assert len(commands()) == sum(
        line.startswith(SHELL) and not line.startswith(SHELL + "make ") for line in README.read_text().splitlines()
    )


def test_the_way_to_test_is_the_one_that_ci_runs():
    lines = README.read_text().splitlines()
    assert f"{SHELL}make demo" in lines
    assert f"{SHELL}make test" in lines
    script = (ROOT / ".ci" / "run").read_text()
    (pattern,) = re.findall(r"sed -n '(.*)' README\.md", script)
    found = subprocess.run(["sed", "-n", pattern, README], capture_output=True, text=True, check=True).stdout
    assert found.splitlines()[:1] == ["make test"]
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
