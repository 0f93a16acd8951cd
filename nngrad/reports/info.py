"""A model in words: `describe` makes plain data, which is the JSON form, and the text is made from nothing else."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nngrad.core.graph import Node
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.core.slope import Slope
from nngrad.errors import ModelError
from nngrad.loaders import candidates, containers, hinted, offered, opened, read

WIDTH = 100
MOST_COLUMNS = 12  # of a port in the text form
Facts = dict[str, Any]


def describe(path: str, network: str | None = None, **hints: Any) -> Facts:
    """The facts of a file and of its networks, or of the one at `network`; `hints` as load() takes them."""
    tree = containers.read(path)
    found = [candidate for candidate, _ in offered(path, tree, candidates(tree))]
    several = network is None and len(found) > 1
    networks = [_of_candidate(path, tree, c) for c in found] if several else [_of_file(path, tree, network, hints)]
    return {"file": path, "container": tree.container, "created": tree.created, "networks": networks}


def _of_file(path: str, tree: Any, network: str | None, hints: Facts) -> Facts:
    try:
        return facts_of(opened(path, tree, network, hinted(**hints)))
    except ModelError as error:
        if error.described is None:
            raise
        found = error.described
        facts = {"network": network or "", "class": found.classname, "version": found.version, "name": found.name}
        return facts | {"layers": list(found.layers), "error": str(error)}


def _of_candidate(path: str, tree: Any, candidate: Any) -> Facts:
    try:
        return facts_of(read(path, tree, candidate))
    except ModelError as error:
        return {"network": candidate.path, "error": str(error)}


def facts_of(net: Network) -> Facts:
    origin = net.origin
    return {
        "network": origin.network,
        "class": origin.classname,
        "version": origin.version,
        "name": origin.name,
        "inputs": [_port(port) for port in net.inputs],
        "outputs": [_port(port) for port in net.outputs],
        "layers": list(origin.layers),
        "processing": list(origin.processing),
        "steps": [_step(net, k, node) for k, node in enumerate(net.layers, 1)],
        "flat": net.flat,
        "notes": [*origin.doubts, *origin.notes],
    }


def _port(port: Port) -> Facts:
    ranges = (
        None if r is None else [v if math.isfinite(v) else None for v in r.tolist()] for r in (port.lower, port.upper)
    )
    lower, upper = ranges
    return {"name": port.name, "columns": list(port.columns), "lower": lower, "upper": upper}


def _step(net: Network, number: int, node: Node) -> Facts:
    layer = node.layer
    return {
        "number": number,
        "kind": type(layer).__name__,
        "function": layer.function or None,
        "from": list(node.sources),
        "shape": [*(net.sizes[source] for source in node.sources), net.sizes[number]],
        "slope": "smooth" if layer.slope is Slope.LINEAR else layer.slope.value,
    }


# the text form


def text(facts: Facts) -> Iterator[str]:
    """What a person reads, line by line: at most 100 columns wide, unless a name is wider."""
    networks = facts["networks"]
    return _list(facts) if len(networks) > 1 else _whole(facts, networks[0])


def _list(facts: Facts) -> Iterator[str]:
    networks = facts["networks"]
    yield f"{facts['file']}: {len(networks)} networks; choose one with --network PATH"
    yield ""
    yield from _table([(n["network"], *_in_short(n)) for n in networks])


def _in_short(network: Facts) -> tuple[str, str]:
    if "error" in network:
        return "not supported", network["error"]
    return _sizes(network), _kind(network)


def _whole(facts: Facts, network: Facts) -> Iterator[str]:
    if "error" in network:
        yield from _described(facts, network)
        return
    yield f"{facts['file']}: {_sizes(network)}"
    yield ""
    container = facts["container"] + (f", created {facts['created']}" if facts["created"] else "")
    rows = [
        ("network", f"{network['network']}: {_kind(network)}"),
        ("file", container),
        ("Jacobian", _smoothness(network)),
    ]
    yield from _table([row for row in rows if row[1]])
    yield from _section("inputs", _ports(network["inputs"]))
    yield from _section("outputs", _ports(network["outputs"]))
    yield from _section("layers", network["layers"])
    yield from _section("processing", network["processing"])
    yield from _section("computed as", _table([_step_row(step, network) for step in network["steps"]], ""))
    yield from _section(
        "notes", [line for note in network["notes"] for line in textwrap.wrap(note, WIDTH - 2, break_long_words=False)]
    )


def _described(facts: Facts, network: Facts) -> Iterator[str]:
    """What is known of a network that can't be computed."""
    yield f"{facts['file']}: {_kind(network)}, not supported"
    yield from _section("layers", network["layers"])


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    lines = list(lines)
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [(indent + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip() for row in rows]


def _sizes(network: Facts) -> str:
    count = [sum(len(port["columns"]) for port in network[side]) for side in ("inputs", "outputs")]
    return f"{_plural(count[0], 'input')} -> {_plural(count[1], 'output')}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _kind(network: Facts) -> str:
    version = f", version {network['version']}" if network["version"] else ""
    return f"{network['name'] or 'unnamed'} (class {network['class']}{version})"


def _smoothness(network: Facts) -> str:
    piecewise = [str(step["number"]) for step in network["steps"] if step["slope"] == "piecewise"]
    if network["flat"]:
        return "zero wherever it exists: the outputs are piecewise constant"
    return (
        f"piecewise: jumps at the kinks of {'steps' if len(piecewise) > 1 else 'step'} {', '.join(piecewise)}"
        if piecewise
        else "smooth"
    )


def _ports(ports: Sequence[Facts]) -> list[str]:
    rows = [row for port in ports for row in _port_rows(port)]
    return _table(rows, "")


def _port_rows(port: Facts) -> Iterator[tuple[str, str, str]]:
    known = port["lower"] is not None and port["upper"] is not None
    for k, column in enumerate(port["columns"][:MOST_COLUMNS]):
        limits = f"{_number(port['lower'][k])} to {_number(port['upper'][k])} in training" if known else ""
        yield column, limits, port["name"]
    more = len(port["columns"]) - MOST_COLUMNS
    if more > 0:
        yield f"... and {more} more", "", port["name"]


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.6g}"


def _step_row(step: Facts, network: Facts) -> tuple[str, str, str, str, str]:
    sources = ", ".join(f"step {source}" if source else "the inputs" for source in step["from"])
    *taken, given = step["shape"]
    shape = f"{' + '.join(map(str, taken))} -> {given}"
    return (
        f"{step['number']:>{len(str(len(network['steps'])))}}",
        step["kind"],
        step["function"] or "",
        shape,
        f"of {sources}",
    )
