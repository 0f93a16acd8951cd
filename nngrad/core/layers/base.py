"""What every layer kind answers about itself. A kind knows its own numbers, and nothing of the network around it.

The rules are written over a kernel's operations (core.kernels), for values (units, N) and flows (units, k, N), samples
last as in MATLAB. A layer reads a tuple of values, one for each source:

    forward(k, x) -> y                        the layer itself
    jvp(k, x, y, T) -> flow of y              tangents carried on; T has one entry for each source, None where it is 0
    vjp(k, x, y, G) -> flows, one a source    cotangents carried back
    curvature(k, x, y, G, S, T) -> parts      their sum is that over outputs of G times the second derivative along S
                                              and T, (N or 1, m, j, k): exactly symmetric where S is T; no parts where
                                              there is no curvature

No rule changes its arguments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from nngrad.core.kernels import Array, Kernel
from nngrad.core.kernels.arrays import ArrayKernel
from nngrad.core.slope import Slope

V = TypeVar("V")
Values = tuple[V, ...]
Flows = tuple[V | None, ...]
Mask = np.ndarray[Any, np.dtype[np.bool_]]  # which units


class Cost(NamedTuple):
    """Of a row: multiplications for one direction of a pass, and numbers of the tables that the
    rules make beside the value.
    """

    multiplications: int
    numbers: int = 0


class Layer(ABC):
    """One layer: frozen, its arrays read-only. Kinds are dataclasses whose fields are the numbers of the layer."""

    stem: ClassVar[str]  # of the names of its values in emitted code
    function: str = ""  # the name of an activation

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, for the comments of emitted code."""

    @property
    @abstractmethod
    def takes(self) -> tuple[int, ...] | None:
        """The sizes of the values that it reads; None where any fit."""

    @abstractmethod
    def size(self, *n: int) -> int:
        """The size of its value; ValueError where it can't read values of the sizes n."""

    @abstractmethod
    def forward(self, k: Kernel[V], x: Values[V]) -> V: ...

    @abstractmethod
    def jvp(self, k: Kernel[V], x: Values[V], y: V, T: Flows[V]) -> V: ...

    @abstractmethod
    def vjp(self, k: Kernel[V], x: Values[V], y: V, G: V) -> Values[V]: ...

    @abstractmethod
    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]: ...

    @property
    @abstractmethod
    def slope(self) -> Slope:
        """How its derivative behaves."""

    @property
    @abstractmethod
    def constant(self) -> bool:
        """Whether jvp and vjp need neither x nor y: passes then run it once for all rows, and
        multiply it with its neighbours.
        """

    @property
    @abstractmethod
    def curved(self) -> bool:
        """Whether it has a second derivative that isn't zero."""

    @abstractmethod
    def near_kink(self, x: Values[Array], eps: float) -> Mask | None:
        """Which units (units, N) are within eps of a kink, relative to the kink or to 1; None for
        a kind that has none.
        """

    @abstractmethod
    def branch(self, x: Values[Array]) -> Array | None:
        """Between which kinks each unit lies: numbers (any, N) that change where a kink is
        crossed; None for a kind that has none.
        """

    @abstractmethod
    def reaches(self, reads: Values[Mask]) -> Mask:
        """Which units depend on the input, from which units of the sources do; weights that are zero carry nothing."""

    @abstractmethod
    def needs(self, wanted: Mask, sizes: Sequence[int]) -> Values[Mask]:
        """Which units of the sources, of these sizes, the wanted units depend on."""

    @abstractmethod
    def cost(self, n: int, m: int) -> Cost:
        """For n numbers read and m made."""

    @cached_property
    def kernel(self) -> ArrayKernel:
        """Its rules' kernel for NumPy."""
        return ArrayKernel()

    def __post_init__(self) -> None:
        _freeze(self)

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in getattr(self, "__dataclass_fields__", ())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _freeze(self)


class LinearLayer(Layer):
    """What linear kinds share: a slope that is the same everywhere."""

    slope = Slope.LINEAR
    constant = True
    curved = False

    def curvature(self, k: Kernel[V], x: Values[V], y: V, G: V, S: Flows[V], T: Flows[V]) -> Values[V]:
        return ()

    def near_kink(self, x: Values[Array], eps: float) -> None:
        return None

    def branch(self, x: Values[Array]) -> None:
        return None


class SmoothLayer(Layer):
    """What smooth kinds share: no kinks, and a second derivative."""

    slope = Slope.SMOOTH
    constant = False
    curved = True

    def near_kink(self, x: Values[Array], eps: float) -> None:
        return None

    def branch(self, x: Values[Array]) -> None:
        return None


def frozen(values: Array) -> Array:
    """The array where nobody can write to it, else a read-only copy: what a network holds doesn't
    change with the caller's.
    """
    base: Any = values
    while isinstance(base, np.ndarray):
        if 0 in base.strides or base.flags.writeable:  # NumPy warns whoever asks that of a broadcast array
            values = values.copy(order="K")
            values.flags.writeable = False
            return values
        base = base.base
    return values


def _freeze(layer: Layer) -> None:
    for name, value in layer.__dict__.items():
        if isinstance(value, np.ndarray):
            layer.__dict__[name] = frozen(value)
        elif isinstance(value, dict):
            layer.__dict__[name] = {key: frozen(v) if isinstance(v, np.ndarray) else v for key, v in value.items()}


def expect(condition: bool, message: str) -> None:
    """ValueError with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def single(n: tuple[int, ...]) -> int:
    """The size of the one value that is read; ValueError where there are more."""
    expect(len(n) == 1, f"it reads one value, not {len(n)}")
    return n[0]


def at(size: int, index: Array) -> Mask:
    """The units at these places, out of so many."""
    mask = np.zeros(size, bool)
    mask[index] = True
    return mask


def all_of(sizes: Sequence[int], wanted: Mask) -> Values[Mask]:
    """For kinds in which every unit depends on every unit: all, if any is wanted."""
    return tuple(np.full(size, wanted.any()) for size in sizes)


def near(x: Array, kink: Any, eps: float) -> Mask:
    """Where x is within eps of a kink, relative to the kink or to 1."""
    found: Mask = np.abs(x - kink) <= eps * np.maximum(1.0, np.abs(kink))
    return found
