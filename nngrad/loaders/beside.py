"""Normalisation that lies beside a network: said wherever numbers are written, applied by scaling.py when asked.

It counts where a name and a length both fit. Names come in pairs (mu and sigma, min and max) that are the same but for
that word. What stands inside the network's own object is its reader's task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.network import Network
from nngrad.errors import listed
from nngrad.loaders.dialects import Candidate
from nngrad.loaders.hints import Hints
from nngrad.loaders.scaling import ScaledColumns
from nngrad.loaders.tree import Tree
from nngrad.loaders.twins import LEFTOVER

MOST_DEPTH = 2  # structs in structs beside the network
MOST_FIELDS = 5_000
MOST_SAID = 4
ROLES = {
    "mean": ("mean", "means", "mu", "mus", "avg", "average", "center", "centre"),
    "sd": ("sd", "sds", "std", "stds", "stdev", "stddev", "deviation", "sigma", "sigmas", "sig", "scale"),
    "low": ("min", "mins", "minimum", "lo", "low", "lower"),
    "high": ("max", "maxs", "maximum", "hi", "high", "upper"),
}
ROLE_OF = {word: role for role, words in ROLES.items() for word in words}
PAIRS = (("mean", "sd"), ("low", "high"))
INPUT = frozenset(
    {"x", "p", "u", "in", "inp", "input", "inputs", "feature", "features", "feat", "predictor", "predictors"}
)
OUTPUT = frozenset(
    {"y", "t", "out", "output", "outputs", "target", "targets", "label", "labels", "response", "responses"}
)
FILLERS = frozenset({"train", "training", "trn", "tr", "data", "raw", "all", "norm", "set", "val", "vals", "s", "n"})
ABOUT = frozenset(
    {"scaler", "scaling", "norm", "normalization", "normalisation", "normalize", "standardize", "stats", "statistics"}
)
OF_RESULTS = frozenset(
    {"time", "times", "perf", "performance", "err", "error", "errors", "loss", "mse", "rmse", "mae", "acc", "accuracy"}
)
SETTINGS = ("mapminmax", "mapstd")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


Sizes = dict[str, tuple[int, ...]]  # how many numbers fit each side


class FoundScaling(NamedTuple):
    """Numbers, or the settings of a processing function, that fit inputs ("x"), outputs ("y") or both ("xy")."""

    paths: tuple[str, ...]
    kind: str  # zscore, minmax, mapminmax or mapstd
    sides: str
    size: int


def doubts(tree: Tree, candidate: Candidate, net: Network, hints: Hints) -> tuple[str, ...]:
    """What to say of what lies beside a network; a side that the user has told how to scale is settled."""
    settled = {side for side, told in (("x", hints.input_scaling), ("y", hints.output_scaling)) if told is not None}
    found = list(_found(tree, candidate, net))
    said = [_said(f, net) for f in found if not settled & set(f.sides)]
    known = {path.rpartition(".")[2] for f in found for path in f.paths}
    rest = [name for name in getattr(candidate.element, "beside", ()) if name not in known]
    if rest and not settled:
        said.append(
            f"in the file beside the weights, not used: {listed(rest)}; if x or y were normalised with them, do the same"
        )
    return (*said[:MOST_SAID], *_components(tree))


def _components(tree: Tree) -> Iterator[str]:
    """The principal components in a struct that was exported from MATLAB's Learner apps."""
    for path, fields in _structs(tree, None):
        if {"PCACenters", "PCACoefficients"} <= fields.keys():
            yield f"{path}: processing settings stored beside the network (PCA) are not applied; apply them to x yourself"


# what there is


def _structs(tree: Tree, candidate: Candidate | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The variables of the file, and the structs among them and in them, but for the network itself."""
    waiting: list[tuple[str, Any, int]] = [("", tree.variables, 0)]
    while waiting:
        path, element, depth = waiting.pop(0)
        if not isinstance(element, dict) or len(element) > MOST_FIELDS or (candidate and element is candidate.element):
            continue
        if candidate and depth and path == candidate.path:
            continue
        yield path, element
        if depth < MOST_DEPTH and not _is_settings(element):
            waiting += [(f"{path}.{name}".removeprefix("."), value, depth + 1) for name, value in element.items()]


def _found(tree: Tree, candidate: Candidate, net: Network) -> Iterator[FoundScaling]:
    if getattr(candidate.dialect, "COMPLETE", False):
        return
    sizes = {"x": ScaledColumns(net.inputs).sizes, "y": ScaledColumns(net.outputs).sizes}
    used = set(getattr(candidate.element, "names", ()))
    for path, fields in _structs(tree, candidate):
        if LEFTOVER.search(f"{path}."):
            continue
        if _is_settings(fields):
            continue
        beside = {name: value for name, value in fields.items() if name not in used}
        yield from _settings(path, beside, sizes)
        yield from _pairs(path, beside, sizes)


def _settings(path: str, fields: dict[str, Any], sizes: Sizes) -> Iterator[FoundScaling]:
    """Settings of mapminmax and mapstd, as a second output of these functions gives them."""
    for name, value in fields.items():
        if _is_settings(value):
            rows = value["xrows"]
            size = (
                int(rows.flat[0])
                if isinstance(rows, np.ndarray) and rows.size == 1 and np.isfinite(rows.flat[0])
                else 0
            )
            kind = value.get("name")
            if not isinstance(kind, str) or not kind:
                kind = "mapstd" if "xstd" in value else "mapminmax"
            sides = _fitting(_side(name), size, sizes)
            if sides:
                yield FoundScaling((f"{path}.{name}".removeprefix("."),), kind, sides, size)


def _is_settings(value: Any) -> bool:
    return isinstance(value, dict) and {"xrows", "yrows"} <= value.keys() and "kind" not in value


def _pairs(path: str, fields: dict[str, Any], sizes: Sizes) -> Iterator[FoundScaling]:
    """Two arrays whose names differ in one word only: mean and deviation, or least and largest."""
    families: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        if (
            isinstance(value, np.ndarray)
            and value.dtype == np.float64
            and 0 < value.size == max(value.shape, default=1)
        ):
            parsed = statistic(name)
            if parsed:
                families.setdefault(parsed[1], {}).setdefault(parsed[0], name)
    for rest, names in families.items():
        if set(rest.split()) & OF_RESULTS:  # of training, not of data
            continue
        for first, second in PAIRS:
            if first in names and second in names:
                yield from _pair(path, rest, (names[first], names[second]), fields, sizes)


def _pair(path: str, rest: str, names: tuple[str, str], fields: dict[str, Any], sizes: Sizes) -> Iterator[FoundScaling]:
    size, other = (fields[name].size for name in names)
    side = _side(rest) or _side(path.rpartition(".")[2])
    about = side or not path or set(_words(path)) & ABOUT
    if size != other or (size == 1 and not about):
        return
    sides = _fitting(side, size, sizes)
    if sides:
        yield FoundScaling(
            tuple(f"{path}.{name}".removeprefix(".") for name in names),
            "minmax" if statistic(names[0])[0] == "low" else "zscore",
            sides,
            size,
        )


def _fitting(side: str, size: int, sizes: Sizes) -> str:
    """The sides that so many numbers fit; one number fits all columns of the side that is named,
    or of a single series.
    """
    if side:
        return side if size == 1 or size in sizes[side] else ""
    fitting = "".join(s for s, counts in sizes.items() if size in counts)
    return "xy" if size == 1 and fitting else fitting


# names


def _words(name: str) -> list[str]:
    return [word.lower() for word in WORD.findall(name)]


def statistic(name: str) -> tuple[str, str]:
    """(role, the rest of the name); ("", "") for a name without one role."""
    words = _words(name)
    roles = [ROLE_OF[word] for word in words if word in ROLE_OF]
    if len(roles) == 1:
        return roles[0], " ".join(word for word in words if word not in ROLE_OF)
    if len(words) == 1:  # meanp, xmin
        for word in sorted(ROLE_OF, key=len, reverse=True):
            for rest in (words[0].removeprefix(word), words[0].removesuffix(word)):
                if rest != words[0] and rest in INPUT | OUTPUT | FILLERS:
                    return ROLE_OF[word], rest
    return "", ""


def _side(name: str) -> str:
    """x or y where a name says which; "" where it doesn't."""
    words = _words(name)
    if len(words) == 1 and len(words[0]) > 2:  # inputps, xtrain, outputsettings
        (word,) = words
        starts = [
            w
            for w in (*INPUT, *OUTPUT)
            if word.startswith(w) and (word[len(w) :] in FILLERS | {"ps", "ts", "str", "settings"})
        ]
        ends = [w for w in (*INPUT, *OUTPUT) if word.endswith(w) and (word[: -len(w)] in FILLERS | {"ps", "ts"})]
        words = [max(starts + ends, key=len, default=word)]
    found = {"x" if word in INPUT or word == "ps" else "y" for word in words if word in INPUT | OUTPUT | {"ps", "ts"}}
    if len(found) > 1 and "ps" in words:  # ps_output: ps is any settings
        found = {"x" if word in INPUT else "y" for word in words if word in INPUT | OUTPUT}
    return found.pop() if len(found) == 1 else ""


# words for people


def _said(found: FoundScaling, net: Network) -> str:
    names, letters = ",".join(found.paths), "xy" if len(found.sides) > 1 else found.sides
    sizes = f" ({found.size} number{'s' if found.size > 1 else ''} each)" if len(found.paths) > 1 else ""
    letter = letters[0]
    trained = _trained(found, letter) + (" (or y)" if len(letters) > 1 else "")
    units = "x, y and J here are" if len(letters) > 1 else f"{letter} and J here are"
    if found.kind not in (*SETTINGS, "zscore", "minmax"):
        return f"{names}: settings of {found.kind} stand beside the network and are not applied; apply them to {letter} yourself if you did"
    options = " or ".join(f"--{'input' if s == 'x' else 'output'}-scaling {found.kind}:{names}" for s in found.sides)
    ends = " (for -1 to 1 add ,-1,1)" if found.kind == "minmax" else ""
    condition = f"if it was trained on {trained}, then {units} in those units"
    return f"{', '.join(found.paths)}{sizes} beside the network: {condition}; apply with {options}{ends}"


def _trained(found: FoundScaling, letter: str) -> str:
    first, *rest = found.paths
    match found.kind:
        case "zscore":
            return f"({letter} - {first})./{rest[0]}"
        case "minmax":
            return f"({letter} - {first})./({rest[0]} - {first})"
    return f"{found.kind}('apply', {letter}, {first})"
