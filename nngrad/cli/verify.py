"""`nngrad verify`: does nngrad compute what MATLAB or Keras computed? From their own recorded numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from nngrad.cli.messages import show, show_json
from nngrad.cli.options import PATH, Listed, Reading, Told, model_options, reading_options
from nngrad.errors import UsageError

MOST_OUTPUTS = 12  # shown one by one


@click.command(short_help="Compare with outputs recorded in MATLAB or Keras.")
@click.option(
    "-i",
    "--input",
    "source",
    type=PATH,
    metavar="FILE",
    help="The recorded inputs: a table, or net.mat:NAME with any path in the file.",
)
@click.option(
    "--expect",
    type=PATH,
    metavar="FILE",
    help="The recorded outputs: likewise. Samples may stand in rows or in columns.",
)
@click.option(
    "--expect-columns",
    type=Listed(),
    metavar="NAMES",
    help="Columns of the recorded outputs to take, as --columns does of the inputs; both may be of one table.",
)
@click.option("--find", "finding", is_flag=True, help="Search MODEL itself for arrays that are its inputs and outputs.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON: {model, reproduced, networks: [...]}.")
@reading_options
@model_options
def verify(
    model: str,
    told: Told,
    reading: Reading,
    source: str | None,
    expect: str | None,
    expect_columns: tuple[str, ...] | None,
    finding: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """\b
    Example: nngrad verify sample_models/recorded.mat --find

    Compare the outputs of MODEL with outputs that MATLAB or Keras recorded for the same inputs. For every output the
    difference is measured against the spread of the recorded values; from 9 digits on (or all the digits that were
    recorded) it counts as reproduced.

    If they differ, it says why: it tries samples in columns, skipped or doubled processing of inputs and outputs,
    columns in another order, shifted rows, single precision and the other networks of the file, and names the
    hypothesis that reproduces the numbers and to how many digits, or says that none does. Exit code 0: reproduced; 1:
    not.

    \b
    To record them in MATLAB:
        x = ...;                                  % a few samples, in columns
        y = net(x);
        save('recorded.mat', 'net', 'x', 'y')
    """
    from nngrad.cli import expected
    from nngrad.cli.messages import note
    from nngrad.proofs import recorded

    _one_of_both(finding, source, expect, bool(expect_columns or reading))
    if finding:
        facts = recorded.found(model, told)
    else:
        facts, notes = expected.compared(model, told, str(source), str(expect), reading, expect_columns)
        for text in notes:
            note(text, quiet)
    if as_json:
        show_json(facts)
    else:
        show(_lines(facts))
    return 0 if facts["reproduced"] else 1


def _one_of_both(finding: bool, source: str | None, expect: str | None, more: bool) -> None:
    """UsageError unless the recorded numbers are named, or searched for."""
    if finding and (source or expect or more):
        raise UsageError(
            "--find: searches the model's own file; leave -i, --expect and the options about tables out, or --find"
        )
    if not finding and not (source and expect):
        raise UsageError(
            "give the recorded inputs with -i and the recorded outputs with --expect, or search MODEL itself with --find"
        )


def _lines(facts: Any) -> Iterator[str]:
    for network in facts["networks"]:
        head = f"{facts['model']}{': ' + network['network'] if network['network'] else ''}"
        if network.get("error"):
            yield f"{head}: not tried: {network['error']}"
            continue
        if network.get("tried") and not network["reproduced"] and not network["explanation"]:
            yield f"{head}: NOT FOUND: {network['tried']} pairs of arrays fit by size, and none are its inputs and its outputs"
            yield f"  closest are inputs {network['inputs']}, outputs {network['outputs']}: {network['digits']:.1f} digits"
            continue
        source = f", inputs {network['inputs']}, outputs {network['outputs']}" if network.get("inputs") else ""
        yield f"{head}: {'reproduced' if network['reproduced'] else 'NOT REPRODUCED'}: {network['rows']} samples{source}"
        if network.get("constant"):
            yield "  the recorded outputs don't vary, so this proves little"
        yield from _explained(network)
        yield f"  {_agreement(network)}"
        if network["missing"]:
            yield f"  NaN among the recorded outputs: {network['missing']} of them not recorded, and not compared"
        for each in network["outputs_each"][:MOST_OUTPUTS]:
            yield f"  {each['output']}: {each['digits']:.1f} digits, worst difference {_short(each['difference'])}"
        if network["precision"]:
            yield f"  recorded with {network['precision']}, and reproduced to all of it"
        for other in network.get("also", ()):
            yield f"  also: inputs {other['inputs']}, outputs {other['outputs']}, {other['digits']:.1f} digits"


def _explained(network: Any) -> Iterator[str]:
    if network["explanation"]:
        yield f"  because: {network['explanation']['text']} (this reproduces them to {network['explanation']['digits']:.1f} digits)"
    elif not network["reproduced"]:
        closest = network["hypotheses"][:1]
        near = f"; closest: {closest[0]['name']}, {closest[0]['digits']:.1f} digits" if closest else ""
        yield f"  no hypothesis reproduces them{near}"
    elif network["hypotheses"]:
        yield f"  {network['hypotheses'][0]['text']}"


def _agreement(network: Any) -> str:
    if network["difference"] == 0.0:
        return "they agree to the last bit"
    where = f"{network['output']} at sample {network['row']}: {_number(network['computed'])}, recorded {_number(network['recorded'])}"
    return f"they agree to {network['digits']:.1f} digits; worst is {where}"


def _number(value: float | None) -> str:
    return "no finite number" if value is None else f"{value}"


def _short(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.2g}"
