"""Source code that evaluates a network: y, its exact Jacobian and Hessian, in one file (in C, with its header) that needs nothing else.

The one rule: a network becomes one neutral program (`build`), and a target language only prints it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nngrad.core.network import Network
from nngrad.emitters import c, gateways, matlab, python, selftest, wrappers
from nngrad.emitters.build import build
from nngrad.emitters.names import names
from nngrad.emitters.program import Program
from nngrad.errors import ModelError, UsageError, listed

__all__ = ["TARGETS", "Extras", "build", "emit"]


@dataclass(frozen=True)
class Extras:
    """What else is written. `of` are the outputs of a wrapper, from 0; `tests` is how many points a self-test has, 0 for none."""

    single: bool = False
    tests: int = 0
    wrap: tuple[str, ...] = ()
    of: tuple[int, ...] | None = None
    mex: bool = False
    simulink: bool = False


ONLY = {"single": "c", "mex": "c", "simulink": "c", "wrap": "matlab", "of": "matlab"}
OPTIONS = {"single": "--float", "mex": "--mex", "simulink": "--simulink", "wrap": "--wrap", "of": "--of"}
PRINTERS: dict[str, Any] = {"matlab": matlab, "c": c, "python": python}
TARGETS = tuple(PRINTERS)


def emit(net: Network, target: str, name: str | None = None, extras: Extras | None = None, file: str | None = None) -> dict[str, str]:
    """The files of a network in a target language (matlab, c, python): {file name: text}, the main file first.

    `name` is the function's name, `file` that of the main file; what is left out follows from the other, or from the model's file.
    Same model, same bytes. Raises ModelError for what can't be written out, and UsageError for a name that is none in that language
    and for extras that it does not have.
    """
    extras = extras or Extras()
    if not isinstance(net, Network):
        raise UsageError(f"a {type(net).__name__} can't be written as source code; only networks without memory can")
    for extra, only in ONLY.items():
        if getattr(extras, extra) not in (False, (), None) and target != only:
            raise UsageError(f"{OPTIONS[extra]}: only --to {only} has it, not --to {target}; leave it out")
    if net.whole_inputs:
        whole = listed([net.input_names[k] for k in net.whole_inputs])
        raise ModelError(f"{whole}: take whole numbers only, which emitted code can't insist on; save the model with float32 inputs")
    program = build(net)
    name, file = names(target, name, file, net.origin.path, _taken(target, program))
    if target == "c":
        return _c_files(net, program, name, file, extras)
    files = PRINTERS[target].emit(net, program, name)
    files |= wrappers.emit(net, name, extras.wrap, extras.of)
    return files | (selftest.emit(net, target, name, extras) if extras.tests else {})


def _c_files(net: Network, program: Program, name: str, file: str, extras: Extras) -> dict[str, str]:
    files = c.emit(net, program, name, extras.single, file)
    header = c.header_of(file)
    files |= gateways.emit(net, program, name, (file, header), extras.single, extras.mex, extras.simulink)
    return files | (selftest.emit(net, "c", name, extras, header) if extras.tests else {})


def _taken(target: str, program: Program) -> frozenset[str]:
    """Words that can't be the function's name; in MATLAB those of its own variables too."""
    if target != "matlab":
        return PRINTERS[target].RESERVED
    variables = {op.out.name for op in program.every if hasattr(op, "out")}
    constants = {k.name for group in program.constants for k in group.constants}
    return PRINTERS[target].RESERVED | variables | constants
