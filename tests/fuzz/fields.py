"""Changes to one field of a model at a time: which there are, and what may come of them.

Whatever is changed, the file is refused, or it is read as an evaluator of its own reads the changed file, or nothing
changes and the field is one of those that no output depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nngrad.errors import NngradError

Path = tuple[Any, ...]


class Strange(Exception):
    """An evaluator does not know what a changed file means: it must be refused."""


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in nested dicts and lists."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy with something else at a place; MISSING leaves it out."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    key, *rest = path
    if not rest and new is MISSING:
        del copy[key]
    else:
        copy[key] = replaced(copy.get(key) if isinstance(copy, dict) else copy[key], tuple(rest), new)
    return copy


MISSING = object()


def changes(value: Any) -> Iterator[tuple[str, Any]]:
    """(what is done, what then stands there)."""
    yield from (("missing", MISSING), ("a text", "linear"), ("a number", 1.0), ("another number", -3.0))
    yield from (("an empty text", ""), ("nothing", []), ("a record", {"a": 1.0}))
    if isinstance(value, str):
        yield from _of_text(value)
    elif isinstance(value, dict):
        yield from _of_record(value)
    elif isinstance(value, list):
        yield from _of_list(value)
    elif isinstance(value, bool | int | float | np.ndarray):
        yield from _of_numbers(value)


def _of_text(value: str) -> Iterator[tuple[str, Any]]:
    yield from (("in capitals", value.upper()), ("of another case", value.capitalize()), ("another text", f"{value}x"))
    yield from (
        ("a list", [value]),
        ("two texts", [value, value]),
        ("a text of no text", [[value]]),
        ("with a blank", f"{value} "),
    )


def _of_record(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "a list of it", [value]
    for extra in ("extra", *(name.swapcase() for name in value)):
        if extra not in value:
            yield f"{extra!r} too", value | {extra: 1.0}
    yield "an extra text", value | {"extra_": "linear"}


def _of_list(value: list[Any]) -> Iterator[tuple[str, Any]]:
    yield from (("one more", [*value, *value[:1]]), ("one less", value[1:]))
    yield from (("the other way round", value[::-1]), ("twice", [value, value]))


def _of_numbers(value: Any) -> Iterator[tuple[str, Any]]:
    array = np.asarray(value, float)
    yield from (
        ("doubled", array * 2),
        ("one more", array + 1),
        ("a half more", array + 0.5),
        ("a little more", array + 1e-3),
    )
    yield from (("the other sign", -array), ("zero", array * 0), ("huge", array * 0 + 1e300), ("NaN", array * np.nan))
    yield "a text of it", str(value)[:20]
    if array.size:
        one = array.copy()
        one.flat[0] = np.nan
        yield "a NaN in it", one
    if array.ndim < 2:  # BLAS makes NaN of whole blocks beside an infinite weight
        yield "infinite", array * 0 + np.inf
    if array.ndim:
        yield from (
            ("turned", array.T),
            ("flat", array.ravel()),
            ("upside down", array[::-1].copy()),
            ("an axis more", array[..., None]),
        )
        yield from (("a row less", array[1:]), ("a row more", np.concatenate([array, array[:1]])))
        yield from (("complex", array + 1j), ("a cell", [array]))


def judge(
    base: Any,
    read: Callable[[Any], Any],
    evaluate: Callable[[Any], Any],
    ignored: Callable[[Path], bool],
    every: Any,
    same: Callable[[Any, Any], bool],
) -> tuple[list[str], dict[str, int]]:
    """What is wrong with each change of each place of `base`, and how many changes came to what.

    `read` gives what nngrad makes of a file, or raises NngradError; `evaluate` what it means, or raises Strange.
    """
    wrong: list[str] = []
    count = {"refused": 0, "followed": 0, "ignored": 0}
    before = read(base)
    if not same(before, evaluate(base)):
        return ["the file itself is not read as it is evaluated"], count
    for path in every:
        for what, new in changes(at(base, path)):
            changed = replaced(base, path, new)
            try:
                after = read(changed)
            except NngradError as error:
                count["refused"] += 1
                if "\n" in str(error):
                    wrong.append(f"{path}: {what}: a message of two lines")
                continue
            if ignored(path) or ignored((*path, what)):
                count["ignored"] += 1
                if not same(after, before):
                    wrong.append(f"{path}: {what}: changes the outputs, though it is ignored")
                continue
            try:
                meant = evaluate(changed)
            except Strange as error:
                wrong.append(f"{path}: {what}: read, though {error}")
                continue
            count["followed"] += 1
            if not same(after, meant):
                wrong.append(f"{path}: {what}: read as something else than it says")
    return wrong, count
