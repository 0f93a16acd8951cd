"""Activations by any of their names, as files and users spell them: tanh, ReLU, softmax, leaky_relu(0.2)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from nngrad.core.activations import BY_NAME, Activation
from nngrad.core.layers import Compet, Elementwise, Softmax
from nngrad.errors import ModelError, listed

SPECIAL: dict[str, Callable[[], list[Any]]] = {
    "softmax": lambda: [Softmax()],
    "compet": lambda: [Compet()],
    "radbasn": lambda: [Elementwise(BY_NAME["negsquare"]), Softmax()],
}
WITH_NUMBER = re.compile(r"(\w+)\(([^()]{1,40})\)")


def is_activation(name: str) -> bool:
    plain = WITH_NUMBER.fullmatch(name.strip())
    return (plain[1] if plain else name.strip()).lower() in (*BY_NAME, *SPECIAL)


def activation_layers(name: str, params: dict[str, Any] | None = None) -> list[Any]:
    """The layers of an activation by any of its names, such as tanh, softmax, leaky_relu(0.2); none for purelin."""
    match = WITH_NUMBER.fullmatch(name.strip())
    key = (match[1] if match else name.strip()).lower()
    if key not in (*BY_NAME, *SPECIAL):
        raise ModelError(f"activation {_shortened(name)!r} is not supported; {near_activations(key)}")
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


def near_activations(name: str) -> str:
    near = difflib.get_close_matches(name, (*BY_NAME, *SPECIAL), 3)
    return f"supported are {listed((*BY_NAME, *SPECIAL), 12)}{f'; did you mean {near[0]}?' if near else ''}"


def _has_params(name: str, given: dict[str, Any], known: set[str], numbered: bool) -> None:
    surplus = sorted(set(given) - known) or (["a number"] if numbered else [])
    if surplus:
        raise ModelError(f"activation {name!r} takes the parameters {sorted(known)}, not {_shortened(surplus[0])}")


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


def _shortened(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:57]}..."
