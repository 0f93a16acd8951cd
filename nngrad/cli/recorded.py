"""What verify compares, as plain facts: the one rule is that text and JSON are made from nothing else."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad import tables
from nngrad.cli import whole
from nngrad.cli.options import Reading
from nngrad.core.network import Network
from nngrad.errors import DataError, ModelError, UsageError
from nngrad.loaders import candidates, containers, load, offered
from nngrad.loaders import read as read_candidate
from nngrad.proofs import recordings
from nngrad.proofs import verify as verifying
from nngrad.proofs.recordings import Pair
from nngrad.proofs.verify import Verdict

Array = np.ndarray
Facts = dict[str, Any]
MOST_TRIED = 6  # pairs of arrays that are diagnosed where none is reproduced


def compared(
    model: str, told: Any, source: str, expect: str, reading: Reading, expect_columns: tuple[str, ...] | None
) -> tuple[Facts, tuple[str, ...]]:
    """The recorded outputs `expect` against those of the network for the inputs `source`, and what is worth saying about the tables."""
    net = load(model, **told)
    of_inputs, of_outputs = _for_each(source, expect, reading)
    if expect_columns is not None:
        of_outputs["choose"] = expect_columns
    x, notes = array(source, net.input_size, lambda: _read(whole.inputs, net, source, of_inputs))
    y, more = array(expect, net.output_size, lambda: _read(whole.outputs, net, expect, of_outputs))
    verdict = _verified(net, x, y, model, told, source, expect)
    doubts = tuple(f"{model}: {text}" for text in net.origin.doubts)
    return {"model": model, "reproduced": verdict.reproduced, "networks": [_of_verdict(net, verdict)]}, (*doubts, *notes, *more)


def _for_each(source: str, expect: str, reading: Reading) -> tuple[Reading, Reading]:
    """Each table gets the options that its format understands; --columns are those of the inputs. One that neither does is refused."""
    of_inputs, of_outputs = tables.understood(source, **reading), tables.understood(expect, **reading)
    if reading.keys() - of_inputs.keys() - of_outputs.keys():
        tables.check_source(source, **reading)  # says which
    of_outputs.pop("choose", None)
    return of_inputs, of_outputs


def _read(read: Callable[[Network, str, Reading], whole.Read], net: Network, source: str, reading: Reading) -> whole.Read:
    """A table with the options that were given; one that can't be read with them, as the other of the two can, without: it is said."""
    spelling = [name for name in reading if name not in tables.MATCHING]
    try:
        return read(net, source, reading)
    except (DataError, UsageError):
        if not spelling or tables.place(source).is_stream:
            raise
        with contextlib.suppress(DataError, UsageError):
            table, notes = read(net, source, {name: value for name, value in reading.items() if name not in spelling})
            without = f"{source}: can't be read with {', '.join(f'--{name}' for name in spelling)}, and is read without"
            return table, (without, *notes)
        raise


def _verified(net: Network, x: Any, y: Any, model: str, told: Any, source: str, expect: str) -> Verdict:
    try:
        found = verifying.verify(net, x, y)
        if found.reproduced or found.explanation:
            return found
        tree = containers.read(model)
        return verifying.verify(net, x, y, list(recordings.networks(model, tree, candidates(tree), net.origin.network)))
    except DataError as error:
        raise DataError(f"{source}, {expect}: {error}") from None


def array(source: str, size: int, read: Callable[[], whole.Read]) -> whole.Read:
    """A table as it stands: samples in rows or, where only that fits, in columns; of a square one verify finds out."""
    where = tables.place(source)
    try:
        return read()
    except (DataError, UsageError) as error:
        turned = None
        if not where.is_stream:
            with contextlib.suppress(DataError, UsageError, ModelError):
                turned = _as_it_stands(where)
        if turned is None or size not in turned.shape or (turned.shape[0] != size and not where.path.lower().endswith(".mat")):
            raise error
        return turned, ()


def _as_it_stands(where: tables.Place) -> Array | None:
    if not where.path.lower().endswith(".mat"):
        return whole.read(where.label)[0]
    return recordings.element_at(containers.read(where.path), where.name) if where.name else None


def found(model: str, told: Any) -> Facts:
    """What MODEL itself holds of inputs and outputs of its networks."""
    tree = containers.read(model)
    every = candidates(tree)
    choice = [candidate for candidate, _ in offered(model, tree, every)]
    one = told.get("network") is not None or len(choice) < 2
    nets = [load(model, **told)] if one else list(recordings.networks(model, tree, choice))
    results = [_found(model, tree, net, every) for net in nets]
    results += [
        {"network": c.path, "error": text} for c in choice if told.get("network") is None and (text := _unreadable(model, tree, c, nets))
    ]
    if all("error" in r for r in results):
        raise DataError(f"{model}: {results[0]['error']}; record inputs and outputs, and compare with -i and --expect")
    return {"model": model, "reproduced": any(r.get("reproduced") for r in results), "networks": results}


def _unreadable(model: str, tree: Any, candidate: Any, nets: list[Network]) -> str:
    if len(nets) < 2 or any(net.origin.network == candidate.path for net in nets):
        return ""
    try:
        read_candidate(model, tree, candidate)
    except ModelError as error:
        return str(error)
    return ""


def _found(model: str, tree: Any, net: Network, every: Any) -> Facts:
    mine = next((c for c in every if c.path == net.origin.network), every[0])
    pairs = recordings.find_pairs(tree, mine, net, [c for c in every if c is not mine])
    if not pairs:
        return {
            "network": net.origin.network,
            "error": f"no two arrays of the file fit {net.input_size} inputs and {net.output_size} outputs with as many samples",
        }
    good = [p for p in pairs if p.agreement.digits >= verifying.DIGITS]
    if good:
        verdict = verifying.verify(net, good[0].x, good[0].y)
        return _of_pair(net, good[0], verdict) | {"also": [_brief(p) for p in good[1:6]]}
    tried = [(p, verifying.verify(net, p.x, p.y)) for p in pairs[:MOST_TRIED]]
    best, verdict = max(tried, key=lambda t: (t[1].reproduced, t[1].explanation is not None, t[1].agreement.digits))
    return _of_pair(net, best, verdict) | {"also": [], "tried": len(pairs)}


def _brief(pair: Pair) -> Facts:
    return {"inputs": pair.inputs, "outputs": pair.outputs, "rows": pair.rows, "digits": pair.agreement.digits}


def _of_pair(net: Network, pair: Pair, verdict: Verdict) -> Facts:
    return _of_verdict(net, verdict) | {"inputs": pair.inputs, "outputs": pair.outputs, "constant": pair.constant}


def _of_verdict(net: Network, verdict: Verdict) -> Facts:
    worst = verdict.agreement
    explanation = None if verdict.reproduced else verdict.explanation
    return {
        "network": net.origin.network,
        "reproduced": verdict.reproduced,
        "rows": verdict.rows,
        "digits": worst.digits,
        "difference": _plain(worst.difference),
        "output": net.output_names[worst.output] if net.output_size else "",
        "row": worst.row,
        "computed": _plain(worst.computed),
        "recorded": _plain(worst.recorded),
        "outputs_each": [
            {"output": name, "digits": a.digits, "difference": _plain(a.difference)}
            for name, a in zip(net.output_names, verdict.outputs, strict=False)
        ],
        "missing": verdict.missing,
        "precision": verdict.precision,
        "explanation": explanation and explanation._asdict(),
        "hypotheses": [h._asdict() for h in verdict.hypotheses],
    }


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
