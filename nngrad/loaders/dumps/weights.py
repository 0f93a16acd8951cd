"""Plain weights and biases under the names that people give them: W1,b1,W2,b2; cells W and b; fc1.Weights; Theta1; params{k}.w.

The one rule: what the file does not say is asked for, never guessed. Which activation follows which layer comes from the file or
from the user; which way round the matrices are follows from their shapes, and a note says so where the shapes leave it open.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, pairwise, permutations, product, zip_longest
from typing import Any

import numpy as np

from nngrad.core.layers import Affine
from nngrad.core.network import Network, Origin
from nngrad.errors import ModelError, listed
from nngrad.loaders.activation_names import activation_layers
from nngrad.loaders.contents import is_data, is_own
from nngrad.loaders.dumps.forms import NONE, Dump, Layer, indexed, plain, rolled, without_biases
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.tree import MAX_DEPTH, SKIPPED, Group, MatlabObject, Tree, children

NAME = "dump of plain weights (W1,b1,... or cells W,b or fc1.Weights,...)"
HINTS = ("activation", "weights")
OUT_BY_IN, IN_BY_OUT = "out-by-in", "in-by-out"
MOST_NAMES = 10  # in one path
MOST_ORDERS = 720  # of layers whose names do not tell it

WEIGHTS = frozenset({"w", "wt", "wts", "weight", "weights", "kernel", "kernels", "layerweights", "theta", "coefs"})
BIASES = frozenset({"b", "bias", "biases", "layerbiases", "intercepts"})
ACTIVATIONS = frozenset(
    {"act", "acts", "actfcn", "actfcns", "activation", "activations", "activationfcn", "activationfcns", "activationfunction"}
    | {"activationfunctions", "activetype", "transferfcn", "transferfcns", "actfun", "actfuns"}
)
IN_BY_OUT_BY_HABIT = frozenset({"kernel", "kernels", "coefs"})  # names of Keras and scikit-learn, which compute x W + b
NORMALISATION = frozenset({"bn", "batchnorm", "batchnormalization", "normalization", "norm", "ln", "layernorm", "groupnorm", "gn"})
FIRST = frozenset({"in", "input", "first", "enc", "encoder", "ih"})
LAST = frozenset({"o", "out", "output", "final", "last", "head", "classifier", "dec", "decoder", "ho"})
SAYS_ACTIVATION = re.compile(r"(?i)activ|transfer|(?<![a-z])act(?![a-z])|actf")
ROLES = "|".join(sorted(WEIGHTS | BIASES | {"iw", "lw"}, key=len, reverse=True))
ROLE_FIRST = re.compile(rf"(?:(.+)[._/])?({ROLES})(?:[._/]?(\d+(?:_\d+)?|out|output)|[._/](\w+))", re.IGNORECASE)
ROLE_LAST = re.compile(rf"(.+?)[._/]({ROLES})", re.IGNORECASE)


def find(tree: Tree) -> list[tuple[str, Dump]]:
    """Every dump in the tree; variables of a file are called by their names: "W,b,act_fcns"."""
    found: list[tuple[str, Dump]] = []
    stack: list[tuple[str, Any, int]] = [("", tree.variables, 0)]
    seen: set[int] = set()
    while stack:
        path, element, depth = stack.pop()
        if depth > MAX_DEPTH or id(element) in seen or (isinstance(element, MatlabObject) and not is_own(element)):
            continue
        seen.add(id(element))
        owner, element = (element.classname, element.fields) if isinstance(element, MatlabObject) else ("", element)
        dumps = [replace(dump, owner=owner) for dump in _in(element)]
        used = {name for dump in dumps for name in dump.names}
        for dump in dumps:
            rest = tuple(n for n, v in element.items() if n not in used and not is_data(n, v)) if isinstance(element, dict) else ()
            texts = _texts_of_activations(element, used) if isinstance(element, dict) else ()
            found.append((_path(path, dump, len(dumps)), replace(dump, unused=rest, texts=texts)))
        if not dumps or isinstance(element, dict):
            parts = [(p, e) for p, e in children(path, element) if not isinstance(element, dict) or p.rsplit(".", 1)[-1] not in used]
            stack.extend((p, e, depth + 1) for p, e in reversed(parts))
    return found


def _texts_of_activations(fields: dict[str, Any], used: set[str]) -> tuple[str, ...]:
    """What else the file says of activations, one text a name (act1, hidden_activation): for which layer isn't known."""
    return tuple(
        f"{name} {value}"
        for name, value in fields.items()
        if name not in used and isinstance(value, str) and SAYS_ACTIVATION.search(name) and not isinstance(_function(value.strip()), str)
    )


def _path(path: str, dump: Dump, count: int) -> str:
    names = ",".join(dump.names[:MOST_NAMES]) + (",..." if len(dump.names) > MOST_NAMES else "")
    if path and count == 1:
        return path
    return f"{path}.({names})" if path else names


# recognising


def _in(element: Any) -> Iterator[Dump]:
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


def _field(fields: dict[str, Any], names: frozenset[str]) -> str | None:
    """The name of the one field that is called one of these."""
    return next((name for name in fields if plain(name) in names), None)


def _listed(value: Any) -> list[Any] | None:
    """The arrays of a cell, or of an HDF5 group whose members are numbered; None for anything else."""
    if isinstance(value, Group) and value and all(re.search(r"\d$", name) for name in value):
        items = [value[name] for name in sorted(value, key=_order)]
    elif isinstance(value, np.ndarray) and value.dtype == object:
        items = value.ravel(order="F").tolist()
    else:
        return None
    return items if items and all(_is_array(v) for v in items) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value.strip(),)
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel(order="F").tolist()
    return tuple(v.strip() for v in value) if isinstance(value, list) and value and all(isinstance(v, str) for v in value) else None


def _said(fields: dict[str, Any]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """(activations that stand in a field or an attribute, the name of the field)."""
    name = _field(fields, ACTIVATIONS)
    texts = _texts(fields[name]) if name else None
    if texts is None and isinstance(fields, Group):
        attribute = _field(fields.attributes, ACTIVATIONS)
        return (_texts(fields.attributes[attribute]) if attribute else None), ()
    return texts, (name,) if name and texts else ()


def _cells(fields: dict[str, Any]) -> Dump | None:
    """Cells W and b (Weight and Bias, weights and biases, ...), with the activations beside them or not."""
    w, b = _field(fields, WEIGHTS), _field(fields, BIASES)
    weights, biases = (_listed(fields[name]) if name else None for name in (w, b))
    if not w or weights is None:
        return None
    said, where = _said(fields)
    if not b:
        dump = without_biases(fields, [(f"{w}{{{k}}}", W) for k, W in enumerate(weights, 1)], (w, *where))
        return replace(dump, activations=said) if dump else None
    if biases is None:
        return None
    problem = f": {len(weights)} matrices in {w} and {len(biases)} biases in {b}" if len(weights) != len(biases) else ""
    layers = tuple(Layer(f"{w}{{{k}}}", W, B) for k, (W, B) in enumerate(zip(weights, biases, strict=False), 1))
    return Dump((w, b, *where), layers, said, problem=problem)


def _network_fields(fields: dict[str, Any]) -> Dump | None:
    """IW, LW and b as users copy them out of a `network` object: cells, or matrices with b1, b2, ..."""
    prefix = next((n[:-2] for n in fields if re.fullmatch(r"(?:\w+_)?iw", n, re.IGNORECASE)), None)
    iw, lw, b = (next((n for n in fields if n.lower() == f"{prefix}{role}".lower()), None) for role in ("iw", "lw", "b"))
    if prefix is None or not iw or not lw:
        return None
    weights = [*_entries(iw, fields[iw]), *_entries(lw, fields[lw])]
    cells = (_listed(fields[b]) or ([fields[b]] if _is_parameter(fields[b]) else None)) if b else None
    numbered = sorted(
        (n for n in fields if re.fullmatch(rf"{re.escape(prefix)}b_?\d+", n, re.IGNORECASE) and _is_parameter(fields[n])), key=_order
    )
    biases = cells or [fields[n] for n in numbered]
    if not weights or not biases:
        return None
    problem = ""
    if [place for _, _, place in weights] != [None] * len(weights) and [p for _, _, p in weights] != _chain_places(len(weights)):
        problem = f": {', '.join(n for n, _, _ in weights)} are not a plain chain of layers; save the network object itself"
    elif len(weights) != len(biases):
        problem = f": {len(weights)} matrices ({', '.join(n for n, _, _ in weights)}) and {len(biases)} biases"
    layers = tuple(Layer(n, W, B) for (n, W, _), B in zip(weights, biases, strict=False))
    said, where = _said(fields)
    return Dump((iw, lw, *([b] if b and cells else numbered), *where), layers, said, problem=problem, network_fields=True)


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
    w, b = (name if (name := _field(fields, names)) and _is_parameter(fields[name]) else None for names in (WEIGHTS, BIASES))
    return w, b


def _of_struct(label: str, fields: Any) -> Layer | None:
    """A layer that is a struct with weights and bias; None where it has none (pooling, activations)."""
    w, b = _roles(fields)
    if not w or not b:
        return None
    said, _ = _said(fields)
    unused = tuple(f"{label}.{name}" for name, value in fields.items() if name not in (w, b) and _is_parameter(value))
    return Layer(f"{label}.{w}", fields[w], fields[b], said[0] if said else None, unused)


def _alone(label: str, fields: Any) -> str | None:
    """The weights of a layer that is a struct without a bias: nothing that may be left out of a chain."""
    w, b = _roles(fields)
    return f"{label}.{w}" if w and not b else None


def _without_partner(lonely: str | None) -> str:
    return f": {lonely} has no partner: a plain chain of layers has one matrix and one bias for each" if lonely else ""


def _structs(fields: dict[str, Any]) -> Dump | None:
    """fc1.Weights, fc1.Bias, fc2.Weights, ..., output.Weights: a struct for each layer, in order of their numbers, the output last."""
    names = sorted((name for name in fields if name not in SKIPPED and _of_struct(name, fields[name])), key=_order)
    if len(names) < 2:
        return None
    layers = [_of_struct(name, fields[name]) for name in names]
    lonely = next((w for name, value in fields.items() if name not in SKIPPED and (w := _alone(name, value))), None)
    return Dump(tuple(names), tuple(layer for layer in layers if layer), problem=_without_partner(lonely), keys=tuple(names))


def _list_of_structs(items: list[Any]) -> Dump | None:
    """params{k}.w, params{k}.b, or layers(k).W: entries without weights stand for layers without parameters."""
    layers = [layer for k, item in enumerate(items, 1) if (layer := _of_struct(f"{{{k}}}", item))]
    lonely = next((w for k, item in enumerate(items, 1) if (w := _alone(f"{{{k}}}", item))), None)
    strange = next((text for k, item in enumerate(items, 1) if (text := _without_weights(f"{{{k}}}", item))), "")
    return Dump((), tuple(layers), problem=_without_partner(lonely) or strange) if layers else None


def _without_weights(label: str, fields: Any) -> str:
    """What is wrong with an entry between layers that has arrays, but no weights: it computes something that isn't known."""
    if not isinstance(fields, dict) or _roles(fields) != (None, None):
        return ""
    arrays = [name for name, value in fields.items() if _is_parameter(value) and isinstance(value, np.ndarray) and value.size > 1]
    if not arrays:
        return ""
    return f": {label} holds {listed(arrays, 4)}, but no weights: a normalisation or another layer than a dense one is not supported here"


def _positional(items: list[Any]) -> Dump | None:
    """{W, b, W, b, ...}: at least two layers, each bias as long as one side of its matrix."""
    pairs = list(zip(items[::2], items[1::2], strict=False))
    fits = all(isinstance(v, np.ndarray) and v.dtype == np.float64 and v.size for pair in pairs for v in pair)
    if len(items) < 4 or len(items) % 2 or not fits or not all(b.size == max(b.shape, default=1) and b.size in W.shape for W, b in pairs):
        return None
    layers = tuple(Layer(f"{{{2 * k + 1}}}", W, b) for k, (W, b) in enumerate(pairs))
    if not any(min(W.shape, default=1) > 1 for W, _ in pairs) and not _is_narrow_chain(layers):
        return None  # a cell of samples
    return Dump((), layers)


def _is_narrow_chain(layers: tuple[Layer, ...]) -> bool:
    """Whether columns and rows alone make a network (1 input, some units, 1 output); single numbers never do."""
    return any(layer.W.size > 1 for layer in layers) and any(_chained(layers, way) for way in (OUT_BY_IN, IN_BY_OUT))


def _numbered_arrays(fields: dict[str, Any]) -> Dump | None:
    """arr_0, arr_1, ...: what np.savez(file, *model.get_weights()) calls W, b, W, b, ..."""
    names = [f"arr_{k}" for k in range(sum(re.fullmatch(r"arr_\d{1,4}", name) is not None for name in fields))]
    dump = _positional([fields[name] for name in names]) if names and all(name in fields for name in names) else None
    if dump is None:
        return None
    labelled = tuple(replace(layer, label=name, ask=True) for layer, name in zip(dump.layers, names[::2], strict=True))
    return replace(dump, names=tuple(names), layers=labelled)


def _named(fields: dict[str, Any]) -> Iterator[Dump]:
    """W1,b1,W2,b2 / fc1_weight,fc1_bias / IW1_1,b1,LW2_1,b2 / Theta1,Theta2; a prefix (actor_W1) makes networks apart."""
    families: dict[str, dict[str, dict[str, str]]] = {}
    for name, value in fields.items():
        parsed = _parsed(name) if _is_parameter(value) else None
        if parsed:
            family, role, key = parsed
            group = families.setdefault(family, {})
            group.setdefault(key if role not in group.get(key, {}) else f"{key} ({name})", {})[role] = name
    said, where = _said(fields)
    if len(families) > 1:
        said, where = None, ()
    for groups in families.values():
        keys = sorted((k for k in groups if groups[k].keys() & {"W", "theta"}), key=_order)
        if keys and any("b" in groups[k] for k in groups):
            yield _numbered(fields, groups, keys, said, where)
        elif len(keys) > 1 and all("theta" in groups[k] for k in keys):
            names = tuple(groups[k]["theta"] for k in keys)
            yield Dump((*names, *where), tuple(Layer(n, fields[n], None) for n in names), said, thetas=True)
        elif len(keys) > 1 and _in_sequence(keys) and all("W" in groups[k] for k in keys):
            names = tuple(groups[k]["W"] for k in keys)
            dump = without_biases(fields, [(n, fields[n]) for n in names], (*names, *where))
            if dump:
                yield replace(dump, activations=said)


def _numbered(
    fields: dict[str, Any], groups: dict[str, dict[str, str]], keys: list[str], said: tuple[str, ...] | None, where: tuple[str, ...]
) -> Dump:
    weights = {k: groups[k].get("W") or groups[k].get("theta") or "" for k in keys}
    lonely = [weights[k] for k in keys if "b" not in groups[k]] + [groups[k]["b"] for k in groups if k not in weights]
    problem = _without_partner(lonely[0] if lonely else None)
    if any(k.isdigit() for k in keys) and not _in_sequence([k for k in keys if k.isdigit()]):
        problem = f": {', '.join(weights.values())}: a layer between them is missing"
    layers = tuple(Layer(weights[k], fields[weights[k]], fields[groups[k]["b"]]) for k in keys if "b" in groups[k])
    names = tuple(n for k in keys for n in (weights[k], groups[k].get("b")) if n)
    return Dump((*names, *where), layers, said, problem=problem, keys=tuple(k for k in keys if "b" in groups[k]))


def _in_sequence(keys: list[str]) -> bool:
    """Whether these are numbers one after the other."""
    numbers = [int(k) for k in keys if k.isdigit()]
    return len(numbers) == len(keys) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _parsed(name: str) -> tuple[str, str, str] | None:
    """(prefix, role, layer) of a variable's name."""
    if name.lower() in WEIGHTS | BIASES:
        return "", _role(name), ""
    first = ROLE_FIRST.fullmatch(name)
    if first:
        key = first[3] or first[4]
        to, _, source = key.partition("_")
        if first[2].lower() in ("iw", "lw") and source in ("", "1" if to == "1" else str(int(to) - 1)):
            key = to
        return (first[1] or "").lower(), _role(first[2]), key.lower()
    last = ROLE_LAST.fullmatch(name)
    if not last:
        return None
    # 0.weight, 2.weight: modules of PyTorch, whose numbers have gaps where activations stand
    return "", _role(last[2]), f"module {last[1]}" if last[1].isdigit() else last[1].lower()


def _role(text: str) -> str:
    role = text.lower()
    return "b" if role in BIASES else "theta" if role == "theta" else "W"


def _order(name: str) -> tuple[Any, ...]:
    """By number; a name such as `output` comes last, `input` first."""
    parts = re.findall(r"\d+|[a-z]+", name.lower())
    return _place(name), tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts if len(p) < 20)


def _place(name: str) -> int:
    words = {word.removesuffix("layer") for word in re.findall(r"[a-z]+", name.lower())}
    return 2 if words & LAST else 0 if words & FIRST else 1


def _orders(dump: Dump) -> list[tuple[list[Layer], ...]]:
    """Every order that the names leave open, as runs of layers: numbers tell it, and `input` and `output`, but other words do not."""
    if not dump.keys:
        return [(list(dump.layers),)]
    places: dict[int, dict[tuple[str, ...], list[Layer]]] = {}
    for key, layer in zip(dump.keys, dump.layers, strict=True):
        words = tuple(re.findall(r"[a-z]+", re.split(r"\d", key.lower())[0]))  # before the number
        places.setdefault(_place(key), {}).setdefault(words, []).append(layer)
    if math.prod(math.factorial(len(runs)) for runs in places.values()) > MOST_ORDERS:
        return []
    each = (permutations(runs.values()) for runs in places.values())
    return [tuple(run for runs in order for run in runs) for order in product(*each)]


# reading


def read(dump: Dump, hints: Hints = NO_HINTS) -> Network:
    """The network of a dump; ModelError where something is missing, with the option that says it."""
    wrapped = sorted(layer.label for layer in dump.layers if isinstance(layer.W, MatlabObject) or isinstance(layer.b, MatlabObject))
    if wrapped:
        raise ModelError(
            f": dlarray parameters of a custom training loop ({', '.join(wrapped)}): what is computed with them stands in MATLAB code, "
            f"not in the file; if it is a plain chain of layers, save W1 = gather(extractdata(...)), b1, ... and name the activations"
        )
    if dump.problem:
        raise ModelError(dump.problem)
    recurrent = [layer.label for key, layer in zip(dump.keys, dump.layers, strict=False) if "hh" in re.findall("[a-z]+", key.lower())]
    if recurrent:
        raise ModelError(f": {recurrent[0]}: weights of a layer from itself; recurrent networks are not supported as plain weights")
    if len(dump.layers) == 1 and dump.unused and any(_place(key) == 2 for key in dump.keys):
        raise ModelError(
            f": {dump.layers[0].label} is an output layer, and no layer before it is recognised among {', '.join(dump.unused[:8])}; "
            "name all layers W1, b1, W2, b2, ..."
        )
    _refuse_normalisation(dump)
    ordered = _ordered(dump, hints.weights)
    _refuse_gains(ordered[1:])
    dump = replace(dump, layers=tuple(replace(layer, ask=layer.ask or _is_by_habit(layer.label)) for layer in ordered))
    pairs, notes, doubts = _oriented(dump.layers, hints.weights)
    activations, said = _activations(dump, pairs, hints.activation)
    layers: list[Any] = []
    for (W, b), name in zip(pairs, activations, strict=True):
        layers += [Affine(W, b), *activation_layers(name)]
    lines = [f"layer {k}: {a}, {len(W)} units ({layer.label})" for k, ((W, _), a, layer) in _counted(pairs, activations, dump.layers)]
    origin = Origin(classname="plain weights", layers=tuple(lines), notes=notes, doubts=(*said, *doubts, *dump.doubts, *_left_out(dump)))
    return Network.chain(layers, input_size=pairs[0][0].shape[1], origin=origin)


def _counted(*columns: Iterable[Any]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    return enumerate(zip(*columns, strict=True), 1)


def _left_out(dump: Dump) -> tuple[str, ...]:
    if dump.owner:
        return (f"these are properties of an object of a class of its own ({dump.owner}): what its methods do to x and y is not known",)
    if not dump.network_fields:
        return ()
    return (
        "IW, LW, b hold no processing steps: x and y are in the network's own (normalised) units unless it had none; "
        "save the network object itself to have them",
    )


def _is_by_habit(label: str) -> bool:
    """Whether the name is one of a library that computes x W + b: a square matrix isn't taken for W x + b then."""
    return not IN_BY_OUT_BY_HABIT.isdisjoint(re.findall("[a-z]+", label.lower()))


def _refuse_normalisation(dump: Dump) -> None:
    """Gain and shift of a normalisation are called weight and bias, too: two vectors of one length, which would pass for a layer."""
    for key, layer in zip(dump.keys, dump.layers, strict=False):
        by_name = not NORMALISATION.isdisjoint(re.findall("[a-z]+", key.lower()))
        if layer.b is not None and _are_vectors(layer) and (by_name or (key.startswith("module ") and layer.W.ndim == 1)):
            raise ModelError(_normalisation(layer))


def _refuse_gains(layers: tuple[Layer, ...]) -> None:
    """After the first layer, two arrays of one axis and one length."""
    for layer in layers:
        if layer.b is not None and layer.W.ndim == layer.b.ndim == 1 and layer.W.size > 1 and _are_vectors(layer):
            raise ModelError(_normalisation(layer))


def _normalisation(layer: Layer) -> str:
    return (
        f": {layer.label} ({_size(layer.W)}) with bias {_size(layer.b)} looks like a normalisation layer; plain weights are dense "
        "layers only: work it into the layer before it, or save the whole model (a matrix of one column: with two axes)"
    )


def _are_vectors(layer: Layer) -> bool:
    return bool(layer.W.size == max(layer.W.shape, default=1) == layer.b.size)


# in which order, and which way round


def _ordered(dump: Dump, hint: str | None) -> tuple[Layer, ...]:
    """The layers in the one order that chains, where their names leave several."""
    orders = _orders(dump)
    if len(orders) == 1:
        return tuple(chain.from_iterable(orders[0]))
    for layer in dump.layers:
        _refuse_odd(layer)
    ways = [hint] if hint else [OUT_BY_IN, IN_BY_OUT]
    fitting = [runs for runs in orders if any(_chained(tuple(chain.from_iterable(runs)), way) for way in ways)]
    if not fitting and orders:
        return dump.layers
    if len(fitting) != 1 or any(_may_stand_beside(fitting[0], way) for way in ways):
        raise ModelError(
            f": {_listing(dump.layers)}: neither names nor shapes tell the order of these layers; name them W1, b1, W2, b2, ... in it, "
            "and those of each network apart"
        )
    return tuple(chain.from_iterable(fitting[0]))


def _may_stand_beside(runs: tuple[list[Layer], ...], way: str) -> bool:
    """Whether another run takes what the first takes, as a critic beside an actor does."""
    starts = [turned[0].shape[1] for run in runs if (turned := _turned(run[0], way))]
    return len(starts) == len(runs) and starts[0] in starts[1:]


def _oriented(layers: tuple[Layer, ...], hint: str | None) -> tuple[list[tuple[np.ndarray, np.ndarray]], tuple[str, ...], tuple[str, ...]]:
    """(W out-by-in, b) of every layer; notes, and doubts about it."""
    if hint not in (None, OUT_BY_IN, IN_BY_OUT):
        raise ModelError(f": weights {hint!r}; they are {OUT_BY_IN} or {IN_BY_OUT}")
    for layer in layers:
        _refuse_odd(layer)
    found = {o: pairs for o in (OUT_BY_IN, IN_BY_OUT) if (pairs := _chained(layers, o)) and hint in (None, o)}
    if not found:
        way = f"as {hint}" if hint else f"neither as {OUT_BY_IN} nor as {IN_BY_OUT}"
        raise ModelError(f": {_listing(layers)}: these do not chain, {way}; a convolution or a layer of another kind is not supported here")
    way = next(iter(found))
    square = [layer.label for layer in layers if _is_square(layer.W)]
    if len(found) > 1 and any(layer.ask for layer in layers):
        raise ModelError(
            f": {_listing(layers)}: these chain both ways round; say --weights {OUT_BY_IN} (y = W x + b) or --weights {IN_BY_OUT} (x W + b)"
        )
    if hint or not square:
        return found[way], (), ()
    names = f"{', '.join(square)} {'are' if len(square) > 1 else 'is'} square"
    if len(found) == 1:
        return found[way], (f"{names}: taken as {way}, as the shapes of the other layers are",), ()
    note = f"{names}: the shapes do not tell which way round; taken as {way}, as MATLAB stores them (y = W x + b)"
    return found[way], (), (f"{note}; if they are x W + b, say --weights {IN_BY_OUT}",)


def _is_square(W: np.ndarray) -> bool:
    extents = [n for n in W.shape if n > 1]
    return len(extents) == 2 and extents[0] == extents[1]


def _refuse_odd(layer: Layer) -> None:
    for name, value in (("weights", layer.W), ("bias", layer.b)):
        if value is not None and value.dtype != np.float64:
            raise ModelError(f": {layer.label}: complex {name} are not supported")
    if not layer.W.size:
        raise ModelError(f": {layer.label} is empty ({_size(layer.W)}): the network was never trained")


def _chained(layers: tuple[Layer, ...], way: str) -> list[tuple[np.ndarray, np.ndarray]] | None:
    pairs = [_turned(layer, way) for layer in layers]
    if not all(pairs):
        return None
    known = [pair for pair in pairs if pair]
    fits = all(after[0].shape[1] == before[0].shape[0] for before, after in pairwise(known))
    return known if fits else None


def _turned(layer: Layer, way: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(W out-by-in, b) of one layer taken this way round; None where that doesn't fit."""
    W = _squeezed(layer.W, None if layer.b is None else layer.b.size, way)
    if W is None:
        return None
    if way == IN_BY_OUT:
        W = W.T
    if layer.b is None and layer.bias == NONE:
        return np.ascontiguousarray(W), np.zeros(len(W))
    if layer.b is None:
        return (np.ascontiguousarray(W[:, 1:]), np.ascontiguousarray(W[:, 0])) if W.shape[1] > 1 else None
    if layer.b.size != len(W) or layer.b.size != max(1, *layer.b.shape, 1):
        return None
    return np.ascontiguousarray(W), np.ascontiguousarray(layer.b.ravel(order="F"))


def _squeezed(W: np.ndarray, units: int | None, way: str) -> np.ndarray | None:
    """The matrix: trailing extents of 1 are dropped, a vector (HDF5) stands for one row or one column."""
    while W.ndim > 2 and W.shape[-1] == 1:
        W = W[..., 0]
    if W.ndim < 2:
        rows = units if way == OUT_BY_IN else W.size // max(1, units or 1)
        return W.reshape(rows, -1) if rows and W.size % rows == 0 else None
    return W if W.ndim == 2 else None


def _listing(layers: tuple[Layer, ...]) -> str:
    return listed([f"{a.label} {_size(a.W)}" + (f" with bias {_size(a.b)}" if a.b is not None else "") for a in layers], 4)


def _size(array: Any) -> str:
    return "x".join(str(n) for n in array.shape) or "1"


# activations


def _activations(dump: Dump, pairs: list[Any], hint: tuple[str, ...] | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(one name for each layer, doubts), from the user or else from the file."""
    count = len(pairs)
    stored: tuple[str | None, ...] = dump.activations or tuple(layer.activation for layer in dump.layers)
    if hint is not None:
        names = _spread(hint, count, dump, pairs)
        differs = any(s is not None and _function(s) != _function(n) for s, n in zip_longest(stored, names))
        words = [*([listed([s or "?" for s in stored])] if differs else []), *([listed(dump.texts)] if dump.texts else [])]
        return names, (f"activations {listed(names)} as you named them; the file says {', '.join(words)}",) * bool(words)
    if len(stored) < count or any(s is None for s in stored):
        raise ModelError(_question(dump, pairs, stored))
    taken = tuple(s or "" for s in stored[:count])
    extra = (
        f"the file names {len(stored)} activations ({listed([s or '?' for s in stored])}) for {count} layers: the first {count} are taken"
    )
    return taken, (f"{extra}; if others are right, name them with --activation",) * (len(stored) > count)


def _function(name: str | None) -> Any:
    """What a name stands for, the same for all its spellings; a name that isn't known stands for itself."""
    if name is None:
        return None
    try:
        return [(type(layer), getattr(layer, "activation", None), str(getattr(layer, "values", ""))) for layer in activation_layers(name)]
    except ModelError:
        return name


def _spread(hint: tuple[str, ...], count: int, dump: Dump, pairs: list[Any]) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in hint)
    for name in names:
        activation_layers(name)
    if len(names) == 2 < count:
        return (*(names[0],) * (count - 1), names[1])
    if len(names) != count:
        raise ModelError(f": {len(names)} activations named for {count} layers ({_sizes(dump, pairs)}); {_how(count, 'tanh', 'linear')}")
    return names


def _question(dump: Dump, pairs: list[Any], stored: tuple[str | None, ...]) -> str:
    count = len(pairs)
    known = [s for s in stored if s]
    said = f"the file names only {', '.join(known)} for" if known else "the file does not say the activations of"
    if dump.texts:
        said = f"the file says {listed(dump.texts, 4)}, but not in one list, the activations of"
    usual = "; in the machine learning course that uses these names all are sigmoid" if dump.thetas else ""
    names = ("sigmoid", "sigmoid") if dump.thetas else ("tanh", "linear")
    return f": {said} its {count} layer{'s' if count > 1 else ''} ({_sizes(dump, pairs)}){usual}; {_how(count, *names)}"


def _how(count: int, hidden: str, output: str) -> str:
    each = [hidden] * (count - 1) + [output]
    short = [hidden, output] if count > 2 else each
    ways = "one for all hidden layers and one for the output, or one for each layer" if count > 2 else "one for each layer"
    return f"name them, {ways}: --activation {','.join(short)}, in Python load(path, activation={short!r}), with yours in place of these"


def _sizes(dump: Dump, pairs: list[Any]) -> str:
    sizes = [f"{layer.label}: {W.shape[1]} -> {W.shape[0]}" for layer, (W, _) in zip(dump.layers, pairs, strict=True)]
    return ", ".join(sizes if len(sizes) <= 5 else [*sizes[:4], "...", sizes[-1]])
