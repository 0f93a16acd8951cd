"""The weights of a Keras model, from a legacy HDF5 file or a `.keras` archive, given to its layers. Every array is
looked up where Keras itself would look, and its name, where the file tells, must be the expected one.

HDF5: `model_weights/<layer>` lists its arrays in `weight_names`; a model within the model is one such layer, with all
that is trained before all that is not. Archive: `layers/<class>_<k>/vars/<n>`, the k-th layer of that class, in snake
case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from nngrad.errors import ModelError, listed
from nngrad.loaders.keras.config import KerasLayer, KerasModel
from nngrad.loaders.keras.layers import expected_weights
from nngrad.loaders.tree import Group, Undecoded

MOST_SHAPES = 8  # of a layer, in a description
SAVE_AGAIN = "save the whole model again with model.save('model.keras')"
WINDOWS = "\\"  # what Keras up to 2.15 wrote there between the names of groups
UNTRAINED = frozenset({"moving_mean", "moving_variance", "mean", "variance", "count", "seed_generator_state"})
OLD_LAYERS = "_layer_checkpoint_dependencies"  # what `layers` was called up to Keras 2.13


def from_hdf5(model: KerasModel, root: Group) -> None:
    """Gives every layer its weights from `model_weights`; ModelError where they are missing or of another layer."""
    group = _group(root, "model_weights", "model_weights")
    for name, layer in model.layers.items():
        wanted = list(_in_saved_order(layer))
        path = f"model_weights/{name}"
        if not wanted and not _has_names(member_of(group, name)):
            continue
        member = _group(group, name, path)
        stored = names_of(member, path)
        if len(stored) != len(wanted):
            raise ModelError(
                f"{path}: holds {len(stored)} arrays ({', '.join(stored[:6])}), not the {len(wanted)} of its layer"
                f" ({', '.join(w for _, w in wanted[:6]) or 'none'}); save the whole model again"
            )
        for (owner, weight), where in zip(wanted, stored, strict=True):
            if plain_name(where) != weight:
                what = f"is where the {weight} of {owner.path} belongs"
                raise ModelError(f"{path}/{where}: {what}; save the whole model again")
            owner.weights[weight] = array_in(member, where, f"{path}/{where}")


def _in_saved_order(layer: KerasLayer) -> Iterator[tuple[KerasLayer, str]]:
    """What is trained, then what is not: that is how Keras flattens the layers of a model within the model."""
    every = list(_flattened(layer))
    if layer.model is None or layer.config.get("trainable", True) is False:
        yield from every
        return
    for trained in (True, False):
        for owner, weight in every:
            if (owner.config.get("trainable", True) is not False and weight not in UNTRAINED) == trained:
                yield owner, weight


def _flattened(layer: KerasLayer) -> Iterator[tuple[KerasLayer, str]]:
    if layer.model is None:
        yield from ((layer, weight) for weight in expected_weights(layer))
        return
    for inner in layer.model.layers.values():
        yield from _flattened(inner)


def _has_names(group: Any) -> bool:
    """Whether a layer holds weights; where it should have none, they belong to a setting that isn't stated."""
    names = group.attributes.get("weight_names") if isinstance(group, Group) else None
    return isinstance(names, list | str) and bool(names)


def names_of(group: Group, path: str) -> list[str]:
    """weight_names, which is split where it was too long for an attribute."""
    attributes = group.attributes
    if "weight_names" in attributes:
        parts = [attributes["weight_names"]]
    else:
        parts = [attributes[key] for key in (f"weight_names{k}" for k in range(len(attributes))) if key in attributes]
    names: list[str] = []
    for part in parts:
        names += [part] if isinstance(part, str) else part if isinstance(part, list) else []
    if not parts:
        raise ModelError(f"{path}: has no weight_names; save the whole model again")
    return names


def plain_name(path: str) -> str:
    """kernel of dense_1/kernel:0, and of dense_1/kernel_1:0, which TensorFlow 1 wrote for a model loaded twice."""
    return re.sub(r"(?<=[a-z])_\d+$", "", path.rsplit("/", 1)[-1].removesuffix(":0"))


def from_archive(model: KerasModel, group: Any, path: str = "") -> None:
    """Gives every layer its weights from `layers/...` of model.weights.h5; ModelError as for from_hdf5."""
    holder = next((key for key in ("layers", OLD_LAYERS) if isinstance(group, Group) and key in group), "layers")
    classes: dict[str, list[KerasLayer]] = {}
    taken: set[str] = set()
    for layer in model.layers.values():
        classes.setdefault(_snake(_saved_class(layer)), []).append(layer)
    for snake, layers in classes.items():
        here = f"{path}{holder}"
        wants = any(layer.model is not None or expected_weights(layer) for layer in layers)
        if not wants and not _is_filled(member_of(group, holder)):
            continue
        members = _group(group, holder, here)
        present = numbered(members, snake)
        for k, layer in enumerate(layers):
            # Up to Keras 2.12 the same layers were counted twice, so that the numbers have gaps.
            name = present[k] if len(present) == len(layers) else f"{snake}_{k}" if k else snake
            _from_member(layer, members, name, f"{here}/{name}")
            taken.add(name)
    _nothing_is_left(member_of(group, holder), taken, f"{path}{holder}")


def _nothing_is_left(members: Any, taken: set[str], path: str) -> None:
    """Refuses weights of a layer that the configuration doesn't have."""
    names = list(members) if _is_filled(members) else []
    left = [name for name in names if name not in taken and _is_filled(member_of(members, f"{name}/vars"))]
    if left:
        what = f"holds weights of {listed(left, 4)}, which is no layer of the model"
        raise ModelError(f"{path}: {what}; save the whole model again")


def _from_member(layer: KerasLayer, members: Group, name: str, path: str) -> None:
    if layer.model is not None:
        if any(_flattened(layer)):
            from_archive(layer.model, _group(members, name, path), f"{path}/")
        return
    wanted = expected_weights(layer)
    if not wanted and not _is_filled(member_of(members, f"{name}/vars")):
        return
    arrays = _group(_group(members, name, path), "vars", f"{path}/vars")
    saved_name = arrays.attributes.get("name")
    if isinstance(saved_name, str) and saved_name != layer.name:
        raise ModelError(f"{path}: holds the weights of {saved_name[:60]}, not of {layer.path}; save the model again")
    if len(arrays) != len(wanted):
        known = ", ".join(wanted) or "none"
        raise ModelError(f"{path}/vars: holds {len(arrays)} arrays, not the {len(wanted)} of its layer ({known})")
    for k, weight in enumerate(wanted):
        layer.weights[weight] = array_in(arrays, str(k), f"{path}/vars/{k}")


def shapes(model: KerasModel, stored: Group) -> dict[str, list[str]]:
    """The shapes of the arrays that a file holds for each layer, by the path of the layer, as far as they are found."""
    if isinstance(saved := stored.get("model_weights"), Group):
        return {layer.path: _shapes_below(member_of(saved, name)) for name, layer in model.layers.items()}
    members = next((stored[key] for key in ("layers", OLD_LAYERS) if isinstance(stored.get(key), Group)), Group({}, {}))
    found: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    for layer in model.layers.values():
        snake = _snake(_saved_class(layer))
        present, k = numbered(members, snake), counts.setdefault(snake, 0)
        counts[snake] += 1
        group = members[present[k]] if k < len(present) else None
        if layer.model is not None and isinstance(group, Group):
            found |= shapes(layer.model, group)
        else:
            found[layer.path] = _shapes_below(group)
    return found


def _shapes_below(group: Any) -> list[str]:
    """kernel 3x4, bias 4: matrices first; Keras 3 numbers its arrays."""
    found: list[tuple[int, str]] = []
    stack = [("", group)]
    while stack and len(found) < MOST_SHAPES:
        name, element = stack.pop()
        if isinstance(element, Group):
            stack.extend(reversed(list(element.items())))
        elif isinstance(element, np.ndarray) and element.ndim:
            size = "x".join(str(n) for n in element.shape)
            found.append((element.ndim, f"weights {size}" if name.isdecimal() else f"{plain_name(name)} {size}"))
    return [text for _, text in sorted(found, key=lambda entry: -entry[0])]


def with_slashes(found: Any) -> Any:
    r"""Groups in groups, where Keras on Windows made one group that is called `layers\dense`."""
    if not isinstance(found, Group):
        return found
    root = Group({}, found.attributes)
    for name, value in found.items():
        *outer, last = [part for part in name.split(WINDOWS) if part] or [name]
        place = root
        for part in outer:
            _put(place, part, Group({}, {}))
            place = place[part]
        _put(place, last, with_slashes(value))
    return root


def _put(place: Group, name: str, value: Any) -> None:
    """One more member; of two groups of the same name one is made."""
    there = place.setdefault(name, value)
    if there is value:
        return
    if not (isinstance(there, Group) and isinstance(value, Group)) or set(there.attributes) & set(value.attributes):
        raise ModelError(f"{name[:60]}: stands there twice; save the model again")
    there.attributes.update(value.attributes)
    for key, inner in value.items():
        _put(there, key, inner)


def is_of_windows(group: Any) -> bool:
    return isinstance(group, Group) and any(WINDOWS in name for name in group)


def numbered(members: Group, snake: str) -> list[str]:
    """The groups of one class, by number."""
    found = {}
    for name in members:
        rest = name.removeprefix(snake) if name.startswith(snake) else None
        if rest == "" or (rest and re.fullmatch(r"_[1-9][0-9]{0,8}", rest)):
            found[int(rest[1:] or 0)] = name
    return [found[k] for k in sorted(found)]


def _saved_class(layer: KerasLayer) -> str:
    return "Functional" if layer.kind == "Model" else layer.kind


def _snake(name: str) -> str:
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def member_of(group: Any, name: str) -> Any:
    """A member, also where its name holds slashes."""
    for part in name.split("/"):
        group = group.get(part) if isinstance(group, Group) else None
    return group


def _group(parent: Any, name: str, path: str) -> Group:
    found = member_of(parent, name)
    if not isinstance(found, Group):
        raise ModelError(f"{path}: the weights of this layer are missing; {SAVE_AGAIN}")
    return found


def _is_filled(group: Any) -> bool:
    return isinstance(group, Group) and bool(group)


def array_in(group: Group, name: str, path: str) -> np.ndarray:
    found = member_of(group, name)
    if isinstance(found, Undecoded):
        advice = "save the whole model again with weights in float32: model.save('model.keras')"
        raise ModelError(f"{path}: {found.reason}; {advice}")
    if not isinstance(found, np.ndarray) or found.dtype != np.float64:
        raise ModelError(f"{path}: no numbers there; {SAVE_AGAIN}")
    return found
