"""The languages that a network can be written in: all that the command line and its help say of them.

A target is one entry here and one module or package of its name, whose `EMITTER` writes it. No numerical library is
imported before an emitter is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from nngrad.emitters.emitter import Emitter


@dataclass(frozen=True)
class Option:
    """What a target can be asked for beside its main file, or in it: `name` in Python, `flag` on the command line.

    A "flag" is False or True; "choices" are some of `choices`, () by default; "outputs" are outputs of the network,
    None by default.
    """

    name: str
    flag: str
    help: str
    kind: Literal["flag", "choices", "outputs"] = "flag"
    choices: tuple[str, ...] = ()

    @property
    def default(self) -> Any:
        """The value where nothing is asked for."""
        return {"flag": False, "choices": (), "outputs": None}[self.kind]


@dataclass(frozen=True)
class Target:
    """A language that a network can be written in."""

    name: str  # behind --to
    language: str  # in messages
    suffixes: tuple[str, ...]  # of its main file, the usual one first
    gives: str  # in a line of help
    found: str = ""  # how the language finds a function by the name of its file; empty where both may differ
    options: tuple[Option, ...] = ()

    @property
    def emitter(self) -> Emitter:
        """What writes it."""
        emitter: Emitter = import_module(f"nngrad.emitters.{self.name}").EMITTER
        return emitter


WRAP = Option("wrap", "--wrap", "write such a function for fmincon too.", "choices", ("objective", "constraint"))
OF = Option("of", "--of", "outputs that --wrap means: names, or numbers from 1, with commas.", "outputs")
FLOAT = Option("single", "--float", "single precision.")
MEX = Option("mex", "--mex", "write a MEX gateway too.")
SIMULINK = Option("simulink", "--simulink", "write a function for Simulink's C Caller block too.")
THREE = "NAME.py: f(x), jacobian(x), hessian(x)"
IMPORTED = "Python imports a module"

TARGETS = (
    Target(
        "matlab",
        "MATLAB",
        (".m",),
        "NAME.m: [y, J, H] = NAME(x), samples in columns; MATLAB from R2013b, Octave, MATLAB Coder",
        "MATLAB calls a function",
        (WRAP, OF),
    ),
    Target(
        "c",
        "C",
        (".c", ".cpp", ".cc", ".cxx"),
        "NAME.c, NAME.h: NAME(x, y, J) and NAME_hessian(x, y, J, H); C90 or later, or C++",
        options=(FLOAT, MEX, SIMULINK),
    ),
    Target("python", "Python", (".py",), f"{THREE}, samples in rows; NumPy only", IMPORTED),
    Target("jax", "JAX", (".py",), f"{THREE} for JAX to trace, samples in rows", IMPORTED),
)
BY_NAME = {target.name: target for target in TARGETS}


def options() -> dict[Option, tuple[Target, ...]]:
    """Every option, with the targets that have it, in the order of TARGETS."""
    found = dict.fromkeys(option for target in TARGETS for option in target.options)
    return {option: tuple(target for target in TARGETS if option in target.options) for option in found}
