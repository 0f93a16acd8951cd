"""Python: a module that needs NumPy alone."""

from __future__ import annotations

from collections.abc import Set

from nngrad.emitters.emitter import Emitter, Files, Job, encoded, only
from nngrad.emitters.program import Program
from nngrad.emitters.python import module, selftest
from nngrad.emitters.selftest import Points


class PythonEmitter(Emitter):
    """It has no options."""

    prints = module.PRINTERS.keys()
    style = module.STYLE

    def reserved(self, program: Program) -> Set[str]:
        return module.RESERVED

    def refuse(self, job: Job) -> None:
        """Python can hold every program."""

    def write(self, job: Job) -> Files:
        return encoded(module.write(job.net, job.program, job.name))

    def selftest(self, job: Job, points: Points) -> Files:
        return encoded(selftest.write(points, job.name))

    def alone(self, files: Files) -> bytes | None:
        return only(files)


EMITTER = PythonEmitter()
