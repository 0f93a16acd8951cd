"""How people lay out plain weights: cells W and b, structs, numbered names, IW and LW, {W, b, W, b, ...}."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nngrad.errors import listed
from nngrad.loaders.dumps.activations import said_activations
from nngrad.loaders.dumps.chains import IN_BY_OUT, OUT_BY_IN, chained
from nngrad.loaders.dumps.forms import Dump, DumpedLayer, indexed, rolled, without_biases
from nngrad.loaders.dumps.names import BIASES, WEIGHTS, field_called, in_sequence, order_of, parsed
from nngrad.loaders.tree import SKIPPED, Group, MatlabObject


def dumps_in(element: Any) -> Iterator[Dump]:
    """The dumps of one struct, group, or cell."""
    if isinstance(element, dict):
        for convention in (_cells, _network_fields, _structs, _numbered_arrays):
            dump = convention(element)
            if dump:
                yield dump
                return
        yield from list(_named(element)) or [dump for form in (indexed, rolled) if (dump := form(element))][:1]
    elif isinstance(element, np.ndarray) and element.dtype == object:
        dump = _positional(element.ravel(order="F").tolist()) or _list_of_structs(element.ravel(order="F").tolist())
        if dump:
            yield dump


def _is_array(value: Any) -> bool:
    """Numbers, also wrapped in a dlarray: those are refused by name later."""
    if isinstance(value, MatlabObject):
        return value.classname in ("dlarray", "gpuArray")
    return isinstance(value, np.ndarray) and value.dtype in (np.float64, np.complex128)


def _is_parameter(value: Any) -> bool:
    return _is_array(value) and (isinstance(value, MatlabObject) or value.size > 0)


def _listed(value: Any) -> list[Any] | None:
    """The arrays of a cell, or of an HDF5 group whose members are numbered; None for anything else."""
    if isinstance(value, Group) and value and all(re.search(r"\d$", name) for name in value):
        items = [value[name] for name in sorted(value, key=order_of)]
    elif isinstance(value, np.ndarray) and value.dtype == object:
        items = value.ravel(order="F").tolist()
    else:
        return None
    return items if items and all(_is_array(v) for v in items) else None


def _cells(fields: dict[str, Any]) -> Dump | None:
    """Cells W and b (Weight and Bias, weights and biases, ...), with the activations beside them or not."""
    w, b = field_called(fields, WEIGHTS), field_called(fields, BIASES)
    weights, biases = (_listed(fields[name]) if name else None for name in (w, b))
    if not w or weights is None:
        return None
    said, where = said_activations(fields)
    if not b:
        dump = without_biases(fields, [(f"{w}{{{k}}}", W) for k, W in enumerate(weights, 1)], (w, *where))
        return replace(dump, activations=said) if dump else None
    if biases is None:
        return None
    problem = f": {len(weights)} matrices in {w} and {len(biases)} biases in {b}" if len(weights) != len(biases) else ""
    layers = tuple(DumpedLayer(f"{w}{{{k}}}", W, B) for k, (W, B) in enumerate(zip(weights, biases, strict=False), 1))
    return Dump((w, b, *where), layers, said, problem=problem)


def _network_fields(fields: dict[str, Any]) -> Dump | None:
    """IW, LW and b as users copy them out of a `network` object: cells, or matrices with b1, b2, ..."""
    prefix = next((n[:-2] for n in fields if re.fullmatch(r"(?:\w+_)?iw", n, re.IGNORECASE)), None)
    iw, lw, b = (
        next((n for n in fields if n.lower() == f"{prefix}{role}".lower()), None) for role in ("iw", "lw", "b")
    )
    if prefix is None or not iw or not lw:
        return None
    weights = [*_entries(iw, fields[iw]), *_entries(lw, fields[lw])]
    cells = (_listed(fields[b]) or ([fields[b]] if _is_parameter(fields[b]) else None)) if b else None
    numbered = sorted(
        (
            n
            for n in fields
            if re.fullmatch(rf"{re.escape(prefix)}b_?\d+", n, re.IGNORECASE) and _is_parameter(fields[n])
        ),
        key=order_of,
    )
    biases = cells or [fields[n] for n in numbered]
    if not weights or not biases:
        return None
    problem = ""
    if [place for _, _, place in weights] != [None] * len(weights) and [p for _, _, p in weights] != _chain_places(
        len(weights)
    ):
        problem = (
            f": {', '.join(n for n, _, _ in weights)} are not a plain chain of layers; save the network object itself"
        )
    elif len(weights) != len(biases):
        problem = f": {len(weights)} matrices ({', '.join(n for n, _, _ in weights)}) and {len(biases)} biases"
    layers = tuple(DumpedLayer(n, W, B) for (n, W, _), B in zip(weights, biases, strict=False))
    said, where = said_activations(fields)
    return Dump(
        (iw, lw, *([b] if b and cells else numbered), *where), layers, said, problem=problem, network_fields=True
    )


def _entries(name: str, value: Any) -> list[tuple[str, Any, tuple[str, int, int] | None]]:
    """The matrices of IW or LW with their places."""
    if _is_parameter(value):
        return [(name, value, None)]
    if not isinstance(value, np.ndarray) or value.dtype != object or value.ndim != 2:
        return []
    places = [(i, j) for i in range(value.shape[0]) for j in range(value.shape[1]) if _is_parameter(value[i, j])]
    return [(f"{name}{{{i + 1},{j + 1}}}", value[i, j], (name.lower()[-2:], i, j)) for i, j in places]


def _chain_places(count: int) -> list[tuple[str, int, int]]:
    return [("iw", 0, 0), *(("lw", k, k - 1) for k in range(1, count))]


def _roles(fields: Any) -> tuple[str | None, str | None]:
    """The fields of a struct that hold the weights and the bias of a layer."""
    if not isinstance(fields, dict):
        return None, None
    w, b = (
        name if (name := field_called(fields, names)) and _is_parameter(fields[name]) else None
        for names in (WEIGHTS, BIASES)
    )
    return w, b


def _of_struct(label: str, fields: Any) -> DumpedLayer | None:
    """A layer that is a struct with weights and bias; None where it has none (pooling, activations)."""
    w, b = _roles(fields)
    if not w or not b:
        return None
    said, _ = said_activations(fields)
    unused = tuple(f"{label}.{name}" for name, value in fields.items() if name not in (w, b) and _is_parameter(value))
    return DumpedLayer(f"{label}.{w}", fields[w], fields[b], said[0] if said else None, unused)


def _alone(label: str, fields: Any) -> str | None:
    """The weights of a layer that is a struct without a bias: nothing that may be left out of a chain."""
    w, b = _roles(fields)
    return f"{label}.{w}" if w and not b else None


def _without_partner(lonely: str | None) -> str:
    return f": {lonely} has no partner: a plain chain of layers has one matrix and one bias for each" if lonely else ""


def _structs(fields: dict[str, Any]) -> Dump | None:
    """fc1.Weights, fc1.Bias, ..., output.Weights: a struct for each layer, in order of their
    numbers, the output last.
    """
    names = sorted((name for name in fields if name not in SKIPPED and _of_struct(name, fields[name])), key=order_of)
    if len(names) < 2:
        return None
    layers = [_of_struct(name, fields[name]) for name in names]
    lonely = next((w for name, value in fields.items() if name not in SKIPPED and (w := _alone(name, value))), None)
    return Dump(
        tuple(names), tuple(layer for layer in layers if layer), problem=_without_partner(lonely), keys=tuple(names)
    )


def _list_of_structs(items: list[Any]) -> Dump | None:
    """params{k}.w, params{k}.b, or layers(k).W: entries without weights stand for layers without parameters."""
    layers = [layer for k, item in enumerate(items, 1) if (layer := _of_struct(f"{{{k}}}", item))]
    lonely = next((w for k, item in enumerate(items, 1) if (w := _alone(f"{{{k}}}", item))), None)
    strange = next((text for k, item in enumerate(items, 1) if (text := _without_weights(f"{{{k}}}", item))), "")
    return Dump((), tuple(layers), problem=_without_partner(lonely) or strange) if layers else None


def _without_weights(label: str, fields: Any) -> str:
    """What is wrong with an entry that has arrays, but no weights: it computes something that isn't known."""
    if not isinstance(fields, dict) or _roles(fields) != (None, None):
        return ""
    arrays = [
        name
        for name, value in fields.items()
        if _is_parameter(value) and isinstance(value, np.ndarray) and value.size > 1
    ]
    if not arrays:
        return ""
    return f": {label} holds {listed(arrays, 4)}, but no weights: a normalisation or another layer than a dense one is not supported here"


def _positional(items: list[Any]) -> Dump | None:
    """{W, b, W, b, ...}: at least two layers, each bias as long as one side of its matrix."""
    pairs = list(zip(items[::2], items[1::2], strict=False))
    fits = all(isinstance(v, np.ndarray) and v.dtype == np.float64 and v.size for pair in pairs for v in pair)
    if (
        len(items) < 4
        or len(items) % 2
        or not fits
        or not all(b.size == max(b.shape, default=1) and b.size in W.shape for W, b in pairs)
    ):
        return None
    layers = tuple(DumpedLayer(f"{{{2 * k + 1}}}", W, b) for k, (W, b) in enumerate(pairs))
    if not any(min(W.shape, default=1) > 1 for W, _ in pairs) and not _is_narrow_chain(layers):
        return None  # a cell of samples
    return Dump((), layers)


def _is_narrow_chain(layers: tuple[DumpedLayer, ...]) -> bool:
    """Whether columns and rows alone make a network (1 input, some units, 1 output); single numbers never do."""
    return any(layer.W.size > 1 for layer in layers) and any(chained(layers, way) for way in (OUT_BY_IN, IN_BY_OUT))


def _numbered_arrays(fields: dict[str, Any]) -> Dump | None:
    """arr_0, arr_1, ...: what np.savez(file, *model.get_weights()) calls W, b, W, b, ..."""
    names = [f"arr_{k}" for k in range(sum(re.fullmatch(r"arr_\d{1,4}", name) is not None for name in fields))]
    dump = _positional([fields[name] for name in names]) if names and all(name in fields for name in names) else None
    if dump is None:
        return None
    labelled = tuple(replace(layer, label=name, ask=True) for layer, name in zip(dump.layers, names[::2], strict=True))
    return replace(dump, names=tuple(names), layers=labelled)


def _named(fields: dict[str, Any]) -> Iterator[Dump]:
    """W1,b1,W2,b2 / fc1_weight,fc1_bias / IW1_1,b1,LW2_1,b2 / Theta1,Theta2; a prefix (actor_W1)
    tells networks apart.
    """
    families: dict[str, dict[str, dict[str, str]]] = {}
    for name, value in fields.items():
        told = parsed(name) if _is_parameter(value) else None
        if told:
            family, role, key = told
            group = families.setdefault(family, {})
            group.setdefault(key if role not in group.get(key, {}) else f"{key} ({name})", {})[role] = name
    said, where = said_activations(fields)
    if len(families) > 1:
        said, where = None, ()
    for groups in families.values():
        keys = sorted((k for k in groups if groups[k].keys() & {"W", "theta"}), key=order_of)
        if keys and any("b" in groups[k] for k in groups):
            yield _numbered(fields, groups, keys, said, where)
        elif len(keys) > 1 and all("theta" in groups[k] for k in keys):
            names = tuple(groups[k]["theta"] for k in keys)
            yield Dump((*names, *where), tuple(DumpedLayer(n, fields[n], None) for n in names), said, thetas=True)
        elif len(keys) > 1 and in_sequence(keys) and all("W" in groups[k] for k in keys):
            names = tuple(groups[k]["W"] for k in keys)
            dump = without_biases(fields, [(n, fields[n]) for n in names], (*names, *where))
            if dump:
                yield replace(dump, activations=said)


def _numbered(
    fields: dict[str, Any],
    groups: dict[str, dict[str, str]],
    keys: list[str],
    said: tuple[str, ...] | None,
    where: tuple[str, ...],
) -> Dump:
    weights = {k: groups[k].get("W") or groups[k].get("theta") or "" for k in keys}
    lonely = [weights[k] for k in keys if "b" not in groups[k]] + [groups[k]["b"] for k in groups if k not in weights]
    problem = _without_partner(lonely[0] if lonely else None)
    if any(k.isdigit() for k in keys) and not in_sequence([k for k in keys if k.isdigit()]):
        problem = f": {', '.join(weights.values())}: a layer between them is missing"
    layers = tuple(
        DumpedLayer(weights[k], fields[weights[k]], fields[groups[k]["b"]]) for k in keys if "b" in groups[k]
    )
    names = tuple(n for k in keys for n in (weights[k], groups[k].get("b")) if n)
    return Dump((*names, *where), layers, said, problem=problem, keys=tuple(k for k in keys if "b" in groups[k]))
