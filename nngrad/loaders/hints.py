"""What a user may have to tell because the file does not; nothing of it is ever guessed."""

from __future__ import annotations

from typing import Any, NamedTuple


class Hints(NamedTuple):
    """`activation`: one name for each layer; `weights`: "out-by-in" or "in-by-out": a dialect lists those it takes in
    HINTS. `input_scaling`, `output_scaling`: what was done to x and y outside of the network (scaling.py), whatever the
    dialect.
    """

    activation: tuple[str, ...] | None = None
    weights: str | None = None
    input_scaling: Any = None
    output_scaling: Any = None

    @property
    def of_dialect(self) -> dict[str, Any]:
        """What the reader of one dialect is told."""
        return {"activation": self.activation, "weights": self.weights}


NO_HINTS = Hints()
