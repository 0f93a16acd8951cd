"""Follows the statements of a generated function: which signal goes through which weights into which layer.

What is not understood becomes NotUnderstood, which is harmless until an output depends on it; then its line is refused.
A condition is never decided and a loop never counted: branches must change nothing that counts, and a second round of a
loop must find what the first one found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.genfunction.helpers import check
from nngrad.loaders.genfunction.probes import probe
from nngrad.loaders.genfunction.signals import (
    DelayRing,
    FollowedLayer,
    InputCells,
    LoopVariable,
    NetInput,
    NotUnderstood,
    OutputCells,
    RingPlace,
    Signal,
    SignalStep,
    Term,
    WrittenNumbers,
    WrittenSettings,
)
from nngrad.loaders.genfunction.written import SUPPORTED, Assigned, TooManyNumbersError, is_one, small
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.matlab.shallow import MOST_UNITS, TRANSFER, WEIGHT
from nngrad.loaders.matlab_code import tree as m

HARMLESS = (
    "error",
    "warning",
    "disp",
    "display",
    "fprintf",
    "assert",
    "tic",
    "toc",
    "validateattributes",
    "narginchk",
    "nargoutchk",
)
MEDDLERS = ("eval", "evalc", "evalin", "assignin", "load", "run", "feval", "builtin", "input")
BUILT_IN = ("repmat", "bsxfun", "cat", "vertcat", "reshape", "mod", "cell2mat", "cellfun", "zeros", "ones")
MOST_LAYERS = 300
MOST_STATEMENTS = 5_000  # that are followed; a loop is followed twice

WEIGHTS_NAME = re.compile(r"(IW|LW)(\d{1,6})_(\d{1,6})\Z")
BIAS_NAME = re.compile(r"b(\d{1,6})\Z")
LAYER_RING = re.compile(r"[Aa]d(\d{1,6})\Z")
INPUT_NAME = re.compile(r"x(\d{1,6})\Z")
OUTPUT_NAME = re.compile(r"y(\d{1,6})\Z")
STATES = re.compile(r"[xaXA]i\d*\Z|~\Z")


@dataclass(eq=False)
class Follower:
    """Follows the statements of the main function; afterwards `layers` and `outputs` hold the network."""

    source: m.SourceFile
    function: m.FunctionDefinition
    line: int = 0
    env: dict[str, Any] = field(default_factory=dict)
    written: Assigned = field(default_factory=Assigned)
    layers: dict[int, FollowedLayer] = field(default_factory=dict)
    outputs: list[Signal] = field(default_factory=list)
    checked: set[Any] = field(default_factory=set)
    statements: int = 0

    def refuse(self, why: str, line: int | None = None) -> ModelError:
        return ModelError(f"{self.source.at(self.line if line is None else line)}: {why}; {SUPPORTED}")

    def fixed(self, value: WrittenNumbers) -> ModelError:
        return self.refuse(
            f"{value.name} is fixed in the text: make it an argument of the function, as genFunction does"
        )

    @property
    def local(self) -> set[str]:
        return {f.name for f in self.source.functions[1:]}

    def follow(self) -> None:
        ins, outs = self.function.ins, self.function.outs
        self.line = self.function.line
        if not ins or not outs:
            raise self.refuse("the function has no input or no output")
        self.cells = next((n for n in ins if n == "X"), None)
        numbered = [n for n in ins if INPUT_NAME.match(n)]
        for k, name in enumerate(ins):
            if name == self.cells:
                self.env[name] = InputCells()
            elif INPUT_NAME.match(name) or (not self.cells and not numbered and k == 0 and not STATES.match(name)):
                self.env[name] = Signal("x", int(name[1:]) if INPUT_NAME.match(name) else 1)
            else:
                self.env[name] = NotUnderstood(self.line)
        self.run(self.function.body)
        self.line = self.function.line
        self.outputs = list(self.results(outs))

    def results(self, outs: tuple[str, ...]) -> Iterable[Signal]:
        """The signal of each output, in order."""
        if self.env.get(outs[0]) == OutputCells():
            count = sum(1 for k in self.env if k.startswith(f"{outs[0]}{{"))
            names = [f"{outs[0]}{{{k}}}" for k in range(1, count + 1)]
        else:
            names = [n for n in outs if OUTPUT_NAME.match(n)] or [outs[0]]
        for name in names:
            value = self.env.get(name)
            if isinstance(value, NotUnderstood):
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
        bad = sorted(k for k in new if k in before and not isinstance(before[k], NotUnderstood))
        if bad:
            raise self.refuse(f"{bad[0]} depends on a condition", line)
        self.env = before | {k: NotUnderstood(line) for k in new}

    def loop(self, name: str, body: tuple[Any, ...]) -> None:
        """Followed twice: a second round must find what the first one found, or something is carried along outside of
        the delays.
        """
        line = self.line
        rounds = []
        for _ in range(2):
            self.env[name] = LoopVariable(name)
            self.run(body)
            rounds.append(dict(self.env))
        bad = sorted(k for k, v in rounds[1].items() if rounds[0].get(k) is not v and rounds[0].get(k) != v)
        if bad:
            raise self.refuse(f"{bad[0]} changes from one round of the loop to the next", line)

    def assign(self, targets: tuple[Any, ...], value: Any) -> None:
        if len(targets) > 1:
            for target in targets:
                if target is not None:
                    self.put(target, NotUnderstood(self.line), None)
            return
        number = self.number(value)
        self.put(
            targets[0],
            None if number is not None else value if isinstance(value, m.TextLiteral) else self.evaluate(value),
            number,
        )

    def put(self, target: Any, value: Any, number: Any) -> None:
        match target:
            case m.Name(name):
                if name in self.local or name in BUILT_IN:
                    raise self.refuse(f"{name} is a function")
                if number is not None:
                    self.written.keep_number(name, number)
                    value = WrittenNumbers(name)
                if isinstance(value, NetInput) and re.match(r"a\d+\Z", name):
                    value = self.layer(value, "purelin")
                self.env[name] = NotUnderstood(self.line) if isinstance(value, m.TextLiteral) else value
            case m.Member(m.Name(name), part):
                text = value.value if isinstance(value, m.TextLiteral) else NotUnderstood(self.line)
                self.written.keep_setting(name, part, number if number is not None else text)
                self.env[name] = WrittenSettings(name)
            case m.CallOrIndex(m.Name(name), args, brace):
                plain = number is not None or isinstance(value, m.TextLiteral)
                self.put_at(name, args, brace, NotUnderstood(self.line) if plain else value)
            case _:
                raise self.refuse("nothing can be assigned to this")

    def put_at(self, name: str, args: tuple[Any, ...], brace: bool, value: Any) -> None:
        """name{...} = value or name(...) = value."""
        where = tuple(self.evaluate(a) for a in args)
        value = self.signal(value) or value
        last = where[-1] if where else None
        columns = not brace and len(where) == 2 and isinstance(args[0], m.Colon)
        if isinstance(last, RingPlace) and ((brace and len(where) == 1) or columns):
            signal = self.signal(value)
            layer = LAYER_RING.match(name)
            if (
                signal is None
                or signal.delays != (0,)
                or (layer and (signal.kind, signal.index, signal.steps) != ("a", int(layer[1]), ()))
            ):
                raise self.refuse("what is written into the delays is not understood")
            self.env[name] = DelayRing(signal, last.size)
        elif brace and len(where) == 2 and isinstance(last, LoopVariable) and name == self.function.outs[0]:
            k = small(self.number(args[0]))
            if k is None:
                raise self.refuse("which output this is can't be told")
            self.env[f"{name}{{{k}}}"], self.env[name] = value, OutputCells()
        elif columns and isinstance(last, LoopVariable) and name in self.function.outs:
            self.env[name] = value
        elif isinstance(self.env.get(name), InputCells) and value is not None and value == self.element(name, args):
            return  # X{1,ts} = X{1,ts}': samples in rows
        elif isinstance(self.env.get(name, NotUnderstood(0)), NotUnderstood):
            self.env[name] = NotUnderstood(self.line)
        else:
            raise self.refuse(f"a part of {name} is overwritten")

    # expressions

    def number(self, e: Any) -> np.ndarray | None:
        """The value of an expression of numbers alone."""
        try:
            return self.written.number(e)
        except TooManyNumbersError:
            raise self.refuse("too many numbers") from None

    def evaluate(self, e: Any) -> Any:
        match e:
            case m.Name(name):
                return self.env.get(name, NotUnderstood(self.line))
            case m.Transpose(of):  # samples in rows or in columns: in nngrad they are always in rows
                value = self.evaluate(of)
                return (
                    value
                    if isinstance(value, Signal | InputCells | OutputCells | NetInput)
                    else NotUnderstood(self.line)
                )
            case m.BracketMatrix(((one,),), True):
                value = self.evaluate(one)
                return value if isinstance(value, InputCells) else NotUnderstood(self.line)
            case m.Binary("+" | ".*" | "*" as op, left, right):
                return self.slot(e) or self.combine(op, left, right)
            case m.CallOrIndex(m.Name(name), args, True):
                return self.element(name, args)
            case m.CallOrIndex(m.Name(name), args, False):
                if name in self.env and name not in self.local:
                    return self.columns(name, args)
                return self.call(name, args)
        return NotUnderstood(self.line)

    def slot(self, e: m.Binary) -> RingPlace | None:
        """mod(ts+1,3)+1: the place of the present in the ring."""
        match e:
            case m.Binary("+", m.CallOrIndex(m.Name("mod"), (inner, size), False), one) if is_one(one):
                places = small(self.number(size))
                shift: Any = 0
                if isinstance(inner, m.Binary) and inner.op in "+-":
                    shift = self.number(inner.right)
                    shift = (
                        None
                        if shift is None or shift.size != 1
                        else float(shift[0, 0]) * (1 if inner.op == "+" else -1)
                    )
                    inner = inner.left
                if places and shift is not None and isinstance(self.evaluate(inner), LoopVariable):
                    if (shift - (places - 2)) % places != 0:
                        raise self.refuse(f"this place in a ring of {places} does not fit the initial states")
                    return RingPlace(places)
        return None

    def combine(self, op: str, left: Any, right: Any) -> Any:
        a, b = self.evaluate(left), self.evaluate(right)
        if op == "*":
            return self.weighted(a, "dotprod", b)
        unclear = [v for v in (a, b) if isinstance(v, NotUnderstood)]
        a, b = self.net(a), self.net(b)
        if a is None or b is None:
            return unclear[0] if unclear else NotUnderstood(self.line)
        kind = "+" if op == "+" else "*"
        if any(n.op != kind and len(n.terms) > 1 for n in (a, b)):
            raise self.refuse("sums and products are mixed in the net input of a layer")
        return NetInput(kind, a.terms + b.terms)

    def net(self, value: Any) -> NetInput | None:
        if isinstance(value, WrittenNumbers) and BIAS_NAME.match(value.name):
            return NetInput("+", (Term(value.name),))
        return value if isinstance(value, NetInput) else None

    def weighted(self, W: Any, function: str, value: Any) -> Any:
        signal = self.signal(value)
        named = WEIGHTS_NAME.match(W.name) if isinstance(W, WrittenNumbers) else None
        if named and isinstance(value, WrittenNumbers):
            raise self.fixed(value)
        if named is None or signal is None:
            return value if isinstance(value, NotUnderstood) else NotUnderstood(self.line)
        kind, source = ("x", "input") if named[1] == "IW" else ("a", "layer")
        if (signal.kind, signal.index) != (kind, int(named[3])) or (kind == "a" and signal.steps):
            raise self.refuse(f"{W.name} belongs to {source} {int(named[3])}, but is applied to something else")
        return NetInput("+", (Term(W.name, function, signal),))

    def signal(self, value: Any) -> Signal | None:
        return (
            self.layer(value, "purelin")
            if isinstance(value, NetInput)
            else value
            if isinstance(value, Signal)
            else None
        )

    def layer(self, net: NetInput, transfer: str) -> Signal:
        """Takes the layer down; its number stands in the names of its weights and bias."""
        numbers = {
            int(found[2 if found.re is WEIGHTS_NAME else 1]) for t in net.terms if (found := _numbered(t.weights))
        }
        index = numbers.pop() if numbers else 0
        layer = FollowedLayer(transfer, net.op, net.terms, self.line)
        if numbers or self.layers.get(index, layer) != layer or not 0 < index <= MOST_LAYERS:
            raise self.refuse(f"layer {index} is not the only one here, or is computed in two ways")
        self.layers[index] = layer
        return Signal("a", index)

    def element(self, name: str, args: tuple[Any, ...]) -> Any:
        """X{1,ts}, Y{1,ts}, Xd1{xdts}, or Xd1{mod(xdts-[1 2]-1,3)+1}."""
        value = self.env.get(name)
        if (
            isinstance(value, InputCells | OutputCells)
            and len(args) == 2
            and isinstance(self.evaluate(args[1]), LoopVariable)
        ):
            k = small(self.number(args[0]))
            if k is None:
                return NotUnderstood(self.line)
            return (
                Signal("x", k)
                if isinstance(value, InputCells)
                else self.env.get(f"{name}{{{k}}}", NotUnderstood(self.line))
            )
        return self.tapped(name, args[0]) if len(args) == 1 else NotUnderstood(self.line)

    def columns(self, name: str, args: tuple[Any, ...]) -> Any:
        """x1(:,ts), xd1(:,xdts) or xd1(:,mod(xdts-[1 2]-1,3)+1)."""
        if len(args) != 2 or not isinstance(args[0], m.Colon):
            return NotUnderstood(self.line)
        value = self.env[name]
        if isinstance(value, Signal | NetInput) and isinstance(self.evaluate(args[1]), LoopVariable):
            return value
        return self.tapped(name, args[1])

    def tapped(self, name: str, place: Any) -> Any:
        ring, layer = self.env.get(name), LAYER_RING.match(name)
        delays, size = self.delays(place)
        if delays is None:
            return NotUnderstood(self.line)
        if layer:  # read before it is written, one step later
            if 0 in delays and not isinstance(ring, DelayRing):
                raise self.refuse(f"the output of layer {int(layer[1])} is used before it is computed")
            signal = Signal("a", int(layer[1]))
        elif isinstance(ring, DelayRing):
            signal = ring.signal
        else:
            return NotUnderstood(self.line)
        if max(delays) >= size or min(delays) < 0 or (isinstance(ring, DelayRing) and ring.size != size):
            raise self.refuse(f"delays {list(delays)} do not fit a ring of {size}")
        return replace(signal, delays=delays)

    def delays(self, place: Any) -> tuple[tuple[int, ...] | None, int]:
        """The delays that an index into a ring stands for, and the size of the ring."""
        match place:
            case m.Binary(
                "+", m.CallOrIndex(m.Name("mod"), (m.Binary("-", m.Binary("-", slot, delays), one), size), False), other
            ):
                at, steps, places = self.evaluate(slot), self.number(delays), small(self.number(size))
                if (
                    isinstance(at, RingPlace)
                    and steps is not None
                    and steps.size
                    and places
                    and is_one(one)
                    and is_one(other)
                ):
                    if at.size != places or np.any(steps != np.round(steps)) or np.abs(steps).max() > MOST_UNITS:
                        raise self.refuse("these delays do not fit their ring")
                    return tuple(int(d) for d in steps.ravel(order="F")), places
        at = self.evaluate(place)
        return ((0,), at.size) if isinstance(at, RingPlace) else (None, 0)

    # calls

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name in MEDDLERS:
            raise self.refuse(f"{name} is not supported")
        plain, ending = name.rsplit("_", 1) if name.endswith(("_apply", "_reverse")) else (name, "")
        match (name, args):
            case ("repmat", (of, one, _)) if is_one(one):
                return self.net(self.evaluate(of)) or NotUnderstood(self.line)
            case ("bsxfun", (m.NamedHandle("plus" | "times" as op), left, right)):
                return self.combine({"plus": "+", "times": ".*"}[op], left, right)
            case ("cat" | "vertcat", (*first, of)) if name == "vertcat" or (len(first) == 1 and is_one(first[0])):
                value = self.evaluate(of)
                return value if isinstance(value, Signal) else NotUnderstood(self.line)
            case ("reshape", (of, _, one)) if is_one(one):
                value = self.evaluate(of)
                return value if isinstance(value, Signal) else NotUnderstood(self.line)
            case ("cell2mat", (of,)):
                value = self.evaluate(of)
                return value if isinstance(value, OutputCells) else NotUnderstood(self.line)
            case ("cellfun", (m.NamedHandle("transpose" | "ctranspose"), of, *_)):
                value = self.evaluate(of)
                return value if isinstance(value, InputCells | OutputCells) else NotUnderstood(self.line)
        if not args or (ending == "" and name in self.local):
            return NotUnderstood(self.line)
        first = self.evaluate(args[0])
        if ending == "reverse" or (
            ending == "apply" and (plain in STEPS or (isinstance(first, Signal) and first.kind == "x"))
        ):
            return self.step(plain, ending, first, args[1:])
        if plain in WEIGHT and len(args) == 2:
            return self.weighted(first, self.known("weight", plain, name), self.evaluate(args[1]))
        if (isinstance(first, NetInput) or ending == "apply") and (net := self.net(first)):
            if plain in TRANSFER and len(args) == 1:
                return self.layer(net, self.known("transfer", plain, name))
            raise self.refuse(f"the transfer function {name} is not supported: supported are {', '.join(TRANSFER)}")
        return first if isinstance(first, NotUnderstood) else NotUnderstood(self.line)

    def step(self, plain: str, ending: str, value: Any, args: tuple[Any, ...]) -> Any:
        signal = self.signal(value)
        if isinstance(value, WrittenNumbers):
            raise self.fixed(value)
        if signal is None:
            return value if isinstance(value, NotUnderstood) else NotUnderstood(self.line)
        if plain not in STEPS:
            raise self.refuse(f"the processing function {plain} is not supported: supported are {', '.join(STEPS)}")
        if (
            signal.delays != (0,)
            or signal.kind != ("x" if ending == "apply" else "a")
            or not all(isinstance(a, m.Name) for a in args)
        ):
            raise self.refuse(f"{plain}_{ending} is applied to something else than an input or output")
        return replace(signal, steps=(*signal.steps, SignalStep(plain, tuple(a.id for a in args))))

    def settings_of(self, step: SignalStep) -> tuple[dict[str, Any], list[Any]]:
        """The settings of a step, and the arguments with which the file hands them to its helper."""
        return self.written.settings_of(step, self.env.get(step.settings[0]) if step.settings else None)

    def known(self, kind: str, plain: str, name: str) -> str:
        """Makes sure that the helper, if it stands in the file, is what it is called."""
        if (kind, plain) not in self.checked and name in self.local:
            self.checked.add((kind, plain))
            (*weights, n), expected = probe(kind, plain)
            for columns in (n.shape[1], 3):  # helpers may branch on which is longer, the samples or the units
                check(self.source, name, [*weights, n[:, :columns]], expected[:, :columns])
        return plain


def _called(e: Any) -> str | None:
    return e.base.id if isinstance(e, m.CallOrIndex) and isinstance(e.base, m.Name) and not e.brace else None


def _numbered(name: str) -> re.Match[str] | None:
    return WEIGHTS_NAME.match(name) or BIAS_NAME.match(name)
