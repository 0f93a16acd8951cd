"""The ends of a network and where it came from <-> structs: ports, training ranges, units, origin."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nngrad.core.ports import INTEGERS, Origin, Port, encodable, numbered
from nngrad.errors import ModelError
from nngrad.own_format.schema import ORIGIN, PORT
from nngrad.own_format.values import (
    FORMAT,
    Fields,
    as_texts,
    as_vector,
    as_whole,
    clipped,
    described,
    get,
    names_in,
    only,
    sequence,
    text_of,
    texts_of,
)

MOST_COLUMNS = 1_000_000

# ports


def encoded_port(port: Port) -> Fields:
    """The struct of a port; what it doesn't have isn't written."""
    fields = {
        "name": port.name,
        "size": float(port.size),
        "columns": list(port.columns) or None,
        "lower": port.lower,
        "upper": port.upper,
    }
    fields["integer"] = port.integer or None
    return {name: value for name, value in fields.items() if value is not None}


def decoded_ports(value: Any, path: str, letter: str) -> tuple[Port, ...]:
    """Ports: names alone, a struct with `columns` (or `size`), or several structs."""
    columns = as_texts(value)
    if columns:
        return (Port(letter, columns),)
    items = _port_structs(value, path)
    if not items:
        raise ModelError(f"{path}: an empty list; leave it out, or name the columns")
    return tuple(_port(item, f"{path}{{{k}}}", letter) for k, item in enumerate(items, 1))


def _port_structs(value: Any, path: str) -> list[Any]:
    single = isinstance(value, dict) and {"columns", "size"} & names_in(value, path)
    return [value] if single else sequence(value, path)


def _port(fields: Any, path: str, letter: str) -> Port:
    if not isinstance(fields, dict):
        raise ModelError(f"{path}: not a struct or group with `columns`")
    only(fields, PORT, path, "a port")
    columns = texts_of(fields, "columns", path)
    if columns is None:
        size = as_whole(get(fields, "size"), f"{path}.columns, and .size")
        if not 0 <= size <= MOST_COLUMNS:
            raise ModelError(f"{path}.size: {size} columns; at most {MOST_COLUMNS}")
        columns = numbered(letter, size)
    elif get(fields, "size") is not None and (size := as_whole(get(fields, "size"), f"{path}.size")) != len(columns):
        raise ModelError(f"{path}.size: {size}, but {len(columns)} columns are named")
    name = text_of(fields, "name", path)
    lower, upper = (_limit(fields, end, len(columns), path) for end in ("lower", "upper"))
    if lower is not None and upper is not None and np.any(lower > upper):
        raise ModelError(f"{path}.lower: above .upper in column {np.flatnonzero(lower > upper)[0] + 1}")
    integer = text_of(fields, "integer", path) or ""
    if integer and integer not in INTEGERS:
        raise ModelError(f"{path}.integer: {clipped(integer)!r}; it is one of {', '.join(INTEGERS)}")
    return Port(letter if name is None else name, columns, lower, upper, integer)


def _limit(fields: Fields, name: str, count: int, path: str) -> np.ndarray | None:
    """One end of the training range of a port's columns."""
    value = get(fields, name)
    limit = None if value is None else as_vector(value, f"{path}.{name}")
    if limit is not None and limit.size != count:
        raise ModelError(f"{path}.{name}: {limit.size} values for {count} columns")
    return limit


def noted_units(element: Fields, side: str) -> Iterator[str]:
    """Units are kept as a note: the core computes with numbers."""
    value = get(element, side)
    if value is None or as_texts(value):
        return
    for k, fields in enumerate(_port_structs(value, f".{side}"), 1):
        path = f".{side}{{{k}}}"
        units, columns = texts_of(fields, "units", path), texts_of(fields, "columns", path)
        count = len(columns) if columns is not None else as_whole(get(fields, "size"), f"{path}.size")
        if units is not None and len(units) != count:
            raise ModelError(f"{path}.units: {len(units)} for {count} columns")
        if units:
            yield f"units of the {side}: {', '.join(units)}"


# origin


def encoded_origin(origin: Origin) -> Fields:
    """The texts of an origin that are not empty; of the path only the name of the file."""
    stored = {name: getattr(origin, name) for name in ORIGIN} | {"path": os.path.basename(origin.path)}
    return {name: list(map(encodable, v)) if isinstance(v, tuple) else encodable(v) for name, v in stored.items() if v}


def decoded_origin(value: Any, layers: Iterable[str], notes: tuple[str, ...]) -> Origin:
    """The origin as it is stored, with more notes; `layers` describe the network where it says nothing of them."""
    if not isinstance(value, dict | None):
        raise ModelError(f".origin: {described(value)}, not a struct of texts")
    stored = value or {}
    only(stored, set(ORIGIN), ".origin", "an origin")
    known: dict[str, Any] = {}
    for name, several in ORIGIN.items():
        found: Any = (texts_of if several else text_of)(stored, name, ".origin")
        if found:
            known[name] = found
    known["notes"] = (*known.get("notes", ()), *notes, *_converted(known))
    known.setdefault("classname", FORMAT)
    known.setdefault("layers", tuple(layers))
    return Origin(**known)


def _converted(known: dict[str, Any]) -> tuple[str, ...]:
    if "path" not in known or any(note.startswith("converted from ") for note in known.get("notes", ())):
        return ()
    where = ", ".join(known[name] for name in ("network", "container", "created") if name in known)
    return (f"converted from {known['path']}{f' ({where})' if where else ''}",)
