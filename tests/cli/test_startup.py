"""Help and version answer at once: no numerical library is imported for them."""

import json
import subprocess
import sys
import time
from importlib.metadata import version

import pytest

from nngrad.cli.group import COMMANDS

HEAVY = ("numpy", "scipy", "h5py", "polars", "threadpoolctl")

IMPORTED = """
import json, sys
from nngrad.cli import run
sys.stdout = open("/dev/null", "w")
code = run(sys.argv[1:])
sys.stderr.write(json.dumps([code, [m for m in sys.modules if "." not in m]]))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([c, "--help"] for c in COMMANDS)], ids=" ".join)
def test_no_numerical_library_is_imported_for(arguments):
    done = subprocess.run([sys.executable, "-c", IMPORTED, *arguments], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr)
    assert code == 0
    assert not set(HEAVY) & set(modules)


def test_the_list_of_imports_would_show_numpy():
    done = subprocess.run(
        [sys.executable, "-c", "import numpy;" + IMPORTED, "--help"], capture_output=True, text=True, check=True
    )
    assert "numpy" in json.loads(done.stderr)[1]


def test_help_takes_less_than_twice_the_time_of_click_alone():
    assert best_of(5, ["-m", "nngrad", "--help"]) < 2 * best_of(5, ["-c", "import click"]) + 0.05


def best_of(times, arguments):
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def test_version_names_every_library():
    done = subprocess.run([sys.executable, "-m", "nngrad", "--version"], capture_output=True, text=True, check=True)
    for name in ("nngrad", "numpy", "scipy", "h5py", "polars"):
        assert f"{name} {version(name)}" in done.stdout
    assert done.stderr == ""
