"""Self-tests in the target language: points inside the training range, with the values that nngrad gives there. The one rule: a
difference ends the test with an exit code that isn't 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nngrad.emit import c, matlab, python
from nngrad.emit.program import Constant, Program
from nngrad.network import Network

if TYPE_CHECKING:
    from nngrad.emit import Extras

MOST = 200_000  # numbers of a kind that are written; fewer points beyond
TOLERANCES = {False: (1e-12, 1e-10, 1e-10), True: (1e-4, 1e-3, 1e-2)}  # of y, J, H, relative to the largest number; by single precision


class Points(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    J: np.ndarray
    H: np.ndarray


def points(net: Network, count: int) -> np.ndarray:
    """Points (count, n) spread evenly over the training range (-1 to 1 where the file has none), the same ones every time."""
    lower = np.concatenate([np.full(p.size, -1.0) if p.lower is None else p.lower for p in net.inputs])
    upper = np.concatenate([np.full(p.size, 1.0) if p.upper is None else p.upper for p in net.inputs])
    steps = np.sqrt(2.0 + np.arange(net.input_size) + np.arange(net.input_size) ** 2)  # irrational, and far enough from each other
    spread = np.mod((1.0 + np.arange(count))[:, None] * steps, 1.0)
    return lower + (upper - lower) * np.nan_to_num(spread)


def expected(net: Network, count: int) -> Points:
    n, m = net.input_size, net.output_size
    x = points(net, max(1, min(count, MOST // (m * n * n))))
    return Points(x, *net.value_and_jacobian(x), net.hessian(x))


def emit(net: Network, program: Program, target: str, name: str, extras: Extras) -> dict[str, str]:
    """test_NAME in the target language."""
    found = expected(net, extras.tests)
    return WRITERS[target](found, name, extras.single)


def _matlab(found: Points, name: str, single: bool) -> dict[str, str]:
    N, m, n = found.J.shape
    lines = [f"% Compares {name}.m with numbers of nngrad at {N} points; an error where they differ.", ""]
    arrays = {"x": found.x, "y": found.y, "J": found.J.transpose(0, 2, 1), "H": found.H}
    shapes = {"x": [n, N], "y": [m, N], "J": [m, n, N], "H": [n, n, m, N]}
    for letter, values in arrays.items():
        lines += [*matlab.matrix(f"{letter}0", values.ravel()), f"{letter}0 = reshape({letter}0, {shapes[letter]});"]
    lines += ["", f"[y1, J1, H1] = {name}(x0);"]
    for letter, tolerance in zip("yJH", TOLERANCES[False], strict=True):
        lines += [
            f"known = {letter}0(isfinite({letter}0));",
            "scale = max([realmin; abs(known(:))]);",
            f"if ~isequal(isnan({letter}0), isnan({letter}1)) || any(abs({letter}1(:) - {letter}0(:)) > {tolerance}*scale)",
            f"    error('{name}: {letter} differs from the model');",
            "end",
        ]
    return {f"test_{name}.m": "\n".join([*lines, f"disp('{name}: {N} points agree');"]) + "\n"}


def _python(found: Points, name: str, single: bool) -> dict[str, str]:
    N = len(found.x)
    lines = [f'"""Compares {name}.py with numbers of nngrad at {N} points; exit code 1 where they differ."""', "", "import numpy as np"]
    lines += [f"import {name} as module", ""]
    for letter, values in found._asdict().items():
        lines += [*python.array(letter, values.ravel()), f"{letter} = {letter}.reshape({', '.join(map(str, values.shape))})"]
    for function, letter, tolerance in zip(("f", "jacobian", "hessian"), "yJH", TOLERANCES[False], strict=True):
        lines += [
            f"scale = max(np.abs({letter}[np.isfinite({letter})]).max(initial=0.0), np.finfo(float).tiny)",
            f"if not np.allclose(module.{function}(x), {letter}, rtol=0, atol={tolerance} * scale, equal_nan=True):",
            f'    raise SystemExit("{name}: {function} differs from the model")',
        ]
    return {f"test_{name}.py": "\n".join([*lines, f'print("{name}: {N} points agree")']) + "\n"}


def _c(found: Points, name: str, single: bool) -> dict[str, str]:
    real = "float" if single else "double"
    page = c.Page(real, c.style(single))
    N, m, n = found.J.shape
    text = [f"/* Compares {name}.c with numbers of nngrad at {N} points; exit code 1 where they differ. */", "#include <math.h>"]
    text += ["#include <stdio.h>", f'#include "{name}.h"', ""]
    for letter, values in found._asdict().items():
        text += c.constant(Constant(f"{letter}0", values.ravel()), page)
    text += C_COMPARE.replace("REAL", real).split("\n")
    text += ["int main(void)", "{", f"    static {real} y[{m}], J[{m * n}], H[{m * n * n}];", "    int wrong = 0;"]
    text += [f"    for (int s = 0; s < {N}; ++s) {{", f"        {name}(x0 + s*{n}, y, J);"]
    sizes = {"y": m, "J": m * n, "H": m * n * n}
    limits = {
        k: f"{t!r}*{float(max(np.abs(v[np.isfinite(v)]).max(initial=0.0), 1e-300))!r}"
        for k, t, v in zip("yJH", TOLERANCES[single], found[1:], strict=True)
    }
    text += [f"        wrong += differs({sizes[k]}, {k}, {k}0 + s*{sizes[k]}, {limits[k]});" for k in "yJ"]
    text += [f"        {name}_hessian(x0 + s*{n}, y, J, H);"]
    text += [f"        wrong += differs({sizes[k]}, {k}, {k}0 + s*{sizes[k]}, {limits[k]});" for k in "yJH"]
    text += ["    }", f'    if (wrong) {{ printf("{name}: differs from the model\\n"); return 1; }}']
    text += [f'    printf("{name}: {N} points agree\\n");', "    return 0;", "}"]
    return {f"test_{name}.c": "\n".join(text) + "\n"}


C_COMPARE = """
static int differs(int n, const REAL *a, const REAL *b, double limit)
{
    for (int k = 0; k < n; ++k) {
        if ((a[k] != a[k]) != (b[k] != b[k]) || fabs((double)a[k] - (double)b[k]) > limit) { return 1; }
    }
    return 0;
}
"""
WRITERS = {"matlab": _matlab, "c": _c, "python": _python}
