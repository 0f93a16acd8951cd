"""Source code that evaluates a network: y, its exact Jacobian and Hessian, in one file (in C, with its header) that needs nothing else.

The one rule: a network becomes one neutral program (`build`), and a target language only prints it.
"""

from __future__ import annotations

from dataclasses import dataclass

from nngrad.emit import c, gateways, matlab, python, selftest, wrappers
from nngrad.emit.build import build
from nngrad.emit.program import Program
from nngrad.emit.text import check_name, identifier
from nngrad.errors import ModelError, UsageError, listed
from nngrad.network import Network

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
PRINTERS = {"matlab": matlab, "c": c, "python": python}
TARGETS = tuple(PRINTERS)


def emit(net: Network, target: str, name: str | None = None, extras: Extras | None = None) -> dict[str, str]:
    """The files of a network in a target language (matlab, c, python): {file name: text}, the main file first.

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
        names = listed([net.input_names[k] for k in net.whole_inputs])
        raise ModelError(f"{names}: take whole numbers only, which emitted code can't insist on; save the model with float32 inputs")
    program = build(net)
    name = _named(name, net, program, target)
    files = c.emit(net, program, name, extras.single) if target == "c" else PRINTERS[target].emit(net, program, name)
    files |= wrappers.emit(net, name, extras.wrap, extras.of)
    files |= gateways.emit(program, name, extras.single, extras.mex, extras.simulink)
    return files | (selftest.emit(net, target, name, extras) if extras.tests else {})


def _named(name: str | None, net: Network, program: Program, target: str) -> str:
    used = {op.out.name for op in program.every if hasattr(op, "out")} | {k.name for group in program.constants for k in group.constants}
    taken = used | PRINTERS[target].RESERVED
    if name is not None:
        return check_name(name, taken)
    found = identifier(net.origin.path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0] or "net")
    return found if found not in taken else f"{found}_net"
