"""How a derivative behaves."""

from enum import Enum


class Slope(Enum):
    """Of an activation, a layer kind, a network."""

    LINEAR = "linear"  # the same everywhere
    SMOOTH = "smooth"
    PIECEWISE = "piecewise"  # smooth between kinks
    ZERO = "zero"  # wherever it exists

    @property
    def kinked(self) -> bool:
        """Whether there are points at which it jumps, or does not exist."""
        return self in (Slope.PIECEWISE, Slope.ZERO)
