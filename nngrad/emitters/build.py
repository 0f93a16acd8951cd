"""From a Network to a Program: what depends on what, the cheaper direction, and the passes. The one rule: it is the plan of
`nngrad.core.passes`, for one sample, with every number of the model written once.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from nngrad.core.layers import JOINS, Affine, Concatenate, Elementwise, FillMissing, Place, Scale, Select
from nngrad.core.network import Network, Port, numbered
from nngrad.core.passes import Step
from nngrad.emitters.lower import Flow, Unit, Writer, describe, lowering
from nngrad.emitters.program import Constants, Gram, Map, Program, Section, Sweep, Vector, cost, operands
from nngrad.errors import ModelError

Array = np.ndarray


def build(net: Network, hessian: bool = True) -> Program:
    """The statements for y and J, and for H where asked; ModelError where a layer kind is unknown or nothing is left to compute."""
    if not net.input_size or not net.output_size:
        raise ModelError(
            f"{net.origin.path}: a network of {net.input_size} inputs and {net.output_size} outputs can't be written as source code"
        )
    fixed = _fixed(net)
    steps, last = _steps(net, fixed)
    w = Writer({0: Vector("x", net.input_size)}, taken={"x", "y", "J", "H", "dy", "dx"})
    _forward(w, net, steps, last, fixed)
    forward = w.sections("")
    passes = _fused(w, net, steps)
    places = _places(net, "output"), _places(net, "input")
    trials = [_try(w, net, passes, last, along, place) for along, place in zip(("output", "input"), places, strict=True)]
    _, w, slopes, jacobian = min(trials, key=lambda trial: trial[0])
    w.taken -= {op.out.name for section in jacobian.sections for op in section.statements}  # another pass, the same names
    rest: tuple[Any, ...] = ((), None, None)
    if hessian and any(lowering(step.layer).bend for step in passes) and all(places):
        rest = _second_order(w, net, passes, last, places)
    y = w.values[last] if last else Vector("y", net.output_size)
    return _pruned(Program(w.values[0], y, (), forward, slopes, jacobian, *rest), w, net)


def _pruned(program: Program, w: Writer, net: Network) -> Program:
    """Without statements whose result nobody reads; with the constants that are left."""
    read: set[str] = {program.y.name}

    def kept(sections: tuple[Section, ...]) -> tuple[Section, ...]:
        found = []
        for section in reversed(sections):
            ops = [op for op in reversed(section.statements) if _wanted(op, read)]
            if ops:
                found.append(Section(section.comment, tuple(reversed(ops))))
        return tuple(reversed(found))

    def swept(sweep: Sweep | None) -> Sweep | None:
        if sweep is None:
            return None
        read.update({sweep.result.name} if sweep.result else ())
        return sweep._replace(sections=kept(sweep.sections))

    cotangents, tangents, seconds = swept(program.cotangents), swept(program.tangents), kept(program.seconds)  # the last ones first
    jacobian = swept(program.jacobian) or program.jacobian
    slopes, forward = kept(program.slopes), kept(program.forward)
    groups = ((k, tuple(c for c in w.constants[k] if c.name in read)) for k in sorted(w.constants))
    constants = tuple(Constants(f"{w.values[k].name}: {_title(net, k)}", group) for k, group in groups if group)
    return Program(program.x, program.y, constants, forward, slopes, jacobian, seconds, tangents, cotangents)


def _wanted(op: Any, read: set[Any]) -> bool:
    wanted = isinstance(op, Gram) or op.out.name in read
    if wanted:
        read.update(v.name for v in operands(op))
    return wanted


def _title(net: Network, k: int) -> str:
    layer = net.layers[k - 1].layer
    if not any(net.sizes[s] for s in net.layers[k - 1].sources):
        return "numbers that depend on no input"
    units = net.sizes[k]
    return f"{describe(layer)}, {units} unit{'s' if units != 1 else ''}"


# what is computed at all


def _fixed(net: Network) -> dict[int, Array]:
    """Values that don't depend on the input, because they are empty or all that they read is fixed."""
    fixed: dict[int, Array] = {}
    for k, node in enumerate(net.layers, 1):
        if not net.sizes[k]:
            fixed[k] = np.zeros(0)
        elif fixed.keys() >= set(node.sources):
            port = Port("fixed", numbered("y", net.sizes[k]))
            fixed[k] = Network(net.layers[:k], net.inputs, (port,))(np.zeros(net.input_size))
    return fixed


def _steps(net: Network, fixed: dict[int, Array]) -> tuple[list[Step], int]:
    """The layers that are computed, without those that change nothing; and the number of the last value."""
    same, steps, last = {0: 0}, [], len(net.layers)
    for k, node in enumerate(net.layers, 1):
        sources = tuple(same[s] for s in node.sources)
        nothing = isinstance(node.layer, Elementwise) and node.layer.activation.name == "purelin"
        alone = isinstance(node.layer, Concatenate) and len(sources) == 1
        same[k] = sources[0] if (nothing or alone) and k not in fixed else k
        if same[k] == k and k not in fixed and net.sizes[k]:
            lowering(node.layer)
            steps.append(Step(node.layer, sources, k))
    needed = {same[last]}
    for step in reversed(steps):
        if step.target in needed:
            needed.update(step.sources)
    return [step for step in steps if step.target in needed], same[last]


def _forward(w: Writer, net: Network, steps: list[Step], last: int, fixed: dict[int, Array]) -> None:
    read = {s for step in steps for s in step.sources} | {last}
    w.comment = "values that depend on no input"
    for k in sorted(read & fixed.keys()):
        if net.sizes[k]:
            out = w.values[k] = Vector("y" if k == last else w.fresh(f"fixed{k}"), net.sizes[k])
            w.put(Map(out, "b", {"b": w.constant(Step(None, (), k), f"{out.name}_values", fixed[k])}))
        else:
            w.values[k] = Vector("", 0)
    for step in steps:
        rules = lowering(step.layer)
        count = 1 + sum(1 for _, what in w.known if what == f"stem {rules.stem}")
        w.known[step.target, f"stem {rules.stem}"] = count
        name = "y" if step.target == last else w.fresh(f"{rules.stem}{count}")
        w.values[step.target] = Vector(name, net.sizes[step.target])
        w.comment, w.layer = f"{name}: {describe(step.layer)}", step.target
        rules.forward(w, step, w.values[step.target])
    if last == 0:
        w.comment = "the network changes nothing"
        w.put(Map(Vector("y", net.output_size), "x", {"x": w.values[0]}))


def _places(net: Network, along: str) -> tuple[int, ...]:
    """The outputs that depend on an input, or the inputs on which an output depends: only these directions are computed."""
    sizes = net.sizes
    if along == "output":
        reach = [np.ones(sizes[0], bool)]
        for node in net.layers:
            reach.append(_reaches(node.layer, [reach[s] for s in node.sources]))
        return tuple(np.flatnonzero(reach[-1]).tolist())
    need = [np.zeros(size, bool) for size in sizes]
    need[-1][:] = True
    for k, node in reversed(list(enumerate(net.layers, 1))):
        parts = _needs(node.layer, need[k], [sizes[s] for s in node.sources])
        for source, part in zip(node.sources, parts, strict=True):
            need[source] |= part
    return tuple(np.flatnonzero(need[0]).tolist())


def _reaches(layer: Any, reads: list[Array]) -> Array:
    """Which units of a layer depend on the input, from which units of its sources do."""
    match layer:
        case Affine(W=W):
            return ((W != 0) & reads[0]).any(axis=1)
        case Scale() | Elementwise():
            return reads[0]
        case Select(index=index):
            return reads[0][index]
        case Place(index=index, fill=fill):
            out = np.zeros(len(fill), bool)
            out[index] = reads[0]
            return out
        case FillMissing(source=source, flag=flag):
            return reads[0][source] & ~np.asarray(flag, bool)
        case Concatenate():
            return np.concatenate(reads)
    size = layer.size(*(len(r) for r in reads))
    return np.logical_or.reduce(reads) if isinstance(layer, JOINS) else np.full(size, reads[0].any())


def _needs(layer: Any, wanted: Array, sizes: list[int]) -> list[Array]:
    """Which units of its sources a layer reads for the wanted units."""
    match layer:
        case Affine(W=W):
            return [((W != 0) & wanted[:, None]).any(axis=0)]
        case Scale() | Elementwise():
            return [wanted]
        case Select(index=index) | FillMissing(source=index):
            out = np.zeros(sizes[0], bool)
            np.logical_or.at(out, index, wanted & ~np.asarray(getattr(layer, "flag", False), bool))
            return [out]
        case Place(index=index):
            return [wanted[index]]
        case Concatenate():
            return np.split(wanted, np.cumsum(sizes)[:-1])
    return [wanted] * len(sizes) if isinstance(layer, JOINS) else [np.full(sizes[0], wanted.any())]


# the passes


def _fused(w: Writer, net: Network, steps: list[Step]) -> list[Step]:
    """The steps of a pass: those that depend on the input, with weights behind weights multiplied together where that saves work."""
    readers = Counter(s for step in steps for s in step.sources)
    dependent = {0}
    found: list[Step] = []
    for step in steps:
        if not dependent.intersection(step.sources):
            continue
        dependent.add(step.target)
        before = found[-1] if found else None
        if before and isinstance(step.layer, Affine) and isinstance(before.layer, Affine) and step.sources == (before.target,):
            n, h, m = before.layer.W.shape[1], *step.layer.W.shape[::-1]
            if readers[before.target] == 1 and n * m <= 0.75 * h * (n + m):
                found[-1] = Step(Affine(step.layer.W @ before.layer.W, np.zeros(m)), before.sources, step.target)
                w.known[step.target, "number"] = f"{w.known[step.target, 'number']}_{w.known[before.target, 'number']}"
                continue
        found.append(step)
    return found


def _try(w: Writer, net: Network, steps: list[Step], last: int, along: str, place: tuple[int, ...]) -> tuple[int, Writer, Any, Sweep]:
    """A pass for the Jacobian, and what it costs."""
    w = w.copy()
    start = Unit(place, None, net.output_size if along == "output" else net.input_size, along)
    result: Flow | None = None
    if place:
        result = _backward(w, steps, last, start, None) if along == "output" else _onward(w, steps, last, start).get(last)
    vector = None if result is None else w.dense(result, "dy_dx")
    slopes, sections = w.sections(""), w.sections(along)
    work = len(place) * cost([op for section in sections for op in section.statements])
    return work, w, slopes, Sweep(along, place, sections, vector)


def _onward(w: Writer, steps: list[Step], last: int, start: Unit) -> dict[int, Flow]:
    """Tangents of every value, from those of the input."""
    tangents: dict[int, Flow] = {0: start}
    for step in steps:
        w.comment, w.layer = _carried(step, w), step.target
        read = [tangents.get(s) for s in step.sources]
        name = "dy_dx" if step.target == last else f"d{w.values[step.target].name}_dx"
        push = lowering(step.layer).push
        tangents[step.target] = push(w, step, read if isinstance(step.layer, JOINS) else read[0], name)
    return tangents


def _backward(w: Writer, steps: list[Step], last: int, start: Unit, tangents: dict[int, Flow] | None) -> Flow | None:
    """The cotangent of the input, from that of the output; with tangents, the curvature of every layer is added to H on the way."""
    cotangents: dict[int, list[Flow]] = {last: [start]}
    dependent = {0} | {step.target for step in steps}
    for step in reversed(steps):
        if step.target not in cotangents:
            continue
        w.comment, w.layer = _carried(step, w), step.target
        G = _added(w, cotangents[step.target], step.target)
        rules = lowering(step.layer)
        if tangents is not None and rules.bend:
            T = [tangents.get(s) for s in step.sources]
            rules.bend(w, step, G, T)
        names = [f"dy_d{w.values[s].name}" for s in step.sources]
        for source, flow in zip(step.sources, rules.pull(w, step, G, names), strict=True):
            if source in dependent:
                cotangents.setdefault(source, []).append(flow)
    return _added(w, cotangents[0], 0) if 0 in cotangents else None


def _carried(step: Step, w: Writer) -> str:
    return f"through {w.values[step.target].name}: {describe(step.layer)}"


def _added(w: Writer, flows: list[Flow], value: int) -> Flow:
    """The sum of the cotangents that come back to a value."""
    if len(flows) == 1:
        return flows[0]
    name = f"dy_d{w.values[value].name}"
    env = {f"g{k}": w.dense(flow, f"whole_{name}") for k, flow in enumerate(flows, 1)}
    return w.map(f"{name}_total", w.values[value].size, "output", " + ".join(env), **env)


def _second_order(w: Writer, net: Network, steps: list[Step], last: int, places: tuple[tuple[int, ...], ...]) -> tuple[Any, ...]:
    """The statements of a Hessian: what samples need, tangents of every direction, and cotangents with the curvature of each layer."""
    bent = max(k for k, step in enumerate(steps) if lowering(step.layer).bend)
    tangents = _onward(w, steps[: bent + 1], last, Unit(places[1], None, net.input_size, "input"))
    _backward(w, steps, last, Unit(places[0], None, net.output_size, "output"), tangents)
    seconds, forward, back = w.sections(""), w.sections("input"), w.sections("output")
    ends = [k for k, section in enumerate(back) if any(isinstance(op, Gram) for op in section.statements)]
    if not ends:
        return (), None, None
    kept = back[: ends[-1] + 1]
    return seconds, Sweep("input", places[1], forward, None), Sweep("output", places[0], kept, None)
