"""A program that compares the functions with numbers of nngrad; exit code 1 where they differ."""

from __future__ import annotations

import numpy as np

from nngrad.emitters.c.statements import Page, constant, limits, style
from nngrad.emitters.program import Constant
from nngrad.emitters.selftest import TOLERANCES, Points
from nngrad.emitters.text import filled

TOLERANCE = {False: TOLERANCES, True: (1e-4, 1e-3, 1e-2)}  # by single precision
COMPARE = """
static int differs(int n, const REAL *a, const REAL *b, double limit)
{
    int k;
    for (k = 0; k < n; ++k) {
        if ((a[k] != a[k]) != (b[k] != b[k]) || fabs((double)a[k] - (double)b[k]) > limit) { return 1; }
    }
    return 0;
}
"""


def write(found: Points, name: str, single: bool, header: str) -> dict[str, str]:
    """test_NAME.c, which includes the header."""
    real = "float" if single else "double"
    page = Page(real, style(single))
    N, m, n = found.J.shape
    data = [line for k, v in found.items().items() for line in constant(Constant(f"right_{k}", v.ravel()), page)]
    text = [
        f"/* Compares {name} with numbers of nngrad at {N} points; exit code 1 where they differ. */",
        "#include <math.h>",
    ]
    text += ["#include <stdio.h>", f'#include "{header}"', *limits("\n".join(data)), "", *data]
    text += filled(COMPARE, {"REAL": real}).split("\n")
    sizes = {"y": m, "J": m * n, "H": m * n * n}
    arrays = {letter: values for letter, values in found.items().items() if letter != "x"}
    declared = ", ".join(f"{letter}[{sizes[letter]}]" for letter in arrays)
    text += [
        "int main(void)",
        "{",
        f"    static {real} {declared};",
        "    int s, wrong = 0;",
        f"    for (s = 0; s < {N}; ++s) {{",
    ]
    text += [f"        {name}(right_x + s*{n}, y, J);", *(_differs(k, arrays[k], sizes[k], single) for k in "yJ")]
    if "H" in arrays:
        text += [
            f"        {name}_hessian(right_x + s*{n}, y, J, H);",
            *(_differs(k, arrays[k], sizes[k], single) for k in "yJH"),
        ]
    text += ["    }", f'    if (wrong) {{ printf("{name}: differs from the model\\n"); return 1; }}']
    text += [f'    printf("{name}: {N} points agree\\n");', "    return 0;", "}"]
    return {f"test_{name}.c": "\n".join(text) + "\n"}


def _differs(letter: str, values: np.ndarray, size: int, single: bool) -> str:
    scale = float(max(np.abs(values[np.isfinite(values)]).max(initial=0.0), 1e-300))
    return f"        wrong += differs({size}, {letter}, right_{letter} + s*{size}, {TOLERANCE[single]['yJH'.index(letter)] * scale!r});"
