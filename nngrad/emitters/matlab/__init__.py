"""MATLAB and Octave: a function, with an objective or a constraint for optimisers where they are asked for."""

from __future__ import annotations

from collections.abc import Set

from nngrad.emitters.emitter import Emitter, Files, Job, encoded, only
from nngrad.emitters.matlab import function, selftest, wrappers
from nngrad.emitters.program import Program
from nngrad.emitters.selftest import Points
from nngrad.errors import UsageError


class MatlabEmitter(Emitter):
    """The options are `wrap` (what is written around the function) and `of` (its outputs)."""

    prints = function.PRINTERS.keys()
    style = function.STYLE

    def reserved(self, program: Program) -> Set[str]:
        """Its own variables too: a function can't be called where a variable has its name."""
        variables = {op.out.name for op in program.every if hasattr(op, "out")}
        return function.RESERVED | variables | {k.name for group in program.constants for k in group.constants}

    def refuse(self, job: Job) -> None:
        if job.options["of"] is not None and not job.options["wrap"]:
            raise UsageError("--of: it is for --wrap; a function has all outputs")

    def write(self, job: Job) -> Files:
        around = wrappers.write(job.net, job.name, job.options["wrap"], job.options["of"])
        return encoded(function.write(job.net, job.program, job.name) | around)

    def selftest(self, job: Job, points: Points) -> Files:
        return encoded(selftest.write(points, job.name))

    def alone(self, files: Files) -> bytes | None:
        return only(files)


EMITTER = MatlabEmitter()
