"""Layers as people write them: kinds with short names, MATLAB's processing steps, activations by name.

Every reader takes the members of the struct, the sizes of the values it reads, and its path; it gives the layers that
stand for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import (
    Affine,
    Concatenate,
    Distance,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    SquaredDistance,
    Sum,
)
from nngrad.errors import ModelError
from nngrad.loaders.activation_names import SPECIAL, activation_layers
from nngrad.loaders.matlab.fields import located
from nngrad.loaders.matlab.processing import STEPS
from nngrad.loaders.tree import Group
from nngrad.own_format.values import (
    COMMON,
    IGNORED,
    Fields,
    as_flag,
    as_matrix,
    as_vector,
    described,
    extents_of,
    get,
    names_in,
    only,
    short,
    takes,
    text_of,
)

Reader = Callable[[Fields, tuple[int, ...], str], list[Any]]


def _params_of(name: str | None) -> set[str]:
    """The names of an activation's parameters, by any of its names."""
    activation = BY_NAME.get((name or "").strip().lower())
    return {p for p, _ in activation.params} if activation else set()


def _dense(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    name = text_of(fields, "activation", path)
    takes(fields, {"W", "b", "activation"} | _params_of(name), path)
    W = as_matrix(get(fields, "W"), f"{path}.W")
    b = np.zeros(len(W)) if get(fields, "b") is None else as_vector(get(fields, "b"), f"{path}.b")
    rest = {"W", "b", "activation"} | COMMON
    if b.size not in W.shape and W.shape[1] == widths[0]:  # else W is what is wrong, or turned round
        raise ModelError(
            f"{path}.b: {b.size} values for {len(W)} outputs (W is {extents_of(W.shape)}, outputs x inputs)"
        )
    return [Affine(W, b), *([] if name is None else activation_of(fields, name, rest, path))]


def _scale(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    takes(fields, {"gain", "center", "shift"}, path)
    parts = []
    for name, default in (("gain", 1.0), ("center", 0.0), ("shift", 0.0)):
        value = get(fields, name)
        vector = np.array([default]) if value is None else as_vector(value, f"{path}.{name}")
        parts.append(np.full(widths[0], vector[0]) if vector.size == 1 else vector)
    return [Scale(*parts)]


def _keep(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    takes(fields, {"keep"}, path)
    index = as_vector(get(fields, "keep"), f"{path}.keep")
    if not all(1 <= i <= widths[0] and i == int(i) for i in index):
        raise ModelError(f"{path}.keep: {short(index)}; it counts from 1 to {widths[0]}")
    return [Select(index.astype(int) - 1, widths[0])]


def _constant(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    takes(fields, {"value"}, path)
    nothing = np.zeros(0, int)
    return [Select(nothing, widths[0]), Place(nothing, as_vector(get(fields, "value"), f"{path}.value"))]


def _squared_distance(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    takes(fields, {"C", "b"}, path)
    C = as_matrix(get(fields, "C"), f"{path}.C")
    b = np.ones(len(C)) if get(fields, "b") is None else as_vector(get(fields, "b"), f"{path}.b")
    return [SquaredDistance(C, b * b)]


def _weighted(make: Callable[[np.ndarray], Any]) -> Reader:
    def lower(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
        takes(fields, {"W"}, path)
        return [make(as_matrix(get(fields, "W"), f"{path}.W"))]

    return lower


def _plain(make: Callable[[tuple[int, ...]], list[Any]]) -> Reader:
    def lower(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
        takes(fields, set(), path)
        return make(widths)

    return lower


def _activation(fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    name = text_of(fields, "activation", path)
    if name is None:
        raise ModelError(f"{path}.activation: missing; it is the name of one")
    takes(fields, {"activation"} | _params_of(name), path)
    return activation_of(fields, name, COMMON | {"activation"}, path)


def processing_step(kind: str, fields: Fields, widths: tuple[int, ...], path: str) -> list[Any]:
    """A processing step with MATLAB's own settings, applied, or with `reverse` undone."""
    step, settings = STEPS[kind], get(fields, "settings")
    if settings is None:
        takes(fields, {"settings", "reverse"} | step.fields, path)
        settings = {name: get(fields, name) for name in names_in(fields, path) & step.fields}
    elif isinstance(settings, dict):
        takes(fields, {"settings", "reverse"}, path)
        only(settings, set(step.fields), f"{path}.settings", kind)
        settings = settings | (settings.attributes if isinstance(settings, Group) else {})
    else:
        raise ModelError(f"{path}.settings: {described(settings)}, not a struct of settings")
    reverse = as_flag(get(fields, "reverse"), f"{path}.reverse")
    known = {name: value for name, value in settings.items() if name in step.fields}
    maps = located(f"{path} ({kind})", step.reverse if reverse else step.apply, known, widths[0])
    return [row_map.layer() for row_map in maps]


def activation_of(fields: Fields, name: str, rest: set[str], path: str) -> list[Any]:
    """An activation with its parameters, which are further fields."""
    params = {}
    for field in sorted(names_in(fields, path) - rest - IGNORED):
        vector = as_vector(get(fields, field), f"{path}.{field}")
        params[field] = float(vector[0]) if vector.size == 1 else vector
    try:
        return activation_layers(name, params)
    except ModelError as e:
        raise ModelError(f"{path}: {e}") from None


WRITTEN_BY_HAND: dict[str, Reader] = {
    "dense": _dense,
    "activation": _activation,
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
