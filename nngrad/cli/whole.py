"""Tables that are wanted as a whole, for commands that look rather than convert. The one rule: nothing is written here."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad import tables
from nngrad.cli.options import Reading
from nngrad.core.network import Network
from nngrad.tables.matching import COMMAND

OF_OUTPUTS = COMMAND._replace(part="--expect-columns NAMES --by order takes those", choose="choose with --expect-columns")
Read = tuple[np.ndarray, tuple[str, ...]]


def read(source: str, **options: Any) -> Read:
    """(all rows of a table, what is worth saying about it); options as nngrad.tables.reader takes them."""
    with tables.reader(source, **options) as rows:
        blocks = [rows.parse(chunk).x for chunk in rows.chunks()]
        return (np.concatenate(blocks) if blocks else np.empty((0, options.get("size") or 0))), rows.notes


def inputs(net: Network, source: str, reading: Reading) -> Read:
    """The rows of a table of inputs."""
    return read(source, size=net.input_size, columns=net.input_names, aliases=net.input_aliases, **reading)


def outputs(net: Network, source: str, reading: Reading) -> Read:
    """The rows of a table of outputs."""
    return read(source, size=net.output_size, columns=net.output_names, aliases=net.output_aliases, hints=OF_OUTPUTS, **reading)
