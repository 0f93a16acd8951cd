"""Plain weights in forms of their own: rolled into one vector, named by the indices of their units, without biases.

Such a form is taken only where names and shapes leave one reading; else what is missing is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from nngrad.loaders.beside import statistic
from nngrad.loaders.tree import Group

COLUMN, NONE = "column", "none"
ROLLED = frozenset(
    {
        "nnparams",
        "nnweights",
        "params",
        "theta",
        "thetavec",
        "thetavector",
        "unrolledthetas",
        "w",
        "weights",
        "initialnnparams",
    }
)
SURELY_ROLLED = frozenset({"nnparams", "nnweights"})
SIZES = frozenset(
    {
        "layersizes",
        "layers",
        "sizes",
        "nnsizes",
        "networksizes",
        "architecture",
        "topology",
        "units",
        "layerunits",
        "structure",
    }
)
INPUT_SIZE = re.compile(r"(?:num|n|size)?(?:of)?(?:inputs?|features?)(?:layer)?(?:size|units|num|number)?")
HIDDEN_SIZE = re.compile(r"(?:num|n|size)?(?:of)?hidden(?:layer)?(\d*)(?:size|units|num|number)?(\d*)")
OUTPUT_SIZE = re.compile(r"(?:num|n|size)?(?:of)?(?:labels?|outputs?|classes)(?:layer)?(?:size|units|num|number)?")
INDEXED = re.compile(r"([A-Za-z])_?([a-zA-Z0])([a-zA-Z])")
MOST_SIZE = 10_000_000


@dataclass(frozen=True, eq=False)
class DumpedLayer:
    """One layer as the file holds it; without b, the bias is the first column of W, or there is none."""

    label: str
    W: Any
    b: Any
    activation: str | None = None
    unused: tuple[str, ...] = ()  # other numbers beside W and b
    bias: str = COLUMN  # where it is, if b is None
    ask: bool = False  # where the shapes leave open which way round W stands, nothing is taken


@dataclass(frozen=True, eq=False)
class Dump:
    """The weights of a network, in order; `names` are the fields or variables they were found in, `unused` the others
    beside them, `keys` the parts of the names that the order was taken from.
    """

    names: tuple[str, ...]
    layers: tuple[DumpedLayer, ...]
    activations: tuple[str, ...] | None = None
    unused: tuple[str, ...] = ()
    problem: str = ""
    network_fields: bool = False  # IW, LW, b: fields of a `network` object, without its processing steps
    thetas: bool = False
    keys: tuple[str, ...] = ()
    doubts: tuple[str, ...] = field(default=())
    texts: tuple[str, ...] = ()  # activations that the file names apart, each with the name of its variable
    owner: str = ""  # the class of the object whose properties they are

    @property
    def beside(self) -> tuple[str, ...]:
        """What stands beside the weights and is not used, by name."""
        return (*self.unused, *chain.from_iterable(layer.unused for layer in self.layers))


def plain(name: str) -> str:
    return name.lower().replace("_", "")


def is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size > 0


def _is_vector(value: Any) -> bool:
    return is_numbers(value) and value.size == max(value.shape, default=1)


# one vector


def rolled(fields: dict[str, Any]) -> Dump | None:
    """nn_params: all Theta one after the other, column by column, the sizes of the layers beside
    (a well-known course).
    """
    if isinstance(fields, Group):  # other programs put rows first
        return None
    found = [n for n in fields if plain(n) in ROLLED and _is_vector(fields[n]) and fields[n].size > 1]
    if not found:
        return None
    name = min(
        found, key=lambda n: (plain(n) not in SURELY_ROLLED, plain(n).startswith("initial"))
    )  # what training began with comes last
    sizes, where = _sizes(fields)
    count = sum((a + 1) * b for a, b in pairwise(sizes))
    if not sizes or fields[name].size != count:
        if plain(name) not in SURELY_ROLLED:
            return None
        needed = (
            f"the sizes {', '.join(map(str, sizes))} need {count}" if sizes else "the sizes of its layers are missing"
        )
        advice = "save input_layer_size, hidden_layer_size and num_labels beside it, or Theta1, Theta2, ..."
        return Dump((name,), (), problem=f": {fields[name].size} numbers in one vector, {needed}; {advice}")
    flat, layers, start = fields[name].ravel(order="F"), [], 0
    for k, (a, b) in enumerate(pairwise(sizes), 1):
        W = flat[start : start + (a + 1) * b].reshape((b, a + 1), order="F")
        layers.append(DumpedLayer(f"Theta{k} of {name}", W, None))
        start += W.size
    doubt = f"{name} was cut into {', '.join(f'{b}x{a + 1}' for a, b in pairwise(sizes))}, column by column, the bias in the first column"
    return Dump((name, *where), tuple(layers), thetas=True, doubts=(doubt,))


def _sizes(fields: dict[str, Any]) -> tuple[list[int], tuple[str, ...]]:
    """The sizes of the layers, inputs first, and the names that tell them."""
    for name, value in fields.items():
        if plain(name) in SIZES and _is_vector(value) and value.size > 2 and _are_sizes(value):
            return value.ravel().astype(int).tolist(), (name,)
    found: dict[tuple[int, int], str] = {}
    for name, value in fields.items():
        if is_numbers(value) and value.size == 1 and _are_sizes(value):
            found[_rank(plain(name))] = name
    found.pop((0, 0), None)
    names = [found[rank] for rank in sorted(found)]
    whole = {rank[0] for rank in found} == {1, 2, 3}
    return ([int(fields[n].flat[0]) for n in names], tuple(names)) if whole else ([], ())


def _rank(name: str) -> tuple[int, int]:
    """(1, 0) for the number of inputs, (2, k) of hidden layer k, (3, 0) of outputs; (0, 0) for any other name."""
    hidden = HIDDEN_SIZE.fullmatch(name)
    if hidden:
        return 2, int((hidden[1] or hidden[2] or "1")[:6])
    return (1, 0) if INPUT_SIZE.fullmatch(name) else (3, 0) if OUTPUT_SIZE.fullmatch(name) else (0, 0)


def _are_sizes(value: np.ndarray) -> bool:
    return bool(np.all((value >= 1) & (value <= MOST_SIZE) & (value == np.round(value))))


# names of units


def indexed(fields: dict[str, Any]) -> Dump | None:
    """Vij, Voj, Wjk, Wok: from unit i to unit j, in the order of the letters; the first index of a bias is o or 0."""
    matrices: dict[tuple[str, str], str] = {}
    biases: dict[str, str] = {}
    for name, value in fields.items():
        found = INDEXED.fullmatch(name)
        if found and is_numbers(value):
            first, last = found[2].lower(), found[3].lower()
            if first in "o0" and last not in "o0" and _is_vector(value):
                biases[last] = name
            elif ord(last) == ord(first) + 1:
                matrices[first, last] = name
    links = sorted(matrices)
    if len(links) < 2 or not biases or any(a[1] != b[0] for a, b in pairwise(links)):
        return None
    names = tuple(chain.from_iterable((matrices[link], biases[link[1]]) for link in links if link[1] in biases))
    missing = [f"{matrices[link][:-2]}o{matrices[link][-1]}" for link in links if link[1] not in biases]
    if missing:
        there = ", ".join([*matrices.values(), *biases.values()])
        return Dump(names, (), problem=f": {there}: the bias {' and '.join(missing)} is missing")
    return Dump(
        names,
        tuple(DumpedLayer(matrices[link], fields[matrices[link]], fields[biases[link[1]]], ask=True) for link in links),
    )


# no biases


def without_biases(
    fields: dict[str, Any], matrices: list[tuple[str, Any]], names: tuple[str, ...], keys: tuple[str, ...] = ()
) -> Dump | None:
    """W1, W2, ... or one cell of matrices where nothing is called a bias: none are added, unless something has the size
    of one.
    """
    if len(matrices) < 2 or not all(is_numbers(W) and W.ndim == 2 for _, W in matrices):
        return None
    if not any(all(a.shape[i] == b.shape[j] for (_, a), (_, b) in pairwise(matrices)) for i, j in ((0, 1), (1, 0))):
        return None
    units = {n for _, W in matrices for n in W.shape} - {1}
    like = [
        n for n, v in fields.items() if n not in names and _is_vector(v) and v.size in units and not statistic(n)[0]
    ]
    listed = ", ".join(label for label, _ in matrices)
    problem = (
        f": {listed} have no biases by name, and {', '.join(like[:4])} may be some: name them b1, b2, ..."
        if like
        else ""
    )
    layers = tuple(DumpedLayer(label, W, None, bias=NONE, ask=True) for label, W in matrices)
    return Dump(names, layers, problem=problem, doubts=(f"there are no biases beside {listed}: none are added",))
