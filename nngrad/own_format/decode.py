"""nngrad's own format, in a MAT-file or an HDF5 file: any network, and simple enough to be written by hand from any language.

The one rule: `sources` count values in every language alike, 0 is the input and k the k-th layer; nothing else is implied but that
a layer without `sources` reads the one before it. sample_models/README.md is the description. A layer is either one of KINDS, with
the fields of its dataclass and a line `shapes` that says what its arrays are ("W 10x3, b 10, index 3 int"), which is what
encode.py writes, or one of WRITTEN_BY_HAND. What is present and not understood is refused, whatever it is; IGNORED alone may
be anything. Only an empty matrix [] counts as absent: a struct array fills its gaps with it.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME, Activation
from nngrad.core.builder import Builder
from nngrad.core.layers import (
    KINDS,
    Affine,
    Compet,
    Concatenate,
    Distance,
    Elementwise,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from nngrad.core.network import (
    INTEGERS,
    MOST_LAYERS,
    MOST_SOURCES,
    MOST_UNITS,
    Network,
    Origin,
    Port,
    numbered,
    within,
)
from nngrad.errors import ModelError, listed
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.tree import Group, Tree, Undecoded
from nngrad.loaders.tree import find as find_in

NAME = "network written by nngrad or by hand"
COMPLETE = True  # nothing lies beside the network
FORMAT = "nngrad network"
VERSION = 1
MOST_COLUMNS = 1_000_000
COLUMN_MAJOR, ROW_MAJOR = "column-major", "row-major"
BY_CLASS = {kind.__name__: kind for kind in KINDS}
TOP = {"format", "version", "inputs", "outputs", "layers", "origin", "array_order"}
COMMON = {"kind", "sources", "shapes"}
PORT = {"name", "size", "columns", "lower", "upper", "units", "integer"}
IGNORED = frozenset({"name", "comment", "description"})  # for people: may stand anywhere and hold anything
OF_TOOLS = frozenset({"CLASS", "TITLE", "VERSION", "PYTABLES_FORMAT_VERSION"})  # attributes that PyTables gives to every group
MATRICES, INDICES, FLAGS = ("W", "C"), ("index", "source"), ("flag", "filled")  # arrays of KINDS; all others are vectors of numbers

Fields = dict[str, Any]


def find(tree: Tree) -> list[tuple[str, Fields]]:
    return [(path or "/", e) for path, e in find_in(tree, _is_meant)]


def _is_meant(e: Any) -> bool:
    """Whether a struct or group is to be a network of this format, however its `format` is spelled: read() refuses what it is not.

    As plain weights it would lose what stands between them.
    """
    if not isinstance(e, dict):
        return False
    text = _text(_get(e, "format"))
    if isinstance(text, str) and FORMAT.split()[0] in text.casefold():
        return True
    layers = _get(e, "layers")
    each = layers.values() if isinstance(layers, dict) else layers.ravel() if isinstance(layers, np.ndarray) else layers or ()
    return bool(len(each)) and all(isinstance(layer, dict) and "kind" in layer for layer in each)


def read(element: Fields, hints: Hints = NO_HINTS) -> Network:
    """The network of one element; ModelError, with the field's path, where it is not what the format says."""
    if (text := _text(_get(element, "format"))) != FORMAT:
        raise ModelError(f".format: {'is missing' if text is None else repr(text)}; write it as {FORMAT!r}")
    version = _whole(_get(element, "version"), ".version")
    if version != VERSION:
        raise ModelError(f".version: version {version} of the format; this nngrad reads {VERSION}: take a newer one")
    _only(element, TOP, "", "a network")
    if _is_turned(element):
        element = _turned(element)
    layers = _sequence(_get(element, "layers"), ".layers")
    if not layers:
        raise ModelError(".layers: there is none; a network has at least one")
    given = _get(element, "inputs")
    inputs = (Port("x", numbered("x", _first_width(layers[0]))),) if given is None else _ports(given, ".inputs", "x")
    builder, y, size = _built(layers, sum(p.size for p in inputs))
    given = _get(element, "outputs")
    outputs = (Port("y", numbered("y", size)),) if given is None else _ports(given, ".outputs", "y")
    if whole := [k for k, port in enumerate(outputs, 1) if port.integer]:
        raise ModelError(f".outputs{{{whole[0]}}}.integer: outputs are not rounded, only inputs may be integer; leave it out")
    if sum(p.size for p in outputs) != size:
        raise ModelError(f".outputs: {sum(p.size for p in outputs)} columns are named, the last layer has {size} outputs")
    notes = (*_units(element, "inputs"), *_units(element, "outputs"))
    origin = _origin(_get(element, "origin"), layers, notes)
    return _tried(Network(tuple(builder.nodes), inputs, outputs, origin, result=y))


def _tried(net: Network) -> Network:
    """The network, unless arrays of a layer disagree with each other, which only shows when it is evaluated."""
    try:
        net(np.zeros((1, net.input_size)))
    except (ValueError, IndexError, TypeError, AttributeError) as e:
        raise ModelError(f".layers: can't be evaluated: {' '.join(str(e).split())}; the arrays of a layer disagree") from None
    return net


def _built(layers: list[Fields], width: int) -> tuple[Builder, int, int]:
    """The layers in evaluation order, the value that the last one gives, and how many outputs it has."""
    builder, values, sizes = Builder(), [0], [width]
    within(MOST_LAYERS, len(layers), "layers")
    units = 0
    for k, fields in enumerate(layers, 1):
        path = f".layers{{{k}}}"
        if not isinstance(fields, dict):
            raise ModelError(f"{path}: not a struct or group with a field `kind`")
        sources = _sources(fields, k, path)
        widths = tuple(sizes[s] for s in sources)
        value, size = tuple(values[s] for s in sources), widths
        for layer in _lowered(fields, widths, path):
            if not isinstance(layer, Sum | Product | Concatenate) and len(value) != 1:
                raise ModelError(f"{path}.sources: {len(value)} sources for a {_kind(fields, path)}, which takes one")
            size = (_checked(layer, size, path),)
            within(MOST_UNITS, units := units + size[0], "units in its layers")
            value = (builder.add(layer, *value),)
        if len(value) != 1:
            raise ModelError(f"{path}.sources: {len(value)} sources for a {_kind(fields, path)}, which takes one")
        values.append(value[0])
        sizes.append(size[0])
    return builder, values[-1], sizes[-1]


def _checked(layer: Any, sizes: tuple[int, ...], path: str) -> int:
    try:
        return int(layer.size(*sizes))
    except (ValueError, TypeError, IndexError, AttributeError) as e:
        advice = f"; {ORDER_ADVICE}" if any(hasattr(layer, name) for name in MATRICES) else ""
        raise ModelError(f"{path} ({type(layer).__name__}): {e}{advice}") from None


ORDER_ADVICE = "W is outputs x inputs; HDF5 files written from MATLAB, R or Julia say so with array_order = 'column-major'"


def _sources(fields: Fields, k: int, path: str) -> tuple[int, ...]:
    value = _get(fields, "sources")
    if value is None:
        return (k - 1,)
    numbers = _vector(value, f"{path}.sources")
    within(MOST_SOURCES, numbers.size, "sources of layers")
    if not numbers.size or not all(s == int(s) and 0 <= s < k for s in numbers if np.isfinite(s)) or not np.isfinite(numbers).all():
        raise ModelError(f"{path}.sources: {_short(numbers)}; it counts values before this layer: 0 is the input, {k - 1} the layer before")
    return tuple(int(s) for s in numbers)


# what a file holds, by container


def _get(element: Fields, name: str) -> Any:
    """A field, or in HDF5 an attribute; None where it is absent or an empty matrix."""
    value = element.get(name)
    if value is None and isinstance(element, Group):
        value = element.attributes.get(name)
    return None if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.shape == (0, 0) else value


def _names(element: Fields, path: str) -> set[str]:
    """What is present, but for what HDF5 tools write on their own account."""
    attributes = set(element.attributes) - OF_TOOLS if isinstance(element, Group) else set()
    if twice := sorted(attributes & set(element)):
        raise ModelError(f"{path}.{twice[0]}: stands there twice, as a member and as an attribute; leave one of them out")
    return {name for name in set(element) | attributes if _get(element, name) is not None}


def _only(element: Fields, known: set[str], path: str, what: str) -> None:
    """Refuses a member that is not among those known."""
    unknown = sorted(_names(element, path) - known - IGNORED)
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(known), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        members = ", ".join(sorted(known - COMMON)) or "none"
        raise ModelError(f"{path}.{_clipped(unknown[0])}: not a field of {what}; it takes {members}{hint}")


def _clipped(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."


def _is_turned(element: Fields) -> bool:
    """Whether the axes of all arrays are turned round, as `array_order` says."""
    order = _text_of(element, "array_order", "")
    if order is None:
        return False
    if not isinstance(element, Group):
        raise ModelError(".array_order: only HDF5 files have one, in a MAT-file W is what it is in MATLAB: leave it out")
    if order.lower() not in (COLUMN_MAJOR, ROW_MAJOR):
        raise ModelError(f".array_order: {_clipped(order)!r}; it is {COLUMN_MAJOR!r} (MATLAB, R, Julia) or {ROW_MAJOR!r} (C, Python)")
    return order.lower() == COLUMN_MAJOR


def _turned(element: Any) -> Any:
    if isinstance(element, Group):
        return Group(*({k: _turned(v) for k, v in part.items()} for part in (element, element.attributes)))
    return element.T if isinstance(element, np.ndarray) and element.dtype == np.float64 else element


def _text(value: Any) -> str | None:
    """A text, also as the only one of a list or cell; None where it is anything else."""
    texts = _texts(value)
    return texts[0] if texts and len(texts) == 1 else None


def _texts(value: Any) -> tuple[str, ...] | None:
    """Names: a cell of char, a char matrix, a string array, or one name; None where it is none of these."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel(order="F").tolist()
    items = [value] if isinstance(value, str) else value
    return tuple(items) if isinstance(items, list) and all(isinstance(v, str) for v in items) else None


def _text_of(fields: Fields, name: str, path: str) -> str | None:
    """A field that is a text; None where it is absent, refused where it is anything else."""
    value = _get(fields, name)
    text = _text(value)
    if value is not None and text is None:
        raise ModelError(f"{path}.{name}: {_described(value)}, not a text")
    return text


def _texts_of(fields: Fields, name: str, path: str) -> tuple[str, ...] | None:
    """A field that is a list of texts; None where it is absent, refused where it is anything else."""
    value = _get(fields, name)
    texts = _texts(value)
    if value is not None and texts is None:
        raise ModelError(f"{path}.{name}: {_described(value)}, not a list of texts")
    return texts


def _described(value: Any) -> str:
    match value:
        case Undecoded(reason=reason):
            return f"not decoded ({reason})"
        case str():
            return f"the text {_clipped(value)!r}"
        case list():
            return f"{len(value)} texts"
        case np.ndarray() if value.dtype == np.float64:
            return "a number" if value.size == 1 else f"an array of {_shape(value.shape)} numbers"
        case np.ndarray():
            return f"a cell of {_shape(value.shape)}" if value.dtype == object else "complex numbers"
        case dict():
            return "a group" if isinstance(value, Group) else "a struct"
    return f"a {type(value).__name__}"


def _sequence(value: Any, path: str) -> list[Any]:
    """A cell, a struct array, one struct, or a group whose members are numbered."""
    if isinstance(value, np.ndarray) and (value.dtype == object or not value.size):
        return value.ravel(order="F").tolist()
    if not isinstance(value, dict):
        raise ModelError(
            f"{path}: {'missing' if value is None else 'not a list'}; it is a cell of structs, or a group with members 1, 2, ..."
        )
    numbers = {name: int(m[1]) for name in value if (m := re.search(r"(\d{1,9})$", name))}
    if not value or len(numbers) < len(value):
        return [value]
    if isinstance(value, Group):
        _only(Group({}, value.attributes), set(), path, "a list")
    if sorted(numbers.values()) != list(range(1, len(numbers) + 1)):
        raise ModelError(f"{path}: its members {_short(sorted(numbers))} are not numbered from 1 to {len(numbers)}")
    return [value[name] for name in sorted(numbers, key=lambda n: numbers[n])]


def _array(value: Any, path: str) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        raise ModelError(f"{path}: {'missing' if value is None else f'not an array of real numbers, but {_described(value)}'}")
    return value


def _vector(value: Any, path: str) -> np.ndarray:
    array = _array(value, path)
    if max((1, *array.shape)) < array.size:
        raise ModelError(f"{path}: {_shape(array.shape)} where a vector belongs")
    return np.ascontiguousarray(array.ravel())


def _matrix(value: Any, path: str) -> np.ndarray:
    array = _array(value, path)
    if array.ndim != 2:
        raise ModelError(f"{path}: {_shape(array.shape)} where a matrix of outputs x inputs belongs")
    return np.ascontiguousarray(array)


def _whole(value: Any, path: str) -> int:
    number = _number(value, path)
    if not abs(number) < 2**53 or number != int(number):
        raise ModelError(f"{path}: {number:g} is not a whole number")
    return int(number)


def _flag(value: Any, path: str) -> bool:
    """0 or 1; absent is 0."""
    number = 0.0 if value is None else _number(value, path)
    if number not in (0.0, 1.0):
        raise ModelError(f"{path}: {number:g}; it is 0 or 1")
    return number == 1.0


def _number(value: Any, path: str) -> float:
    array = _array(value, path)
    if array.size != 1:
        raise ModelError(f"{path}: {array.size} numbers where one belongs")
    return float(array.ravel()[0])


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in shape) or "one number"


def _short(values: Any) -> str:
    listed = [f"{v:g}" if isinstance(v, float) else str(v) for v in list(values)[:8]]
    return ", ".join(listed) + (", ..." if len(values) > 8 else "")


# the ends of a network


def _ports(value: Any, path: str, letter: str) -> tuple[Port, ...]:
    """Ports: names alone, a struct with `columns` (or `size`), or several structs."""
    columns = _texts(value)
    if columns:
        return (Port(letter, columns),)
    items = _port_structs(value, path)
    if not items:
        raise ModelError(f"{path}: an empty list; leave it out, or name the columns")
    return tuple(_port(item, f"{path}{{{k}}}", letter) for k, item in enumerate(items, 1))


def _port_structs(value: Any, path: str) -> list[Any]:
    single = isinstance(value, dict) and {"columns", "size"} & _names(value, path)
    return [value] if single else _sequence(value, path)


def _port(fields: Any, path: str, letter: str) -> Port:
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: not a struct or group with `columns`")
    _only(fields, PORT, path, "a port")
    columns = _texts_of(fields, "columns", path)
    if columns is None:
        size = _whole(_get(fields, "size"), f"{path}.columns, and .size")
        if not 0 <= size <= MOST_COLUMNS:
            raise ModelError(f"{path}.size: {size} columns; at most {MOST_COLUMNS}")
        columns = numbered(letter, size)
    elif _get(fields, "size") is not None and (size := _whole(_get(fields, "size"), f"{path}.size")) != len(columns):
        raise ModelError(f"{path}.size: {size}, but {len(columns)} columns are named")
    name = _text_of(fields, "name", path)
    lower, upper = (_limit(fields, end, len(columns), path) for end in ("lower", "upper"))
    if lower is not None and upper is not None and np.any(lower > upper):
        raise ModelError(f"{path}.lower: above .upper in column {np.flatnonzero(lower > upper)[0] + 1}")
    integer = _text_of(fields, "integer", path) or ""
    if integer and integer not in INTEGERS:
        raise ModelError(f"{path}.integer: {_clipped(integer)!r}; it is one of {', '.join(INTEGERS)}")
    return Port(letter if name is None else name, columns, lower, upper, integer)


def _limit(fields: Fields, name: str, count: int, path: str) -> np.ndarray | None:
    """One end of the training range of a port's columns."""
    value = _get(fields, name)
    limit = None if value is None else _vector(value, f"{path}.{name}")
    if limit is not None and limit.size != count:
        raise ModelError(f"{path}.{name}: {limit.size} values for {count} columns")
    return limit


def _units(element: Fields, side: str) -> Iterator[str]:
    """Units are kept as a note: the core computes with numbers."""
    value = _get(element, side)
    if value is None or _texts(value):
        return
    for k, fields in enumerate(_port_structs(value, f".{side}"), 1):
        path = f".{side}{{{k}}}"
        units, columns = _texts_of(fields, "units", path), _texts_of(fields, "columns", path)
        count = len(columns) if columns is not None else _whole(_get(fields, "size"), f"{path}.size")
        if units is not None and len(units) != count:
            raise ModelError(f"{path}.units: {len(units)} for {count} columns")
        if units:
            yield f"units of the {side}: {', '.join(units)}"


def _first_width(first: Any) -> int:
    """How many inputs there are where only the first layer tells."""
    if isinstance(first, dict):
        for name in ("W", "C"):
            value = _get(first, name)
            if isinstance(value, np.ndarray) and value.ndim == 2:
                return value.shape[1]
        inner = _get(first, "settings")
        for source in (first, inner if isinstance(inner, dict) else {}):
            for name in ("gain", "center", "xoffset", "xmin", "xmean"):
                value = _get(source, name)
                if isinstance(value, np.ndarray):
                    return int(value.size)
    raise ModelError(".inputs: missing, and the first layer does not tell how many there are; add columns or size")


def _origin(value: Any, layers: list[Fields], notes: tuple[str, ...]) -> Origin:
    if not isinstance(value, dict | None):
        raise ModelError(f".origin: {_described(value)}, not a struct of texts")
    stored = value or {}
    _only(stored, {f.name for f in dataclasses.fields(Origin)}, ".origin", "an origin")
    known: dict[str, Any] = {}
    for field in dataclasses.fields(Origin):
        several = isinstance(field.default, tuple)
        texts: Any = (_texts_of if several else _text_of)(stored, field.name, ".origin")
        if texts:
            known[field.name] = texts
    known["notes"] = (*known.get("notes", ()), *notes, *_converted(known))
    known.setdefault("classname", FORMAT)
    if "layers" not in known:
        known["layers"] = tuple(f"layer {k}: {_kind(f, f'.layers{{{k}}}')}" for k, f in enumerate(layers, 1))
    return Origin(**known)


def _converted(known: dict[str, Any]) -> tuple[str, ...]:
    if "path" not in known or any(note.startswith("converted from ") for note in known.get("notes", ())):
        return ()
    where = ", ".join(known[name] for name in ("network", "container", "created") if name in known)
    return (f"converted from {known['path']}{f' ({where})' if where else ''}",)


# one layer


def _kind(fields: Fields, path: str) -> str:
    kind = _text_of(fields, "kind", path)
    if kind is None:
        raise ModelError(f"{path}.kind: missing; it is {_known_kinds()}")
    return kind


def _known_kinds() -> str:
    """What may stand in `kind`, for a message."""
    return f"{', '.join(WRITTEN_BY_HAND)}, a processing step of MATLAB or an activation"


def _lowered(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    """The layers of one entry, for inputs of these sizes."""
    kind = _kind(fields, path)
    if kind in BY_CLASS and _get(fields, "shapes") is not None:
        return [_proper(decoded(BY_CLASS[kind], fields, path), path)]
    if _get(fields, "shapes") is not None:
        raise ModelError(f"{path}.shapes: not a field of kind {_clipped(kind)}; only the kinds {listed(tuple(BY_CLASS), 3)} have it")
    by_hand = WRITTEN_BY_HAND.get(kind.lower())
    if by_hand:
        return by_hand(fields, widths, path)
    if kind.lower() in STEPS:
        return _step(kind.lower(), fields, widths, path)
    if kind in BY_CLASS:
        raise ModelError(f"{path}.shapes: missing; a {kind} says what its arrays are, such as 'W 10x3, b 10'; or write a {_advice(kind)}")
    if _is_activation(kind):
        return _activation_of(fields, kind, COMMON, path)
    raise ModelError(f"{path}.kind: {_clipped(kind)!r} is not supported; supported are {_known_kinds()}")


def _advice(kind: str) -> str:
    return {"Affine": "dense", "Elementwise": "layer whose kind is the activation's name"}.get(kind, "kind of sample_models/README.md")


def _takes(fields: Fields, names: set[str], path: str) -> None:
    _only(fields, names | COMMON, path, f"kind {_kind(fields, path)}")


def _params_of(name: str | None) -> set[str]:
    """The names of an activation's parameters, by any of its names."""
    activation = BY_NAME.get((name or "").strip().lower())
    return {p for p, _ in activation.params} if activation else set()


def _dense(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    name = _text_of(fields, "activation", path)
    _takes(fields, {"W", "b", "activation"} | _params_of(name), path)
    W = _matrix(_get(fields, "W"), f"{path}.W")
    b = np.zeros(len(W)) if _get(fields, "b") is None else _vector(_get(fields, "b"), f"{path}.b")
    rest = {"W", "b", "activation"} | COMMON
    if b.size not in W.shape and W.shape[1] == widths[0]:  # else W is what is wrong, or turned round
        raise ModelError(f"{path}.b: {b.size} values for {len(W)} outputs (W is {_shape(W.shape)}, outputs x inputs)")
    return [Affine(W, b), *([] if name is None else _activation_of(fields, name, rest, path))]


def _scale(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    _takes(fields, {"gain", "center", "shift"}, path)
    parts = []
    for name, default in (("gain", 1.0), ("center", 0.0), ("shift", 0.0)):
        value = _get(fields, name)
        vector = np.array([default]) if value is None else _vector(value, f"{path}.{name}")
        parts.append(np.full(widths[0], vector[0]) if vector.size == 1 else vector)
    return [Scale(*parts)]


def _keep(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    _takes(fields, {"keep"}, path)
    index = _vector(_get(fields, "keep"), f"{path}.keep")
    if not all(1 <= i <= widths[0] and i == int(i) for i in index):
        raise ModelError(f"{path}.keep: {_short(index)}; it counts from 1 to {widths[0]}")
    return [Select(index.astype(int) - 1, widths[0])]


def _constant(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    _takes(fields, {"value"}, path)
    nothing = np.zeros(0, int)
    return [Select(nothing, widths[0]), Place(nothing, _vector(_get(fields, "value"), f"{path}.value"))]


def _squared_distance(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    _takes(fields, {"C", "b"}, path)
    C = _matrix(_get(fields, "C"), f"{path}.C")
    b = np.ones(len(C)) if _get(fields, "b") is None else _vector(_get(fields, "b"), f"{path}.b")
    return [SquaredDistance(C, b * b)]


def _weighted(make: Callable[[np.ndarray], Any]) -> Callable[[Fields, tuple[int, ...], str], list[Any]]:
    def lower(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
        _takes(fields, {"W"}, path)
        return [make(_matrix(_get(fields, "W"), f"{path}.W"))]

    return lower


def _plain(make: Callable[[tuple[int, ...]], list[Any]]) -> Callable[[Fields, tuple[int, ...], str], list[Any]]:
    def lower(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
        _takes(fields, set(), path)
        return make(widths)

    return lower


def _named(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    name = _text_of(fields, "activation", path)
    if name is None:
        raise ModelError(f"{path}.activation: missing; it is the name of one")
    _takes(fields, {"activation"} | _params_of(name), path)
    return _activation_of(fields, name, COMMON | {"activation"}, path)


def _step(kind: str, fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    """A processing step with MATLAB's own settings, applied, or with `reverse` undone."""
    step, settings = STEPS[kind], _get(fields, "settings")
    if settings is None:
        _takes(fields, {"settings", "reverse"} | step.fields, path)
        settings = {name: _get(fields, name) for name in _names(fields, path) & step.fields}
    elif isinstance(settings, dict):
        _takes(fields, {"settings", "reverse"}, path)
        _only(settings, set(step.fields), f"{path}.settings", kind)
        settings = settings | (settings.attributes if isinstance(settings, Group) else {})
    else:
        raise ModelError(f"{path}.settings: {_described(settings)}, not a struct of settings")
    reverse = _flag(_get(fields, "reverse"), f"{path}.reverse")
    known = {name: value for name, value in settings.items() if name in step.fields}
    try:
        return (step.reverse if reverse else step.apply)(known, widths[0])
    except ModelError as e:
        raise ModelError(f"{path} ({kind}){e}") from None
    except ValueError as e:
        raise ModelError(f"{path} ({kind}): {e}") from None


# activations by name


SPECIAL: dict[str, Callable[[], list[Any]]] = {
    "softmax": lambda: [Softmax()],
    "compet": lambda: [Compet()],
    "radbasn": lambda: [Elementwise(BY_NAME["negsquare"]), Softmax()],
}
WITH_NUMBER = re.compile(r"(\w+)\(([^()]{1,40})\)")


def _is_activation(name: str) -> bool:
    plain = WITH_NUMBER.fullmatch(name.strip())
    return (plain[1] if plain else name.strip()).lower() in (*BY_NAME, *SPECIAL)


def activation_layers(name: str, params: dict[str, Any] | None = None) -> list[Any]:
    """The layers of an activation by any of its names, such as tanh, softmax, leaky_relu(0.2); none for purelin."""
    match = WITH_NUMBER.fullmatch(name.strip())
    key = (match[1] if match else name.strip()).lower()
    if key not in (*BY_NAME, *SPECIAL):
        raise ModelError(f"activation {_clipped(name)!r} is not supported; {_near_activations(key)}")
    given = params or {}
    if key in SPECIAL:
        _has_params(name, given, set(), bool(match))
        return SPECIAL[key]()
    activation = BY_NAME[key]
    _has_params(name, given, {p for p, _ in activation.params}, False)
    values = dict(activation.params) | given
    if match:
        param = _only_param(activation, name)
        if param in given:
            raise ModelError(f"activation {name!r}: {param} is said twice; leave one of them out")
        values[param] = _parsed(match[2], name)
    return [] if activation.name == "purelin" else [Elementwise(activation, values)]


def _near_activations(name: str) -> str:
    near = difflib.get_close_matches(name, (*BY_NAME, *SPECIAL), 3)
    return f"supported are {listed((*BY_NAME, *SPECIAL), 12)}{f'; did you mean {near[0]}?' if near else ''}"


def _has_params(name: str, given: dict[str, Any], known: set[str], numbered: bool) -> None:
    surplus = sorted(set(given) - known) or (["a number"] if numbered else [])
    if surplus:
        raise ModelError(f"activation {name!r} takes the parameters {sorted(known)}, not {_clipped(surplus[0])}")


def _only_param(activation: Activation, name: str) -> str:
    if len(activation.params) != 1:
        raise ModelError(f"activation {name!r}: {activation.name} takes {len(activation.params)} parameters, not one")
    return activation.params[0][0]


def _parsed(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise ModelError(f"activation {name!r}: {text!r} is not a number")
    return value


def _activation_of(fields: Fields, name: str, rest: set[str], path: str) -> list[Any]:
    """An activation with its parameters, which are further fields."""
    params = {}
    for field in sorted(_names(fields, path) - rest - IGNORED):
        vector = _vector(_get(fields, field), f"{path}.{field}")
        params[field] = float(vector[0]) if vector.size == 1 else vector
    try:
        return activation_layers(name, params)
    except ModelError as e:
        raise ModelError(f"{path}: {e}") from None


# any dataclass, by its fields


def decoded(cls: type, fields: Fields, path: str) -> Any:
    """An instance of one of KINDS, or of what its fields hold; ModelError where a field does not fit."""
    hints = typing.get_type_hints(cls)
    names = {f.name for f in dataclasses.fields(cls)}
    _takes(fields, names, path)
    shapes = _shapes(_text_of(fields, "shapes", path) or "", path)
    if unknown := sorted(name for name in shapes if name.partition(".")[0] not in names):
        raise ModelError(f"{path}.shapes: {_clipped(unknown[0])} is not a field of {cls.__name__}")
    values = {}
    for field in dataclasses.fields(cls):
        value = _get(fields, field.name) if field.name not in shapes else _raw(fields, field.name)
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if value is not None or (required and not _optional(hints[field.name])):
            values[field.name] = _value(hints[field.name], value, field.name, shapes, f"{path}.{field.name}")
        elif required:
            values[field.name] = None
    return cls(**values)


def _raw(fields: Fields, name: str) -> Any:
    return fields.get(name, fields.attributes.get(name) if isinstance(fields, Group) else None)


def _optional(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)


def _value(hint: Any, value: Any, name: str, shapes: dict[str, tuple[str, tuple[int, ...], str]], path: str) -> Any:
    """A field as its annotation says."""
    if isinstance(hint, types.UnionType):
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if name in shapes:
        return _shaped(value, shapes[name], path)
    origin = typing.get_origin(hint) or hint
    if origin is np.ndarray:
        raise ModelError(f"{path}: .shapes says nothing of it; such as '{name} 10x3'")
    if origin is dict:
        return _record(value, name, shapes, path)
    if origin is tuple:
        inner = typing.get_args(hint)[0] if typing.get_args(hint) else Any
        return _tuple(inner, value, name, shapes, path)
    if dataclasses.is_dataclass(hint) and hint is not Activation:
        return _nested(value, path)
    return _scalar(hint, value, path)


def _record(value: Any, name: str, shapes: dict[str, tuple[str, tuple[int, ...], str]], path: str) -> dict[str, Any]:
    """Numbers, and arrays, by name."""
    if not isinstance(value, dict):
        raise ModelError(f"{path}: {_described(value)}, not a struct of numbers")
    members = {k: _get(value, k) for k in _names(value, path)}
    if unknown := sorted(k for k in shapes if k.startswith(f"{name}.") and k.removeprefix(f"{name}.") not in members):
        raise ModelError(f"{path}: {_clipped(unknown[0])} is in .shapes, but not there")
    return {
        k: _shaped(v, shapes[f"{name}.{k}"], f"{path}.{k}") if f"{name}.{k}" in shapes else _number(v, f"{path}.{k}")
        for k, v in members.items()
    }


def _proper(layer: Any, path: str) -> Any:
    """The layer, unless one of its arrays has other axes or another type than it should: NumPy would broadcast it."""
    for name, array in vars(layer).items():
        if isinstance(array, np.ndarray):
            kind = "int" if name in INDICES else "bool" if name in FLAGS else ""
            axes = 2 if name in MATRICES else 1
            if array.ndim != axes or (kind and array.dtype.kind != kind[0]):
                should = f"{'a matrix' if axes == 2 else 'a vector'}{f' of type {kind}' if kind else ''}"
                raise ModelError(f"{path}.shapes: {name} is {_shape(array.shape)} {array.dtype.name}; it is {should}")
    return layer


def _tuple(inner: Any, value: Any, name: str, shapes: dict[str, tuple[str, tuple[int, ...], str]], path: str) -> tuple[Any, ...]:
    if inner in (int, float, bool):
        return tuple(_scalar(inner, np.array([v]), path) for v in _vector(value, path))
    if inner is str:
        texts = _texts(value)
        if texts is None:
            raise ModelError(f"{path}: {_described(value)}, not a list of texts")
        return texts
    return tuple(_value(inner, v, f"{name}.{k}", shapes, f"{path}{{{k}}}") for k, v in enumerate(_sequence(value, path), 1))


def _nested(value: Any, path: str) -> Any:
    if not isinstance(value, dict) or _text(_get(value, "kind")) not in BY_CLASS:
        raise ModelError(f"{path}: not a layer with a `kind` of {', '.join(BY_CLASS)}")
    return decoded(BY_CLASS[_kind(value, path)], value, path)


def _scalar(hint: Any, value: Any, path: str) -> Any:
    if hint is Activation:
        name = _text(value)
        if name not in BY_NAME:
            found = _described(value) if name is None else f"activation {_clipped(name)!r}"
            raise ModelError(f"{path}: {found} is not supported; {_near_activations(name or '')}")
        return BY_NAME[name]
    if hint is int:
        return _whole(value, path)
    if hint is bool:
        return _flag(value, path)
    if hint is str:
        text = _text(value)
        if text is None:
            raise ModelError(f"{path}: {_described(value)}, not a text")
        return text
    return _number(value, path)


SHAPE = re.compile(r"(\S+) (\d{1,10}(?:x\d{1,10})*)((?: (?:int|bool|F))*)")


def _shapes(text: str, path: str) -> dict[str, tuple[str, tuple[int, ...], str]]:
    """'W 10x3 F, index 3 int' -> {name: (type, shape, order in memory)}."""
    found = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        match = SHAPE.fullmatch(item)
        if not match:
            raise ModelError(f"{path}.shapes: {_clipped(item)!r} is not a name and a shape, such as 'W 10x3' or 'index 3 int'")
        if match[1] in found:
            raise ModelError(f"{path}.shapes: {_clipped(match[1])} stands there twice")
        flags = match[3].split()
        kind = next((f for f in flags if f != "F"), "float")
        found[match[1]] = (kind, tuple(int(n) for n in match[2].split("x")), "F" if "F" in flags else "C")
    return found


def _shaped(value: Any, spec: tuple[str, tuple[int, ...], str], path: str) -> np.ndarray:
    """An array with its type, shape and order in memory: the order decides about the last bits of products."""
    kind, shape, order = spec
    array = _array(value, path)
    extents = [n for n in array.shape if n != 1]
    if array.size != np.prod([float(n) for n in shape]) or (array.size and extents != [n for n in shape if n != 1]):
        raise ModelError(f"{path}: {_shape(array.shape)} in the file, {_shape(shape)} in shapes; {ORDER_ADVICE}")
    array = array.reshape(shape)
    if kind != "float":
        if not np.isfinite(array).all() or np.any(array != np.round(array)) or np.any(np.abs(array) >= 2**53):
            raise ModelError(f"{path}: not whole numbers")
        return array.astype(np.int64 if kind == "int" else bool)
    return np.array(array, order=order)  # type: ignore[call-overload]


WRITTEN_BY_HAND: dict[str, Callable[[Fields, tuple[int, ...], str], list[Any]]] = {
    "dense": _dense,
    "activation": _named,
    "scale": _scale,
    "select": _keep,
    "constant": _constant,
    "sum": _plain(lambda widths: [Sum()]),
    "product": _plain(lambda widths: [Product()]),
    "concatenate": _plain(lambda widths: [Concatenate(widths)]),
    "softmax": _plain(lambda widths: SPECIAL["softmax"]()),
    "compet": _plain(lambda widths: SPECIAL["compet"]()),
    "radbasn": _plain(lambda widths: SPECIAL["radbasn"]()),
    "squared_distance": _squared_distance,
    "dist": _weighted(Distance),
    "negdist": _weighted(lambda W: Distance(W, -1.0)),
    "mandist": _weighted(lambda W: Distance(W, manhattan=True)),
    "normprod": _weighted(NormProd),
}
