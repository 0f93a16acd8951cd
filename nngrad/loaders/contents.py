"""What a file holds instead of a network, and what its owner can do: the message where nothing is found.

The message speaks of this file: a few variables with class and size, then the one step that fits them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from nngrad.errors import listed
from nngrad.loaders.tree import FunctionHandle, Group, MatlabObject, Tree, Undecoded, one_line

MOST_NAMED = 4
MOST_LOOKED_AT = 20_000
MOST_NAME = 40
FEWEST_SAMPLES = 20


class ForeignClass(NamedTuple):
    """Objects that people take for networks, or keep beside them, by their class."""

    classname: re.Pattern[str]
    what: str
    advice: str


def _foreign(classname: str, what: str, advice: str) -> ForeignClass:
    return ForeignClass(re.compile(classname), what, advice)


ONLY_NETWORKS = "nngrad differentiates neural networks only: train one (fitrnet, or a neural network in the Learner app), and save that"
DATA = "name it with -i, and as MODEL the file that holds the network"
DATA_NAME = re.compile(
    r"(?i).*(train|test|valid|input|output|target|data|label|time|simout|tout|result|mse|rmse|error|index|indices).*|[xytu]\d*"
)
STATISTICS = r"(.*\.)?(Compact)?(Regression|Classification)"
FOREIGN = (
    _foreign(rf"{STATISTICS}Tree", "a decision tree, which has no slopes", ONLY_NETWORKS),
    _foreign(
        rf"({STATISTICS}(Bagged)?Ensemble|(Compact)?TreeBagger)",
        "an ensemble of trees or other learners",
        ONLY_NETWORKS,
    ),
    _foreign(rf"{STATISTICS}SVM", "a support vector machine", ONLY_NETWORKS),
    _foreign(rf"{STATISTICS}GP", "a Gaussian process", ONLY_NETWORKS),
    _foreign(
        rf"{STATISTICS}(Linear|Kernel|GAM|KNN|NaiveBayes|Discriminant|ECOC|Partitioned\w*)",
        "a statistical model",
        ONLY_NETWORKS,
    ),
    _foreign(r"(Compact)?(Generalized|Non)?LinearModel", "a regression model", ONLY_NETWORKS),
    _foreign(r"(mam|sug)fis|fis", "a fuzzy inference system, not a neural network", ONLY_NETWORKS),
    _foreign(
        r"casadi\..*",
        "a CasADi function",
        "CasADi differentiates it itself (f.jacobian()); for nngrad save the network's weights, W1, b1, ...",
    ),
    _foreign(
        r"idnlarx|idnlhw",
        "a System Identification model",
        "save the network inside it: net = sys.OutputFcn.Network; save('net.mat', 'net')",
    ),
    _foreign(
        r"id\w+|ss|tf|zpk|frd|mpc", "a linear model", "its Jacobian is made of its own matrices; nngrad reads networks"
    ),
    _foreign(
        r"(rl\.env\..*)|\w*Environment",
        "an environment of reinforcement learning",
        "save the agent, or its actor or critic",
    ),
    _foreign(
        r"dlarray|gpuArray",
        "bare parameters, without the network that uses them",
        "save them as numbers, W1 = gather(extractdata(W1)), with --activation",
    ),
    _foreign(r"table|timetable|DataFrame|timeseries|Simulink\..*|iddata|.*Datastore", "data", f"this is data: {DATA}"),
    _foreign(r"MException", "an error message", "run the script again and save the network: save('net.mat', 'net')"),
    _foreign(
        r"nnet\.cnn\.layer\..*|nnet\.internal\..*", "layers", "save the trained network itself: save('net.mat', 'net')"
    ),
    _foreign(
        r"function_handle",
        "a function handle, without its numbers",
        "save the network that it calls: save('net.mat', 'net')",
    ),
)
EXPORT = "in MATLAB: nngrad_export(net, 'net.h5'), which `nngrad export-script` prints; or save('net.mat', 'net') of the network itself"


def nothing(tree: Tree) -> str:
    """Why there is no network in a file, what there is, and what to do."""
    kinds = [f"{one_line(name):.{MOST_NAME}} ({described(value)})" for name, value in tree.variables.items()]
    return (
        f"no network found; the file ({tree.container}) holds {listed(kinds, MOST_NAMED) or 'nothing'}; {_advice(tree)}"
    )


def described(value: Any) -> str:
    """Class and size in a few words."""
    match value:
        case MatlabObject(classname=name):
            found = _of_class(name)
            return (
                f"{name:.{MOST_NAME}}: {found.what}"
                if found
                else f"an object of class {one_line(name):.{2 * MOST_NAME}}"
            )
        case Undecoded(classname=name, reason=reason):
            found = _of_class(name)
            return (
                f"{name:.{MOST_NAME}}: {found.what}"
                if found
                else f"{one_line(name):.{MOST_NAME}}, not decoded: {reason}"
            )
        case FunctionHandle():
            return "a function handle"
        case np.ndarray() if value.dtype != object:
            return f"{'x'.join(map(str, value.shape)) or 'one'} numbers"
        case np.ndarray():
            return f"{'x'.join(map(str, value.shape))} cell"
        case dict():
            word = "group" if isinstance(value, Group) else "struct"
            return (
                f"{word} with {listed([f'{one_line(n):.{MOST_NAME}}' for n in value], MOST_NAMED)}"
                if value
                else f"empty {word}"
            )
        case str() | list():
            return "text"
    return type(value).__name__


def is_own(element: MatlabObject) -> bool:
    """Whether an object is of somebody's own class: in no package, and none that is known."""
    return "." not in element.classname and _of_class(element.classname) is None


def _of_class(name: str) -> ForeignClass | None:
    return next((f for f in FOREIGN if f.classname.fullmatch(name)), None)


def _advice(tree: Tree) -> str:
    """The one step that fits what the file holds."""
    if not tree.variables:
        return "save the network into it: save('net.mat', 'net')"
    objects = list(_objects(tree))
    for path, element in objects:
        found = _of_class(element.classname)
        if found:
            return f"{path} is {found.what}: {found.advice}" if path not in tree.variables else found.advice
    if objects:
        path, element = objects[0]
        reason = f" ({element.reason})" if isinstance(element, Undecoded) else ""
        return f"{path} is {one_line(element.classname):.60}, which isn't understood{reason}: {EXPORT}"
    return _advice_on_numbers(tree)


def _objects(tree: Tree) -> Iterator[tuple[str, MatlabObject | Undecoded]]:
    """The objects of a file, the outermost first; those inside another one stand for nothing."""
    for number, element in enumerate(tree.walk.elements[:MOST_LOOKED_AT]):
        if isinstance(element, MatlabObject | Undecoded):
            yield one_line(tree.walk.path(number, 0).removeprefix(".")), element


def is_data(name: str, value: Any) -> bool:
    """Whether a variable is what a network was trained on, or text: nothing that x or y could be normalised with."""
    if isinstance(value, str | list):
        return True
    if not isinstance(value, np.ndarray) or value.dtype == object or max(value.shape, default=1) < FEWEST_SAMPLES:
        return False
    narrow = min(value.shape) * 2 <= max(value.shape)
    return narrow and (min(value.shape) > 1 or DATA_NAME.fullmatch(name) is not None)


def _advice_on_numbers(tree: Tree) -> str:
    arrays = [
        e for e in tree.walk.elements[:MOST_LOOKED_AT] if isinstance(e, np.ndarray) and e.dtype != object and e.size > 1
    ]
    if not arrays:
        return "save the network itself into a file: save('net.mat', 'net')"
    if tree.container == "HDF5" and any(isinstance(v, Group) for v in tree.variables.values()):
        return "of Keras write the whole model, model.save('model.keras'); plain weights: name them W1, b1, W2, b2, ..."
    sizes = [max(a.shape, default=1) for a in arrays]
    many = sum(size >= FEWEST_SAMPLES for size in sizes)
    named = sum(DATA_NAME.fullmatch(name) is not None for name in tree.variables)
    matrices = sum(a.ndim > 1 and min(a.shape) > 1 for a in arrays)
    if (
        not matrices
        or 2 * named > len(tree.variables)
        or (max(sizes.count(s) for s in sizes) * 2 >= len(sizes) and many * 2 > len(sizes))
    ):
        return f"this looks like data: {DATA}"
    return "if these are weights, name them W1, b1, W2, b2, ... and say --activation; if they are data, name the file with -i"
