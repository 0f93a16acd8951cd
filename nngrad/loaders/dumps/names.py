"""What people call weights and biases, and what a name tells: the role, the layer, the place in the order."""

from __future__ import annotations

import re
from typing import Any

from nngrad.loaders.dumps.forms import plain

WEIGHTS = frozenset({"w", "wt", "wts", "weight", "weights", "kernel", "kernels", "layerweights", "theta", "coefs"})
BIASES = frozenset({"b", "bias", "biases", "layerbiases", "intercepts"})
FIRST = frozenset({"in", "input", "first", "enc", "encoder", "ih"})
LAST = frozenset({"o", "out", "output", "final", "last", "head", "classifier", "dec", "decoder", "ho"})
ROLES = "|".join(sorted(WEIGHTS | BIASES | {"iw", "lw"}, key=len, reverse=True))
ROLE_FIRST = re.compile(rf"(?:(.+)[._/])?({ROLES})(?:[._/]?(\d+(?:_\d+)?|out|output)|[._/](\w+))", re.IGNORECASE)
ROLE_LAST = re.compile(rf"(.+?)[._/]({ROLES})", re.IGNORECASE)
AT_THE_END = 2  # what place_of says of a name such as `output`


def field_called(fields: dict[str, Any], names: frozenset[str]) -> str | None:
    """The name of the one field that is called one of these."""
    return next((name for name in fields if plain(name) in names), None)


def in_sequence(keys: list[str]) -> bool:
    """Whether these are numbers one after the other."""
    numbers = [int(k) for k in keys if k.isdigit()]
    return len(numbers) == len(keys) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def parsed(name: str) -> tuple[str, str, str] | None:
    """(prefix, role, layer) of a name: ("actor", "W", "1") of actor_W1; None for one that is no weight or bias."""
    if name.lower() in WEIGHTS | BIASES:
        return "", role_of(name), ""
    first = ROLE_FIRST.fullmatch(name)
    if first:
        key = first[3] or first[4]
        to, _, source = key.partition("_")
        if first[2].lower() in ("iw", "lw") and source in ("", "1" if to == "1" else str(int(to) - 1)):
            key = to
        return (first[1] or "").lower(), role_of(first[2]), key.lower()
    last = ROLE_LAST.fullmatch(name)
    if not last:
        return None
    # 0.weight, 2.weight: modules of PyTorch, whose numbers have gaps where activations stand
    return "", role_of(last[2]), f"module {last[1]}" if last[1].isdigit() else last[1].lower()


def role_of(text: str) -> str:
    """W, b or theta (a matrix with the bias in its first column)."""
    role = text.lower()
    return "b" if role in BIASES else "theta" if role == "theta" else "W"


def order_of(name: str) -> tuple[Any, ...]:
    """By number; a name such as `output` comes last, `input` first."""
    parts = re.findall(r"\d+|[a-z]+", name.lower())
    return place_of(name), tuple((int(p), "") if p.isdigit() else (-1, p) for p in parts if len(p) < 20)


def place_of(name: str) -> int:
    """0 for names such as `input`, AT_THE_END for names such as `output`, 1 for all others."""
    words = {word.removesuffix("layer") for word in re.findall(r"[a-z]+", name.lower())}
    return AT_THE_END if words & LAST else 0 if words & FIRST else 1
