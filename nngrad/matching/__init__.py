"""Columns of tables matched to the inputs and outputs of networks: by name, by near spelling, by
number, or in order.
"""

from __future__ import annotations

from nngrad.matching.columns import match
from nngrad.matching.refusals import counted
from nngrad.matching.wanted import COMMAND, NUMBERED, PYTHON, Advice, Match, Wanted

__all__ = ["COMMAND", "NUMBERED", "PYTHON", "Advice", "Match", "Wanted", "counted", "match"]
