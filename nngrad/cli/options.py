"""Options that commands share, as decorators: what the user asks for becomes one value, `Asked`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from nngrad.tables.formats import ARRAYS, LINES, READ_ONLY

DEBUG = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
PATH = click.Path(readable=False)  # its only meaning here: the shell completes names of files
Told = dict[str, Any]  # what load() takes beside the file
TOLD = ("network", "activation", "weights", "input_scaling", "output_scaling")
Reading = dict[str, Any]  # what tables.reader() takes beside the file: READING_OPTIONS by their names
SCALES = ("raw", "range", "sigma", "elasticity")


@dataclass(frozen=True)
class Asked:
    """Where rows come from and where they go, as the user wrote it."""

    inputs: tuple[str, ...]
    output: str | None
    format: str | None
    keep: tuple[str, ...]
    digits: int | None
    threads: int | None
    flags: bool
    reading: Reading
    quiet: bool


class Listed(click.ParamType):
    """Names or numbers with commas between them."""

    name = "list"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        parts = value if isinstance(value, tuple) else tuple(part.strip() for part in _text(value).split(","))
        if not all(parts):
            self.fail(f"{value!r} has an empty entry; separate names or numbers by single commas", param, ctx)
        return parts


def _text(argument: str) -> str:
    """Names in files are UTF-8, also where the system's own encoding has no place for their letters."""
    return argument if argument.isprintable() else os.fsencode(argument).decode(errors="surrogateescape")


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """MODEL, and what load() is told about it, which the command gets as `told`: load(model,
    **told); --quiet, --debug.
    """

    def collected(**values: Any) -> Any:
        return command(told={name: values.pop(name) for name in TOLD}, **values)

    return _with(MODEL_OPTIONS, collected, command)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How tables are read; the command gets what was said as `reading`: tables.reader(source, **reading)."""

    def collected(**values: Any) -> Any:
        return command(reading=_taken(values), **values)

    return _with(READING_OPTIONS, collected, command)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Everything about tables; the command gets it as `asked`."""

    def collected(quiet: bool, **values: Any) -> Any:
        reading = _taken(values)
        names = Asked.__dataclass_fields__.keys() - {"quiet", "reading"}
        asked = Asked(quiet=quiet, reading=reading, **{name: values.pop(name) for name in names})
        return command(asked=asked, **values)

    return _with((*FILE_OPTIONS, *READING_OPTIONS, *RUN_OPTIONS), collected, command)


def _taken(values: dict[str, Any]) -> Reading:
    """The values of READING_OPTIONS out of all values: those that were given."""
    taken = {name: values.pop(name) for name in _names(READING_OPTIONS)}
    return {name: value for name, value in taken.items() if value is not None}


def _names(options: tuple[Callable[[Any], Any], ...]) -> list[str]:
    def carrier() -> None:
        """Carries the options."""

    for decorate in options:
        decorate(carrier)
    return [str(parameter.name) for parameter in carrier.__click_params__]  # type: ignore[attr-defined]


def derivative_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--of and --wrt: what is differentiated with respect to what."""
    for decorate in reversed(DERIVATIVE_OPTIONS):
        command = decorate(command)
    return command


def scale_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--scale and --sigma."""
    for decorate in reversed(SCALE_OPTIONS):
        command = decorate(command)
    return command


def _with(options: tuple[Callable[[Any], Any], ...], collected: Any, command: Callable[..., Any]) -> Callable[..., Any]:
    """`collected` in place of the command, with the command's help and options, and these before them."""
    collected.__doc__ = command.__doc__
    collected.__click_params__ = getattr(command, "__click_params__", [])
    for decorate in reversed(options):
        collected = decorate(collected)
    return collected


MODEL_OPTIONS = (
    click.argument("model", type=PATH),
    click.option("--network", metavar="PATH", help="Which network of the file, by its path in it, such as values.net."),
    click.option(
        "--activation",
        type=Listed(),
        metavar="NAMES",
        help="Activations that the file does not name: tanh,linear, or each layer's.",
    ),
    click.option(
        "--weights",
        type=click.Choice(("out-by-in", "in-by-out")),
        help="Which way round plain weights stand, if their shapes don't tell.",
    ),
    click.option(
        "--input-scaling",
        metavar="KIND:ARGS",
        help="What was done to x outside of the network: zscore:MU,SD, minmax:LOW,HIGH[,A,B], mapminmax:SETTINGS or mapstd:SETTINGS; each "
        "a variable of the file (muX), of another (scaler.mat:mu), or numbers (1;2;3). x, y and J are in raw units then.",
    ),
    click.option("--output-scaling", metavar="KIND:ARGS", help="What was done to y, likewise."),
    click.option("-q", "--quiet", is_flag=True, help="Nothing on standard error unless it fails."),
    DEBUG,
)

FILE_OPTIONS = (
    click.option(
        "-i",
        "--input",
        "inputs",
        type=PATH,
        metavar="FILE",
        multiple=True,
        help="Rows to read, a quoted pattern, or - ; may be repeated.",
    ),
    click.option(
        "-o",
        "--output",
        type=PATH,
        metavar="FILE",
        help="File to write, or a folder/ for several inputs; else standard output.",
    ),
    click.option(
        "--format", type=click.Choice(LINES + ARRAYS), help="Format to write; else the suffix decides, else csv."
    ),
    click.option(
        "--keep",
        type=Listed(),
        default=(),
        metavar="NAMES",
        help="Columns of the input to pass through, such as id,date.",
    ),
    click.option(
        "--digits", type=click.IntRange(1, 17), metavar="N", help="Significant digits; else the shortest exact text."
    ),
)

READING_OPTIONS = (  # how a table is read, in every command that reads one: what stands here reaches tables.reader() by its name
    click.option(
        "--columns",
        "choose",
        type=Listed(),
        metavar="NAMES",
        help="Columns of the input to take, in the model's order where that has no names: names, numbers from 1, or 2-5; "
        "npz, mat and h5: or arrays of one column each.",
    ),
    click.option(
        "--by",
        type=click.Choice(("name", "order")),
        help="Match the input's columns by name or by order; else found out.",
    ),
    click.option(
        "--header/--no-header", default=None, help="Whether the input's first line has names; else found out."
    ),
    click.option(
        "--delimiter", metavar="C", help="Between the input's columns: one character, tab or blanks; else found out."
    ),
    click.option("--decimal", type=click.Choice((".", ",")), help="The input's decimal mark; else the point."),
    click.option("--skip", type=click.IntRange(0), metavar="N", help="Lines to leave out before the input's table."),
    click.option("--units", is_flag=True, default=None, help="Leave out the lines of units below the input's header."),
    click.option(
        "--comment", metavar="C", help="Leave out the input's lines that begin with this mark, such as # or %."
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="The input's encoding, such as cp1252; else UTF-8, or what its first bytes tell.",
    ),
    click.option(
        "--input-format",
        "fmt",
        type=click.Choice(LINES + ARRAYS + READ_ONLY),
        help="Format to read; else the suffix decides.",
    ),
    click.option(
        "--samples", type=click.Choice(("rows", "columns")), help="Where the input's samples stand (mat: found out)."
    ),
)

RUN_OPTIONS = (
    click.option(
        "--threads", type=click.IntRange(1), metavar="N", help="Cores to use; the output is the same for any number."
    ),
    click.option(
        "--flags",
        is_flag=True,
        help="Say of every row what to doubt: kinks, outside training, slopes below 1e-12 of those in training, not "
        "finite; npy: FILE.flags.csv.",
    ),
)

DERIVATIVE_OPTIONS = (
    click.option(
        "--of",
        type=Listed(),
        metavar="NAMES",
        help="Outputs y to differentiate: names, or numbers from 1, with commas.",
    ),
    click.option("--wrt", type=Listed(), metavar="NAMES", help="Inputs x to differentiate with respect to: likewise."),
)

SCALE_OPTIONS = (
    click.option(
        "--scale",
        type=click.Choice(SCALES),
        default="raw",
        help="raw: dy/dx. range: (upper - lower) dy/dx, with x's range in training. sigma: standard deviation of x times dy/dx. "
        "elasticity: x/y dy/dx.",
    ),
    click.option(
        "--sigma",
        type=Listed(),
        metavar="NUMBERS",
        help="Standard deviations for --scale sigma, one an input; else measured from all rows of the inputs in a first pass (N - 1).",
    ),
)
