"""The formats of tables, an entry each: what opens a file, what tells it, and the options that it understands.

Adding a format is a module beside this one and an entry in FORMATS: the command line, its help and its messages read it
from here. A module is imported when a file of its format is opened, so nothing here needs a numerical library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nngrad.tables.locations import Location


class Way(NamedTuple):
    """How a format is read, or how it is written.

    `opens` is module.function, called with the Location, with the Wanted columns where it is read, and with those
    options that were given.
    """

    opens: str
    options: tuple[str, ...] = ()
    streams: bool = True  # whether it can come from a pipe, or go into one
    gz: bool = True  # whether .gz may follow the suffix

    def load(self) -> Any:
        """The function, or the class, that opens a file."""
        module, name = self.opens.split(".")
        return getattr(import_module(f"nngrad.tables.{module}"), name)


class Format(NamedTuple):
    """A format of tables; `writes` is None where it is only read."""

    name: str
    suffixes: tuple[str, ...]
    reads: Way
    writes: Way | None
    lines: bool = True  # whether it holds lines in which there may be text, and not arrays of numbers
    several: bool = False  # whether a file holds several tables, of which `file:name` chooses one
    begins: tuple[bytes, ...] = ()  # how its files begin and no text does
    what: str = ""  # what messages call a file that begins so

    def fits(self, where: Location) -> bool:
        """Whether the suffix tells this format."""
        return where.path.lower().removesuffix(".gz").endswith(self.suffixes)


TEXT = ("header", "delimiter", "decimal", "skip", "units", "comment", "encoding", "samples")
AS_TEXT = ("header", "delimiter", "digits")
ARRAY = ("samples",)
SHEET = ("header", "skip", "units", "samples")
MATCHING = ("by", "choose")  # options of tables.reader() that are the same for every format

FORMATS = (
    Format(
        "csv",
        (".csv", ".txt", ".dat"),
        Way("delimited.read_csv", TEXT),
        Way("delimited_out.write_csv", AS_TEXT),
    ),
    Format(
        "tsv",
        (".tsv", ".tab"),
        Way("delimited.read_tsv", TEXT),
        Way("delimited_out.write_tsv", AS_TEXT),
    ),
    Format(
        "npy",
        (".npy",),
        Way("npy.read_npy", ARRAY),
        Way("npy.NpyWriter", gz=False),
        lines=False,
        begins=(b"\x93NUMPY",),
        what="a NumPy array",
    ),
    Format(
        "npz",
        (".npz",),
        Way("npy.read_npz", ARRAY, streams=False, gz=False),
        Way("npy.NpzWriter", ("name",), streams=False, gz=False),
        lines=False,
        several=True,
    ),
    Format(
        "parquet",
        (".parquet", ".pq"),
        Way("parquet.read_parquet", ARRAY, streams=False, gz=False),
        Way("parquet.ParquetWriter", streams=False, gz=False),
        begins=(b"PAR1\x15",),
        what="a Parquet file",
    ),
    Format(
        "arrow",
        (".arrow", ".feather", ".ipc"),
        Way("arrow.read_arrow", ARRAY, streams=False, gz=False),
        None,
        begins=(b"ARROW1\0",),
        what="an Arrow file",
    ),
    Format(
        "xlsx",
        (".xlsx", ".xlsm"),
        Way("excel.read_xlsx", SHEET, streams=False, gz=False),
        None,
        several=True,
    ),
    Format(
        "mat",
        (".mat",),
        Way("matlab.read_mat", ARRAY, streams=False, gz=False),
        Way("matlab.MatWriter", ("name",), streams=False, gz=False),
        lines=False,
        several=True,
        begins=(b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"),
        what="a MATLAB file",
    ),
    Format(
        "h5",
        (".h5", ".hdf5"),
        Way("hdf5.read_h5", ARRAY, streams=False, gz=False),
        Way("hdf5.Hdf5Writer", ("name",), streams=False, gz=False),
        lines=False,
        several=True,
        begins=(b"\x89HDF",),
        what="an HDF5 file",
    ),
    Format(
        "ndjson",
        (".ndjson", ".jsonl"),
        Way("ndjson.read_ndjson", ARRAY),
        Way("ndjson.NdjsonWriter", ("digits",)),
    ),
)

READERS = FORMATS
WRITERS = tuple(f for f in FORMATS if f.writes is not None)
STREAMS_FIRST = sorted(FORMATS, key=lambda f: not f.reads.streams)  # the order in which help and messages list them
LINES = tuple(f.name for f in STREAMS_FIRST if f.writes and f.lines)
ARRAYS = tuple(f.name for f in STREAMS_FIRST if f.writes and not f.lines)
READ_ONLY = tuple(f.name for f in STREAMS_FIRST if not f.writes)
