"""A script that compares the module with numbers of nngrad; exit code 1 where they differ."""

from __future__ import annotations

from nngrad.emitters.python.module import array
from nngrad.emitters.selftest import TOLERANCES, Points


def write(found: Points, name: str) -> dict[str, str]:
    """test_NAME.py."""
    N = len(found.x)
    lines = [
        f'"""Compares {name}.py with numbers of nngrad at {N} points; exit code 1 where they differ."""',
        "",
        "import numpy as np",
    ]
    lines += [f"import {name} as module", ""]
    for letter, values in found.items().items():
        lines += [*array(letter, values.ravel()), f"{letter} = {letter}.reshape({', '.join(map(str, values.shape))})"]
    for function, letter, tolerance in zip(
        ("f", "jacobian", "hessian"), "yJH"[: len(found.items()) - 1], TOLERANCES, strict=False
    ):
        lines += [
            f"scale = max(np.abs({letter}[np.isfinite({letter})]).max(initial=0.0), np.finfo(float).tiny)",
            f"if not np.allclose(module.{function}(x), {letter}, rtol=0, atol={tolerance} * scale, equal_nan=True):",
            f'    raise SystemExit("{name}: {function} differs from the model")',
        ]
    return {f"test_{name}.py": "\n".join([*lines, f'print("{name}: {N} points agree")']) + "\n"}
