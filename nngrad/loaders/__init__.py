"""From a file to a Network: bytes pick the container, contents pick the dialect; one network, or a refusal by name.

Networks are found by what they are, anywhere in the file, never by the name of a variable.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from nngrad.core.network import Network
from nngrad.errors import ModelError, UsageError, listed
from nngrad.loaders import beside, containers, contents, scaling, twins
from nngrad.loaders.dialects import DIALECTS, LAST_RESORTS, Candidate, Dialect
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.paths import matching
from nngrad.loaders.scaling import Scaling
from nngrad.loaders.tree import Tree


def load(
    path: str | os.PathLike[str],
    network: str | None = None,
    activation: Sequence[str] | None = None,
    weights: str | None = None,
    input_scaling: Scaling | None = None,
    output_scaling: Scaling | None = None,
) -> Network:
    """The trained network of a file.

    `network` is the path inside the file (`values.net`), needed only where a file holds several. `activation` (one name
    for each layer) and `weights` ("out-by-in" or "in-by-out") tell what plain weight dumps do not say themselves.
    `input_scaling` and `output_scaling` tell what was done to x and y outside of the network, such as "zscore:muX,sdX"
    with variables of the file or ("zscore", mu, sd) with arrays (loaders/scaling.py); x, y and J are in raw units then.
    Raises ModelError, naming file, path, what was found, what is supported and what to do, for whatever is not
    understood; UsageError for a path that is not there, for hints about what the file itself says, and for scalings
    that do not fit.
    """
    tree = containers.read(path)
    return opened(os.fspath(path), tree, network, hinted(activation, weights, input_scaling, output_scaling))


def hinted(
    activation: Sequence[str] | None = None,
    weights: str | None = None,
    input_scaling: Scaling | None = None,
    output_scaling: Scaling | None = None,
) -> Hints:
    """What load() is told, checked as far as that is possible without the file."""
    if isinstance(activation, str):
        raise UsageError(f"activation={activation!r}: give a list with one name for each layer, or [hidden, output]")
    return Hints(tuple(activation) if activation else None, weights, input_scaling, output_scaling)


def opened(path: str, tree: Tree, network: str | None, hints: Hints = NO_HINTS) -> Network:
    """The network of a tree: the only one, or the one at `network`; errors as load() raises them."""
    found = candidates(tree)
    if not found and network is None:
        raise ModelError(f"{path}: {contents.nothing(tree)}")
    choice = offered(path, tree, found if network is None else _meant(path, tree, found, network), hints)
    if len(choice) > 1:
        paths = listed([c.path for c, _ in choice])
        raise (ModelError if network is None else UsageError)(
            f"{path}: {len(choice)} networks found ({paths}); choose one with --network PATH, in Python load(path, network=PATH)"
        )
    chosen, copies = choice[0]
    net = read(path, tree, chosen, hints)
    note = (f"the same network stands at {listed(copies)}",) if copies else ()
    return replace(net, origin=replace(net.origin, notes=(*net.origin.notes, *note)))


def candidates(tree: Tree) -> list[Candidate]:
    """Every network in a file's tree, in file order; plain weights only where there is nothing else (LAST_RESORTS)."""
    return _found(tree, DIALECTS) or _found(tree, LAST_RESORTS)


def offered(
    path: str, tree: Tree, found: Sequence[Candidate], hints: Hints = NO_HINTS
) -> list[tuple[Candidate, list[str]]]:
    """The networks that a user chooses from, each with the paths of its copies; none that
    training windows left over.
    """
    plain = hints._replace(input_scaling=None, output_scaling=None)
    return twins.offered(found, lambda candidate: read(path, tree, candidate, plain))


def _found(tree: Tree, dialects: tuple[Dialect, ...]) -> list[Candidate]:
    modules = [d.module for d in dialects if tree.container.startswith(d.containers)]
    return [Candidate(where, module, element) for module in modules for where, element in module.find(tree)]


def read(path: str, tree: Tree, candidate: Candidate, hints: Hints = NO_HINTS) -> Network:
    """The network of one candidate; a ModelError names file and path."""
    for name, value in hints.of_dialect.items():
        if value is not None and name not in getattr(candidate.dialect, "HINTS", ()):
            raise UsageError(
                f"{path}: --{name} is not for a {candidate.dialect.NAME}: the file says it itself; leave it out"
            )
    try:
        net: Network = candidate.dialect.read(candidate.element, hints)
    except ModelError as e:
        message = str(e)
        raise ModelError(
            f"{path}: {candidate.path}{'' if message[:1] in '.:{(' else ': '}{message}", e.described
        ) from None
    notes, doubts = (*net.origin.notes, *tree.notes), (*net.origin.doubts, *beside.doubts(tree, candidate, net, hints))
    origin = replace(
        net.origin, path=path, network=candidate.path, container=tree.container, created=tree.created or ""
    )
    net = replace(net, origin=replace(origin, notes=notes, doubts=doubts))
    try:
        return scaling.applied(net, tree, hints.input_scaling, hints.output_scaling)
    except UsageError as e:
        raise UsageError(f"{path}: {e}") from None


def _meant(path: str, tree: Tree, found: list[Candidate], network: str) -> list[Candidate]:
    """Those at this path, however it is spelled."""
    known = [c.path for c in found]
    same = matching(tree, network, known)
    if not same:
        raise UsageError(
            f"{path}: no network at {network!r}; " + (f"there is {listed(known)}" if found else "the file holds none")
        )
    return [c for c in found if c.path in same]


__all__ = ["DIALECTS", "LAST_RESORTS", "Candidate", "candidates", "hinted", "load", "offered", "opened", "read"]
