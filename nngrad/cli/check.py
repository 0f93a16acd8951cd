"""`nngrad check`: are the derivatives of this model right? By a route that shares no derivative
rule with the others.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nngrad.cli.messages import show, show_json
from nngrad.cli.options import PATH, Reading, Told, model_options, reading_options
from nngrad.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from nngrad.core.network import Network

    Array = np.ndarray


@click.command(short_help="Check the derivatives by an independent route.")
@click.option(
    "-i",
    "--input",
    "source",
    type=PATH,
    metavar="FILE",
    help="Rows to check at; else points in the training ranges, or normal ones.",
)
@click.option(
    "--points",
    type=click.IntRange(1, 100_000),
    default=10,
    metavar="N",
    help="Points to check at where there is no input.",
)
@click.option("--seed", type=click.IntRange(0), default=1, metavar="N", help="Which points.")
@click.option("--hessian", is_flag=True, help="Check second derivatives too.")
@click.option(
    "--method",
    type=click.Choice(("complex step", "differences")),
    help="The route; else the complex step where it is possible.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON: {model, points, passed, checks: [...]}.")
@reading_options
@model_options
def check(
    model: str,
    told: Told,
    reading: Reading,
    source: str | None,
    points: int,
    seed: int,
    hessian: bool,
    method: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """\b
    Example: nngrad check sample_models/fitnet.mat --hessian

    Differentiate MODEL by a route of its own and compare: the complex step through a second evaluator (its imaginary
    part is the derivative, to the last digits), or where a layer is unknown to that, extrapolated differences of the
    outputs. Checked are the outputs y, the Jacobian J, a product J v, a product w' J, and with --hessian the Hessian H
    (by differences of the first derivatives).

    For every output it shows the worst difference, relative to the largest derivative of that row, with inputs measured
    in their training range (or spread), and where it is. Entries that differ because a kink lies within the step are
    counted, not blamed. Exit code 0: all agree; 1: something differs.
    """
    from nngrad.cli.opening import opened
    from nngrad.proofs.check import check as checked

    net = opened(model, told, quiet)
    if source is None and reading:
        raise UsageError("--input: the options about tables need one; name it with -i, or leave them out")
    x = _comparable(net, _points(net, source, reading, points, seed, quiet), source or model, quiet)
    found = checked(net, x, method, hessian)
    passed = all(c.passed for c in found)
    if as_json:
        facts = {
            "model": model,
            "points": len(x),
            "passed": passed,
            "checks": [{**asdict(c), "passed": c.passed} for c in found],
        }
        show_json(_plain(facts))
    else:
        where = source or f"{len(x)} points, seed {seed}"
        show(_lines(model, where, found, passed))
    return 0 if passed else 1


def _points(net: Network, source: str | None, reading: Reading, count: int, seed: int, quiet: bool) -> Array:
    """The rows of the table that was named, or a sample of `count` points."""
    from nngrad.cli import opening
    from nngrad.cli.messages import note
    from nngrad.cli.ranges import Watch
    from nngrad.core.points import sample

    if source is None:
        return sample(net, count, seed)
    x, notes = opening.inputs(net, source, reading)
    watch = Watch(net)
    watch.see(x)
    for text in (*notes, *([f"{source}: {said}"] if (said := watch.note(None)) else [])):
        note(text, quiet)
    if not len(x):
        raise DataError(f"{source}: has no rows to check at; name another table, or leave -i out")
    return x


def _comparable(net: Network, every: Array, where: str, quiet: bool) -> Array:
    """The points at which there is something to compare; the others are said."""
    from nngrad.cli.messages import note
    from nngrad.proofs.check import comparable

    x: Array = every[comparable(net, every)]
    if len(x) < len(every):
        infinite = f"{len(every) - len(x)} of {len(every)} points: x or a number within the network is infinite: nothing to compare"
        if not len(x):
            raise DataError(
                f"{where}: {infinite}; name a table of other points with -i, or look at the weights with nngrad info"
            )
        note(f"{where}: {infinite}; they are left out", quiet)
    return x


def _lines(model: str, where: str, found: Any, passed: bool) -> Any:
    blind = [c.what for c in found if c.nothing]
    verdict = "the derivatives agree" if passed else "THE DERIVATIVES DIFFER"
    if blind and all(c.passed or c.nothing for c in found):
        verdict = f"NOTHING OF {', '.join(blind)} WAS COMPARED: all is at a kink, or too small for this route; name other points with -i"
    yield f"{model}: {verdict} ({where})"
    if any(c.all_zero for c in found):
        yield "  but every derivative is 0 at these points, so this says little: all units are saturated or flat there; try points with -i"
    for c in found:
        yield ""
        route = {"complex step": "the complex step", "differences": "extrapolated differences"}.get(c.method, c.method)
        yield f"{c.what} against {route}, tolerance {c.tolerance:.0e}"
        width = max(len(w.output) for w in c.outputs)
        for w in c.outputs:
            place = f"row {w.row}, {' and '.join(w.inputs)}" if w.absolute > 0.0 else "everywhere equal"
            verdict = "ok   " if w.relative <= c.tolerance else "WRONG"
            kinks = (
                f"; {w.at_kinks} of {w.at_kinks + w.compared} not compared: at a kink, or too rough"
                if w.at_kinks
                else ""
            )
            wrong = "" if w.relative <= c.tolerance else f": {w.ours:.6g}, should be {w.theirs:.6g}"
            yield f"  {verdict} {w.output:{width}}  absolute {w.absolute:.1e}  relative {w.relative:.1e}  {place}{wrong}{kinks}"


def _plain(facts: Any) -> Any:
    """What JSON can hold: numbers that are not finite as null."""
    if isinstance(facts, dict):
        return {name: _plain(value) for name, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_plain(value) for value in facts]
    return None if isinstance(facts, float) and not abs(facts) < float("inf") else facts
