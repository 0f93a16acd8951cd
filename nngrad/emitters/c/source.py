"""C: one source and its header, for every compiler of C90, C99 or later, and C++.

There is constant data only, and no memory is asked for. The weights stand as in the model, a row for each unit. A value
is a sum along a row (`dot`); a cotangent goes back as rows times numbers (`add_rows`), so that both run along memory
and are vectorised without any reordering that the compiler would have to be allowed. Directions of a pass are a loop
around vectors, which keeps the stack small. Whatever stands outside of functions begins with the function's name, so
that several networks have room in one program, and in one translation unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from nngrad.core.network import Network
from nngrad.emitters import program as p
from nngrad.emitters.c.statements import FLOAT_MAX, Page, array, constant, limits, loop, pairs, printed, style
from nngrad.emitters.text import facts, filled, indented
from nngrad.errors import ModelError

FRAMES = 512  # bytes on the stack beside the vectors: registers that are kept, counters, return addresses
PRAGMA = """
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("no-ipa-ra") /* GCC 12 with AVX forgets vzeroupper behind static functions, which slows exp down */
#endif
"""  # measured: with AVX, the next calls of exp and tanh take ten times as long
PRAGMA_END = """
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
"""
RESTRICT = """
#if !defined(__cplusplus) && defined(__STDC_VERSION__) && __STDC_VERSION__ >= 199901L
#define NAME_RESTRICT restrict
#elif defined(__GNUC__) || defined(_MSC_VER)
#define NAME_RESTRICT __restrict
#else
#define NAME_RESTRICT
#endif
"""
SINCE_C99 = """
#if !defined(__cplusplus) && !defined(_MSC_VER) && (!defined(__STDC_VERSION__) || __STDC_VERSION__ < 199901L)
/* C90 doesn't declare these; the mathematics library must have them, as those of C99 do. */
PROTOTYPES
#endif
"""
NEW_IN_C99 = ("expm1", "log1p", "erfc", "copysign")
DOT = """
/* The sum of a[k]*b[k], in four runs that don't wait for each other. */
static REAL NAME_dot(int n, const REAL *a, const REAL *b)
{
    REAL s0 = ZERO, s1 = ZERO, s2 = ZERO, s3 = ZERO;
    int k = 0;
    for (; k < n - 3; k += 4) {
        s0 += a[k]*b[k];
        s1 += a[k + 1]*b[k + 1];
        s2 += a[k + 2]*b[k + 2];
        s3 += a[k + 3]*b[k + 3];
    }
    for (; k < n; ++k) { s0 += a[k]*b[k]; }
    return (s0 + s2) + (s1 + s3);
}
"""
ADD_ROWS = """
/* out = the sum over the rows of W of g[i] times the row, four rows at a time. */
static void NAME_add_rows(int rows, int columns, const REAL *W, const REAL *g, REAL *NAME_RESTRICT out)
{
    const REAL *r = W;
    int i, k;
    for (k = 0; k < columns; ++k) { out[k] = ZERO; }
    for (i = 0; i < rows - 3; i += 4) {
        const REAL g0 = g[i], g1 = g[i + 1], g2 = g[i + 2], g3 = g[i + 3];
        for (k = 0; k < columns; ++k) {
            out[k] += (g0*r[k] + g1*r[columns + k]) + (g2*r[2*columns + k] + g3*r[3*columns + k]);
        }
        r += 4*columns;
    }
    for (; i < rows; ++i) {
        const REAL g0 = g[i];
        for (k = 0; k < columns; ++k) { out[k] += g0*r[k]; }
        r += columns;
    }
}
"""
TANH_AND_EXP = """
/* tanh(x), and *q = exp(-2|x|): one call of the library gives both, each to its last digits. */
static REAL NAME_tanh_and_exp(REAL x, REAL *q)
{
    const REAL a = FABS(x);
    REAL t;
    if (a < HALF) {
        const REAL e = EXPM1(-TWO*a);
        *q = ONE + e;
        t = -e/(TWO + e);
    } else {
        *q = EXP(-TWO*a);
        t = (ONE - *q)/(ONE + *q);
    }
    return COPYSIGN(t, x);
}
"""


@dataclass
class Routine:
    """A static function; its parameters are those of x, y, v, J and H that its body reads."""

    name: str
    comment: str
    body: list[str]
    writes: str = ""

    def parameters(self) -> list[str]:
        text = re.sub(r"/\*.*?\*/", "", " ".join(self.body))
        return [name for name in ("x", "y", "v", "J", "H") if re.search(rf"\b{name}\b", text)]

    def call(self) -> str:
        return f"{self.name}({', '.join(self.parameters())});"

    def text(self, page: Page) -> list[str]:
        types = {n: f"{'' if n in self.writes else 'const '}{page.real} *{n}" for n in "xyJH"}
        types["v"] = f"{'' if 'v' in self.writes else 'const '}struct {page.prefix}values *v"
        given = ", ".join(types[n] for n in self.parameters()) or "void"
        counters = sorted(set(re.findall(r"\bfor \((\w) = 0;", " ".join(self.body))))
        declared = [f"int {', '.join(counters)};"] if counters else []
        return [
            "",
            f"/* {self.comment} */",
            f"static void {self.name}({given})",
            "{",
            *indented([*declared, *self.body]),
            "}",
        ]


def write(net: Network, program: p.Program, name: str, file: str, single: bool) -> dict[str, str]:
    """The source `file` and its header."""
    page = Page("float" if single else "double", style(single), f"{name}_", program.x.size, pairs=pairs(program))
    body, stack = _functions(program, page, name)
    data = []
    for group in program.constants:
        data += [
            "",
            f"/* {group.comment} */",
            *(line for numbers in group.constants for line in constant(numbers, page)),
        ]
    for index, table in page.tables.items():
        data += ["", *array(f"static const int {table}[{len(index)}]", [str(k) for k in index])]
    code = [
        *PRAGMA.rstrip().split("\n"),
        *data,
        *_helpers("\n".join(body), page),
        *body,
        *PRAGMA_END.rstrip().split("\n"),
    ]
    header = header_of(file)
    text = [f"/* {name}: see {header} */", *_includes("\n".join(code), header), *_older("\n".join(code), page), *code]
    return {file: "\n".join(text) + "\n", header: _header(net, program, name, page.real, stack)}


def refuse_range(program: p.Program) -> None:
    """ModelError for a number that single precision has no room for."""
    for c in (c for group in program.constants for c in group.constants):
        if (np.abs(c.values[np.isfinite(c.values)], dtype=np.float64) > FLOAT_MAX).any():
            raise ModelError(f"{c.name}: the model has numbers beyond the range of float; leave out --float")


def header_of(file: str) -> str:
    return file.rpartition(".")[0] + ".h"


def together(source: str, header: str, header_name: str) -> str:
    """Source and header as one text that needs no file beside it."""
    return header + source.partition("\n")[2].replace(f'#include "{header_name}"\n', "", 1)


def _includes(code: str, header: str) -> list[str]:
    limits = ["#include <float.h>"] if "FLT_MAX" in code else []
    return [*limits, "#include <math.h>", "#include <stddef.h>", f'#include "{header}"']


def _older(code: str, page: Page) -> list[str]:
    """What the code needs and older compilers don't have."""
    lines = limits(code)
    float_too = ("exp", "log", "sqrt", "fabs", "sin", "cos", "tanh", *NEW_IN_C99)
    names = [f"{n}f" for n in float_too] if page.real == "float" else list(NEW_IN_C99)
    used = [n for n in names if re.search(rf"\b{n}\(", code)]
    prototypes = [f"{page.real} {n}({page.real}{', ' + page.real if n.startswith('copysign') else ''});" for n in used]
    lines += SINCE_C99.strip().replace("PROTOTYPES", "\n".join(prototypes)).split("\n") if used else []
    lines += filled(RESTRICT.strip(), {"NAME": page.prefix[:-1]}).split("\n") if "add_rows(" in code else []
    return ["", *lines] if lines else []


def _helpers(body: str, page: Page) -> list[str]:
    number, f = page.style.number, "f" if page.real == "float" else ""
    words = {"NAME": page.prefix[:-1], "REAL": page.real}
    words |= {"ZERO": number(0.0), "HALF": number(0.5), "ONE": number(1.0), "TWO": number(2.0)}
    words |= {"FABS": f"fabs{f}", "EXPM1": f"expm1{f}", "EXP": f"exp{f}", "COPYSIGN": f"copysign{f}"}
    helpers = (("dot", DOT), ("add_rows", ADD_ROWS), ("tanh_and_exp", TANH_AND_EXP))
    return [
        line
        for call, text in helpers
        if f"{page.prefix}{call}(" in body
        for line in filled(text.rstrip(), words).split("\n")
    ]


def _samples(sections: Iterable[p.Section]) -> list[p.Vector | p.Matrix]:
    """What statements of a sample make, in order."""
    outs = [op.out for s in sections for op in s.statements if not isinstance(op, p.Gram)]
    return [v for v in outs if not (isinstance(v, p.Vector) and v.along) and v.name != "y"]


def _declared(v: p.Vector | p.Matrix, real: str) -> str:
    return f"{real} {v.name}[{v.size}];" if isinstance(v, p.Vector) else f"{real} {v.name}[{v.rows}][{v.columns}];"


def _numbers(items: Iterable[p.Vector | p.Matrix]) -> int:
    return sum(v.size if isinstance(v, p.Vector) else v.rows * v.columns for v in items)


def _functions(program: p.Program, page: Page, name: str) -> tuple[list[str], dict[str, int]]:
    """The struct of a sample's vectors, and the functions; and the numbers that each keeps on the stack."""
    real = page.real
    vectors = _samples((*program.forward, *program.slopes))
    members = [_declared(v, real) for v in vectors]
    text = (
        ["", "/* What is known of a sample. */", f"struct {name}_values {{", *indented(members), "};"]
        if vectors
        else []
    )
    forward = Routine(f"{name}_forward", "The outputs.", printed(page, program.forward), writes="yv")
    slopes = Routine(f"{name}_slopes", "The slopes of every layer.", printed(page, program.slopes), writes="v")
    along, local = _jacobian(program, page)
    jacobian = Routine(f"{name}_jacobian", f"The Jacobian, {_direction(program.jacobian)}.", along, writes="J")
    second, kept = _second_order(program, page)
    curvature = Routine(f"{name}_curvature", "The Hessians.", second, writes="H")
    for function in (forward, slopes, jacobian, curvature):
        text += function.text(page) if function.body else []
    state = [f"struct {name}_values all;", f"struct {name}_values *const v = &all;"] if vectors else []
    if "x" not in forward.parameters():  # every output is constant
        state.append("(void)x;")
    sloped = [slopes.call()] if slopes.body else []
    text += ["", f"void {name}(const {real} *x, {real} *y, {real} *J)", "{", *indented([*state, forward.call()])]
    text += ["    if (J != NULL) {", *indented([*sloped, jacobian.call()], 2), "    }", "}"]
    text += [
        "",
        f"void {name}_hessian(const {real} *x, {real} *y, {real} *J, {real} *H)",
        "{",
        *indented([*state, forward.call(), *sloped]),
    ]
    text += [f"    if (J != NULL) {{ {jacobian.call()} }}", f"    {curvature.call()}", "}"]
    size = {"": _numbers(vectors) + local}
    size["_hessian"] = _numbers(vectors) + local + kept  # compilers may inline both, and share nothing
    return text, size


def _direction(sweep: p.Sweep) -> str:
    return "one output after the other" if sweep.along == "output" else "one input after the other"


def _locals(sweep: p.Sweep, kept: Iterable[str] = ()) -> list[p.Vector]:
    outs = [op.out for s in sweep.sections for op in s.statements if not isinstance(op, p.Gram)]
    return [v for v in outs if v.name not in kept]


def _jacobian(program: p.Program, page: Page) -> tuple[list[str], int]:
    sweep, n, m = program.jacobian, program.x.size, program.y.size
    zero = loop(m * n, [f"J[k] = {page.style.number(0.0)};"])
    if sweep.result is None:
        return zero, 0
    vectors = _locals(sweep)
    lines = [*(_declared(v, page.real) for v in vectors), *printed(page, sweep.sections)]
    place = page.place(sweep.place, "d")
    entry = f"J[{_times(place, n)} + k]" if sweep.along == "output" else f"J[k*{n} + {place}]"
    lines += loop(sweep.result.size, [f"{entry} = {page.at(sweep.result, 'k')};"])
    every = len(sweep.place) == (m if sweep.along == "output" else n)
    return [*([] if every else zero), *loop(len(sweep.place), lines, "d")], _numbers(vectors)


def _times(index: str, by: int) -> str:
    return f"({index})*{by}" if " " in index else f"{index}*{by}"


def _second_order(program: p.Program, page: Page) -> tuple[list[str], int]:
    n, m = program.x.size, program.y.size
    zero = loop(m * n * n, [f"H[k] = {page.style.number(0.0)};"])
    if program.tangents is None or program.cotangents is None:
        return ["/* The network is linear between its kinks. */", *zero], 0
    grams = [op for s in program.cotangents.sections for op in s.statements if isinstance(op, p.Gram)]
    names = {v.name for op in grams for v in (op.S, op.T)}
    made = _samples(program.seconds)
    q = replace(page, active=program.tangents.place, kept=frozenset(names), local=page.local | {v.name for v in made})
    stored = [op.out for s in program.tangents.sections for op in s.statements if op.out.name in names]
    first, last = _locals(program.tangents, names), _locals(program.cotangents)
    lines = [_declared(v, q.real) for v in made]
    lines += [f"{q.real} {v.name}[{len(q.active)}][{v.size}];" for v in stored]
    lines += printed(q, program.seconds)
    passed = [*(_declared(v, q.real) for v in first), *printed(q, program.tangents.sections)]
    lines += [*loop(len(q.active), passed, "d"), *zero]
    output = q.place(program.cotangents.place, "d")
    head = f"{q.real} *const h = H + {_times(output, n * n)};"
    mirror = loop(n, [f"for (b = 0; b < a; ++b) {{ h[b*{n} + a] = h[a*{n} + b]; }}"], "a")
    back = [head, *(_declared(v, q.real) for v in last), *printed(q, program.cotangents.sections), *mirror]
    scaled = sum(op.S.size * (2 if op.cross else 1) for op in grams)
    kept = _numbers(made) + len(q.active) * _numbers(stored) + _numbers(first) + _numbers(last) + scaled
    return [*lines, *loop(len(program.cotangents.place), back, "d")], kept


def _header(net: Network, program: p.Program, name: str, real: str, stack: dict[str, int]) -> str:
    n, m, guard = program.x.size, program.y.size, f"NNGRAD_{name}_H"
    width = 4 if real == "float" else 8
    convention = [
        f"{name}(x, y, J) writes the outputs y[{m}] at the inputs x[{n}], and unless J is NULL the Jacobian J[{m}*{n}],",
        f"J[i*{n} + j] = dy[i]/dx[j]. {name}_hessian writes H[{m}*{n}*{n}] too, H[(i*{n} + a)*{n} + b] = d2y[i]/dx[a]dx[b].",
        "Nothing is allocated or kept between calls: both may be called from several threads. x must not overlap the results.",
        f"Stack: about {stack[''] * width + FRAMES} bytes in {name}, {stack['_hessian'] * width + FRAMES} bytes in {name}_hessian.",
        "It compiles as C90 (whose library must have what is declared in the source), C99 or later, and as C++.",
        "NaN and infinity need their meaning of IEEE 754: compile without -ffast-math.",
    ]
    return "\n".join(
        [
            *(
                "/* " + line if k == 0 else "   " + line if line else ""
                for k, line in enumerate([f"{name}: exact outputs and derivatives.", *facts(net, name, convention)])
            ),
            "*/",
            f"#ifndef {guard}",
            f"#define {guard}",
            "#ifdef __cplusplus",
            'extern "C" {',
            "#endif",
            "",
            f"void {name}(const {real} *x, {real} *y, {real} *J);",
            f"void {name}_hessian(const {real} *x, {real} *y, {real} *J, {real} *H);",
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "#endif",
            "",
        ]
    )
