"""A script that compares the function with numbers of nngrad; an error where they differ."""

from __future__ import annotations

from nngrad.emitters.matlab.function import matrix
from nngrad.emitters.selftest import TOLERANCES, Points


def write(found: Points, name: str) -> dict[str, str]:
    """test_NAME.m."""
    N, m, n = found.J.shape
    lines = [f"% Compares {name}.m with numbers of nngrad at {N} points; an error where they differ.", ""]
    arrays = found.items() | {"J": found.J.transpose(0, 2, 1)}
    shapes = {"x": [n, N], "y": [m, N], "J": [m, n, N], "H": [n, n, m, N]}
    for letter, values in arrays.items():
        lines += [*matrix(f"{letter}0", values.ravel()), f"{letter}0 = reshape({letter}0, {shapes[letter]});"]
    results = [f"{letter}1" for letter in arrays if letter != "x"]
    lines += ["", f"[{', '.join(results)}] = {name}(x0);"]
    for letter, tolerance in zip("yJH"[: len(results)], TOLERANCES, strict=False):
        lines += [
            f"known = {letter}0(isfinite({letter}0));",
            "scale = max([realmin; abs(known(:))]);",
            f"if ~isequal(isnan({letter}0), isnan({letter}1)) || any(abs({letter}1(:) - {letter}0(:)) > {tolerance}*scale)",
            f"    error('{name}: {letter} differs from the model');",
            "end",
        ]
    return {f"test_{name}.m": "\n".join([*lines, f"disp('{name}: {N} points agree');"]) + "\n"}
