"""What writes a network in one language, and what it is given to write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from nngrad.core.network import Network
from nngrad.emitters.program import Program
from nngrad.emitters.selftest import Points
from nngrad.emitters.text import Style

Files = dict[str, bytes]  # by their names, the main file first


@dataclass(frozen=True)
class Job:
    """A network to be written: `name` is that of the function, `file` that of the main file.

    `options` are all that the target has.
    """

    net: Network
    program: Program
    name: str
    file: str
    asked: str | None  # the main file as the user named it
    options: Mapping[str, Any]


class Emitter(ABC):
    """One language: `prints` are the classes of statements that it has text for, `style` is how it writes formulas."""

    prints: Set[type]
    style: Style

    @abstractmethod
    def reserved(self, program: Program) -> Set[str]:
        """Words that can't be the function's name."""

    @abstractmethod
    def refuse(self, job: Job) -> None:
        """ModelError for what the language can't hold, UsageError for names and options that don't go together."""

    @abstractmethod
    def write(self, job: Job) -> Files:
        """The main file, and what belongs to it."""

    @abstractmethod
    def selftest(self, job: Job, points: Points) -> Files:
        """A program that compares what `write` gives with these numbers, and fails where they differ."""

    @abstractmethod
    def alone(self, files: Files) -> bytes | None:
        """The files as one text that needs none beside it; None where several files are wanted."""


def encoded(files: Mapping[str, str]) -> Files:
    """Files of text, which is ASCII in every language: nothing else of a model's names gets that far."""
    return {file: text.encode("ascii") for file, text in files.items()}


def only(files: Files) -> bytes | None:
    """The one file, None where there are several."""
    return next(iter(files.values())) if len(files) == 1 else None
