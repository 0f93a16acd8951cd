"""Follows the statements of a generated function: which signal goes through which weights into which layer.

The one rule: what is not understood becomes Opaque, which is harmless until an output depends on it; then its line is refused. A
condition is never decided and a loop never counted: branches must change nothing that counts, and a second round of a loop must
find what the first one found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.genfunction import text as m
from nngrad.loaders.genfunction.calculator import Calculator, Stuck
from nngrad.loaders.genfunction.helpers import check
from nngrad.loaders.genfunction.object import probe
from nngrad.loaders.matlab import network
from nngrad.loaders.matlab.processing import STEPS

SUPPORTED = "supported are the statements that genFunction writes; write the file anew with genFunction, or save the network itself as .mat"
HARMLESS = ("error", "warning", "disp", "display", "fprintf", "assert", "tic", "toc", "validateattributes", "narginchk", "nargoutchk")
MEDDLERS = ("eval", "evalc", "evalin", "assignin", "load", "run", "feval", "builtin", "input")
BUILT_IN = ("repmat", "bsxfun", "cat", "vertcat", "reshape", "mod", "cell2mat", "cellfun", "zeros", "ones")
MOST_LAYERS = 300
MOST_STATEMENTS = 5_000  # that are followed; a loop is followed twice
MOST_COMPUTED = 5_000_000  # numbers that are not written out but come from zeros(...), 1:n and the like


# what a variable can hold


@dataclass(frozen=True)
class Constant:
    """A number or matrix written in the text; its value is kept by name."""

    name: str


@dataclass(frozen=True)
class Struct:
    """Settings of a step, x1_step1.gain = ..., kept by name."""

    name: str


@dataclass(frozen=True)
class Step:
    """A processing function, and where its settings stand: a struct's name, or the names of constants."""

    function: str
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Signal:
    """An input ('x', after the steps so far) or a layer's output ('a', before them), seen at these delays."""

    kind: str
    index: int
    steps: tuple[Step, ...] = ()
    delays: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Term:
    """A bias (no signal) or a weighted signal."""

    weights: str
    function: str = "dotprod"
    signal: Signal | None = None


@dataclass(frozen=True)
class Net:
    """The net input of a layer: terms joined by + or *."""

    op: str
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Inputs:
    """The cell array X."""


@dataclass(frozen=True)
class Outputs:
    """The cell array Y once something has been written into it."""


@dataclass(frozen=True)
class Now:
    """The variable of a loop over time."""

    name: str


@dataclass(frozen=True)
class Slot:
    """The place of the present in a ring of so many."""

    size: int


@dataclass(frozen=True)
class Ring:
    """Delayed signals; `signal` is what was written into the present place."""

    signal: Signal
    size: int


@dataclass(frozen=True)
class Opaque:
    """Anything else: harmless as long as no output depends on it."""

    line: int = field(compare=False)


@dataclass(frozen=True)
class Layer:
    transfer: str
    op: str
    terms: tuple[Term, ...]
    line: int = field(compare=False)


WEIGHTS = re.compile(r"(IW|LW)(\d{1,6})_(\d{1,6})\Z")
BIAS = re.compile(r"b(\d{1,6})\Z")
LAYER_RING = re.compile(r"[Aa]d(\d{1,6})\Z")
INPUT = re.compile(r"x(\d{1,6})\Z")
OUTPUT = re.compile(r"y(\d{1,6})\Z")
STATES = re.compile(r"[xaXA]i\d*\Z|~\Z")
STATED = re.compile(r"(.+_step\d+)_(\w+)\Z")
ONE = m.Number(np.ones((1, 1)))


@dataclass(eq=False)
class Follower:
    """Follows the statements of the main function; afterwards `layers` and `outputs` hold the network."""

    source: m.Source
    function: m.Function
    line: int = 0
    env: dict[str, Any] = field(default_factory=dict)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    layers: dict[int, Layer] = field(default_factory=dict)
    outputs: list[Signal] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)  # constants that are assigned twice
    checked: set[Any] = field(default_factory=set)
    statements: int = 0
    computed: float = 0.0

    def refuse(self, why: str, line: int | None = None) -> ModelError:
        return ModelError(f"{self.source.at(self.line if line is None else line)}: {why}; {SUPPORTED}")

    def fixed(self, value: Constant) -> ModelError:
        return self.refuse(f"{value.name} is fixed in the text: make it an argument of the function, as genFunction does")

    @property
    def local(self) -> set[str]:
        return {f.name for f in self.source.functions[1:]}

    def follow(self) -> None:
        ins, outs = self.function.ins, self.function.outs
        self.line = self.function.line
        if not ins or not outs:
            raise self.refuse("the function has no input or no output")
        self.cells = next((n for n in ins if n == "X"), None)
        numbered = [n for n in ins if INPUT.match(n)]
        for k, name in enumerate(ins):
            if name == self.cells:
                self.env[name] = Inputs()
            elif INPUT.match(name) or (not self.cells and not numbered and k == 0 and not STATES.match(name)):
                self.env[name] = Signal("x", int(name[1:]) if INPUT.match(name) else 1)
            else:
                self.env[name] = Opaque(self.line)
        self.run(self.function.body)
        self.line = self.function.line
        self.outputs = list(self.results(outs))

    def results(self, outs: tuple[str, ...]) -> Iterable[Signal]:
        """The signal of each output, in order."""
        if self.env.get(outs[0]) == Outputs():
            count = sum(1 for k in self.env if k.startswith(f"{outs[0]}{{"))
            names = [f"{outs[0]}{{{k}}}" for k in range(1, count + 1)]
        else:
            names = [n for n in outs if OUTPUT.match(n)] or [outs[0]]
        for name in names:
            value = self.env.get(name)
            if isinstance(value, Opaque):
                raise self.refuse(f"this is not understood, and the output {name} depends on it", value.line)
            signal = self.signal(value) if value is not None else None
            if signal is None or signal.kind != "a" or signal.delays != (0,):
                raise self.refuse(f"the output {name} is no output of a layer")
            yield signal

    # statements

    def run(self, body: tuple[Any, ...]) -> None:
        for statement in body:
            self.line = statement.line
            self.statements += 1
            if self.statements > MOST_STATEMENTS:
                raise self.refuse(f"more than {MOST_STATEMENTS} statements")
            match statement:
                case m.Assign(targets, value):
                    self.assign(targets, value)
                case m.Do(value):
                    if not (isinstance(value, m.Name) or (_called(value) in HARMLESS)):
                        raise self.refuse("what this does is not understood")
                case m.If(branches):
                    self.branch(branches)
                case m.For(name, _, inner):
                    self.loop(name, inner)
                case m.Refused(why):
                    raise self.refuse(why)
                case m.Leave(word):
                    raise self.refuse(f"{word!r} is not supported here")
                case _:
                    raise self.refuse("is not supported")

    def branch(self, branches: tuple[tuple[Any, tuple[Any, ...]], ...]) -> None:
        """A condition is not decided, so no branch may change anything that counts."""
        line, before = self.line, dict(self.env)
        new: set[str] = set()
        for _, body in branches:
            self.env = dict(before)
            self.run(body)
            new |= {k for k, v in self.env.items() if before.get(k) is not v and before.get(k) != v}
        bad = sorted(k for k in new if k in before and not isinstance(before[k], Opaque))
        if bad:
            raise self.refuse(f"{bad[0]} depends on a condition", line)
        self.env = before | {k: Opaque(line) for k in new}

    def loop(self, name: str, body: tuple[Any, ...]) -> None:
        """Followed twice: a second round must find what the first one found, or something is carried along outside of the delays."""
        line = self.line
        rounds = []
        for _ in range(2):
            self.env[name] = Now(name)
            self.run(body)
            rounds.append(dict(self.env))
        bad = sorted(k for k, v in rounds[1].items() if rounds[0].get(k) is not v and rounds[0].get(k) != v)
        if bad:
            raise self.refuse(f"{bad[0]} changes from one round of the loop to the next", line)

    def assign(self, targets: tuple[Any, ...], value: Any) -> None:
        if len(targets) > 1:
            for target in targets:
                if target is not None:
                    self.put(target, Opaque(self.line), None)
            return
        number = self.number(value)
        self.put(targets[0], None if number is not None else value if isinstance(value, m.Text) else self.evaluate(value), number)

    def put(self, target: Any, value: Any, number: Any) -> None:
        match target:
            case m.Name(name):
                if name in self.local or name in BUILT_IN:
                    raise self.refuse(f"{name} is a function")
                if number is not None:
                    self.keep(self.values, name, number)
                    value = Constant(name)
                if isinstance(value, Net) and re.match(r"a\d+\Z", name):
                    value = self.layer(value, "purelin")
                self.env[name] = Opaque(self.line) if isinstance(value, m.Text) else value
            case m.Member(m.Name(name), part):
                fields = self.fields.setdefault(name, {})
                text = value.value if isinstance(value, m.Text) else Opaque(self.line)
                self.keep(fields, part, number if number is not None else text, f"{name}.")
                self.env[name] = Struct(name)
            case m.Call(m.Name(name), args, brace):
                self.put_at(name, args, brace, Opaque(self.line) if number is not None or isinstance(value, m.Text) else value)
            case _:
                raise self.refuse("nothing can be assigned to this")

    def keep(self, store: dict[str, Any], name: str, number: Any, before: str = "") -> None:
        old = store.get(name)
        if old is not None and not (isinstance(old, np.ndarray) and isinstance(number, np.ndarray) and np.array_equal(old, number, True)):
            self.changed.add(before + name)
        store[name] = number

    def put_at(self, name: str, args: tuple[Any, ...], brace: bool, value: Any) -> None:
        """name{...} = value or name(...) = value."""
        where = tuple(self.evaluate(a) for a in args)
        value = self.signal(value) or value
        last = where[-1] if where else None
        columns = not brace and len(where) == 2 and isinstance(args[0], m.Colon)
        if isinstance(last, Slot) and ((brace and len(where) == 1) or columns):
            signal = self.signal(value)
            layer = LAYER_RING.match(name)
            if signal is None or signal.delays != (0,) or (layer and (signal.kind, signal.index, signal.steps) != ("a", int(layer[1]), ())):
                raise self.refuse("what is written into the delays is not understood")
            self.env[name] = Ring(signal, last.size)
        elif brace and len(where) == 2 and isinstance(last, Now) and name == self.function.outs[0]:
            k = self.small(args[0])
            if k is None:
                raise self.refuse("which output this is can't be told")
            self.env[f"{name}{{{k}}}"], self.env[name] = value, Outputs()
        elif columns and isinstance(last, Now) and name in self.function.outs:
            self.env[name] = value
        elif isinstance(self.env.get(name), Inputs) and value is not None and value == self.element(name, args):
            return  # X{1,ts} = X{1,ts}': samples in rows
        elif isinstance(self.env.get(name, Opaque(0)), Opaque):
            self.env[name] = Opaque(self.line)
        else:
            raise self.refuse(f"a part of {name} is overwritten")

    # expressions

    def evaluate(self, e: Any) -> Any:
        match e:
            case m.Name(name):
                return self.env.get(name, Opaque(self.line))
            case m.Transpose(of):  # samples in rows or in columns: in nngrad they are always in rows
                value = self.evaluate(of)
                return value if isinstance(value, Signal | Inputs | Outputs | Net) else Opaque(self.line)
            case m.Matrix(((one,),), True):
                value = self.evaluate(one)
                return value if isinstance(value, Inputs) else Opaque(self.line)
            case m.Binary("+" | ".*" | "*" as op, left, right):
                return self.slot(e) or self.combine(op, left, right)
            case m.Call(m.Name(name), args, True):
                return self.element(name, args)
            case m.Call(m.Name(name), args, False):
                if name in self.env and name not in self.local:
                    return self.columns(name, args)
                return self.call(name, args)
        return Opaque(self.line)

    def slot(self, e: m.Binary) -> Slot | None:
        """mod(ts+1,3)+1: the place of the present in the ring."""
        match e:
            case m.Binary("+", m.Call(m.Name("mod"), (inner, size), False), one) if _same(one, ONE):
                places = self.small(size)
                shift: Any = 0
                if isinstance(inner, m.Binary) and inner.op in "+-":
                    shift = self.number(inner.right)
                    shift = None if shift is None or shift.size != 1 else float(shift[0, 0]) * (1 if inner.op == "+" else -1)
                    inner = inner.left
                if places and shift is not None and isinstance(self.evaluate(inner), Now):
                    if (shift - (places - 2)) % places != 0:
                        raise self.refuse(f"this place in a ring of {places} does not fit the initial states")
                    return Slot(places)
        return None

    def combine(self, op: str, left: Any, right: Any) -> Any:
        a, b = self.evaluate(left), self.evaluate(right)
        if op == "*":
            return self.weighted(a, "dotprod", b)
        unclear = [v for v in (a, b) if isinstance(v, Opaque)]
        a, b = self.net(a), self.net(b)
        if a is None or b is None:
            return unclear[0] if unclear else Opaque(self.line)
        kind = "+" if op == "+" else "*"
        if any(n.op != kind and len(n.terms) > 1 for n in (a, b)):
            raise self.refuse("sums and products are mixed in the net input of a layer")
        return Net(kind, a.terms + b.terms)

    def net(self, value: Any) -> Net | None:
        if isinstance(value, Constant) and BIAS.match(value.name):
            return Net("+", (Term(value.name),))
        return value if isinstance(value, Net) else None

    def weighted(self, W: Any, function: str, value: Any) -> Any:
        signal = self.signal(value)
        named = WEIGHTS.match(W.name) if isinstance(W, Constant) else None
        if named and isinstance(value, Constant):
            raise self.fixed(value)
        if named is None or signal is None:
            return value if isinstance(value, Opaque) else Opaque(self.line)
        kind, source = ("x", "input") if named[1] == "IW" else ("a", "layer")
        if (signal.kind, signal.index) != (kind, int(named[3])) or (kind == "a" and signal.steps):
            raise self.refuse(f"{W.name} belongs to {source} {int(named[3])}, but is applied to something else")
        return Net("+", (Term(W.name, function, signal),))

    def signal(self, value: Any) -> Signal | None:
        return self.layer(value, "purelin") if isinstance(value, Net) else value if isinstance(value, Signal) else None

    def layer(self, net: Net, transfer: str) -> Signal:
        """Takes the layer down; its number stands in the names of its weights and bias."""
        numbers = {int(found[2 if found.re is WEIGHTS else 1]) for t in net.terms if (found := _numbered(t.weights))}
        index = numbers.pop() if numbers else 0
        layer = Layer(transfer, net.op, net.terms, self.line)
        if numbers or self.layers.get(index, layer) != layer or not 0 < index <= MOST_LAYERS:
            raise self.refuse(f"layer {index} is not the only one here, or is computed in two ways")
        self.layers[index] = layer
        return Signal("a", index)

    def element(self, name: str, args: tuple[Any, ...]) -> Any:
        """X{1,ts}, Y{1,ts}, Xd1{xdts}, or Xd1{mod(xdts-[1 2]-1,3)+1}."""
        value = self.env.get(name)
        if isinstance(value, Inputs | Outputs) and len(args) == 2 and isinstance(self.evaluate(args[1]), Now):
            k = self.small(args[0])
            if k is None:
                return Opaque(self.line)
            return Signal("x", k) if isinstance(value, Inputs) else self.env.get(f"{name}{{{k}}}", Opaque(self.line))
        return self.tapped(name, args[0]) if len(args) == 1 else Opaque(self.line)

    def columns(self, name: str, args: tuple[Any, ...]) -> Any:
        """x1(:,ts), xd1(:,xdts) or xd1(:,mod(xdts-[1 2]-1,3)+1)."""
        if len(args) != 2 or not isinstance(args[0], m.Colon):
            return Opaque(self.line)
        value = self.env[name]
        if isinstance(value, Signal | Net) and isinstance(self.evaluate(args[1]), Now):
            return value
        return self.tapped(name, args[1])

    def tapped(self, name: str, place: Any) -> Any:
        ring, layer = self.env.get(name), LAYER_RING.match(name)
        delays, size = self.delays(place)
        if delays is None:
            return Opaque(self.line)
        if layer:  # read before it is written, one step later
            if 0 in delays and not isinstance(ring, Ring):
                raise self.refuse(f"the output of layer {int(layer[1])} is used before it is computed")
            signal = Signal("a", int(layer[1]))
        elif isinstance(ring, Ring):
            signal = ring.signal
        else:
            return Opaque(self.line)
        if max(delays) >= size or min(delays) < 0 or (isinstance(ring, Ring) and ring.size != size):
            raise self.refuse(f"delays {list(delays)} do not fit a ring of {size}")
        return replace(signal, delays=delays)

    def delays(self, place: Any) -> tuple[tuple[int, ...] | None, int]:
        """The delays that an index into a ring stands for, and the size of the ring."""
        match place:
            case m.Binary("+", m.Call(m.Name("mod"), (m.Binary("-", m.Binary("-", slot, delays), one), size), False), other):
                at, steps, places = self.evaluate(slot), self.number(delays), self.small(size)
                if isinstance(at, Slot) and steps is not None and steps.size and places and _same(one, ONE) and _same(other, ONE):
                    if at.size != places or np.any(steps != np.round(steps)) or np.abs(steps).max() > network.MOST_UNITS:
                        raise self.refuse("these delays do not fit their ring")
                    return tuple(int(d) for d in steps.ravel(order="F")), places
        at = self.evaluate(place)
        return ((0,), at.size) if isinstance(at, Slot) else (None, 0)

    def small(self, e: Any) -> int | None:
        """A whole number from 1 written in the text."""
        value = self.number(e)
        if value is None or value.size != 1 or not (1 <= value[0, 0] <= network.MOST_UNITS and value[0, 0] == int(value[0, 0])):
            return None
        return int(value[0, 0])

    def number(self, e: Any) -> np.ndarray | None:
        """The value of an expression of numbers alone."""
        if isinstance(e, m.Number):
            return e.value
        cost = _cost(e)
        if cost is None:
            return None
        self.computed += cost
        if self.computed > MOST_COMPUTED:
            raise self.refuse("too many numbers")
        try:
            with np.errstate(all="ignore"):
                return np.asarray(Calculator({}).evaluate(e, {}), float)
        except (Stuck, ValueError, IndexError, TypeError, OverflowError):
            return None

    # calls

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name in MEDDLERS:
            raise self.refuse(f"{name} is not supported")
        plain, ending = name.rsplit("_", 1) if name.endswith(("_apply", "_reverse")) else (name, "")
        match (name, args):
            case ("repmat", (of, one, _)) if _same(one, ONE):
                return self.net(self.evaluate(of)) or Opaque(self.line)
            case ("bsxfun", (m.Handle("plus" | "times" as op), left, right)):
                return self.combine({"plus": "+", "times": ".*"}[op], left, right)
            case ("cat" | "vertcat", (*first, of)) if name == "vertcat" or (len(first) == 1 and _same(first[0], ONE)):
                value = self.evaluate(of)
                return value if isinstance(value, Signal) else Opaque(self.line)
            case ("reshape", (of, _, one)) if _same(one, ONE):
                value = self.evaluate(of)
                return value if isinstance(value, Signal) else Opaque(self.line)
            case ("cell2mat", (of,)):
                value = self.evaluate(of)
                return value if isinstance(value, Outputs) else Opaque(self.line)
            case ("cellfun", (m.Handle("transpose" | "ctranspose"), of, *_)):
                value = self.evaluate(of)
                return value if isinstance(value, Inputs | Outputs) else Opaque(self.line)
        if not args or (ending == "" and name in self.local):
            return Opaque(self.line)
        first = self.evaluate(args[0])
        if ending == "reverse" or (ending == "apply" and (plain in STEPS or (isinstance(first, Signal) and first.kind == "x"))):
            return self.step(plain, ending, first, args[1:])
        if plain in network.WEIGHT and len(args) == 2:
            return self.weighted(first, self.known("weight", plain, name), self.evaluate(args[1]))
        if (isinstance(first, Net) or ending == "apply") and (net := self.net(first)):
            if plain in network.TRANSFER and len(args) == 1:
                return self.layer(net, self.known("transfer", plain, name))
            raise self.refuse(f"the transfer function {name} is not supported: supported are {', '.join(network.TRANSFER)}")
        return first if isinstance(first, Opaque) else Opaque(self.line)

    def step(self, plain: str, ending: str, value: Any, args: tuple[Any, ...]) -> Any:
        signal = self.signal(value)
        if isinstance(value, Constant):
            raise self.fixed(value)
        if signal is None:
            return value if isinstance(value, Opaque) else Opaque(self.line)
        if plain not in STEPS:
            raise self.refuse(f"the processing function {plain} is not supported: supported are {', '.join(STEPS)}")
        if signal.delays != (0,) or signal.kind != ("x" if ending == "apply" else "a") or not all(isinstance(a, m.Name) for a in args):
            raise self.refuse(f"{plain}_{ending} is applied to something else than an input or output")
        return replace(signal, steps=(*signal.steps, Step(plain, tuple(a.id for a in args))))

    def known(self, kind: str, plain: str, name: str) -> str:
        """Makes sure that the helper, if it stands in the file, is what it is called."""
        if (kind, plain) not in self.checked and name in self.local:
            self.checked.add((kind, plain))
            (*weights, n), expected = probe(kind, plain)
            for columns in (n.shape[1], 3):  # helpers may branch on which is longer, the samples or the units
                check(self.source, name, [*weights, n[:, :columns]], expected[:, :columns])
        return plain

    # what was written

    def number_of(self, name: str) -> np.ndarray:
        value = self.values.get(name)
        if value is None or name in self.changed:
            raise ModelError(f"{name}: {'is assigned twice' if value is not None else 'its numbers are missing'}; {SUPPORTED}")
        return value

    def settings_of(self, step: Step) -> tuple[dict[str, Any], list[Any]]:
        """The settings of a step, and the arguments with which the file hands them to its helper."""
        if len(step.settings) == 1 and self.env.get(step.settings[0]) == Struct(step.settings[0]):
            settings = self.fields[step.settings[0]]
            if any(isinstance(v, Opaque) for v in settings.values()) or any(f"{step.settings[0]}.{k}" in self.changed for k in settings):
                raise ModelError(f"{step.settings[0]}: its settings are not plain numbers, or assigned twice; {SUPPORTED}")
            return dict(settings), [settings]
        stated = [STATED.match(name) for name in step.settings]
        first = stated[0] if stated else None
        if any(s is None or first is None or s[1] != first[1] for s in stated):
            raise ModelError(f"{', '.join(step.settings)}: these are not the settings of one {step.function}; {SUPPORTED}")
        prefix = f"{first[1]}_" if first else ""
        own = {k[len(prefix) :]: self.number_of(k) for k in self.values if prefix and k.startswith(prefix)}
        return own, [self.number_of(name) for name in step.settings]


def _called(e: Any) -> str | None:
    return e.base.id if isinstance(e, m.Call) and isinstance(e.base, m.Name) and not e.brace else None


def _numbered(name: str) -> re.Match[str] | None:
    return WEIGHTS.match(name) or BIAS.match(name)


def _same(e: Any, number: m.Number) -> bool:
    return isinstance(e, m.Number) and np.array_equal(e.value, number.value)


def _cost(e: Any) -> float | None:
    """How many numbers an expression of numbers alone makes on its way; None for any other expression."""
    match e:
        case m.Number(value):
            return float(value.size)
        case m.Unary(_, of) | m.Transpose(of):
            return _cost(of)
        case m.Binary(_, left, right):
            return _total([left, right])
        case m.Matrix(rows, False):
            return _total([item for row in rows for item in row])
        case m.Range(m.Number(start), None, m.Number(stop)) if start.size == stop.size == 1:
            return float(np.fmin(abs(stop[0, 0] - start[0, 0]), 1e300) + 1)
        case m.Call(m.Name("zeros" | "ones" | "nan" | "NaN" | "inf" | "Inf"), args, False):
            sizes = [float(a.value.ravel()[0]) for a in args if isinstance(a, m.Number) and a.value.size == 1]
            return float(np.fmin(np.prod(np.abs(sizes)) ** (2 if len(sizes) == 1 else 1), 1e300)) if len(sizes) == len(args) else None
        case m.Name("pi" | "eps" | "nan" | "NaN" | "inf" | "Inf"):
            return 1.0
    return None


def _total(parts: list[Any]) -> float | None:
    total = 0.0
    for part in parts:
        cost = _cost(part)
        if cost is None:
            return None
        total += cost
    return total
