"""What a user may have to tell because the file does not: the one rule is that nothing of it is ever guessed."""

from __future__ import annotations

from typing import NamedTuple


class Hints(NamedTuple):
    """`activation`: one name for each layer; `weights`: "out-by-in" or "in-by-out". A dialect lists those it takes in HINTS."""

    activation: tuple[str, ...] | None = None
    weights: str | None = None


NO_HINTS = Hints()
