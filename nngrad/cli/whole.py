"""Tables that are wanted as a whole, for commands that look rather than convert. The one rule: nothing is written here."""

from __future__ import annotations

from typing import Any

import numpy as np

from nngrad import tables


def read(source: str, **options: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """(all rows of a table, what is worth saying about it); options as nngrad.tables.reader takes them."""
    with tables.reader(source, **options) as rows:
        blocks = [rows.parse(chunk).x for chunk in rows.chunks()]
        return (np.concatenate(blocks) if blocks else np.empty((0, options.get("size") or 0))), rows.notes
