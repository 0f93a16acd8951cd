"""What a variable of a generated function can hold while its statements are followed.

All of them compare by what they hold (but for the line): a second round of a loop must find what the first one found.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class WrittenNumbers:
    """A number or matrix written in the text; its value is kept by name."""

    name: str


@dataclass(frozen=True)
class WrittenSettings:
    """Settings of a step, x1_step1.gain = ..., kept by name."""

    name: str


@dataclass(frozen=True)
class SignalStep:
    """A processing function, and where its settings stand: a struct's name, or the names of constants."""

    function: str
    settings: tuple[str, ...]


@dataclass(frozen=True)
class Signal:
    """An input ('x', after the steps so far) or a layer's output ('a', before them), seen at these delays."""

    kind: str
    index: int
    steps: tuple[SignalStep, ...] = ()
    delays: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Term:
    """A bias (no signal) or a weighted signal."""

    weights: str
    function: str = "dotprod"
    signal: Signal | None = None


@dataclass(frozen=True)
class NetInput:
    """The net input of a layer: terms joined by + or *."""

    op: str
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class InputCells:
    """The cell array X."""


@dataclass(frozen=True)
class OutputCells:
    """The cell array Y once something has been written into it."""


@dataclass(frozen=True)
class LoopVariable:
    """The variable of a loop over time."""

    name: str


@dataclass(frozen=True)
class RingPlace:
    """The place of the present in a ring of so many."""

    size: int


@dataclass(frozen=True)
class DelayRing:
    """Delayed signals; `signal` is what was written into the present place."""

    signal: Signal
    size: int


@dataclass(frozen=True)
class NotUnderstood:
    """Anything else: harmless as long as no output depends on it."""

    line: int = field(compare=False)


@dataclass(frozen=True)
class FollowedLayer:
    """A layer as it was found: transfer(terms joined by op), computed in this line."""

    transfer: str
    op: str
    terms: tuple[Term, ...]
    line: int = field(compare=False)
