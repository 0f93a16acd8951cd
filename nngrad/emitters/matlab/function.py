"""MATLAB and Octave: one function file in the base language of R2013b and Octave 6.

Sizes are such that MATLAB Coder can fix them: no cells, no handles, no implicit expansion. Samples are columns. What
belongs to samples is computed for all of them at once; derivatives sample after sample, with the directions of a pass
side by side as columns of a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nngrad.core.formula import FUNCTIONS
from nngrad.core.network import Network
from nngrad.emitters import program as p
from nngrad.emitters.text import WIDTH, Style, facts, formula, indented, is_run, reserved, shortest, wrapped

RESERVED = reserved(
    "break case catch classdef continue else elseif end for function global if otherwise parfor persistent return "
    "spmd switch try while endfunction endif endfor endwhile do until unwind_protect unwind_protect_cleanup "
    "end_unwind_protect end_try_catch endswitch endparfor not and or x y J H Q s i k n m M nargin nargout zeros ones "
    "eye diag repmat class isa isreal issparse ndims double full sum max abs exp expm1 log log1p sqrt tanh sin cos "
    "erfc sign size numel reshape isnan any isscalar where centered isequal error upper lower weights fval grad hess "
    "c ceq DC DCeq chosen fixed low high second known scale live best x0 y0 J0 H0 y1 J1 H1 disp realmin isfinite"
)


def number(value: float) -> str:
    if not np.isfinite(value):
        return "NaN" if value != value else "Inf" if value > 0 else "-Inf"
    return shortest(value).removesuffix(".0")


STYLE = Style(number, {n: n for n in FUNCTIONS} | {"fabs": "abs", "erfc": "erfc"}, "where({c}, {a}, {b})", dotted=True)


@dataclass(frozen=True)
class Side:
    """What stands side by side in the columns of a matrix: all samples, or the directions of a pass at sample s."""

    count: str
    passing: bool

    def whole(self, v: Any) -> str:
        """A vector: its columns side by side, or, of a sample in a pass, its column."""
        return f"{v.name}(:, s)" if self.passing and isinstance(v, p.Vector) and not v.along else str(v.name)

    def spread(self, v: Any, size: int) -> str:
        """A vector in the shape of (size, count)."""
        alike = isinstance(v, p.Constant) or (self.passing and not v.along)  # the same for all columns
        down = f"{size}" if v.size == 1 and size > 1 else "1"
        across = self.count if alike else "1"
        return self.whole(v) if down == across == "1" else f"repmat({self.whole(v)}, {down}, {across})"


def _index(index: tuple[int, ...]) -> str:
    if is_run(index) and index:
        return str(index[0] + 1) if len(index) == 1 else f"{index[0] + 1}:{index[-1] + 1}"
    return "[" + " ".join(str(k + 1) for k in index) + "]"


def _map(q: Side, op: p.Map) -> list[str]:
    env = {name: v if isinstance(v, float) else q.spread(v, op.out.size) for name, v in op.env.items()}
    text = formula(op.formula, env, STYLE)
    vectors = [v for v in op.env.values() if not isinstance(v, float)]
    return [f"{op.out.name} = {text if vectors else f'repmat({text}, {op.out.size}, {q.count})'};"]


def _linear(q: Side, op: p.Linear) -> list[str]:
    bias = f" + {q.spread(op.b, op.out.size)}" if op.b else ""
    return [f"{op.out.name} = {op.table.name}{chr(39) if op.transposed else ''} * {q.whole(op.x)}{bias};"]


def _gather(q: Side, op: p.Gather) -> list[str]:
    return [f"{op.out.name} = {_rows(q, op.x, _index(op.places))};"]


def _rows(q: Side, v: Any, index: str) -> str:
    return f"{v.name}({index}, {'s' if q.passing and isinstance(v, p.Vector) and not v.along else ':'})"


def _scatter(q: Side, op: p.Scatter) -> list[str]:
    start = f"repmat({op.fill.name}, 1, {q.count})" if op.fill else f"zeros({op.out.size}, {_count(q, op.out, op.x)})"
    return [
        f"{op.out.name} = {start};",
        *([f"{op.out.name}({_index(op.places)}, :) = {q.whole(op.x)};"] if op.places else []),
    ]


def _count(q: Side, out: p.Vector, x: Any) -> str:
    return "1" if isinstance(x, p.Constant) and not out.along else q.count


def _total(q: Side, op: p.Total) -> list[str]:
    groups, x = op.out.size, q.whole(op.x)
    if groups == 1:
        return [f"{op.out.name} = sum({x}, 1);"]
    return [
        f"{op.out.name} = reshape(sum(reshape({x}, {op.x.size // groups}, {groups}*{q.count}), 1), {groups}, {q.count});"
    ]


def _winner(q: Side, op: p.Winner) -> list[str]:
    out, x = op.out.name, q.whole(op.x)
    return [
        f"{out} = zeros({op.out.size}, {q.count});",
        f"for k = 1:{q.count}",
        f"    if any(isnan({x}(:, k)))",
        f"        {out}(:, k) = NaN;",
        "    else",
        f"        [~, best] = max({x}(:, k));",
        f"        {out}(best, k) = 1;",
        "    end",
        "end",
    ]


def _distances(q: Side, op: p.Distances) -> list[str]:
    out, x, c = op.out.name, q.whole(op.x), op.centres.name
    difference = f"{x} - repmat({c}(k, :)', 1, {q.count})"
    term = f"abs({difference})" if op.absolute else f"({difference}) .^ 2"
    return [
        f"{out} = zeros({op.out.size}, {q.count});",
        f"for k = 1:{op.out.size}",
        f"    {out}(k, :) = sum({term}, 1);",
        "end",
    ]


def _differences(q: Side, op: p.Differences) -> list[str]:
    difference = f"repmat({op.x.name}(:, s)', {op.out.rows}, 1) - {op.centres.name}"
    return [f"{op.out.name} = {f'sign({difference})' if op.sign else difference};"]


def _one_hot(q: Side, op: p.OneHot) -> list[str]:
    out, size, place = op.out.name, op.out.size, op.place
    if place == tuple(range(size)):
        return [f"{out} = {f'diag({q.whole(op.factor)})' if op.factor else f'eye({size})'};"]
    linear = tuple(k * size + r for k, r in enumerate(place))
    value = _rows(q, op.factor, _index(place)) if op.factor else "1"
    return [f"{out} = zeros({size}, {q.count});", f"{out}({_index(linear)}) = {value};"]


def _row(q: Side, op: p.Row) -> list[str]:
    rows, columns = op.table.values.shape if isinstance(op.table, p.Constant) else (op.table.rows, op.table.columns)
    every = op.place == tuple(range(columns if op.column else rows))
    index = _index(op.place)
    table = op.table.name if every else f"{op.table.name}(:, {index})" if op.column else f"{op.table.name}({index}, :)"
    line = f"{op.out.name} = {table if op.column else table + chr(39)}"
    if op.factor:
        factor = q.whole(op.factor) if every else _rows(q, op.factor, index)
        line += f" .* repmat({factor}', {op.out.size}, 1)"
    return [line + ";"]


def _gram(q: Side, op: p.Gram) -> list[str]:
    return [
        f"for i = 1:{q.count}",
        f"    M = {op.S.name}' * (repmat({op.weights.name}(:, i), 1, DIRECTIONS) .* {op.T.name});",
        f"    H(ACTIVE, ACTIVE, OUTPUT, s) = H(ACTIVE, ACTIVE, OUTPUT, s) + {'' if op.cross else '0.5*'}(M + M');",
        "end",
    ]


PRINTERS: dict[type, Callable[[Side, Any], list[str]]] = {
    p.Map: _map,
    p.Linear: _linear,
    p.Gather: _gather,
    p.Scatter: _scatter,
    p.Join: lambda q, op: [f"{op.out.name} = [{'; '.join(q.whole(v) for v in op.parts)}];"],
    p.Total: _total,
    p.Largest: lambda q, op: [f"{op.out.name} = max({q.whole(op.x)}, [], 1);"],
    p.Winner: _winner,
    p.Center: lambda q, op: [f"{op.out.name} = centered({q.whole(op.x)}, {q.whole(op.y)});"],
    p.Distances: _distances,
    p.Differences: _differences,
    p.OneHot: _one_hot,
    p.Row: _row,
    p.Gram: _gram,
}

WHERE = """
function r = where(c, a, b)
% a where c holds, else b; a and b have the size of c, or one entry.
r = zeros(size(c));
if isscalar(b)
    r(:) = b;
else
    r(:) = b(:);
end
if isscalar(a)
    r(c) = a;
else
    r(c) = a(c);
end
end
"""
CENTERED = """
function r = centered(V, y)
% The columns of V less their mean under y; at the largest y as a sum of differences, which cancels nothing.
n = size(V, 1);
k = size(V, 2);
r = V - repmat(y' * V, n, 1);
[~, top] = max(y);
r(top, :) = y' * (repmat(V(top, :), n, 1) - V);
end
"""


def printed(q: Side, sections: Iterable[p.Section]) -> list[str]:
    lines: list[str] = []
    for section in sections:
        lines.append(f"% {section.comment}")
        for op in section.statements:
            if q.passing or not isinstance(op, p.Differences):
                lines += PRINTERS[type(op)](q, op)
    following = [*lines[1:], "%"]
    return [
        line
        for line, after in zip(lines, following, strict=False)
        if not (line.startswith("%") and after.startswith("%"))
    ]


def _tables(program: p.Program, *sweeps: p.Sweep) -> list[str]:
    """The matrices of a sample that passes read."""
    read = {
        v.name for sweep in sweeps for section in sweep.sections for op in section.statements for v in p.operands(op)
    }
    made = [op for op in program.every if isinstance(op, p.Differences) and op.out.name in read]
    return [line for op in made for line in _differences(Side("1", True), op)]


def matrix(name: str, values: np.ndarray) -> list[str]:
    """A matrix, or a vector as a column."""
    rows = values.reshape(len(values), -1).tolist()
    if values.ndim == 1:
        short = f"{name} = [{'; '.join(number(v) for v in values.tolist())}];"
        return (
            [short]
            if len(short) < WIDTH
            else [f"{name} = [ ...", *wrapped([number(v) for v in values.tolist()], "    ", "; ", " ..."), "    ];"]
        )
    lines = [f"{name} = [ ..."]
    for k, row in enumerate(rows):
        lines += wrapped([number(v) for v in row], "    ", ", ", " ...")
        lines[-1] += "; ..." if k < len(rows) - 1 else " ..."
    return [*lines, "    ];"]


def write(net: Network, program: p.Program, name: str) -> dict[str, str]:
    """NAME.m."""
    n, m = program.x.size, program.y.size
    Q = Side("Q", passing=False)
    body = [*_checked(name, n), "Q = size(x, 2);", ""]
    for group in program.constants:
        body += [f"% {group.comment}", *(line for c in group.constants for line in matrix(c.name, c.values)), ""]
    body += [*printed(Q, program.forward), "", "if nargout > 1", *indented(_jacobian(program, Q, m, n)), "end"]
    body += ["", "if nargout > 2", *indented(_hessian(program, Q, m, n)), "end"]
    text = "\n".join(body)
    helpers = [h for call, h in (("where(", WHERE), ("centered(", CENTERED)) if call in text]
    lines = [f"function [y, J, H] = {name}(x)", *_help(net, name, n, m), "", *body, "end"]
    return {f"{name}.m": "\n".join(lines) + "\n" + "".join(helpers)}


def _checked(name: str, n: int) -> list[str]:
    """x is what the function is for, or an error: other classes round, and other shapes broadcast, without a word."""
    message = f"{name}: x must be a full real double matrix with {_rows_of(n)}, a column a sample; here: %d x %d, %s"
    return [
        f"if ~isa(x, 'double') || ~isreal(x) || issparse(x) || ndims(x) ~= 2 || size(x, 1) ~= {n}",
        f"    error('{name}:input', '{message}', ...",
        "        size(x, 1), size(x, 2), class(x));",
        "end",
    ]


def _rows_of(n: int) -> str:
    return f"{n} rows" if n > 1 else "1 row"


def _help(net: Network, name: str, n: int, m: int) -> list[str]:
    convention = [
        f"y = {name}(x) for one sample, x a column of {n}, y a column of {m}; or for Q samples in the columns of x ({n} x Q), y ({m} x Q).",
        f"[y, J] = {name}(x) also gives the Jacobian J ({m} x {n} x Q), J(i, j, s) = dy(i)/dx(j) at sample s.",
        f"[y, J, H] = {name}(x) also gives the Hessians H ({n} x {n} x {m} x Q), H(a, b, i, s) = d2y(i)/dx(a)dx(b).",
        f"x is a full real matrix of doubles with {_rows_of(n)}; anything else is an error.",
        "What is not asked for is not computed. No toolbox is needed.",
    ]
    lines = facts(net, name, convention)
    return [
        f"%{name.upper()}  Outputs, exact Jacobian and Hessian of a trained network.",
        "%",
        *(f"%   {t}".rstrip() for t in lines),
    ]


def _jacobian(program: p.Program, Q: Side, m: int, n: int) -> list[str]:
    sweep = program.jacobian
    lines = [*printed(Q, program.slopes), f"J = zeros({m}, {n}, Q);"]
    if sweep.result is None:
        return lines
    q = Side(str(len(sweep.place)), passing=True)
    every = len(sweep.place) == (m if sweep.along == "output" else n)
    place = ":" if every else _index(sweep.place)
    where = f"J({place}, :, s)" if sweep.along == "output" else f"J(:, {place}, s)"
    result = f"{sweep.result.name}{chr(39) if sweep.along == 'output' else ''}"
    return [
        *lines,
        "for s = 1:Q",
        *indented([*_tables(program, sweep), *printed(q, sweep.sections), f"{where} = {result};"]),
        "end",
    ]


def _hessian(program: p.Program, Q: Side, m: int, n: int) -> list[str]:
    zero = f"H = zeros({n}, {n}, {m}, Q);"
    if program.tangents is None or program.cotangents is None:
        return ["% the network is linear between its kinks", zero]
    active, live = program.tangents.place, program.cotangents.place
    ahead, back = (Side(str(len(place)), passing=True) for place in (active, live))
    output = "i" if live == tuple(range(m)) else str(live[0] + 1) if len(live) == 1 else "live(i)"
    words = {"DIRECTIONS": str(len(active)), "ACTIVE": ":" if len(active) == n else _index(active), "OUTPUT": output}
    after = printed(back, program.cotangents.sections)
    for word, text in words.items():
        after = [line.replace(word, text) for line in after]
    if output == "live(i)":
        zero += f" live = {_index(live)};"
    inner = [
        *_tables(program, program.tangents, program.cotangents),
        *printed(ahead, program.tangents.sections),
        *after,
    ]
    return [*printed(Q, program.seconds), zero, "for s = 1:Q", *indented(inner), "end"]
