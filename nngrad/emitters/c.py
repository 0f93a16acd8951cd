"""C: one source and its header, for every compiler of C90, C99 or later, and C++. The one rule: plain loops with fixed counts,
constant data only, no memory asked for.

The weights stand as in the model, a row for each unit. A value is a sum along a row (`dot`); a cotangent goes back as rows times
numbers (`add_rows`), so that both run along memory and are vectorised without any reordering that the compiler would have to be
allowed. Directions of a pass are a loop around vectors, which keeps the stack small. Whatever stands outside of functions begins
with the function's name, so that several networks have room in one program, and in one translation unit.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nngrad.core.formula import FUNCTIONS
from nngrad.core.network import Network
from nngrad.emitters import program as p
from nngrad.emitters.text import WIDTH, Style, facts, filled, formula, indented, is_run, reserved, shortest, shortest_single, wrapped
from nngrad.errors import ModelError

KEYWORDS = reserved(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return "
    "short signed sizeof static struct switch typedef union unsigned void volatile while main asm bool true false class new delete this "
    "private public protected template namespace using operator try catch throw typename typeid virtual friend explicit export mutable "
    "and or not xor compl bitand bitor and_eq or_eq xor_eq not_eq alignas alignof nullptr constexpr consteval constinit decltype noexcept "
    "concept requires static_assert thread_local typeof typeof_unqual const_cast static_cast dynamic_cast reinterpret_cast co_await "
    "co_return co_yield char8_t char16_t char32_t wchar_t final override import module std fortran linux unix near far pascal cdecl"
)
LIBRARY = reserved(
    "exp exp2 expm1 log log2 log10 log1p logb sin cos tan sinh cosh tanh asin acos atan atan2 asinh acosh atanh erf erfc pow sqrt cbrt "
    "fabs fmin fmax fdim fma fmod floor ceil round trunc rint lrint lround llrint llround nearbyint nextafter nexttoward remainder remquo "
    "frexp ldexp ilogb scalbn scalbln modf nan hypot gamma lgamma tgamma copysign significand drem finite j0 j1 jn y0 y1 yn "
    "exp10 pow10 sincos abs labs div ldiv"
)
HOSTED = reserved(  # functions that a linker would take from here, for itself and for the whole program
    "exit abort atexit malloc calloc realloc free rand srand random qsort bsearch system getenv putenv setenv strtod strtol atof atoi atol "
    "printf fprintf sprintf snprintf scanf puts putc putchar getc getchar gets fopen fclose fread fwrite fflush fseek ftell remove rename "
    "perror rewind setbuf tmpfile tmpnam ungetc memcpy memmove memset memcmp strlen strcpy strcmp strcat strchr strtok index rindex "
    "time clock difftime mktime gmtime localtime strftime signal raise setjmp longjmp read write open close link unlink pipe dup fork "
    "exec wait kill pause sleep sync nice access stat chdir select poll send recv bind listen accept connect socket shutdown environ errno "
    "stdin stdout stderr assert"
)
MACROS = reserved(
    "isnan isinf isfinite isnormal signbit fpclassify NULL NAN INFINITY HUGE_VAL EOF BUFSIZ RAND_MAX DBL_MAX FLT_MAX DBL_EPSILON "
    "FLT_EPSILON I complex imaginary offsetof va_list size_t ptrdiff_t min max mexFunction mxArray mwSize"
)
BESIDE = reserved(
    "differs wrong right_x right_y right_J right_H input outY outJ outH count plhs nlhs prhs nrhs sizeJ sizeH s k i j to kept"
)
RESERVED = (
    KEYWORDS
    | LIBRARY
    | HOSTED
    | MACROS
    | BESIDE  # the names of the self-test and of the gateways
    | {f"{name}{suffix}" for name in LIBRARY for suffix in "fl"}
    | {"x", "y", "J", "H", "v", "all"}
)
FRAMES = 512  # bytes on the stack beside the vectors: registers that are kept, counters, return addresses
FLOAT_MAX = float(np.finfo(np.float32).max)
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
    """What printing a program needs to know: the type, which vectors are kept for every direction, and tables of places."""

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
    return [f"{head} {body[0]} }}"] if len(body) == 1 and len(body[0]) < 80 else [head, *(f"    {line}" for line in body), "}"]


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
    return (table.rows, table.columns) if isinstance(table, p.Matrix) else (table.values.shape[0], table.values.shape[1])


def _gather(q: Page, op: p.Gather) -> list[str]:
    return loop(op.out.size, [f"{q.at(op.out, 'k')} = {q.whole(op.x)}[{q.place(op.places, 'k')}];"])


def _scatter(q: Page, op: p.Scatter) -> list[str]:
    fill = q.at(op.fill, "k") if op.fill else q.style.number(0.0)
    put = f"{q.whole(op.out)}[{q.place(op.places, 'k')}] = {q.at(op.x, 'k')};"
    whole = set(op.places) == set(range(op.out.size))
    return [*([] if whole else loop(op.out.size, [f"{q.at(op.out, 'k')} = {fill};"])), *(loop(len(op.places), [put]) if op.places else [])]


def _join(q: Page, op: p.Join) -> list[str]:
    lines, start = [], 0
    for part in op.parts:
        lines += loop(part.size, [f"{q.whole(op.out)}[{f'k + {start}' if start else 'k'}] = {q.at(part, 'k')};"])
        start += part.size
    return lines


def _total(q: Page, op: p.Total) -> list[str]:
    groups, run = op.out.size, op.x.size // op.out.size
    place = "k" if groups == 1 else f"i*{run} + k"
    sums = [f"{q.at(op.out, 'i')} = {q.style.number(0.0)};", *loop(run, [f"{q.at(op.out, 'i')} += {q.at(op.x, place)};"])]
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
            for line in loop(op.x.size, [f"if ({x}[k] > {x}[best]) {{ best = k; }}", f"if ({x}[k] != {x}[k]) {{ missing = 1; }}"])
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
    return [*loop(op.out.size, [f"{q.at(op.out, 'k')} = {q.style.number(0.0)};"]), f"{q.whole(op.out)}[{place}] = {value};"]


def _row(q: Page, op: p.Row) -> list[str]:
    place, table = q.place(op.place, "d"), q.whole(op.table)
    entry = f"{table}[k][{place}]" if op.column else f"{table}[{place}][k]"
    return loop(op.out.size, [f"{q.at(op.out, 'k')} = {q.at(op.factor, place) + '*' if op.factor else ''}{entry};"])


def _gram(q: Page, op: p.Gram) -> list[str]:
    weights, size = q.whole(op.weights), op.S.size
    S, T = (lambda a: q.whole(op.S, a)), (lambda a: q.whole(op.T, a))
    scaled = [f"scaled[k] = {weights}[k]*{S('a')}[k];", *([f"other[k] = {weights}[k]*{T('a')}[k];"] if op.cross else [])]
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
            body.append(f"{q.at(op.out, 'k')} = {q.prefix}tanh_and_exp({q.at(op.env['x'], 'k')}, &v->{q.pairs[op.out.name]}[k]);")
        elif op.out.name not in together:
            body.append(q.map(op))
    return loop(maps[0].out.size, body) if body else []


def _pairs(program: p.Program) -> dict[str, str]:
    """Where tanh(x) and exp(-2|x|) of the same x are wanted: one call of the library gives both."""
    sections = (*program.forward, *program.slopes)
    maps = [op for s in sections for op in s.statements if isinstance(op, p.Map) and set(op.env) == {"x"}]
    values = {op.env["x"]: op.out.name for op in maps if op.formula == TANH}
    shared = {op.env["x"]: op.out.name for op in maps if op.formula == SHARED}
    return {name: shared[x] for x, name in values.items() if x in shared}


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
LIMITS = {"NAN": "(HUGE_VAL - HUGE_VAL)", "INFINITY": "HUGE_VAL"}  # which C90 lacks
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
class Function:
    """A static function whose parameters are those of PARAMETERS that its body reads."""

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
        return ["", f"/* {self.comment} */", f"static void {self.name}({given})", "{", *indented([*declared, *self.body]), "}"]


def emit(net: Network, program: p.Program, name: str, single: bool = False, file: str = "") -> dict[str, str]:
    """FILE, or NAME.c, and its header."""
    file = file or f"{name}.c"
    page = Page("float" if single else "double", style(single), f"{name}_", program.x.size, pairs=_pairs(program))
    _check_range(program, single)
    body, stack = _functions(program, page, name)
    data = []
    for group in program.constants:
        data += ["", f"/* {group.comment} */", *(line for numbers in group.constants for line in constant(numbers, page))]
    for index, table in page.tables.items():
        data += ["", *_array(f"static const int {table}[{len(index)}]", [str(k) for k in index])]
    code = [*PRAGMA.rstrip().split("\n"), *data, *_helpers("\n".join(body), page), *body, *PRAGMA_END.rstrip().split("\n")]
    header = header_of(file)
    text = [f"/* {name}: see {header} */", *_includes("\n".join(code), header), *_older("\n".join(code), page), *code]
    return {file: "\n".join(text) + "\n", header: _header(net, program, name, page.real, stack)}


def header_of(file: str) -> str:
    return file.rpartition(".")[0] + ".h"


def together(files: dict[str, str]) -> str:
    """Source and header as one text that needs no file beside it."""
    text, declared = files.values()
    header = list(files)[1]
    return declared + text.partition("\n")[2].replace(f'#include "{header}"\n', "", 1)


def _includes(code: str, header: str) -> list[str]:
    limits = ["#include <float.h>"] if "FLT_MAX" in code else []
    return [*limits, "#include <math.h>", "#include <stddef.h>", f'#include "{header}"']


def limits(code: str) -> list[str]:
    """The numbers without an end that the code names, for a math.h that has none."""
    found = [word for word in LIMITS if re.search(rf"\b{word}\b", code)]
    return [line for word in found for line in (f"#ifndef {word}", f"#define {word} {LIMITS[word]}", "#endif")]


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


def _check_range(program: p.Program, single: bool) -> None:
    for c in (c for group in program.constants for c in group.constants):
        if single and (np.abs(c.values[np.isfinite(c.values)], dtype=np.float64) > FLOAT_MAX).any():
            raise ModelError(f"{c.name}: the model has numbers beyond the range of float; leave out --float")


def _array(declaration: str, items: list[str]) -> list[str]:
    short = f"{declaration} = {{{', '.join(items)}}};"
    return [short] if len(short) <= WIDTH else [f"{declaration} = {{", *wrapped(items, "    "), "};"]


def constant(c: p.Constant, page: Page) -> list[str]:
    numbers = [page.style.number(v) for v in c.values.ravel().tolist()]
    if c.values.ndim == 1:
        return _array(f"static const {page.real} {page.prefix}{c.name}[{c.size}]", numbers)
    rows, columns = c.values.shape
    lines = [f"static const {page.real} {page.prefix}{c.name}[{rows}][{columns}] = {{"]
    for k in range(rows):
        items = numbers[k * columns : (k + 1) * columns]
        short = f"    {{{', '.join(items)}}}"
        lines += [short] if len(short) < WIDTH else ["    {", *wrapped(items, "        "), "    }"]
        lines[-1] += "," if k < rows - 1 else ""
    return [*lines, "};"]


def _helpers(body: str, page: Page) -> list[str]:
    number, f = page.style.number, "f" if page.real == "float" else ""
    words = {"NAME": page.prefix[:-1], "REAL": page.real}
    words |= {"ZERO": number(0.0), "HALF": number(0.5), "ONE": number(1.0), "TWO": number(2.0)}
    words |= {"FABS": f"fabs{f}", "EXPM1": f"expm1{f}", "EXP": f"exp{f}", "COPYSIGN": f"copysign{f}"}
    helpers = (("dot", DOT), ("add_rows", ADD_ROWS), ("tanh_and_exp", TANH_AND_EXP))
    return [line for call, text in helpers if f"{page.prefix}{call}(" in body for line in filled(text.rstrip(), words).split("\n")]


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
    text = ["", "/* What is known of a sample. */", f"struct {name}_values {{", *indented(members), "};"] if vectors else []
    forward = Function(f"{name}_forward", "The outputs.", printed(page, program.forward), writes="yv")
    slopes = Function(f"{name}_slopes", "The slopes of every layer.", printed(page, program.slopes), writes="v")
    along, local = _jacobian(program, page)
    jacobian = Function(f"{name}_jacobian", f"The Jacobian, {_direction(program.jacobian)}.", along, writes="J")
    second, kept = _second_order(program, page)
    curvature = Function(f"{name}_curvature", "The Hessians.", second, writes="H")
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
