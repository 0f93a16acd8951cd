"""The helper functions at the end of a generated file, which people edit: do they compute what their names say?

A helper is never trusted for its name while its body stands in the file. The body is followed on a few numbers
(probes.py) by the calculator and must give the documented function of that name; how it is written (bsxfun or not,
loops, inner functions) doesn't matter.
"""

from __future__ import annotations

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.genfunction.calculator import Calculator
from nngrad.loaders.genfunction.functions import StuckError, Value, array
from nngrad.loaders.matlab_code import tree as m

TOLERANCE = 1e-9


def check(source: m.SourceFile, name: str, args: list[Value], expected: np.ndarray, only_finite: bool = False) -> None:
    """ModelError unless the file's function gives `expected` (MATLAB shape); `only_finite`
    overlooks its NaN and inf.
    """
    functions = {f.name: f for f in source.functions[1:]}
    calculator = Calculator(functions)
    try:
        with np.errstate(all="ignore"):
            found = array(calculator.call(name, args)[0]).astype(float)
    except (StuckError, ValueError, IndexError, TypeError, OverflowError, RecursionError, MemoryError) as e:
        why = str(e) if isinstance(e, StuckError) else "shapes that do not fit"
        raise ModelError(
            f"{source.at(calculator.line)}: the helper function {name} can't be followed ({why}); supported are the functions "
            "as genFunction writes them: write it anew, or save the network itself as .mat"
        ) from None
    good = found.shape == expected.shape
    if good:
        sure = np.isfinite(found) if only_finite else np.ones(found.shape, bool)
        scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
        good = np.allclose(
            found[sure], expected[sure], rtol=TOLERANCE, atol=TOLERANCE * 1e-3 * scale, equal_nan=True
        ) and bool(sure.any() or not found.size)
    if not good:
        raise ModelError(
            f"{source.at(functions[name].line)}: the helper function {name} does not compute {name.rsplit('_', 1)[0]}: it was changed by "
            "hand; supported are the functions as genFunction writes them"
        )
