"""Rows in and rows out, block by block: what opens a table of any format; nothing here knows networks.

Rows are samples. A reader gives float64 blocks (rows, n); a writer takes float64 blocks (rows, columns) or (rows, m,
n). Reading and writing happen in order in the calling thread; `parse` and `format` may run in any thread, several at a
time.

    with tables.reader("x.csv", size=net.input_size, columns=net.input_names) as rows, tables.writer("J.csv") as out:
        out.begin(names, shape=(m, n), rows=rows.count)

        def work(chunk):
            block = rows.parse(chunk)                                  # block.x (rows, n), block.kept: passed-through columns or ()
            return out.format(net.jacobian(block.x), block.kept)

        for piece in blocks.ordered(rows.chunks(), work, threads):
            out.write(piece)

Leaving the writer without an exception puts the file in place; any exception (Ctrl-C too) leaves no file, and an older
one untouched.

reader(source, fmt=None, *, size=None, columns=None, aliases=(), keep=(), choose=None, by=None, max_rows=None,
advice=COMMAND, header=None,
       delimiter=None, decimal=None, skip=None, units=None, comment=None, encoding=None, samples=None)
    source      a path, `path:name` for npz, mat, h5, xlsx (the array or sheet inside; a file that exists under the whole name comes first),
                or "-"
    fmt         the name of one of READERS; otherwise the suffix decides, and for "-", pipes and devices the first bytes do (npy, ndjson,
                else csv); .gz may follow the suffix of csv, tsv, ndjson and npy
    size        number of columns that the network takes (None: all of them)
    columns     their names, matched with those of the table as in nngrad.matching: by name, by number, or in order where that is said
    aliases     other names of theirs, one each ("" for none)
    choose      the columns of the table to take, by name or number from 1 (a range 2-5 too); the rule applies to what is chosen.
                npz, mat, h5: or the names of arrays that hold one column each
    by          "name" or "order" forces one of the two
    keep        names of columns that are passed through verbatim as text (csv, tsv, ndjson, parquet)
    advice      what a refusal of the columns tells the user to do
    max_rows    upper bound of rows in a chunk (about that many in csv): for networks with very large Jacobians
    header      csv, tsv, xlsx: True/False (None: nngrad.tables.headings says what is done, and when the user is asked)
    delimiter   csv, tsv: one character, or "blanks" (None: a first line `sep=;` tells it, or it is found out)
    decimal     csv, tsv: "." or ",", the decimal mark (None: the point; numbers with a comma are refused)
    skip        csv, tsv, xlsx: lines to leave out before the table
    units       csv, tsv, xlsx: True leaves out the lines below the header that hold text where numbers are wanted; they are noted
    comment     csv, tsv: a mark such as "#"; lines that begin with it are left out, but where just one of those before a table without
                header has as many cells as the first row, and names in them, these are the columns' names. Without the
                option, comments (# and %) may stand before the table only; one that has as many cells as the first row,
                and names in them, is the header, and the others are noted
    encoding    csv, tsv: as Python names it, such as "cp1252" (None: UTF-8; a byte order mark tells UTF-16 and UTF-32)
    samples     "rows" or "columns" says where the samples stand (None: rows; mat: found out against `size`). A text table, a sheet or a
                frame of which the samples stand in columns may have its names in the first column, and is held in
                memory
  attributes    names (of the n columns in the order of the block, as in the file; None if it has no names), keep (names),
                count (rows, if known beforehand, else None), notes (tuple of sentences worth showing), progress (0..1
                or None)
  raises        DataError: file, line, column, what was found. UsageError: unknown format, an option that the format doesn't have

writer(target, fmt=None, *, digits=None, header=None, delimiter=None, name="J")
    target      a path, `path:name` for npz, mat, h5, or "-" (csv, tsv, npy, ndjson). Pipes and devices are written straight through
    fmt         otherwise the suffix decides; "-", and a pipe or device without one, is csv; .gz may follow that of csv, tsv and ndjson
    digits      csv, tsv, ndjson: significant digits (None: the shortest text that gives the same number back)
    name        npz, mat, h5: the variable, where the target doesn't say `path:name`
  begin(columns, shape=None, *, keep=(), rows=None)
                `shape` is that of one row, e.g. (m, n): npy, npz, mat and h5 store (rows, *shape), the others (rows,
                columns); `keep` names the passed-through columns, which come first; `rows` may be given when it is
                known
  raises        UsageError: no such folder, kept columns in a format of numbers only. OSError (disk full, closed pipe) passes out

A format of arrays stores rows as samples, in MATLAB files too: y is (rows, m), J is (rows, m, n).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nngrad.errors import DataError, UsageError, listed
from nngrad.tables.formats import ARRAYS, LINES, MATCHING, READ_ONLY, READERS, WRITERS, Format, Way
from nngrad.tables.locations import Location, place

if TYPE_CHECKING:
    from nngrad.matching import Advice
    from nngrad.tables.common import RowReader, RowWriter
    from nngrad.tables.streams import Stream

__all__ = [
    "ARRAYS",
    "LINES",
    "MATCHING",
    "READERS",
    "READ_ONLY",
    "WRITERS",
    "Format",
    "Location",
    "check_source",
    "place",
    "reader",
    "understood",
    "writer",
]


def reader(
    source: str | os.PathLike[str],
    fmt: str | None = None,
    *,
    size: int | None = None,
    columns: Sequence[str] | None = None,
    aliases: Sequence[str] = (),
    keep: Sequence[str] = (),
    choose: Sequence[str] | None = None,
    by: str | None = None,
    max_rows: int | None = None,
    advice: Advice | None = None,
    **options: Any,
) -> RowReader:
    """Open a table for reading: see the module's text."""
    from nngrad.matching import COMMAND, Wanted

    where = place(source)
    if os.path.isdir(where.path):
        pattern = os.path.join(where.path, "*.csv")
        raise DataError(f"{where.path}: is a folder; name the files in it with a pattern in quotes: -i '{pattern}'")
    if by not in (None, "name", "order"):
        raise UsageError(f"by {by!r}: name and order are possible")
    wanted = Wanted(
        size,
        None if columns is None else tuple(columns),
        tuple(keep),
        by,
        max_rows,
        None if choose is None else tuple(choose),
        tuple(aliases),
        advice or COMMAND,
    )
    if where.is_stream and fmt is None:
        from nngrad.tables.streams import stream_of

        stream = stream_of(where)
        where, fmt = where._replace(opened=stream), _sniffed(stream)
    opened: RowReader = _to_read(where, fmt, options).load()(where, wanted, **_given(options))
    return opened


def check_source(source: str | os.PathLike[str], fmt: str | None = None, **options: Any) -> None:
    """UsageError where reader() would raise one for the suffix and the options; nothing is opened."""
    where = place(source)
    if fmt is not None or not where.is_stream:
        _to_read(where, fmt, {name: value for name, value in options.items() if name not in MATCHING})


def understood(source: str | os.PathLike[str], fmt: str | None = None, **options: Any) -> dict[str, Any]:
    """Those options of reader() that mean something for a source other than the one that they were given for."""
    where = place(source)
    known = next((f.reads.options for f in READERS if (f.name == fmt if fmt else f.fits(where))), None)
    return {name: value for name, value in options.items() if known is None or name in (*known, *MATCHING)}


def writer(
    target: str | os.PathLike[str], fmt: str | None = None, *, name: str | None = None, **options: Any
) -> RowWriter:
    """Open a table for writing: see the module's text."""
    where = place(target)
    if where.is_stream and not any(f.fits(where) for f in WRITERS):
        fmt = fmt or "csv"
    found = _chosen({f: f.writes for f in WRITERS if f.writes}, "--format", where, fmt, options)
    if "name" in found.options:
        options["name"] = name
    opened: RowWriter = found.load()(where, **_given(options))
    return opened


def _to_read(where: Location, fmt: str | None, options: dict[str, Any]) -> Way:
    return _chosen({f: f.reads for f in READERS}, "--input-format", where, fmt, options)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _chosen(ways: dict[Format, Way], option: str, where: Location, fmt: str | None, options: dict[str, Any]) -> Way:
    """How a table is opened, in the format that is named or that its suffix tells. UsageError where that can't be."""
    fitting = [f for f in ways if (f.name == fmt.lower() if fmt else f.fits(where))]
    known = [f.name for f in ways]
    if not fitting and fmt:
        raise UsageError(f"format {fmt!r}: {listed(known, 20)} are possible")
    if not fitting:
        one = f"name it with {option}, one of {listed(known, 20)}"
        raise UsageError(f"{where.path}: its suffix doesn't tell the format; {one}")
    name, way = fitting[0].name, ways[fitting[0]]
    unknown = [key for key in _given(options) if key not in way.options]
    if unknown:
        raise UsageError(f"{where.path}: {listed(unknown)} means nothing for {name}; leave it out")
    if where.is_stream and not way.streams:
        can = listed([f.name for f, other in ways.items() if other.streams])
        raise UsageError(f"{where.path}: {name} can't go through a pipe; {can} can")
    if where.gz and not way.gz:
        can = listed([f.name for f, other in ways.items() if other.gz])
        raise UsageError(f"{where.path}: {name} can't be compressed as .gz; {can} can")
    return way


def _sniffed(stream: Stream) -> str:
    """The format that the first bytes tell."""
    start = stream.peek(9).removeprefix(b"\xef\xbb\xbf")
    if start.lstrip()[:1] == b"{":
        return "ndjson"
    return next((f.name for f in READERS if f.reads.streams and start.startswith(f.begins)), "csv")
