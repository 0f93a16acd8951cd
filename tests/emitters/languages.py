"""Emitted source code, run in its own language: many networks in one process. Languages that are
not installed are skipped.
"""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from nngrad.core.network import Network
from nngrad.emitters import emit
from nngrad.emitters.registry import Target

ALL_WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]
WARNINGS = ["-std=c99", *ALL_WARNINGS]
OCTAVE = shutil.which("octave-cli") or shutil.which("octave")
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]

octave_only = pytest.mark.skipif(OCTAVE is None, reason="Octave is not installed")
compiler_only = pytest.mark.skipif(not COMPILERS, reason="no C compiler is installed")


class Results(NamedTuple):
    y: np.ndarray
    J: np.ndarray
    H: np.ndarray | None


Cases = list[tuple[Network, np.ndarray]]  # networks with the rows at which they are evaluated


def python(cases: Cases, folder: Path, hessian: bool = True) -> list[Results]:
    found = []
    for k, (net, x) in enumerate(cases):
        write(net, "python", f"case{k}", folder)
        module = load(folder / f"case{k}.py")
        y, J = module.value_and_jacobian(x)
        np.testing.assert_array_equal(module.f(x), y)
        np.testing.assert_array_equal(module.jacobian(x), J)
        found.append(Results(y, J, module.hessian(x) if hessian else None))
    return found


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def c(cases: Cases, folder: Path, hessian: bool = True, single: bool = False, compiler: str = "") -> list[Results]:
    found = []
    for k, (net, x) in enumerate(cases):
        write(net, "c", f"case{k}", folder, single=single)
        library = folder / f"case{k}_{compiler or COMPILERS[0]}.so"
        done = subprocess.run(
            [
                compiler or COMPILERS[0],
                *WARNINGS,
                "-O2",
                "-shared",
                "-fPIC",
                "-o",
                library,
                folder / f"case{k}.c",
                "-lm",
            ],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        found.append(
            _called(ctypes.CDLL(str(library)), f"case{k}", net, x, np.float32 if single else np.float64, hessian)
        )
    return found


def _called(library: ctypes.CDLL, name: str, net: Network, x: np.ndarray, dtype: Any, hessian: bool) -> Results:
    N, n, m = len(x), net.input_size, net.output_size
    x = np.ascontiguousarray(x, dtype)
    y, J, H, alone, again, J2 = (
        np.full(shape, 7.0, dtype) for shape in ((N, m), (N, m, n), (N, m, n, n), (N, m), (N, m), (N, m, n))
    )
    function, second = getattr(library, name), getattr(library, f"{name}_hessian")
    for s in range(N):
        function(_at(x[s]), _at(y[s]), _at(J[s]))
        function(_at(x[s]), _at(alone[s]), None)
        if hessian:
            second(_at(x[s]), _at(again[s]), _at(J2[s]), _at(H[s]))
    np.testing.assert_array_equal(alone, y)
    if hessian:
        np.testing.assert_array_equal(again, y)
        np.testing.assert_array_equal(J2, J)
    return Results(*(a.astype(float) for a in (y, J)), H.astype(float) if hessian else None)


def _at(a: np.ndarray) -> ctypes.c_void_p:
    return a.ctypes.data_as(ctypes.c_void_p)


def matlab(cases: Cases, folder: Path, hessian: bool = True) -> list[Results]:
    script = []
    for k, (net, x) in enumerate(cases):
        write(net, "matlab", f"case{k}", folder)
        x.astype("<f8").tofile(folder / f"x{k}.bin")
        wanted = "[y, J, H]" if hessian else "H = []; [y, J]"
        script += [
            f"f = fopen('x{k}.bin'); x = fread(f, [{net.input_size} {len(x)}], 'double'); fclose(f);",
            f"{wanted} = case{k}(x);",
            f"one = case{k}(x(:, end)); if any(abs(one - y(:, end)) > 1e-13*max(abs(y(:)))) error('case{k}: one is not the last'); end",
            f"f = fopen('r{k}.bin', 'w'); fwrite(f, [y(:); J(:); H(:)], 'double'); fclose(f);",
        ]
    octave(script, folder)
    found = []
    for k, (net, x) in enumerate(cases):
        N, n, m = len(x), net.input_size, net.output_size
        y, J, H = np.split(np.fromfile(folder / f"r{k}.bin"), [N * m, N * m * (n + 1)])
        found.append(
            Results(y.reshape(N, m), J.reshape(N, n, m).swapaxes(1, 2), H.reshape(N, m, n, n) if hessian else None)
        )
    return found


def octave(lines: list[str], folder: Path) -> str:
    """What a script prints; it must not fail."""
    (folder / "script_to_run.m").write_text("\n".join([*lines, "disp('the end');"]))
    done = subprocess.run(
        [str(OCTAVE), "--no-gui", "-qf", "script_to_run.m"], cwd=folder, capture_output=True, text=True
    )
    assert done.stdout.endswith("the end\n"), done.stderr
    return done.stdout.removesuffix("the end\n")


def write(net: Network, target: str, name: str, folder: Path, **how: Any) -> None:
    for file, contents in emit(net, target, name, **how).items():
        (folder / file).write_bytes(contents)


def texts(net: Network, target: str, name: str | None = None, **how: Any) -> dict[str, str]:
    """What emit() gives, as text."""
    return {file: contents.decode("ascii") for file, contents in emit(net, target, name, **how).items()}


def everything(target: Target) -> dict[str, Any]:
    """Every option that a target has."""
    values = {"flag": lambda option: True, "choices": lambda option: option.choices, "outputs": lambda option: (0,)}
    return {option.name: values[option.kind](option) for option in target.options}


def worst(found: Results, net: Network, x: np.ndarray) -> tuple[float, float, float]:
    """How far y, J and H are from nngrad's own, relative to the largest number of each."""
    y, J = net.value_and_jacobian(x)
    H = net.hessian(x) if found.H is not None else None
    return off(found.y, y), off(found.J, J), 0.0 if H is None or found.H is None else off(found.H, H)


def off(found: np.ndarray, expected: np.ndarray) -> float:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    known = np.isfinite(expected)
    np.testing.assert_array_equal(found[~known], expected[~known])
    scale = np.abs(expected[known]).max(initial=0.0)
    return float(np.abs(found[known] - expected[known]).max(initial=0.0) / (scale or 1.0))


LANGUAGES: dict[str, Callable[..., list[Results]]] = {"python": python, "c": c, "matlab": matlab}
EVERY = [
    "python",
    pytest.param("c", marks=compiler_only),
    pytest.param("matlab", marks=octave_only),
]
