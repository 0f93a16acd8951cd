"""Names of any kind on any console: escapes where it has no such characters, and never a command to the terminal."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nngrad as library
from nngrad.cli.messages import LONGEST, one_line, printable, shortened
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from nngrad.core.ports import Port

CONSOLES = [
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONUTF8": "0"},
]
ESCAPE = "y\x1b[2J\x07\u202e"


def saved(path, inputs, outputs):
    r = np.random.default_rng(0)
    hidden, output = (
        Affine(r.normal(size=(3, len(inputs))), np.zeros(3)),
        Affine(r.normal(size=(len(outputs), 3)), np.zeros(len(outputs))),
    )
    net = Network.chain((hidden, Elementwise(BY_NAME["tansig"]), output))
    ports = {"inputs": (Port("\u03a9", tuple(inputs)),), "outputs": (Port("out\x1b[31m", tuple(outputs)),)}
    library.save(dataclasses.replace(net, **ports), path)
    return path


@pytest.fixture
def greek(tmp_path, monkeypatch):
    """A folder with a model and a table of Greek names, and one name of escapes."""
    monkeypatch.chdir(tmp_path)
    saved("\u03a9.h5", ["\u03b1", "\u03b2\u2192"], ["\u03c0", ESCAPE])
    (tmp_path / "\u03b1.csv").write_text("\u03b1,\u03b2\u2192\n0.5,0.25\n0.1,0.2\n", "utf-8")
    (tmp_path / "bad.csv").write_text("\u03b1,\u03b3\n0.5,0.25\n", "utf-8")
    return tmp_path


COMMANDS = [
    (0, ["info", "\u03a9.h5"]),
    (0, ["info", "\u03a9.h5", "--json"]),
    (0, ["\u03a9.h5"]),
    (0, ["predict", "\u03a9.h5", "-i", "\u03b1.csv"]),
    (
        0,
        [
            "jacobian",
            "\u03a9.h5",
            "-i",
            "\u03b1.csv",
            "--of",
            "\u03c0",
            "--wrt",
            "\u03b1",
            "--keep",
            "\u03b1",
            "--layout",
            "long",
        ],
    ),
    (0, ["jacobian", "\u03a9.h5", "-i", "\u03b1.csv", "-o", "\u039b.npy", "--flags"]),
    (0, ["check", "\u03a9.h5"]),
    (0, ["check", "\u03a9.h5", "--json"]),
    (1, ["verify", "\u03a9.h5", "-i", "\u03b1.csv", "--expect", "\u03b1.csv"]),
    (1, ["verify", "\u03a9.h5", "-i", "\u03b1.csv", "--expect", "\u03b1.csv", "--json"]),
    (0, ["emit", "\u03a9.h5", "--to", "python"]),
    (0, ["emit", "\u03a9.h5", "--to", "c", "-o", "\u03bb/"]),
    (0, ["convert", "\u03a9.h5", "\u03c9.mat"]),
    (0, ["export-script"]),
    (0, ["jacobian", "--help"]),
    (2, ["\u03a9nothing"]),
    (2, ["predict", "\u03a9.h5", "-i", "\u03b1.csv", "--of", "\u03c8"]),
    (3, ["predict", "\u03c8.h5", "-i", "\u03b1.csv"]),
    (4, ["predict", "\u03a9.h5", "-i", "bad.csv"]),
]


@pytest.mark.parametrize("console", CONSOLES, ids=str)
def test_names_of_any_kind(greek, console):
    for code, command in COMMANDS:
        environment = {**os.environ, **console}
        done = subprocess.run(
            [sys.executable, "-m", "nngrad", *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True
        )
        assert done.returncode == code, (command, done.stderr)
        assert b"\x1b" not in done.stderr
        assert done.stderr.count(b"\n") <= 1
        table = command[0] in ("predict", "jacobian") and not code
        assert table or b"\x1b" not in done.stdout
        if "cp1252" in console.values() or "ascii" in console.values():
            assert table or done.stdout.isascii()


def test_tables_are_utf_8_on_every_console(greek):
    seen = set()
    for console in CONSOLES:
        command = [sys.executable, "-m", "nngrad", "predict", "\u03a9.h5", "-i", "\u03b1.csv"]
        seen.add(subprocess.run(command, env={**os.environ, **console}, capture_output=True, check=True).stdout)
    (text,) = seen
    assert text.decode("utf-8").startswith(f"\u03c0,{ESCAPE}\n")


def test_escapes_are_shown_as_such_and_json_is_the_name(greek, nngrad):
    assert "\u03c0" in nngrad("info", "\u03a9.h5").out
    assert r"y\x1b[2J\x07\u202e" in nngrad("info", "\u03a9.h5").out
    assert r"y\x1b[2J\x07\u202e" in nngrad("check", "\u03a9.h5").out
    assert r"y\x1b[2J\x07\u202e" in nngrad("verify", "\u03a9.h5", "-i", "\u03b1.csv", "--expect", "\u03b1.csv").out
    facts = json.loads(nngrad("info", "\u03a9.h5", "--json").out)
    assert facts["networks"][0]["outputs"][0]["columns"] == ["\u03c0", ESCAPE]


def test_a_cp1252_console_shows_backslashes(greek):
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "nngrad", "info", "\u03a9.h5"]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout.startswith(rb"\u03a9.h5: 2 inputs -> 2 outputs")
    assert rb"\u03b1" in done.stdout


@pytest.mark.parametrize("target", ["y.csv", "y.tsv", "y.ndjson", "y.parquet", "y.npy", "y.npz", "y.mat", "y.h5"])
def test_names_that_are_no_text(tmp_path, nngrad, target):
    """Bytes of a file that are no UTF-8, which h5py gives as halves of characters."""
    import h5py

    model = saved(tmp_path / "net.h5", ["a", "b"], ["y"])
    with h5py.File(model, "r+") as file:
        file["net/inputs/1/columns"][0] = b"\xff\xfe"
        file["net/outputs/1/columns"][0] = b"y\xcc"
    (tmp_path / "x.csv").write_text("0.5,0.25\n0.1,0.2\n0.3,0.4\n")
    done = nngrad("predict", model, "-i", tmp_path / "x.csv", "-o", tmp_path / target)
    assert (done.code, done.err) == (0, "")
    for again in ("again.mat", "again.h5"):
        assert nngrad("convert", model, tmp_path / again).code == 0
        assert library.load(tmp_path / again).output_names == library.load(model).output_names == ("y\\udccc",)


SOURCES = sorted(path for path in Path(library.__file__).parent.rglob("*.py") if "emitters" not in path.parts)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_nothing_else_writes_to_the_console(source):
    text = source.read_text("utf-8")
    assert source.name == "messages.py" or not re.search(r"\bprint\(", text)
    allowed = {
        "__init__.py": ["commands.get_help"],
        "output.py": [".get_help()"],
        "group.py": ["nngrad {version("],
    }.get(source.name, [])
    assert all(any(part in line for part in allowed) for line in text.splitlines() if "click.echo(" in line)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\u03b1", "\u03b1"),
        ("\udcff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("a\tb", r"a\tb"),
        ("\u202e", r"\u202e"),
    ],
)
def test_what_is_printable(text, shown):
    assert printable(text) == shown


def test_long_messages_keep_both_ends():
    text = f"{'/a' * 200}: no column {'b' * 5000}; {'much more, ' * 500} say --columns"
    line = one_line(text)
    assert len(line) <= LONGEST
    assert line.startswith("nngrad: /a/a")
    assert line.endswith("say --columns")
    assert shortened("as it is") == "as it is"
    assert "no column b" in shortened(f"net.mat: no column {'b' * 5000}; say --columns")


LONG = [f"a_rather_long_name_for_a_column_{k}_" + "x" * (5000 if k == 2 else 40) for k in range(300)]


@pytest.mark.parametrize(
    "command",
    [
        ["predict", "net.h5", "-i", "short.csv"],
        ["predict", "net.h5", "-i", "names.csv"],
        ["predict", "net.h5", "-i", "short.csv", "--keep", LONG[2]],
        ["predict", "net.h5", "-i", "short.csv", "--of", LONG[2]],
        ["jacobian", "net.h5", "-i", "short.csv", "--wrt", ",".join(LONG)],
        ["gradient", "net.h5", "-i", "short.csv"],
        ["gradient", "net.h5", "-i", "short.csv", "--scalar", "nothing"],
        ["gradient", "net.h5", "-i", "short.csv", "--scalar", "+".join(["y1"] * 3000 + ["z"])],
        ["hessian", "net.h5", "-i", "short.csv"],
        ["jvp", "net.h5", "-i", "short.csv", "--direction", "1," * 4999 + "1"],
        ["vjp", "net.h5", "-i", "short.csv", "--weighting", "1," * 4999 + "1"],
        ["jacobian", "net.h5", "-i", "short.csv", "--scale", "range"],
        ["jacobian", "net.h5", "-i", "short.csv", "--scale", "sigma", "--sigma", "x," * 4999 + "x"],
        ["verify", "net.h5", "-i", "short.csv", "--expect", "names.csv"],
        ["check", "net.h5", "-i", "names.csv"],
        ["x" * 4000],
        ["x" * 4000 + ".mat"],
        ["info", "net.h5", "--network", "x" * 4000],
        ["info", "net.h5", "--activation", ",".join(["x"] * 2000)],
        ["predict", "net.h5", "--" + "x" * 4000],
    ],
    ids=lambda command: " ".join(command)[:60],
)
def test_messages_are_short_whatever_the_names(tmp_path, monkeypatch, nngrad, command):
    monkeypatch.chdir(tmp_path)
    saved("net.h5", LONG, [f"out_{name}" for name in LONG])
    names = [name[::-1] for name in LONG]
    Path("names.csv").write_text(",".join(names) + "\n" + ",".join(["1"] * 300) + "\n")
    Path("short.csv").write_text("a,b\n1,2\n")
    done = nngrad(*command)
    assert done.code in (2, 3, 4)
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert len(done.err) <= LONGEST + 1
