"""C: a source and its header, with a MEX gateway and a function for Simulink where they are asked for."""

from __future__ import annotations

from collections.abc import Set

from nngrad.emitters.c import gateways, selftest, source, statements
from nngrad.emitters.c.words import RESERVED, refuse_file
from nngrad.emitters.emitter import Emitter, Files, Job, encoded, only
from nngrad.emitters.program import Program
from nngrad.emitters.selftest import Points


class CEmitter(Emitter):
    """The options are `single` (precision), `mex` and `simulink`."""

    prints = statements.PRINTERS.keys()
    style = statements.style(single=False)

    def reserved(self, program: Program) -> Set[str]:
        return RESERVED

    def refuse(self, job: Job) -> None:
        if job.asked is not None:
            refuse_file(job.file, job.asked)
        if job.options["single"]:
            source.refuse_range(job.program)

    def write(self, job: Job) -> Files:
        single, mex, simulink = (job.options[name] for name in ("single", "mex", "simulink"))
        header = source.header_of(job.file)
        files = source.write(job.net, job.program, job.name, job.file, single)
        return encoded(files | gateways.write(job.net, job.name, (job.file, header), single, mex, simulink))

    def selftest(self, job: Job, points: Points) -> Files:
        return encoded(selftest.write(points, job.name, job.options["single"], source.header_of(job.file)))

    def alone(self, files: Files) -> bytes | None:
        main, *beside = files
        if beside != [source.header_of(main)]:
            return only(files)
        return source.together(files[main].decode(), files[beside[0]].decode(), beside[0]).encode()


EMITTER = CEmitter()
