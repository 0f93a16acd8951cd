"""Python with NumPy alone: one module, in which rows are samples as everywhere in nngrad.

Vectors of samples are (N, size); of the directions of a pass (directions, N or 1, size).
"""

from __future__ import annotations

import keyword
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nngrad.core.activations import ACTIVATIONS
from nngrad.core.formula import FUNCTIONS, names_in
from nngrad.core.network import Network
from nngrad.emitters import program as p
from nngrad.emitters.text import WIDTH, Style, facts, filled, formula, indented, is_run, reserved, shortest, wrapped

RESERVED = (
    reserved("numpy", *keyword.kwlist) | sys.stdlib_module_names
)  # a file of a module's name would be imported instead of it
ABS = '''

def _abs(x):
    """|x|; of a complex step x or -x, whose derivative is that of |x|."""
    return np.where(x < 0.0, -x, x) if np.iscomplexobj(x) else np.abs(x)
'''
EXP = '''

def _exp(x):
    """exp(x) below a fraction line: of complex x no larger than a complex division can take."""
    return np.exp(np.minimum(x.real, 709.0) + 1j * x.imag) if np.iscomplexobj(x) else np.exp(x)
'''
LOG1P = '''

def _log1p(x):
    """log(1 + x), of complex x too with all digits where it is small, which NumPy's has not."""
    if np.iscomplexobj(x):
        return 0.5 * np.log1p(x.real * (2.0 + x.real) + x.imag**2) + 1j * np.arctan2(x.imag, 1.0 + x.real)
    return np.log1p(x)
'''
FRACTION = "/(1.0 + np.exp("  # in logsig, swish and gelu_tanh
KINKED = frozenset(a.f for a in ACTIVATIONS if a.kinks or a.flat or "erfc" in names_in(a.f))  # or real in NumPy
ERFC = "\n\n_erfc = np.vectorize(math.erfc, otypes=[float])\n"


def number(value: float) -> str:
    if not np.isfinite(value):
        return "np.nan" if value != value else "np.inf" if value > 0 else "-np.inf"
    return shortest(value)


STYLE = Style(
    number,
    {n: f"np.{n}" for n in FUNCTIONS} | {"fabs": "_abs", "erfc": "_erfc", "log1p": "_log1p"},
    "np.where({c}, {a}, {b})",
)


def _index(index: tuple[int, ...], within: int = -1) -> str:
    if is_run(index) and index:
        return ":" if len(index) == within else f"{index[0]}:{index[-1] + 1}"
    return "[" + ", ".join(str(k) for k in index) + "]"


def _map(op: p.Map) -> list[str]:
    env = {name: v if isinstance(v, float) else v.name for name, v in op.env.items()}
    text = formula(op.formula, env, STYLE).replace(FRACTION, FRACTION.replace("np.", "_"))
    vectors = [v for v in op.env.values() if not isinstance(v, float)]
    full = any(v.size == op.out.size and isinstance(v, p.Vector) for v in vectors)
    if not full:
        rows = "1, 1" if op.out.along else "len(x)"
        text = f"np.broadcast_to({text}, ({rows}, {op.out.size}))"
    return [f"{op.out.name} = {text}"]


def _linear(op: p.Linear) -> list[str]:
    bias = f" + {op.b.name}" if op.b else ""
    if isinstance(op.table, p.Constant):
        return [f"{op.out.name} = {op.x.name} @ {op.table.name}{'' if op.transposed else '.T'}{bias}"]
    table = op.table.name if op.transposed else f"{op.table.name}.transpose(0, 2, 1)"
    return [f"{op.out.name} = ({op.x.name}[:, :, None, :] @ {table})[:, :, 0]"]


def _scatter(op: p.Scatter) -> list[str]:
    out, x = op.out.name, op.x.name
    start = f"np.zeros((*{x}.shape[:-1], {op.out.size}), {x}.dtype)"
    if op.fill:
        start = f"np.tile({op.fill.name}, (len(x), 1)).astype(x.dtype)"
    return [f"{out} = {start}", *([f"{out}[..., {_index(op.places)}] = {x}"] if op.places else [])]


def _join(op: p.Join) -> list[str]:
    names = ", ".join(v.name for v in op.parts)
    if not op.out.along:
        return [f"{op.out.name} = np.concatenate(({names},), axis=-1)"]
    return [f"{op.out.name} = _beside({names})"]


def _total(op: p.Total) -> list[str]:
    groups, x = op.out.size, op.x.name
    if groups == 1:
        return [f"{op.out.name} = {x}.sum(axis=-1, keepdims=True)"]
    return [f"{op.out.name} = {x}.reshape(*{x}.shape[:-1], {groups}, {op.x.size // groups}).sum(axis=-1)"]


def _winner(op: p.Winner) -> list[str]:
    out, x = op.out.name, op.x.name
    return [
        f"{out} = np.zeros({x}.shape)",
        f"{out}[np.arange(len({x})), {x}.argmax(axis=1)] = 1.0",
        f"{out}[np.isnan({x}).any(axis=1)] = np.nan",
    ]


def _distances(op: p.Distances) -> list[str]:
    difference = f"{op.x.name}[:, None, :] - {op.centres.name}"
    return [f"{op.out.name} = {f'np.abs({difference})' if op.absolute else f'np.square({difference})'}.sum(axis=2)"]


def _differences(op: p.Differences) -> list[str]:
    difference = f"{op.x.name}[:, None, :] - {op.centres.name}"
    return [f"{op.out.name} = {f'np.sign({difference})' if op.sign else difference}"]


def _factor(factor: Any, place: tuple[int, ...]) -> str:
    """One number a direction (and a sample)."""
    chosen = _index(place, factor.size)
    if isinstance(factor, p.Constant):
        return f"{factor.name if chosen == ':' else f'{factor.name}[{chosen}]'}[:, None, None]"
    return f"{factor.name if chosen == ':' else f'{factor.name}[:, {chosen}]'}.T[:, :, None]"


def _one_hot(op: p.OneHot) -> list[str]:
    out, count = op.out.name, len(op.place)
    unit = f"np.eye({op.out.size})[{_index(op.place, op.out.size)}, None, :]"
    if op.place != tuple(range(op.out.size)):
        unit = f"np.eye({op.out.size})[{_index(op.place)}].reshape({count}, 1, {op.out.size})"
    return [f"{out} = {unit}{f' * {_factor(op.factor, op.place)}' if op.factor else ''}"]


def _row(op: p.Row) -> list[str]:
    rows, columns = op.table.values.shape if isinstance(op.table, p.Constant) else (op.table.rows, op.table.columns)
    chosen, name = _index(op.place, columns if op.column else rows), op.table.name
    if isinstance(op.table, p.Constant):
        text = f"{name}.T" if op.column else name
        text = f"{text if chosen == ':' else f'{text}[{chosen}]'}[:, None, :]"
    else:
        text = f"{name}.transpose({'2, 0, 1' if op.column else '1, 0, 2'})"
        text = text if chosen == ":" else f"{text}[{chosen}]"
    return [f"{op.out.name} = {text}{f' * {_factor(op.factor, op.place)}' if op.factor else ''}"]


def _gram(op: p.Gram) -> list[str]:
    return [
        f"H[np.ix_(rows, LIVE, ACTIVE, ACTIVE)] += _gram({op.weights.name}, {op.S.name}, {op.T.name}, {op.cross}, len(x))"
    ]


PRINTERS: dict[type, Callable[[Any], list[str]]] = {
    p.Map: _map,
    p.Linear: _linear,
    p.Gather: lambda op: [f"{op.out.name} = {op.x.name}[..., {_index(op.places)}]"],
    p.Scatter: _scatter,
    p.Join: _join,
    p.Total: _total,
    p.Largest: lambda op: [f"{op.out.name} = {op.x.name}.max(axis=-1, keepdims=True)"],
    p.Winner: _winner,
    p.Center: lambda op: [f"{op.out.name} = _centered({op.x.name}, {op.y.name})"],
    p.Distances: _distances,
    p.Differences: _differences,
    p.OneHot: _one_hot,
    p.Row: _row,
    p.Gram: _gram,
}


BESIDE = '''

def _beside(*parts):
    """Parts side by side, spread over the same directions and rows."""
    shape = np.broadcast_shapes(*(v.shape[:-1] for v in parts))
    return np.concatenate([np.broadcast_to(v, (*shape, v.shape[-1])) for v in parts], axis=-1)
'''
CENTERED = '''

def _centered(V, y):
    """V less its mean under y; at the largest y as a sum of differences, which cancels nothing."""
    V = np.broadcast_to(V, (len(V), *y.shape))
    out = V - (V * y).sum(axis=-1, keepdims=True)
    top = np.broadcast_to(y.argmax(axis=-1)[:, None], (*V.shape[:-1], 1))
    rest = (np.take_along_axis(V, top, -1) - V) * y
    np.put_along_axis(out, top, rest.sum(axis=-1, keepdims=True), -1)
    return out
'''
GRAM = '''

def _gram(weights, S, T, cross, rows):
    """The sum over k of weights[i, s, k] S[a, s, k] T[b, s, k] for every sample s, output i and inputs a, b; symmetric in a and b."""
    shape = np.broadcast_shapes(S.shape[1:], T.shape[1:], weights.shape[1:])
    S, T = (np.broadcast_to(V, (len(V), *shape)).transpose(1, 0, 2) for V in (S, T))
    M = np.stack([(w[:, None, :] * S) @ T.transpose(0, 2, 1) for w in np.broadcast_to(weights, (len(weights), *shape))], axis=1)
    M = M + M.transpose(0, 1, 3, 2)
    return np.broadcast_to(M if cross else 0.5 * M, (rows, *M.shape[1:]))
'''


HELPERS = {
    "_abs(": ABS,
    "_exp(": EXP,
    "_log1p(": LOG1P,
    "_erfc(": ERFC,
    "_centered(": CENTERED,
    "_beside(": BESIDE,
    "_gram(": GRAM,
}


def printed(sections: Iterable[p.Section]) -> list[str]:
    lines: list[str] = []
    for section in sections:
        lines.append(f"# {section.comment}")
        for op in section.statements:
            lines += PRINTERS[type(op)](op)
    return lines


def array(name: str, values: np.ndarray) -> list[str]:
    if values.ndim == 1:
        items = [number(v) for v in values.tolist()]
        short = f"{name} = np.array([{', '.join(items)}])"
        return [short] if len(short) < WIDTH else [f"{name} = np.array([", *wrapped(items, "    "), "])"]
    lines = [f"{name} = np.array(["]
    for row in values.tolist():
        items = [number(v) for v in row]
        short = f"    [{', '.join(items)}],"
        lines += [short] if len(short) < WIDTH else ["    [", *wrapped(items, "        "), "    ],"]
    return [*lines, f"]).reshape({values.shape[0]}, {values.shape[1]})"]


def write(net: Network, program: p.Program, name: str) -> dict[str, str]:
    """NAME.py."""
    n, m = program.x.size, program.y.size
    body = [*printed(program.forward), "if order == 0:", "    return y, None", "", *_jacobian(program, m, n)]
    body += ["if order == 1:", "    return y, J", "", *_hessian(program, m, n), "return y, H"]
    text = "\n".join(body)
    helpers = [helper for call, helper in HELPERS.items() if call in text]
    imports = (["import math", ""] if "_erfc(" in text else []) + ["import numpy as np"]
    lines = [*_doc(net, program, name), *imports]
    for group in program.constants:
        lines += ["", f"# {group.comment}", *(line for c in group.constants for line in array(c.name, c.values))]
    doors = {True: ANALYTIC, False: REAL}
    functions = filled(FUNCTIONS_TEXT, {"DOOR": doors[analytic(program)]}).replace("INPUTS", str(n))
    evaluate = [
        "",
        "",
        "def _evaluate(x, order):",
        '    """y, with J where order is 1, with H where it is 2."""',
        *indented(body),
    ]
    return {f"{name}.py": "\n".join(lines) + "\n" + "".join(helpers) + functions + "\n".join(evaluate) + "\n"}


def _doc(net: Network, program: p.Program, name: str) -> list[str]:
    n, m = program.x.size, program.y.size
    convention = [
        f"f(x) -> y, jacobian(x) -> J, hessian(x) -> H. Rows are samples: x (N, {n}), y (N, {m}), J (N, {m}, {n}), H (N, {m}, {n}, {n}),",
        f"J[s, i, j] = dy_i/dx_j of row s, H[s, i, a, b] = d2y_i/dx_a dx_b; for one sample x ({n},) without the leading axis.",
        f"What is masked is NaN. {COMPLEX if analytic(program) else 'x is real: not every part of the network is analytic in NumPy.'}",
        "Nothing is needed but NumPy.",
    ]
    return [
        f'"""{name}: outputs, exact Jacobian and Hessian of a trained network.',
        "",
        *facts(net, name, convention),
        '"""',
        "",
    ]


COMPLEX = "f takes complex x too, for complex steps: f(x + 1e-20j*v).imag/1e-20 is J v. The derivatives take real x."
REAL = """    if numbers.dtype.kind == "c":
        raise TypeError("x is complex: this network takes real numbers only")"""
ANALYTIC = """    if numbers.dtype.kind == "c" and order:
        raise TypeError("x is complex: only f takes complex numbers, the derivatives take real ones")"""
FUNCTIONS_TEXT = '''

def f(x):
    """The outputs y."""
    return _rows(x, 0)[0]


def jacobian(x):
    """The Jacobian J."""
    return _rows(x, 1)[1]


def hessian(x):
    """The Hessians H."""
    return _rows(x, 2)[1]


def value_and_jacobian(x):
    """y and J together."""
    return _rows(x, 1)


def _numbers(x, order):
    """x as numbers of our own: what is masked is NaN, and nothing is dropped or taken for a number that is none."""
    labels = getattr(x, "columns", getattr(x, "index", ())) if hasattr(x, "to_numpy") else ()
    if any(isinstance(label, str) for label in labels):
        raise TypeError("x names its columns, and names are not looked at here: put them in the order above and hand in x.to_numpy()")
    numbers = x if isinstance(x, np.ma.MaskedArray) else np.asarray(x)
    if numbers.dtype.kind not in "fiubc":
        raise TypeError(f"x holds {numbers.dtype}, not numbers")
DOOR
    return np.ma.filled(numbers.astype(complex if numbers.dtype.kind == "c" else float), np.nan)


def _rows(x, order):
    x = _numbers(x, order)
    if x.ndim not in (1, 2) or x.shape[-1] != INPUTS:
        raise ValueError(f"x has the shape {x.shape}; it takes (N, INPUTS) or (INPUTS,)")
    with np.errstate(all="ignore"):
        found = _evaluate(np.atleast_2d(x), order)
    return tuple(v[0] if v is not None and x.ndim == 1 else v for v in found)
'''


def analytic(program: p.Program) -> bool:
    """Whether y is an analytic function of x that NumPy can compute for complex x: no statement has a kink or jump."""
    ops = [op for section in program.forward for op in section.statements]
    squares = {op.out.name for op in ops if isinstance(op, p.Distances)}
    return not any(_kinked(op, squares) for op in ops)


def _kinked(op: Any, squares: set[str]) -> bool:
    """`squares` are the squared distances, whose roots have a kink at the centres."""
    if isinstance(op, p.Map):
        of_squares = any(isinstance(v, p.Vector) and v.name in squares for v in op.env.values())
        return op.formula in KINKED or (of_squares and "sqrt" in names_in(op.formula))
    return isinstance(op, p.Winner) or (isinstance(op, p.Distances) and op.absolute)


def _jacobian(program: p.Program, m: int, n: int) -> list[str]:
    sweep = program.jacobian
    lines = [*printed(program.slopes), f"J = np.zeros((len(x), {m}, {n}))"]
    if sweep.result is None:
        return lines
    place = _index(sweep.place, m if sweep.along == "output" else n)
    where = f"J[:, {place}, :]" if sweep.along == "output" else f"J[:, :, {place}]"
    turned = "1, 0, 2" if sweep.along == "output" else "1, 2, 0"
    return [*lines, *printed(sweep.sections), f"{where} = {sweep.result.name}.transpose({turned})"]


def _hessian(program: p.Program, m: int, n: int) -> list[str]:
    zero = f"H = np.zeros((len(x), {m}, {n}, {n}))"
    if program.tangents is None or program.cotangents is None:
        return ["# the network is linear between its kinks", zero]
    active, live = program.tangents.place, program.cotangents.place
    words = {"LIVE": str(list(live)), "ACTIVE": str(list(active))}
    back = printed(program.cotangents.sections)
    if len(active) == n and len(live) == m:
        back = [line.replace("H[np.ix_(rows, LIVE, ACTIVE, ACTIVE)]", "H") for line in back]
        rows = []
    else:
        rows = ["rows = np.arange(len(x))"]
        for word, text in words.items():
            back = [line.replace(word, text) for line in back]
    return [*printed(program.seconds), zero, *rows, *printed(program.tangents.sections), *back]
