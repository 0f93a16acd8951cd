"""Statements and numbers in C: plain loops with fixed counts over arrays.

A vector of a sample is an array of the struct `v`; one of a direction is an array of its own, or a row of one where
every direction is kept.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.core.formula import FUNCTIONS
from nngrad.emitters import program as p
from nngrad.emitters.text import WIDTH, Style, formula, is_run, shortest, shortest_single, wrapped

FLOAT_MAX = float(np.finfo(np.float32).max)
LIMITS = {"NAN": "(HUGE_VAL - HUGE_VAL)", "INFINITY": "HUGE_VAL"}  # which C90 lacks
TANH, SHARED = "tanh(x)", "exp(-2.0*fabs(x))"


def style(single: bool) -> Style:
    def number(value: float) -> str:
        if not math.isfinite(value):
            return "NAN" if value != value else "INFINITY" if value > 0 else "-INFINITY"
        if not single:
            return shortest(value)
        return f"{shortest_single(value)}f" if abs(value) <= FLOAT_MAX else "FLT_MAX" if value > 0 else "-FLT_MAX"

    names = (*FUNCTIONS, "erfc")
    return Style(number, {n: n + ("f" if single else "") for n in names}, "({c}) ? {a} : {b}", choice_binds=0)


@dataclass
class Page:
    """What printing a program needs to know: the type, vectors that are kept for every direction, tables of places."""

    real: str
    style: Style
    prefix: str = ""  # of everything that stands outside of functions
    inputs: int = 0
    active: tuple[int, ...] = ()
    kept: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset({"x", "y"})
    pairs: dict[str, str] = field(default_factory=dict)  # name of tanh(x) -> name of exp(-2|x|), computed together
    tables: dict[tuple[int, ...], str] = field(default_factory=dict)

    def at(self, v: Any, k: str, direction: str = "d") -> str:
        """An entry of a vector or a constant."""
        index = "0" if v.size == 1 else k
        return f"{self.whole(v, direction)}[{index}]"

    def whole(self, v: Any, direction: str = "d") -> str:
        if isinstance(v, p.Constant):
            return self.prefix + v.name
        if isinstance(v, p.Vector) and v.along:
            return f"{v.name}[{direction}]" if v.name in self.kept else v.name
        return v.name if v.name in self.local else f"v->{v.name}"

    def place(self, index: tuple[int, ...], k: str) -> str:
        """index[k] as an expression."""
        if len(index) == 1:
            return str(index[0])
        if is_run(index):
            return f"{k} + {index[0]}" if index[0] else k
        return f"{self.tables.setdefault(index, f'{self.prefix}places{len(self.tables) + 1}')}[{k}]"

    def map(self, op: p.Map) -> str:
        env = {name: v if isinstance(v, float) else self.at(v, "k") for name, v in op.env.items()}
        return f"{self.at(op.out, 'k')} = {formula(op.formula, env, self.style)};"


def loop(count: int, lines: Iterable[str], k: str = "k") -> list[str]:
    """A loop with a fixed count; of a single turn only the body is left, unless it declares something."""
    body = list(lines)
    if count == 1 and k != "d" and not any(re.match(r"(const )?(double|float) ", line) for line in body):
        return [_first(line, k) for line in body]
    head = f"for ({k} = 0; {k} < {count}; ++{k}) {{"
    return (
        [f"{head} {body[0]} }}"]
        if len(body) == 1 and len(body[0]) < 80
        else [head, *(f"    {line}" for line in body), "}"]
    )


def _first(line: str, k: str) -> str:
    return re.sub(r"(?<=\[)(0\*\d+ \+ |0 \+ (?=\d))", "", re.sub(rf"\b{k}\b", "0", line))


def _linear(q: Page, op: p.Linear) -> list[str]:
    rows, columns = _shape(op.table)
    table = q.whole(op.table)
    if op.transposed:
        return [f"{q.prefix}add_rows({rows}, {columns}, &{table}[0][0], {q.whole(op.x)}, {q.whole(op.out)});"]
    sum_ = f"{q.prefix}dot({columns}, {table}[k], {q.whole(op.x)})"
    return loop(rows, [f"{q.at(op.out, 'k')} = {q.at(op.b, 'k') + ' + ' if op.b else ''}{sum_};"])


def _shape(table: p.Table) -> tuple[int, int]:
    return (
        (table.rows, table.columns) if isinstance(table, p.Matrix) else (table.values.shape[0], table.values.shape[1])
    )


def _gather(q: Page, op: p.Gather) -> list[str]:
    return loop(op.out.size, [f"{q.at(op.out, 'k')} = {q.whole(op.x)}[{q.place(op.places, 'k')}];"])


def _scatter(q: Page, op: p.Scatter) -> list[str]:
    fill = q.at(op.fill, "k") if op.fill else q.style.number(0.0)
    put = f"{q.whole(op.out)}[{q.place(op.places, 'k')}] = {q.at(op.x, 'k')};"
    whole = set(op.places) == set(range(op.out.size))
    return [
        *([] if whole else loop(op.out.size, [f"{q.at(op.out, 'k')} = {fill};"])),
        *(loop(len(op.places), [put]) if op.places else []),
    ]


def _join(q: Page, op: p.Join) -> list[str]:
    lines, start = [], 0
    for part in op.parts:
        lines += loop(part.size, [f"{q.whole(op.out)}[{f'k + {start}' if start else 'k'}] = {q.at(part, 'k')};"])
        start += part.size
    return lines


def _total(q: Page, op: p.Total) -> list[str]:
    groups, run = op.out.size, op.x.size // op.out.size
    place = "k" if groups == 1 else f"i*{run} + k"
    sums = [
        f"{q.at(op.out, 'i')} = {q.style.number(0.0)};",
        *loop(run, [f"{q.at(op.out, 'i')} += {q.at(op.x, place)};"]),
    ]
    return sums if groups == 1 else loop(groups, sums, "i")


def _largest(q: Page, op: p.Largest) -> list[str]:
    out, x = q.at(op.out, "0"), q.at(op.x, "k")
    return [f"{out} = {q.at(op.x, '0')};", *loop(op.x.size, [f"if ({x} > {out}) {{ {out} = {x}; }}"])]


def _winner(q: Page, op: p.Winner) -> list[str]:
    out, x, zero, one = q.whole(op.out), q.whole(op.x), q.style.number(0.0), q.style.number(1.0)
    return [
        "{",
        "    int best = 0;",
        "    int missing = 0;",
        *(
            f"    {line}"
            for line in loop(
                op.x.size, [f"if ({x}[k] > {x}[best]) {{ best = k; }}", f"if ({x}[k] != {x}[k]) {{ missing = 1; }}"]
            )
        ),
        *(f"    {line}" for line in loop(op.x.size, [f"{out}[k] = missing ? NAN : ((k == best) ? {one} : {zero});"])),
        "}",
    ]


def _center(q: Page, op: p.Center) -> list[str]:
    n, x, y, out = op.x.size, q.whole(op.x), q.whole(op.y), q.whole(op.out)
    zero = q.style.number(0.0)
    lines = [
        f"{q.real} mean = {zero};",
        f"{q.real} rest = {zero};",
        "int top = 0;",
        *loop(n, [f"if ({y}[k] > {y}[top]) {{ top = k; }}"]),
        *loop(n, [f"mean += {y}[k]*{x}[k];", f"rest += {y}[k]*({x}[top] - {x}[k]);"]),
        *loop(n, [f"{out}[k] = (k == top) ? rest : {x}[k] - mean;"]),
    ]
    return ["{", *(f"    {line}" for line in lines), "}"]


def _distances(q: Page, op: p.Distances) -> list[str]:
    d = f"{q.whole(op.x)}[j] - {q.whole(op.centres)}[k][j]"
    term = f"{q.style.functions['fabs']}({d})" if op.absolute else f"({d})*({d})"
    sum_ = loop(op.x.size, [f"sum += {term};"], "j")
    return loop(op.out.size, [f"{q.real} sum = {q.style.number(0.0)};", *sum_, f"{q.at(op.out, 'k')} = sum;"])


def _differences(q: Page, op: p.Differences) -> list[str]:
    x, c, zero, one = f"{q.whole(op.x)}[j]", f"{q.whole(op.centres)}[k][j]", q.style.number(0.0), q.style.number(1.0)
    value = f"({x} > {c}) ? {one} : (({x} < {c}) ? -{one} : {zero}*({x} - {c}))" if op.sign else f"{x} - {c}"
    inner = loop(op.out.columns, [f"{q.whole(op.out)}[k][j] = {value};"], "j")
    return loop(op.out.rows, inner)


def _one_hot(q: Page, op: p.OneHot) -> list[str]:
    place = q.place(op.place, "d")
    value = q.at(op.factor, place) if op.factor else q.style.number(1.0)
    return [
        *loop(op.out.size, [f"{q.at(op.out, 'k')} = {q.style.number(0.0)};"]),
        f"{q.whole(op.out)}[{place}] = {value};",
    ]


def _row(q: Page, op: p.Row) -> list[str]:
    place, table = q.place(op.place, "d"), q.whole(op.table)
    entry = f"{table}[k][{place}]" if op.column else f"{table}[{place}][k]"
    return loop(op.out.size, [f"{q.at(op.out, 'k')} = {q.at(op.factor, place) + '*' if op.factor else ''}{entry};"])


def _gram(q: Page, op: p.Gram) -> list[str]:
    weights, size = q.whole(op.weights), op.S.size
    S, T = (lambda a: q.whole(op.S, a)), (lambda a: q.whole(op.T, a))
    scaled = [
        f"scaled[k] = {weights}[k]*{S('a')}[k];",
        *([f"other[k] = {weights}[k]*{T('a')}[k];"] if op.cross else []),
    ]
    more = f" + {q.prefix}dot({size}, other, {S('b')})" if op.cross else ""
    names = ["scaled", "other"] if op.cross else ["scaled"]
    row, column = q.place(q.active, "a"), q.place(q.active, "b")
    entry = f"h[{f'({row})' if ' ' in row else row}*{q.inputs} + {column}]"
    inner = [f"for (b = 0; b <= a; ++b) {{ {entry} += {q.prefix}dot({size}, scaled, {T('b')}){more}; }}"]
    return loop(len(q.active), [*(f"{q.real} {n}[{size}];" for n in names), *loop(size, scaled), *inner], "a")


PRINTERS: dict[type, Callable[[Page, Any], list[str]]] = {
    p.Linear: _linear,
    p.Gather: _gather,
    p.Scatter: _scatter,
    p.Join: _join,
    p.Total: _total,
    p.Largest: _largest,
    p.Winner: _winner,
    p.Center: _center,
    p.Distances: _distances,
    p.Differences: _differences,
    p.OneHot: _one_hot,
    p.Row: _row,
    p.Gram: _gram,
    p.Map: lambda q, op: loop(op.out.size, [q.map(op)]),
}


def printed(q: Page, sections: Iterable[p.Section]) -> list[str]:
    """The statements of sections, one after the other; maps of one size share a loop."""
    lines: list[str] = []
    for section in sections:
        lines.append(f"/* {section.comment} */")
        maps: list[p.Map] = []
        for op in section.statements:
            if maps and not (isinstance(op, p.Map) and op.out.size == maps[0].out.size):
                lines += _maps(q, maps)
                maps = []
            if isinstance(op, p.Map):
                maps.append(op)
            else:
                lines += PRINTERS[type(op)](q, op)
        lines += _maps(q, maps) if maps else []
    return lines


def _maps(q: Page, maps: list[p.Map]) -> list[str]:
    together = set(q.pairs.values())
    body = []
    for op in maps:
        if op.out.name in q.pairs:
            body.append(
                f"{q.at(op.out, 'k')} = {q.prefix}tanh_and_exp({q.at(op.env['x'], 'k')}, &v->{q.pairs[op.out.name]}[k]);"
            )
        elif op.out.name not in together:
            body.append(q.map(op))
    return loop(maps[0].out.size, body) if body else []


def pairs(program: p.Program) -> dict[str, str]:
    """Where tanh(x) and exp(-2|x|) of the same x are wanted: one call of the library gives both."""
    sections = (*program.forward, *program.slopes)
    maps = [op for s in sections for op in s.statements if isinstance(op, p.Map) and set(op.env) == {"x"}]
    values = {op.env["x"]: op.out.name for op in maps if op.formula == TANH}
    shared = {op.env["x"]: op.out.name for op in maps if op.formula == SHARED}
    return {name: shared[x] for x, name in values.items() if x in shared}


def limits(code: str) -> list[str]:
    """The numbers without an end that the code names, for a math.h that has none."""
    found = [word for word in LIMITS if re.search(rf"\b{word}\b", code)]
    return [line for word in found for line in (f"#ifndef {word}", f"#define {word} {LIMITS[word]}", "#endif")]


def array(declaration: str, items: list[str]) -> list[str]:
    short = f"{declaration} = {{{', '.join(items)}}};"
    return [short] if len(short) <= WIDTH else [f"{declaration} = {{", *wrapped(items, "    "), "};"]


def constant(c: p.Constant, page: Page) -> list[str]:
    numbers = [page.style.number(v) for v in c.values.ravel().tolist()]
    if c.values.ndim == 1:
        return array(f"static const {page.real} {page.prefix}{c.name}[{c.size}]", numbers)
    rows, columns = c.values.shape
    lines = [f"static const {page.real} {page.prefix}{c.name}[{rows}][{columns}] = {{"]
    for k in range(rows):
        items = numbers[k * columns : (k + 1) * columns]
        short = f"    {{{', '.join(items)}}}"
        lines += [short] if len(short) < WIDTH else ["    {", *wrapped(items, "        "), "    }"]
        lines[-1] += "," if k < rows - 1 else ""
    return [*lines, "};"]
