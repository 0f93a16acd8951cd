"""Paths inside a file as people write them: net, values.net, nets{2}, nets{1,2}, group/net, or only their beginning.

Two spellings are the same where MATLAB would find the same thing; the beginning of a path counts by whole names, so
that net1 never means net10.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from nngrad.loaders.tree import MatlabObject, Tree

STEP = re.compile(r"[{(]\s*\d+(?:\s*,\s*\d+)*\s*[)}]|[^.,/{}()]+")
MOST_STEPS = 200

Steps = tuple[str | int, ...]


def steps(tree: Tree, path: str) -> Steps:
    """Names and linear indices from 1, as far as the file knows the path; an index that says nothing, such as net(1),
    is left out.
    """
    return _followed(tree, path)[0]


def at(tree: Tree, path: str) -> Any:
    """The element at a path; None if there is none."""
    return tree.variables.get(path, _followed(tree, path)[1])


def _followed(tree: Tree, path: str) -> tuple[Steps, Any]:
    """The steps of a path, and what they lead to; None if there is nothing."""
    element: Any = tree.variables
    found: list[str | int] = []
    for step in STEP.findall(path.strip())[:MOST_STEPS]:
        if step[0] not in "{(":
            element = _field(element, step.strip())
            found.append(step.strip())
        elif isinstance(element, np.ndarray) and element.dtype == object:
            index = _linear(_numbers(step), element.shape)
            found.append(step if index is None else index)
            element = None if index is None else element.ravel(order="F")[index - 1]
        elif set(_numbers(step)) != {1} or np.size(element) > 1:  # not the only one, or one of several numbers
            found.append(step)
            element = None
    return tuple(found), element if found else None


def matching(tree: Tree, path: str, known: list[str]) -> list[str]:
    """The known paths that this one means: the same thing, else all that begin with it."""
    wanted = steps(tree, path)
    spelled = [(other, steps(tree, other)) for other in known]
    same = [other for other, there in spelled if other == path] or [
        other for other, there in spelled if there == wanted
    ]
    return same or [other for other, there in spelled if wanted and there[: len(wanted)] == wanted]


def _field(element: Any, name: str) -> Any:
    fields = element.fields if isinstance(element, MatlabObject) else element
    return fields.get(name) if isinstance(fields, dict) else None


def _numbers(step: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", step)]


def _linear(numbers: list[int], shape: tuple[int, ...]) -> int | None:
    """MATLAB's linear index; None outside of the array."""
    if len(numbers) > 1:
        extents = (*shape, *(1,) * (len(numbers) - len(shape)))
        if len(numbers) != len(extents) or not all(1 <= n <= size for n, size in zip(numbers, extents, strict=True)):
            return None
        return int(np.ravel_multi_index([n - 1 for n in numbers], extents, order="F")) + 1
    return numbers[0] if 1 <= numbers[0] <= int(np.prod(shape)) else None
