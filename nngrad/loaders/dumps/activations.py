"""Which activation follows which layer of plain weights: as the file says it in one place, or as the user does."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

import numpy as np

from nngrad.errors import ModelError, listed
from nngrad.loaders.activation_names import activation_layers
from nngrad.loaders.dumps.forms import Dump
from nngrad.loaders.dumps.names import field_called
from nngrad.loaders.tree import Group

ACTIVATIONS = frozenset(
    {
        "act",
        "acts",
        "actfcn",
        "actfcns",
        "activation",
        "activations",
        "activationfcn",
        "activationfcns",
        "activationfunction",
    }
    | {"activationfunctions", "activetype", "transferfcn", "transferfcns", "actfun", "actfuns"}
)
SAYS_ACTIVATION = re.compile(r"(?i)activ|transfer|(?<![a-z])act(?![a-z])|actf")

# in the file


def _texts(value: Any) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return (value.strip(),)
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel(order="F").tolist()
    return (
        tuple(v.strip() for v in value)
        if isinstance(value, list) and value and all(isinstance(v, str) for v in value)
        else None
    )


def said_activations(fields: dict[str, Any]) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """(activations that stand in a field or an attribute, the name of the field)."""
    name = field_called(fields, ACTIVATIONS)
    texts = _texts(fields[name]) if name else None
    if texts is None and isinstance(fields, Group):
        attribute = field_called(fields.attributes, ACTIVATIONS)
        return (_texts(fields.attributes[attribute]) if attribute else None), ()
    return texts, (name,) if name and texts else ()


def texts_of_activations(fields: dict[str, Any], used: set[str]) -> tuple[str, ...]:
    """What else the file says of activations, one text a name (act1, hidden_activation): of which layer isn't known."""
    return tuple(
        f"{name} {value}"
        for name, value in fields.items()
        if name not in used
        and isinstance(value, str)
        and SAYS_ACTIVATION.search(name)
        and not isinstance(function_of(value.strip()), str)
    )


# for the layers


def named_activations(
    dump: Dump, pairs: list[Any], hint: tuple[str, ...] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(one name for each layer, doubts), from the user or else from the file."""
    count = len(pairs)
    stored: tuple[str | None, ...] = dump.activations or tuple(layer.activation for layer in dump.layers)
    if hint is not None:
        names = _spread(hint, count, dump, pairs)
        differs = any(s is not None and function_of(s) != function_of(n) for s, n in zip_longest(stored, names))
        words = [
            *([listed([s or "?" for s in stored])] if differs else []),
            *([listed(dump.texts)] if dump.texts else []),
        ]
        return names, (f"activations {listed(names)} as you named them; the file says {', '.join(words)}",) * bool(
            words
        )
    if len(stored) < count or any(s is None for s in stored):
        raise ModelError(_question(dump, pairs, stored))
    taken = tuple(s or "" for s in stored[:count])
    named = listed([s or "?" for s in stored])
    extra = f"the file names {len(stored)} activations ({named}) for {count} layers: the first {count} are taken"
    return taken, (f"{extra}; if others are right, name them with --activation",) * (len(stored) > count)


def function_of(name: str | None) -> Any:
    """What a name stands for, the same for all its spellings; a name that isn't known stands for itself."""
    if name is None:
        return None
    try:
        return [
            (type(layer), getattr(layer, "activation", None), getattr(layer, "params", None))
            for layer in activation_layers(name)
        ]
    except ModelError:
        return name


def _spread(hint: tuple[str, ...], count: int, dump: Dump, pairs: list[Any]) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in hint)
    for name in names:
        activation_layers(name)
    if len(names) == 2 < count:
        return (*(names[0],) * (count - 1), names[1])
    if len(names) != count:
        raise ModelError(
            f": {len(names)} activations named for {count} layers ({_sizes(dump, pairs)}); {_how(count, 'tanh', 'linear')}"
        )
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
    ways = (
        "one for all hidden layers and one for the output, or one for each layer" if count > 2 else "one for each layer"
    )
    return f"name them, {ways}: --activation {','.join(short)}, in Python load(path, activation={short!r}), with yours in place of these"


def _sizes(dump: Dump, pairs: list[Any]) -> str:
    sizes = [f"{layer.label}: {W.shape[1]} -> {W.shape[0]}" for layer, (W, _) in zip(dump.layers, pairs, strict=True)]
    return ", ".join(sizes if len(sizes) <= 5 else [*sizes[:4], "...", sizes[-1]])
