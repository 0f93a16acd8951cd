"""Arrow's own files, also called Feather (version 2) and IPC, through polars: row batches are streamed."""

from __future__ import annotations

from nngrad.errors import DataError
from nngrad.matching import Wanted
from nngrad.tables.common import RowReader, polars
from nngrad.tables.locations import Location
from nngrad.tables.parquet import scanned
from nngrad.tables.streams import open_input

OTHERS = (  # how files begin that bear the suffix all the same
    (b"FEA1", "is Feather of version 1; write version 2, which is Arrow's file format"),
    (b"\xff\xff\xff\xff", "is a stream of Arrow and not a file of it; write it with an Arrow file writer"),
)


def read_arrow(place: Location, wanted: Wanted, samples: str | None = None) -> RowReader:
    """Rows of an Arrow file."""
    where = place.path
    with open_input(where) as file:
        start = file.read(8)
    if start[:6] != b"ARROW1":
        raise DataError(
            f"{where}: {next((words for magic, words in OTHERS if start.startswith(magic)), 'is not an Arrow file')}"
        )
    return scanned(where, "Arrow", polars().scan_ipc, wanted, samples)
