"""The numbers that are written in a generated function: by name, and in expressions of numbers alone.

What is assigned twice with different numbers is refused when it is asked for; how many numbers expressions may make is
bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.genfunction.calculator import Calculator
from nngrad.loaders.genfunction.functions import StuckError
from nngrad.loaders.genfunction.signals import NotUnderstood, SignalStep, WrittenSettings
from nngrad.loaders.matlab.shallow import MOST_UNITS
from nngrad.loaders.matlab_code import tree as m

SUPPORTED = "supported are the statements that genFunction writes; write the file anew with genFunction, or save the network itself as .mat"
MOST_COMPUTED = 5_000_000  # numbers that are not written out but come from zeros(...), 1:n and the like
STATED = re.compile(r"(.+_step\d+)_(\w+)\Z")
ONE = m.NumberLiteral(np.ones((1, 1)))


class TooManyNumbersError(Exception):
    """More than MOST_COMPUTED."""


@dataclass(eq=False)
class Assigned:
    """What has been written so far, by the names of variables and of the fields of structs."""

    values: dict[str, np.ndarray] = field(default_factory=dict)
    settings: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # of structs: arrays, texts, and what is NotUnderstood
    changed: set[str] = field(default_factory=set)  # what is assigned twice: variable, or struct.field
    computed: float = 0.0

    def keep_number(self, name: str, number: np.ndarray) -> None:
        self._keep(self.values, name, number)

    def keep_setting(self, name: str, part: str, value: Any) -> None:
        self._keep(self.settings.setdefault(name, {}), part, value, f"{name}.")

    def _keep(self, store: dict[str, Any], name: str, value: Any, before: str = "") -> None:
        old = store.get(name)
        if old is not None and not (
            isinstance(old, np.ndarray) and isinstance(value, np.ndarray) and np.array_equal(old, value, True)
        ):
            self.changed.add(before + name)
        store[name] = value

    # expressions

    def number(self, e: Any) -> np.ndarray | None:
        """The value of an expression of numbers alone, (rows, columns); None for any other. TooManyNumbersError beyond
        the bound.
        """
        if isinstance(e, m.NumberLiteral):
            return e.value
        cost = _cost(e)
        if cost is None:
            return None
        self.computed += cost
        if self.computed > MOST_COMPUTED:
            raise TooManyNumbersError
        try:
            with np.errstate(all="ignore"):
                return np.asarray(Calculator({}).evaluate(e, {}), float)
        except (StuckError, ValueError, IndexError, TypeError, OverflowError):
            return None

    # by name

    def number_of(self, name: str) -> np.ndarray:
        """The matrix of a variable; ModelError where it has none, or two."""
        value = self.values.get(name)
        if value is None or name in self.changed:
            raise ModelError(
                f"{name}: {'is assigned twice' if value is not None else 'its numbers are missing'}; {SUPPORTED}"
            )
        return value

    def settings_of(self, step: SignalStep, variable: object) -> tuple[dict[str, Any], list[Any]]:
        """The settings of a step, and the arguments with which the file hands them to its helper.

        `variable` is what the variable of the first of them holds in the end. ModelError where they aren't plain
        numbers of one step.
        """
        first = step.settings[0] if len(step.settings) == 1 else ""
        if first and variable == WrittenSettings(first):
            settings = self.settings[first]
            if any(isinstance(v, NotUnderstood) for v in settings.values()) or any(
                f"{first}.{k}" in self.changed for k in settings
            ):
                raise ModelError(f"{first}: its settings are not plain numbers, or assigned twice; {SUPPORTED}")
            return dict(settings), [settings]
        stated = [STATED.match(name) for name in step.settings]
        prefixes = {s and s[1] for s in stated}
        if None in prefixes or len(prefixes) > 1:
            raise ModelError(
                f"{', '.join(step.settings)}: these are not the settings of one {step.function}; {SUPPORTED}"
            )
        prefix = f"{prefixes.pop()}_" if prefixes else ""
        own = {k[len(prefix) :]: self.number_of(k) for k in self.values if prefix and k.startswith(prefix)}
        return own, [self.number_of(name) for name in step.settings]


def small(number: np.ndarray | None) -> int | None:
    """A whole number from 1 to MOST_UNITS; None for anything else."""
    if (
        number is None
        or number.size != 1
        or not (1 <= number[0, 0] <= MOST_UNITS and number[0, 0] == int(number[0, 0]))
    ):
        return None
    return int(number[0, 0])


def is_one(e: Any) -> bool:
    """Whether an expression is the literal 1."""
    return isinstance(e, m.NumberLiteral) and np.array_equal(e.value, ONE.value)


def _cost(e: Any) -> float | None:
    """How many numbers an expression of numbers alone makes on its way; None for any other expression."""
    match e:
        case m.NumberLiteral(value):
            return float(value.size)
        case m.Unary(_, of) | m.Transpose(of):
            return _cost(of)
        case m.Binary(_, left, right):
            return _total([left, right])
        case m.BracketMatrix(rows, False):
            return _total([item for row in rows for item in row])
        case m.Range(m.NumberLiteral(start), None, m.NumberLiteral(stop)) if start.size == stop.size == 1:
            return float(np.fmin(abs(stop[0, 0] - start[0, 0]), 1e300) + 1)
        case m.CallOrIndex(m.Name("zeros" | "ones" | "nan" | "NaN" | "inf" | "Inf"), args, False):
            sizes = [float(a.value.ravel()[0]) for a in args if isinstance(a, m.NumberLiteral) and a.value.size == 1]
            return (
                float(np.fmin(np.prod(np.abs(sizes)) ** (2 if len(sizes) == 1 else 1), 1e300))
                if len(sizes) == len(args)
                else None
            )
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
