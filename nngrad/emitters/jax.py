"""JAX: one module whose functions can be traced, compiled and differentiated; rows are samples.

Statements are printed for one sample, whose vectors are (size,); vectors of the directions of a pass are (directions,
size). JAX's own `vmap` makes functions of rows of them. JAX differentiates none of it: f has the program's Jacobian as
its rule, which has the program's Hessian, so that kinks and tails are those of nngrad.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Any

from nngrad.core.formula import FUNCTIONS
from nngrad.core.network import Network
from nngrad.emitters import program as p
from nngrad.emitters.emitter import Emitter, Files, Job, encoded, only
from nngrad.emitters.program import Program
from nngrad.emitters.python import module, selftest
from nngrad.emitters.selftest import Points
from nngrad.emitters.text import Style, facts, filled, formula, indented, is_run, reserved

RESERVED = module.RESERVED | reserved("jax jaxlib scipy ml_dtypes opt_einsum")  # it would be imported instead of these
NAMES = {name: f"jnp.{name}" for name in FUNCTIONS} | {"fabs": "jnp.abs", "erfc": "jax.scipy.special.erfc"}
STYLE = Style(module.number, NAMES, "jnp.where({c}, {a}, {b})")


def _index(index: tuple[int, ...]) -> str:
    """JAX takes no lists."""
    return f"{index[0]}:{index[-1] + 1}" if is_run(index) and index else f"np.array({list(index)}, int)"


def _map(op: p.Map) -> list[str]:
    text = formula(op.formula, {name: v if isinstance(v, float) else v.name for name, v in op.env.items()}, STYLE)
    full = any(not isinstance(v, float) and v.size == op.out.size for v in op.env.values())
    return [f"{op.out.name} = {text if full else f'_spread({text}, {op.out.size})'}"]


def _linear(op: p.Linear) -> list[str]:
    bias = f" + {op.b.name}" if op.b else ""
    return [f"{op.out.name} = {op.x.name} @ {op.table.name}{'' if op.transposed else '.T'}{bias}"]


def _scatter(op: p.Scatter) -> list[str]:
    x = op.x.name
    start = f"jnp.asarray({op.fill.name})" if op.fill else f"jnp.zeros((*{x}.shape[:-1], {op.out.size}))"
    return [f"{op.out.name} = {start}.at[..., {_index(op.places)}].set({x})"]


def _total(op: p.Total) -> list[str]:
    x = op.x.name
    return [f"{op.out.name} = {x}.reshape(*{x}.shape[:-1], {op.out.size}, {op.x.size // op.out.size}).sum(axis=-1)"]


def _distances(op: p.Distances) -> list[str]:
    difference = f"{op.x.name} - {op.centres.name}"
    return [f"{op.out.name} = {f'jnp.abs({difference})' if op.absolute else f'jnp.square({difference})'}.sum(axis=1)"]


def _differences(op: p.Differences) -> list[str]:
    difference = f"{op.x.name} - {op.centres.name}"
    return [f"{op.out.name} = {f'jnp.sign({difference})' if op.sign else difference}"]


def _factor(op: p.OneHot | p.Row) -> str:
    """One number a direction."""
    return f" * {op.factor.name}[{_index(op.place)}, None]" if op.factor else ""


def _gram(op: p.Gram) -> list[str]:
    curvature = f"_gram({op.weights.name}, {op.S.name}, {op.T.name}, {op.cross})"
    return [f"H = H.at[np.ix_(LIVE, ACTIVE, ACTIVE)].add({curvature})"]


PRINTERS: dict[type, Callable[[Any], list[str]]] = {
    p.Map: _map,
    p.Linear: _linear,
    p.Gather: lambda op: [f"{op.out.name} = {op.x.name}[..., {_index(op.places)}]"],
    p.Scatter: _scatter,
    p.Join: lambda op: [f"{op.out.name} = _beside({', '.join(v.name for v in op.parts)})"],
    p.Total: _total,
    p.Largest: lambda op: [f"{op.out.name} = {op.x.name}.max(axis=-1, keepdims=True)"],
    p.Winner: lambda op: [f"{op.out.name} = _winner({op.x.name})"],
    p.Center: lambda op: [f"{op.out.name} = _centered({op.x.name}, {op.y.name})"],
    p.Distances: _distances,
    p.Differences: _differences,
    p.OneHot: lambda op: [f"{op.out.name} = np.eye({op.out.size})[{_index(op.place)}]{_factor(op)}"],
    p.Row: lambda op: [f"{op.out.name} = {op.table.name}{'.T' if op.column else ''}[{_index(op.place)}]{_factor(op)}"],
    p.Gram: _gram,
}
EVALUATE = '''

def _evaluate(x, order):
    """y, J where order is 1, H where it is 2, of one sample."""
'''
SPREAD = '''

def _spread(x, size):
    """The same number for all units."""
    return jnp.broadcast_to(x, (*jnp.shape(x)[:-1], size))
'''
BESIDE = '''

def _beside(*parts):
    """Parts side by side, spread over the same directions."""
    shape = jnp.broadcast_shapes(*(v.shape[:-1] for v in parts))
    return jnp.concatenate([jnp.broadcast_to(v, (*shape, v.shape[-1])) for v in parts], axis=-1)
'''
WINNER = '''

def _winner(x):
    """1 at the first largest entry, NaN where one is."""
    return jnp.where(jnp.isnan(x).any(), jnp.nan, jnp.where(jnp.arange(x.size) == x.argmax(), 1.0, 0.0))
'''
CENTERED = '''

def _centered(V, y):
    """V less its mean under y; at the largest y as a sum of differences, which cancels nothing."""
    V, top = jnp.asarray(V), y.argmax()
    rest = ((V[..., top, None] - V) * y).sum(axis=-1, keepdims=True)
    return jnp.where(jnp.arange(y.size) == top, rest, V - (V * y).sum(axis=-1, keepdims=True))
'''
GRAM = '''

def _gram(weights, S, T, cross):
    """The sum over k of weights[i, k] S[a, k] T[b, k] for every output i and inputs a, b; symmetric in a and b."""
    M = (jnp.atleast_2d(weights)[:, None, :] * S) @ T.T
    return M + M.transpose(0, 2, 1) if cross else 0.5 * (M + M.transpose(0, 2, 1))
'''
HELPERS = {"_spread(": SPREAD, "_beside(": BESIDE, "_winner(": WINNER, "_centered(": CENTERED, "_gram(": GRAM}
DOORS = '''

@jax.custom_jvp
def _y(x):
    return _evaluate(x, 0)


@jax.custom_jvp
def _J(x):
    return _evaluate(x, 1)


@jax.custom_jvp
def _H(x):
    return _evaluate(x, 2)


@_y.defjvp
def _along(x, v):
    return _y(*x), _J(*x) @ v[0]


@_J.defjvp
def _bent_along(x, v):
    return _J(*x), _H(*x) @ v[0]


@_H.defjvp
def _refused(x, v):
    raise NotImplementedError("third derivatives are not written here: f can be differentiated twice, jacobian once")


def _of_rows(function):
    """The function of one sample (INPUTS,) for rows of samples too."""
    one, many = jax.jit(function), jax.jit(jax.vmap(function))

    def of_rows(x):
        x = _numbers(x)
        if x.ndim not in (1, 2) or x.shape[-1] != INPUTS:
            raise ValueError(f"x has the shape {x.shape}; it takes (N, INPUTS) or (INPUTS,)")
        return one(x) if x.ndim == 1 else many(x)

    return of_rows


def _numbers(x):
    """x in double precision; what is masked is NaN, and nothing is dropped or taken for a number that is none."""
    labels = getattr(x, "columns", getattr(x, "index", ())) if hasattr(x, "to_numpy") else ()
    if any(isinstance(label, str) for label in labels):
        raise TypeError("x names its columns, and names are not looked at here: hand in x.to_numpy() in order")
    numbers = x if isinstance(x, (jax.Array, np.ma.MaskedArray)) else _plain(x)
    if not (jnp.issubdtype(numbers.dtype, jnp.floating) or numbers.dtype.kind in "iub"):
        raise TypeError(f"x holds {numbers.dtype}, not real numbers")
    if isinstance(numbers, np.ma.MaskedArray):
        numbers = np.ma.filled(numbers.astype(float), np.nan)
    if not jax.config.jax_enable_x64:
        raise TypeError("JAX has been switched back to single precision: jax.config.update('jax_enable_x64', True)")
    return jnp.asarray(numbers, jnp.float64)


def _plain(x):
    traced = any(isinstance(leaf, jax.Array) for leaf in jax.tree_util.tree_leaves(x))
    return jnp.asarray(x) if traced else np.asarray(x)


_rows_of_y, _rows_of_J, _rows_of_H, _rows_of_both = map(_of_rows, (_y, _J, _H, lambda x: (_y(x), _J(x))))


def f(x):
    """The outputs y."""
    return _rows_of_y(x)


def jacobian(x):
    """The Jacobian J."""
    return _rows_of_J(x)


def hessian(x):
    """The Hessians H."""
    return _rows_of_H(x)


def value_and_jacobian(x):
    """y and J together."""
    return _rows_of_both(x)
'''


def _printed(sections: Iterable[p.Section]) -> list[str]:
    lines: list[str] = []
    for section in sections:
        lines.append(f"# {section.comment}")
        for op in section.statements:
            lines += PRINTERS[type(op)](op)
    return lines


def _module(net: Network, program: Program, name: str) -> str:
    """NAME.py."""
    body = [*_printed(program.forward), "if order == 0:", "    return y", "", *_jacobian(program)]
    body += ["if order == 1:", "    return J", "", *_hessian(program), "return H"]
    helpers = [helper for call, helper in HELPERS.items() if call in "\n".join(body)]
    lines = [*_doc(net, program, name), "import jax", "import jax.numpy as jnp", "import numpy as np", ""]
    lines += ['jax.config.update("jax_enable_x64", True)']
    for group in program.constants:
        lines += ["", f"# {group.comment}", *(line for c in group.constants for line in module.array(c.name, c.values))]
    doors = filled(DOORS, {"INPUTS": str(program.x.size)})
    return "\n".join(lines) + "\n" + "".join(helpers) + EVALUATE + "\n".join(indented(body)) + "\n" + doors


def _doc(net: Network, program: Program, name: str) -> list[str]:
    n, m = program.x.size, program.y.size
    convention = [
        "f(x) -> y, jacobian(x) -> J, hessian(x) -> H. Rows are samples:",
        f"x (N, {n}), y (N, {m}), J (N, {m}, {n}), H (N, {m}, {n}, {n}), J[s, i, j] = dy_i/dx_j of row s,",
        f"H[s, i, a, b] = d2y_i/dx_a dx_b; for one sample x ({n},) without the leading axis.",
        "f may stand under jax.jit, vmap, grad, jvp, vjp, jacfwd and jacrev: its derivative is J, and that of J is H;",
        "a third derivative is refused. What is masked is NaN.",
        "Everything is float64: importing this module switches JAX to it (jax_enable_x64).",
        "Nothing is needed but JAX.",
    ]
    first = f'"""{name}: outputs, exact Jacobian and Hessian of a trained network.'
    return [first, "", *facts(net, name, convention), '"""', ""]


def _jacobian(program: Program) -> list[str]:
    sweep, n, m = program.jacobian, program.x.size, program.y.size
    lines = [*_printed(program.slopes), f"J = jnp.zeros(({m}, {n}))"]
    if sweep.result is None:
        return lines
    where = f"{_index(sweep.place)}, :" if sweep.along == "output" else f":, {_index(sweep.place)}"
    result = sweep.result.name if sweep.along == "output" else f"jnp.atleast_2d({sweep.result.name}).T"
    return [*lines, *_printed(sweep.sections), f"J = J.at[{where}].set({result})"]


def _hessian(program: Program) -> list[str]:
    n, m = program.x.size, program.y.size
    zero = f"H = jnp.zeros(({m}, {n}, {n}))"
    if program.tangents is None or program.cotangents is None:
        return ["# the network is linear between its kinks", zero]
    words = {"LIVE": str(list(program.cotangents.place)), "ACTIVE": str(list(program.tangents.place))}
    back = [filled(line, words) for line in _printed(program.cotangents.sections)]
    return [*_printed(program.seconds), zero, *_printed(program.tangents.sections), *back]


class JaxEmitter(Emitter):
    """It has no options."""

    prints = PRINTERS.keys()
    style = STYLE

    def reserved(self, program: Program) -> Set[str]:
        return RESERVED

    def refuse(self, job: Job) -> None:
        """JAX can hold every program."""

    def write(self, job: Job) -> Files:
        return encoded({f"{job.name}.py": _module(job.net, job.program, job.name)})

    def selftest(self, job: Job, points: Points) -> Files:
        return encoded(selftest.write(points, job.name))

    def alone(self, files: Files) -> bytes | None:
        return only(files)


EMITTER = JaxEmitter()
