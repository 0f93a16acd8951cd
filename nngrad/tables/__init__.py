"""Rows in and rows out, one file per format, block by block; nothing here knows networks.

Rows are samples. A reader gives float64 blocks (rows, n); a writer takes float64 blocks (rows, columns) or (rows, m, n).
Reading and writing happen in order in the calling thread; `parse` and `format` may run in any thread, several at a time.

    with tables.reader("x.csv", size=net.input_size, columns=net.input_names) as rows, tables.writer("J.csv") as out:
        out.begin(names, shape=(m, n), rows=rows.count)

        def work(chunk):
            block = rows.parse(chunk)                                  # block.x (rows, n), block.kept: passed-through columns or ()
            return out.format(net.jacobian(block.x), block.kept)

        for piece in blocks.ordered(rows.chunks(), work, threads):
            out.write(piece)

Leaving the writer without an exception puts the file in place; any exception (Ctrl-C too) leaves no file, and an older one untouched.

reader(source, fmt=None, *, size=None, columns=None, keep=(), max_rows=None, header=None, delimiter=None, samples=None, by=None)
    source      a path, `path:name` for npz, mat, h5 (the array inside; a file that exists under the whole name comes first), or "-"
    fmt         one of FORMATS; otherwise the suffix decides, and for "-", pipes and devices the first bytes do (npy, ndjson, else csv)
    size        number of columns that the network takes (None: all of them)
    columns     their names. Matched by name if the file names its columns and has them all (any order, surplus is ignored and noted);
                by order if the file has no names or `columns` are only x1, x2, ...; then the count must be equal
    by          "name" or "order" forces one of the two
    keep        names of columns that are passed through verbatim as text (csv, tsv, ndjson, parquet)
    max_rows    upper bound of rows in a chunk (about that many in csv): for networks with very large Jacobians
    header, delimiter      csv, tsv: True/False (None: a first row that is not all numbers); one character, or "blanks" (None: sniffed)
    samples     npy, npz, mat, h5: "rows" or "columns" says where the samples stand (None: rows; mat: found out against `size`)
  attributes    names (of the n columns in the order of the block, as in the file; None if it has no names), keep (names),
                count (rows, if known beforehand, else None), notes (tuple of sentences worth showing), progress (0..1 or None)
  raises        DataError: file, line, column, what was found. UsageError: unknown format, an option that the format doesn't have

writer(target, fmt=None, *, digits=None, header=None, delimiter=None, name="J")
    target      a path, `path:name` for npz, mat, h5, or "-" (csv, tsv, npy, ndjson). Pipes and devices are written straight through
    fmt         otherwise the suffix decides; "-" is csv
    digits      csv, tsv, ndjson: significant digits (None: the shortest text that gives the same number back)
    name        npz, mat, h5: the variable, where the target doesn't say `path:name`
  begin(columns, shape=None, *, keep=(), rows=None)
                `shape` is that of one row, e.g. (m, n): npy, npz, mat and h5 store (rows, *shape), the others (rows, columns);
                `keep` names the passed-through columns, which come first; `rows` may be given when it is known
  raises        UsageError: no such folder, kept columns in a format of numbers only. OSError (disk full, closed pipe) passes out

A format of arrays stores rows as samples, in MATLAB files too: y is (rows, m), J is (rows, m, n).
"""
