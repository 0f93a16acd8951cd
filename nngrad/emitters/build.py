"""From a Network to a Program: which values are computed, the cheaper direction of the Jacobian, and the passes.

It is the plan of `nngrad.core.plan`, for one sample, with every number of the model written once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad.core import fuse, reach
from nngrad.core.graph import Step, readers
from nngrad.core.network import Network
from nngrad.core.ports import Port, numbered
from nngrad.emitters.program import Constants, Gram, Map, Program, Section, Sweep, Vector, cost, operands
from nngrad.emitters.statements import Flow, StatementKernel, Unit, Writer
from nngrad.errors import ModelError

Array = np.ndarray


def build(net: Network, hessian: bool = True) -> Program:
    """The statements for y and J, and for H where asked; ModelError where nothing is left to compute."""
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
    trials = [
        _try(w, net, passes, last, along, place) for along, place in zip(("output", "input"), places, strict=True)
    ]
    _, w, slopes, jacobian = min(trials, key=lambda trial: trial[0])
    w.taken -= {
        op.out.name for section in jacobian.sections for op in section.statements
    }  # another pass, the same names
    rest: tuple[Any, ...] = ((), None, None)
    if hessian and any(step.layer.curved for step in passes) and all(places):
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

    cotangents, tangents, seconds = (
        swept(program.cotangents),
        swept(program.tangents),
        kept(program.seconds),
    )  # the last ones first
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
    return f"{layer.title}, {units} unit{'s' if units != 1 else ''}"


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
    same: dict[int, int] = {0: 0}
    found = []
    for k, node in enumerate(net.layers, 1):
        sources = tuple(same[s] for s in node.sources)
        same[k] = sources[0] if k not in fixed and fuse.changes_nothing(node.layer, sources) else k
        if same[k] == k and k not in fixed and net.sizes[k]:
            found.append(Step(node.layer, sources, k))
    needed = {same[net.last]}
    for step in reversed(found):
        if step.target in needed:
            needed.update(step.sources)
    return [step for step in found if step.target in needed], same[net.last]


def _forward(w: Writer, net: Network, steps: list[Step], last: int, fixed: dict[int, Array]) -> None:
    read = {s for step in steps for s in step.sources} | {last}
    w.comment = "values that depend on no input"
    for k in sorted(read & fixed.keys()):
        if net.sizes[k]:
            out = w.values[k] = Vector("y" if k == last else w.fresh(f"fixed{k}"), net.sizes[k])
            w.put(Map(out, "b", {"b": w.constant(k, f"{out.name}_values", fixed[k])}))
        else:
            w.values[k] = Vector("", 0)
    for step in steps:
        out = w.values[step.target] = Vector(_value_name(w, step, last), net.sizes[step.target])
        w.comment, w.layer = f"{out.name}: {step.layer.title}", step.target
        step.layer.forward(StatementKernel(w, step, out), step.read(w.values))
    if last == 0:
        w.comment = "the network changes nothing"
        w.put(Map(Vector("y", net.output_size), "x", {"x": w.values[0]}))


def _value_name(w: Writer, step: Step, last: int) -> str:
    """z1, a1, z2, ...: the values of layers with one stem are counted."""
    what = f"stem {step.layer.stem}"
    count = w.once(step.target, what, lambda: 1 + sum(1 for _, known in w.known if known == what))
    return "y" if step.target == last else w.fresh(f"{step.layer.stem}{count}")


def _places(net: Network, along: str) -> tuple[int, ...]:
    """The outputs that depend on an input, or the inputs on which an output depends: only these
    directions are computed.
    """
    mask = reach.reached(net)[net.last] if along == "output" else reach.needed(net)
    return tuple(np.flatnonzero(mask).tolist())


# the passes


def _fused(w: Writer, net: Network, steps: list[Step]) -> list[Step]:
    """The steps of a pass: those that depend on the input, with weights behind weights multiplied
    together where that saves work.
    """
    count = readers(steps)
    dependent = {0}
    found: list[Step] = []
    for step in steps:
        if not dependent.intersection(step.sources):
            continue
        dependent.add(step.target)
        before = found[-1] if found and step.sources == (found[-1].target,) else None
        one = fuse.weights_behind_weights(before.layer, step.layer) if before and count[before.target] == 1 else None
        if before and one:
            found[-1] = Step(one, before.sources, step.target)
            number = f"{w.number_of_weights(step.target)}_{w.number_of_weights(before.target)}"
            w.known[step.target, "number"] = number
            continue
        found.append(step)
    return found


def _try(
    w: Writer, net: Network, steps: list[Step], last: int, along: str, place: tuple[int, ...]
) -> tuple[int, Writer, Any, Sweep]:
    """A pass for the Jacobian, and what it costs."""
    w = w.copy()
    start = Unit(place, None, net.output_size if along == "output" else net.input_size, along)
    result: Flow | None = None
    if place:
        result = (
            _backward(w, steps, last, start, None) if along == "output" else _onward(w, steps, last, start).get(last)
        )
    vector = None if result is None else w.dense(result, "dy_dx")
    slopes, sections = w.sections(""), w.sections(along)
    work = len(place) * cost([op for section in sections for op in section.statements])
    return work, w, slopes, Sweep(along, place, sections, vector)


def _onward(w: Writer, steps: list[Step], last: int, start: Unit) -> dict[int, Flow]:
    """Tangents of every value, from those of the input."""
    tangents: dict[int, Flow] = {0: start}
    for step in steps:
        w.comment, w.layer = _carried(step, w), step.target
        name = "dy_dx" if step.target == last else f"d{w.values[step.target].name}_dx"
        kernel = StatementKernel(w, step, names=(name,))
        read = tuple(tangents.get(s) for s in step.sources)
        tangents[step.target] = step.layer.jvp(kernel, step.read(w.values), kernel.y, read)
    return tangents


def _backward(w: Writer, steps: list[Step], last: int, start: Unit, tangents: dict[int, Flow] | None) -> Flow | None:
    """The cotangent of the input, from that of the output; with tangents, the curvature of every
    layer is added to H on the way.
    """
    cotangents: dict[int, list[Flow]] = {last: [start]}
    dependent = {0} | {step.target for step in steps}
    for step in reversed(steps):
        if step.target not in cotangents:
            continue
        w.comment, w.layer = _carried(step, w), step.target
        G, read = _added(w, cotangents[step.target], step.target), step.read(w.values)
        kernel = StatementKernel(w, step, names=tuple(f"dy_d{w.values[s].name}" for s in step.sources))
        if tangents is not None and step.layer.curved:
            T: tuple[Any, ...] = tuple(tangents.get(s) for s in step.sources)
            step.layer.curvature(kernel, read, kernel.y, G, T, T)
        for source, flow in zip(step.sources, step.layer.vjp(kernel, read, kernel.y, G), strict=True):
            if source in dependent:
                cotangents.setdefault(source, []).append(flow)
    return _added(w, cotangents[0], 0) if 0 in cotangents else None


def _carried(step: Step, w: Writer) -> str:
    return f"through {w.values[step.target].name}: {step.layer.title}"


def _added(w: Writer, flows: list[Flow], value: int) -> Flow:
    """The sum of the cotangents that come back to a value."""
    if len(flows) == 1:
        return flows[0]
    name = f"dy_d{w.values[value].name}"
    env = {f"g{k}": w.dense(flow, f"whole_{name}") for k, flow in enumerate(flows, 1)}
    return w.map(f"{name}_total", w.values[value].size, "output", " + ".join(env), **env)


def _second_order(
    w: Writer, net: Network, steps: list[Step], last: int, places: tuple[tuple[int, ...], ...]
) -> tuple[Any, ...]:
    """The statements of a Hessian: what samples need, tangents of every direction, and cotangents
    with the curvature of each layer.
    """
    bent = max(k for k, step in enumerate(steps) if step.layer.curved)
    tangents = _onward(w, steps[: bent + 1], last, Unit(places[1], None, net.input_size, "input"))
    _backward(w, steps, last, Unit(places[0], None, net.output_size, "output"), tangents)
    seconds, forward, back = w.sections(""), w.sections("input"), w.sections("output")
    ends = [k for k, section in enumerate(back) if any(isinstance(op, Gram) for op in section.statements)]
    if not ends:
        return (), None, None
    kept = back[: ends[-1] + 1]
    return seconds, Sweep("input", places[1], forward, None), Sweep("output", places[0], kept, None)
