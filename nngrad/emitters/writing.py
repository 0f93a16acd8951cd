"""From a network to the files of a target: what can't be written is refused by name before anything is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nngrad.core.network import Network
from nngrad.emitters.build import build
from nngrad.emitters.emitter import Files, Job
from nngrad.emitters.names import names
from nngrad.emitters.registry import BY_NAME, Option, Target, options
from nngrad.emitters.selftest import expected
from nngrad.errors import ModelError, UsageError, listed


@dataclass(frozen=True)
class Written:
    """What a network became: its function, its files (main one first), and all of them as one text if that can be."""

    function: str
    files: Files
    alone: bytes | None


def written(net: Network, to: str, name: str | None, file: str | None, tests: int, asked: Mapping[str, Any]) -> Written:
    """The files of a network in the language `to`; the rest as `nngrad.emit` has it."""
    if not isinstance(net, Network):
        raise UsageError(f"a {type(net).__name__} can't be written as source code; only networks without memory can")
    target = _target(to)
    values = _values(net, target, asked)
    if net.whole_inputs:
        whole = listed([net.input_names[k] for k in net.whole_inputs])
        why = "take whole numbers only, which emitted code can't insist on"
        raise ModelError(f"{whole}: {why}; save the model with float32 inputs")
    emitter, program = target.emitter, build(net)
    chosen = names(target, name, file, net.origin.path, emitter.reserved(program))
    job = Job(net, program, chosen.function, chosen.file, file, values)
    emitter.refuse(job)
    files = emitter.write(job) | (emitter.selftest(job, expected(net, tests)) if tests else {})
    return Written(job.name, files, emitter.alone(files))


def _target(name: str) -> Target:
    if name not in BY_NAME:
        raise UsageError(f"no language {name!r} to write a network in; there are {', '.join(BY_NAME)}")
    return BY_NAME[name]


def _values(net: Network, target: Target, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every option of the target; UsageError for one that it doesn't have."""
    every = {option.name: option for option in options()}
    given = {name: value for name, value in asked.items() if not _absent(value)}
    for name in given:
        if name not in every:
            raise UsageError(f"no option {name!r}; there are {', '.join(every)}")
        if every[name] not in target.options:
            owners = " or ".join(owner.name for owner in options()[every[name]])
            raise UsageError(f"{every[name].flag}: only --to {owners} has it, not --to {target.name}; leave it out")
    return {o.name: CHECKS[o.kind](net, o, given[o.name]) if o.name in given else o.default for o in target.options}


def _absent(value: Any) -> bool:
    return value is None or value is False or (hasattr(value, "__len__") and len(value) == 0)


def _chosen(net: Network, option: Option, value: Any) -> tuple[str, ...]:
    values = tuple(dict.fromkeys([value] if isinstance(value, str) else value))
    for each in values:
        if each not in option.choices:
            raise UsageError(f"{option.flag}: no {each!r}; there are {', '.join(option.choices)}")
    return values


def _outputs(net: Network, option: Option, value: Any) -> tuple[int, ...]:
    """Numbers from 0; names, and numbers from 1 as text, as the command line has them."""
    items = [value] if isinstance(value, str | int) else list(value)
    for item in items:
        if not isinstance(item, str) and not 0 <= item < net.output_size:
            raise UsageError(f"{option.flag}: no output {item}; there are {net.output_size}, from 0")
    return tuple(net.indices_of_outputs([item])[0] if isinstance(item, str) else int(item) for item in items)


CHECKS: dict[str, Callable[[Network, Option, Any], Any]] = {
    "flag": lambda net, option, value: bool(value),
    "choices": _chosen,
    "outputs": _outputs,
}
