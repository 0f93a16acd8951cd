"""What a comparison with recorded numbers found, as plain facts: numbers, texts, lists and dicts as in JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import DataError, ModelError
from nngrad.loaders import candidates, containers, load, offered
from nngrad.loaders import read as read_candidate
from nngrad.proofs import recordings
from nngrad.proofs.recordings import Pair
from nngrad.proofs.verify import DIGITS, Verdict, verify

Array = np.ndarray
Facts = dict[str, Any]
MOST_TRIED = 6  # pairs of arrays that are diagnosed where none is reproduced


def compared(model: str, net: Network, x: Array, y: Array) -> Facts:
    """Recorded inputs x and outputs y, in raw units, against the network `net` of the file `model`.

    {model, reproduced, networks: [one]}. Samples stand in rows or in columns. Where the numbers differ and nothing
    explains that, the other networks of the file are tried. DataError where the arrays fit in no orientation.
    """
    verdict = verify(net, x, y)
    if not verdict.reproduced and not verdict.explanation:
        tree = containers.read(model)
        verdict = verify(net, x, y, list(recordings.networks(model, tree, candidates(tree), net.origin.network)))
    return {"model": model, "reproduced": verdict.reproduced, "networks": [_of_verdict(net, verdict)]}


def found(model: str, told: Any) -> Facts:
    """What the file `model` itself holds of inputs and outputs of its networks.

    {model, reproduced, networks: [one each]}. `told` is what load() takes beside the file. DataError where no network
    has any.
    """
    tree = containers.read(model)
    every = candidates(tree)
    choice = [candidate for candidate, _ in offered(model, tree, every)]
    one = told.get("network") is not None or len(choice) < 2
    nets = [load(model, **told)] if one else list(recordings.networks(model, tree, choice))
    results = [_found(tree, net, every) for net in nets]
    if told.get("network") is None:
        unreadable = ((c.path, _unreadable(model, tree, c, nets)) for c in choice)
        results += [{"network": path, "error": text} for path, text in unreadable if text]
    if all("error" in r for r in results):
        raise DataError(f"{model}: {results[0]['error']}; record inputs and outputs, and compare with -i and --expect")
    return {"model": model, "reproduced": any(r.get("reproduced") for r in results), "networks": results}


def _unreadable(model: str, tree: Any, candidate: Any, nets: list[Network]) -> str:
    """Why one of several networks can't be read; "" if it can."""
    if len(nets) < 2 or any(net.origin.network == candidate.path for net in nets):
        return ""
    try:
        read_candidate(model, tree, candidate)
    except ModelError as error:
        return str(error)
    return ""


def _found(tree: Any, net: Network, every: Any) -> Facts:
    mine = next((c for c in every if c.path == net.origin.network), every[0])
    pairs = recordings.find_pairs(tree, mine, net, [c for c in every if c is not mine])
    if not pairs:
        sizes = f"{net.input_size} inputs and {net.output_size} outputs"
        return {"network": net.origin.network, "error": f"no two arrays of the file fit {sizes} with as many samples"}
    good = [p for p in pairs if p.agreement.digits >= DIGITS]
    if good:
        verdict = verify(net, good[0].x, good[0].y)
        return _of_pair(net, good[0], verdict) | {"also": [_brief(p) for p in good[1:6]]}
    tried = [(p, verify(net, p.x, p.y)) for p in pairs[:MOST_TRIED]]
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
