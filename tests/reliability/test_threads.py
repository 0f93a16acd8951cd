"""What threads import. A compiled module that is first imported in a thread takes the dynamic loader's lock there, and
whoever lists the loaded libraries meanwhile (as the search for BLAS does) may wait for it for ever, so that not even
SIGTERM ends the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nngrad
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.tables import READERS, WRITERS

from .conftest import MODEL, ROOT, some_rows
from .test_shapes import save

READ, WRITTEN = [f.suffixes[0] for f in READERS], [f.suffixes[0] for f in WRITERS]
PROGRAM = """
import json, sys, threading
from nngrad.cli import run

imported = set()

def heard(event, arguments):
    if event == "import" and threading.current_thread() is not threading.main_thread():
        imported.add(arguments[0])

sys.addaudithook(heard)
code = run(sys.argv[1:])
files = {name: getattr(sys.modules.get(name), "__file__", None) or "" for name in imported}
compiled = [name for name, file in files.items() if file.endswith((".so", ".pyd", ".dylib"))]
print(json.dumps([code, len(imported), sorted(compiled)]))
"""


def compiled_in_threads(*arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    code, _, compiled = json.loads(done.stdout)
    assert code == 0, done.stderr
    return compiled


@pytest.mark.parametrize("written", WRITTEN)
def test_no_format_brings_a_compiled_module_into_a_thread_that_writes(tmp_path: Path, written: str) -> None:
    source = save(tmp_path / "x.npy", some_rows(20_000))  # several blocks; npy needs no library
    assert compiled_in_threads("jacobian", MODEL, "-q", "-i", source, "-o", tmp_path / f"J{written}") == []


@pytest.mark.parametrize("read", READ)
def test_no_format_brings_a_compiled_module_into_a_thread_that_reads(tmp_path: Path, read: str) -> None:
    source = save(tmp_path / f"x{read}", some_rows(20_000))
    assert compiled_in_threads("jacobian", MODEL, "-q", "-i", source, "-o", tmp_path / "J.npy") == []


def test_a_network_of_gelu_imports_scipy_where_it_is_made(tmp_path: Path) -> None:
    """Its erfc is the only function that NumPy lacks."""
    net = nngrad.Network.chain([Affine(np.ones((2, 3)), np.zeros(2)), Elementwise(BY_NAME["gelu"])])
    nngrad.save(net, tmp_path / "gelu.mat")
    source = save(tmp_path / "x.npy", some_rows(20_000))
    assert (
        compiled_in_threads(
            "hessian", tmp_path / "gelu.mat", "--of", "all", "-q", "-i", source, "-o", tmp_path / "H.npy"
        )
        == []
    )
