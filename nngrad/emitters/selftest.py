"""Self-tests in the target language: points inside the training range, with the values that nngrad gives there. The one rule: a
difference ends the test with an exit code that isn't 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nngrad.core.network import Network
from nngrad.emitters import c, matlab, python
from nngrad.emitters.program import Constant
from nngrad.emitters.text import filled

if TYPE_CHECKING:
    from nngrad.emitters import Extras

ENDS = ((-1.0, lambda port: port.lower), (1.0, lambda port: port.upper))
MOST = 200_000  # numbers of a kind that are written; fewer points beyond
TOLERANCES = {False: (1e-12, 1e-10, 1e-10), True: (1e-4, 1e-3, 1e-2)}  # of y, J, H, relative to the largest number; by single precision


class Points(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    J: np.ndarray
    H: np.ndarray | None  # None where it is too large to be written

    def items(self) -> dict[str, np.ndarray]:
        return {letter: values for letter, values in self._asdict().items() if values is not None}


def points(net: Network, count: int) -> np.ndarray:
    """Points (count, n) spread evenly over the training range (-1 to 1 where the file has none), the same ones every time."""
    lower, upper = (np.concatenate([np.full(p.size, side) if bound(p) is None else bound(p) for p in net.inputs]) for side, bound in ENDS)
    known = np.isfinite(lower) & np.isfinite(upper)
    lower, upper = np.where(known, lower, -1.0), np.where(known, upper, 1.0)
    k, j = np.arange(1.0, count + 1.0)[:, None], np.arange(1.0, net.input_size + 1.0)
    part = np.mod(k * j * np.sqrt(2.0), 1.0)
    return (1.0 - part) * lower + part * upper


def expected(net: Network, count: int) -> Points:
    n, m = net.input_size, net.output_size
    second = m * n * n <= MOST
    x = points(net, max(1, min(count, MOST // (m * n * (n if second else 1)))))
    return Points(x, *net.value_and_jacobian(x), net.hessian(x) if second else None)


def emit(net: Network, target: str, name: str, extras: Extras, header: str = "") -> dict[str, str]:
    """test_NAME in the target language; `header` is the one that C includes."""
    found = expected(net, extras.tests)
    if target == "c":
        return _c(found, name, extras.single, header)
    return {"matlab": _matlab, "python": _python}[target](found, name)


def _matlab(found: Points, name: str) -> dict[str, str]:
    N, m, n = found.J.shape
    lines = [f"% Compares {name}.m with numbers of nngrad at {N} points; an error where they differ.", ""]
    arrays = found.items() | {"J": found.J.transpose(0, 2, 1)}
    shapes = {"x": [n, N], "y": [m, N], "J": [m, n, N], "H": [n, n, m, N]}
    for letter, values in arrays.items():
        lines += [*matlab.matrix(f"{letter}0", values.ravel()), f"{letter}0 = reshape({letter}0, {shapes[letter]});"]
    results = [f"{letter}1" for letter in arrays if letter != "x"]
    lines += ["", f"[{', '.join(results)}] = {name}(x0);"]
    for letter, tolerance in zip("yJH"[: len(results)], TOLERANCES[False], strict=False):
        lines += [
            f"known = {letter}0(isfinite({letter}0));",
            "scale = max([realmin; abs(known(:))]);",
            f"if ~isequal(isnan({letter}0), isnan({letter}1)) || any(abs({letter}1(:) - {letter}0(:)) > {tolerance}*scale)",
            f"    error('{name}: {letter} differs from the model');",
            "end",
        ]
    return {f"test_{name}.m": "\n".join([*lines, f"disp('{name}: {N} points agree');"]) + "\n"}


def _python(found: Points, name: str) -> dict[str, str]:
    N = len(found.x)
    lines = [f'"""Compares {name}.py with numbers of nngrad at {N} points; exit code 1 where they differ."""', "", "import numpy as np"]
    lines += [f"import {name} as module", ""]
    for letter, values in found.items().items():
        lines += [*python.array(letter, values.ravel()), f"{letter} = {letter}.reshape({', '.join(map(str, values.shape))})"]
    for function, letter, tolerance in zip(("f", "jacobian", "hessian"), "yJH"[: len(found.items()) - 1], TOLERANCES[False], strict=False):
        lines += [
            f"scale = max(np.abs({letter}[np.isfinite({letter})]).max(initial=0.0), np.finfo(float).tiny)",
            f"if not np.allclose(module.{function}(x), {letter}, rtol=0, atol={tolerance} * scale, equal_nan=True):",
            f'    raise SystemExit("{name}: {function} differs from the model")',
        ]
    return {f"test_{name}.py": "\n".join([*lines, f'print("{name}: {N} points agree")']) + "\n"}


def _c(found: Points, name: str, single: bool, header: str) -> dict[str, str]:
    real = "float" if single else "double"
    page = c.Page(real, c.style(single))
    N, m, n = found.J.shape
    data = [line for k, v in found.items().items() for line in c.constant(Constant(f"right_{k}", v.ravel()), page)]
    text = [f"/* Compares {name} with numbers of nngrad at {N} points; exit code 1 where they differ. */", "#include <math.h>"]
    text += ["#include <stdio.h>", f'#include "{header}"', *c.limits("\n".join(data)), "", *data]
    text += filled(C_COMPARE, {"REAL": real}).split("\n")
    sizes = {"y": m, "J": m * n, "H": m * n * n}
    arrays = {letter: values for letter, values in found.items().items() if letter != "x"}
    declared = ", ".join(f"{letter}[{sizes[letter]}]" for letter in arrays)
    text += ["int main(void)", "{", f"    static {real} {declared};", "    int s, wrong = 0;", f"    for (s = 0; s < {N}; ++s) {{"]
    text += [f"        {name}(right_x + s*{n}, y, J);", *(_differs(k, arrays[k], sizes[k], single) for k in "yJ")]
    if "H" in arrays:
        text += [f"        {name}_hessian(right_x + s*{n}, y, J, H);", *(_differs(k, arrays[k], sizes[k], single) for k in "yJH")]
    text += ["    }", f'    if (wrong) {{ printf("{name}: differs from the model\\n"); return 1; }}']
    text += [f'    printf("{name}: {N} points agree\\n");', "    return 0;", "}"]
    return {f"test_{name}.c": "\n".join(text) + "\n"}


def _differs(letter: str, values: np.ndarray, size: int, single: bool) -> str:
    scale = float(max(np.abs(values[np.isfinite(values)]).max(initial=0.0), 1e-300))
    return f"        wrong += differs({size}, {letter}, right_{letter} + s*{size}, {TOLERANCES[single]['yJH'.index(letter)] * scale!r});"


C_COMPARE = """
static int differs(int n, const REAL *a, const REAL *b, double limit)
{
    int k;
    for (k = 0; k < n; ++k) {
        if ((a[k] != a[k]) != (b[k] != b[k]) || fabs((double)a[k] - (double)b[k]) > limit) { return 1; }
    }
    return 0;
}
"""
