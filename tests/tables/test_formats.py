"""Every format there and back, and what each refuses."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest
from scipy.io import loadmat, savemat

from nngrad import tables
from nngrad.core import blocks
from nngrad.errors import DataError, UsageError
from nngrad.tables import common, hdf5, matlab, npy

NAMES = ["a", "b", "c", "d", "e", "f"]
TARGETS = [
    "t.csv",
    "t.tsv",
    "t.csv.gz",
    "t.npy",
    "t.npz",
    "t.npz:key",
    "t.parquet",
    "t.mat",
    "t.mat:V",
    "t.h5",
    "t.h5:g/d",
    "t.ndjson",
    "t.ndjson.gz",
]
ARRAYS = [target for target in TARGETS if target.split(":")[0].endswith(("npy", "npz", "mat", "h5"))]
NUMBERS = np.random.default_rng(0).normal(size=(4001, 6)) * 10.0 ** np.random.default_rng(1).integers(
    -300, 300, size=(4001, 6)
)
NUMBERS[3, 2], NUMBERS[4, 1], NUMBERS[5, 0], NUMBERS[6, 0] = math.nan, math.inf, -math.inf, -0.0

SMALL = np.random.default_rng(2).normal(size=(30, 6))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(common, "CHUNK_BYTES", 1 << 13)
    yield tmp_path
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def save(
    target: str, table: np.ndarray, shape: tuple[int, ...] | None = None, step: int = 700, **options: object
) -> None:
    width = math.prod(table.shape[1:])
    with tables.writer(target, **options) as out:
        out.begin([f"c{i}" for i in range(width)] if width != 6 else NAMES, shape)
        for start in range(0, len(table), step):
            out.write(out.format(table[start : start + step]))


def load(source: str, size: int | None = None, **options: object) -> np.ndarray:
    with tables.reader(source, size=size, **options) as rows:
        parts = [rows.parse(chunk).x for chunk in rows.chunks()]
        assert rows.progress == 1.0
        assert rows.count in (None, sum(map(len, parts)))
    assert all(part.dtype == np.float64 and part.flags.c_contiguous for part in parts)
    return np.concatenate(parts) if parts else np.empty((0, size or 0))


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(((a.view(np.uint64) == b.view(np.uint64)) | (np.isnan(a) & np.isnan(b))).all())


def test_every_format_is_tried() -> None:
    tried = {
        f.name
        for f in tables.WRITERS
        for target in TARGETS
        if target.split(":")[0].removesuffix(".gz").endswith(f.suffixes)
    }
    assert tried == {f.name for f in tables.WRITERS} == {f.name for f in tables.READERS} - {"arrow", "xlsx"}


@pytest.mark.parametrize("target", TARGETS)
def test_there_and_back_bit_for_bit(target: str) -> None:
    save(target, NUMBERS)
    assert same_bits(load(target, 6), NUMBERS)
    with tables.reader(target, size=6) as rows:
        assert rows.names == (None if ".np" in target else tuple(NAMES))


@pytest.mark.parametrize("target", TARGETS)
def test_no_rows_there_and_back(target: str) -> None:
    if target.startswith("t.ndjson"):
        pytest.skip("no line, no names")
    save(target, NUMBERS[:0])
    assert load(target, 6).shape == (0, 6)


@pytest.mark.parametrize("target", TARGETS)
def test_same_bytes_for_every_number_of_threads(target: str) -> None:
    np.save("x.npy", NUMBERS)
    found = set()
    for threads in (1, 2, 3):
        with tables.reader("x.npy", size=6) as rows, tables.writer(target) as out:
            out.begin(NAMES, rows=rows.count)
            for piece in blocks.ordered(
                rows.chunks(), lambda chunk, r=rows, o=out: o.format(r.parse(chunk).x), threads
            ):
                out.write(piece)
        found.add(Path(target.split(":")[0]).read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize("target", ARRAYS)
def test_arrays_keep_the_shape_of_a_row(target: str) -> None:
    J = NUMBERS[:50].reshape(50, 2, 3)
    save(target, J, (2, 3))
    path, _, name = target.partition(":")
    if path.endswith("npy"):
        found = np.load(path)
    elif path.endswith("npz"):
        found = np.load(path)[name or "J"]
    elif path.endswith("mat"):
        found = loadmat(path)[name or "J"]
        assert [str(c[0]) for c in loadmat(path)[f"{name or 'J'}_columns"][0]] == NAMES
    else:
        with h5py.File(path) as file:
            found = file[name or "J"][:]
            assert list(file[name or "J"].attrs["columns"]) == NAMES
    np.testing.assert_array_equal(found, J)


@pytest.mark.parametrize("target", [t for t in TARGETS if t not in ARRAYS])
def test_tables_flatten_a_row(target: str) -> None:
    save(target, NUMBERS[:50].reshape(50, 2, 3), (2, 3))
    assert same_bits(load(target, 6), NUMBERS[:50])


@pytest.mark.parametrize("target", ["t.csv", "t.tsv", "t.parquet", "t.ndjson"])
def test_kept_text_goes_first(target: str) -> None:
    kept = (["007", 'a "b"', None], ["x,y", "é", "1.50"])
    with tables.writer(target) as out:
        out.begin(["y"], keep=["id", "note"])
        out.write(out.format(np.array([[1.0], [np.nan], [np.inf]]), kept))
    with tables.reader(target, size=1, columns=["y"], keep=["note", "id"]) as rows:
        block = rows.parse(next(iter(rows.chunks())))
        assert rows.notes == ()
    np.testing.assert_array_equal(block.x, [[1.0], [np.nan], [np.inf]])
    assert [[text or "" for text in column] for column in block.kept] == [["x,y", "é", "1.50"], ["007", 'a "b"', ""]]


@pytest.mark.parametrize("target", ARRAYS)
def test_formats_of_numbers_refuse_kept_text(target: str) -> None:
    with (
        pytest.raises(UsageError, match=r"holds numbers only, so id can't be passed through"),
        tables.writer(target) as out,
    ):
        out.begin(["y"], keep=["id"])
    assert os.listdir() == []


@pytest.mark.parametrize("target", ["t.parquet", "t.ndjson"])
def test_keys_have_to_be_distinct(target: str) -> None:
    with (
        pytest.raises(UsageError, match=r"needs distinct column names, and y occurs more than once"),
        tables.writer(target) as out,
    ):
        out.begin(["y", "z", "y"])
    assert os.listdir() == []


@pytest.mark.parametrize("source", ["t.csv", "t.npy", "t.npz", "t.parquet", "t.mat", "t.h5", "t.ndjson"])
def test_missing_and_damaged_files_are_data_errors(source: str) -> None:
    with pytest.raises(DataError, match=source):
        load(source, 6)
    save(source, NUMBERS)
    whole = Path(source).read_bytes()
    for damaged in (
        b"",
        b"\0" * 100,
        whole[: len(whole) // 2] if source not in ("t.csv", "t.ndjson") else b"\xff" + whole,
        b"\x93NUMPY" + whole if source != "t.npz" else whole.replace(b"<f8", b"<f4"),
    ):
        Path(source).write_bytes(damaged)
        with pytest.raises(DataError, match=source):
            load(source, 6)


# which file and which format


def test_the_suffix_decides_and_fmt_overrides() -> None:
    save("t.txt", NUMBERS)
    assert Path("t.txt").read_bytes().startswith(b"a,b,")
    save("t.data", NUMBERS, fmt="tsv")
    assert same_bits(load("t.data", fmt="TSV"), NUMBERS)
    save("T.NPY", NUMBERS)
    assert np.load("T.NPY").shape == NUMBERS.shape
    with pytest.raises(
        UsageError,
        match=r"t.data: its suffix doesn't tell the format; name it with --input-format, one of csv, .*, ndjson",
    ):
        load("t.data")
    with pytest.raises(UsageError, match=r"format 'xlsx': csv, tsv"):
        tables.writer("t.csv", "xlsx")
    with pytest.raises(UsageError, match=r"t.npy: digits means nothing for npy"):
        tables.writer("t.npy", digits=3)
    with pytest.raises(UsageError, match=r"t.npy: decimal means nothing for npy"):
        tables.reader("t.npy", decimal=",")
    with pytest.raises(UsageError, match=r"-: parquet can't go through a pipe; csv, tsv, npy, ndjson can"):
        tables.writer("-", "parquet")


@pytest.mark.skipif(os.name == "nt", reason="no colons in names there")
@pytest.mark.parametrize("name", ["C:\\x.csv", "a:b.csv", "a.npz:b.csv"])
def test_a_colon_in_a_name_is_no_trouble(name: str) -> None:
    save(name, NUMBERS) if ".npz:" not in name else Path(name).write_bytes(b"a,b,c,d,e,f\n" + b"1,2,3,4,5,6\n")
    assert load(name, 6).shape[1] == 6


# npy, npz


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2", "u1", "?", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_real_type_and_order(dtype: str, order: str) -> None:
    table = np.asarray(np.random.default_rng(0).integers(0, 2, size=(3000, 6)), dtype=dtype, order=order)
    np.save("x.npy", table)
    np.testing.assert_array_equal(load("x.npy", 6), table.astype(float))
    np.save("x.npy", np.asarray(table.T, order=order))
    np.testing.assert_array_equal(load("x.npy", 6, samples="columns"), table.astype(float))
    with pytest.raises(
        DataError,
        match=r"x.npy: has shape 6x3000, that is 3000 columns where 6 are needed; its samples seem to stand in columns",
    ):
        load("x.npy", 6)


def test_npy_vectors() -> None:
    np.save("x.npy", np.arange(6.0))
    np.testing.assert_array_equal(load("x.npy", 6), [np.arange(6.0)])
    np.testing.assert_array_equal(load("x.npy", 1), np.arange(6.0)[:, None])
    with pytest.raises(DataError, match=r"x.npy: has shape 1x6, that is 6 columns where 5 are needed"):
        load("x.npy", 5)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2)), r"x.npy: has shape 2x2x2; a table has rows and columns"),
        (np.zeros((2, 2), complex), r"x.npy: holds complex128, not real numbers"),
        (np.array([["a"]]), r"x.npy: holds str32, not real numbers"),
        (np.zeros(2, [("a", "f8")]), r"x.npy: holds records, not real numbers"),
        (np.array([{}], object), r"x.npy: holds object, not real numbers"),
        (np.array(1.0), r"x.npy: has shape scalar"),
    ],
)
def test_npy_refusals(array: np.ndarray, message: str) -> None:
    np.save("x.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        load("x.npy", 2)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_cut_short(order: str) -> None:
    np.save("x.npy", np.asarray(NUMBERS, order=order))
    Path("x.npy").write_bytes(Path("x.npy").read_bytes()[:-100])
    with pytest.raises(DataError, match="it was cut short"):
        load("x.npy", 6)


def test_npy_of_unknown_and_wrongly_announced_length_gets_the_true_header() -> None:
    for rows in (None, 0, 17):
        with tables.writer("x.npy") as out:
            out.begin(NAMES, (2, 3), rows=rows)
            out.write(out.format(NUMBERS[:12]))
        np.testing.assert_array_equal(np.load("x.npy"), NUMBERS[:12].reshape(12, 2, 3))
    assert len({len(npy.header((n, 10, 10))) for n in (0, 7, 10**6, 10**15)}) == 1


def test_npz_names() -> None:
    np.savez("x.npz", a=NUMBERS, b=NUMBERS[:, :2])
    assert same_bits(load("x.npz:a", 6), NUMBERS)
    with pytest.raises(DataError, match=r"x.npz: holds 2 arrays \(a, b\); choose one with x.npz:NAME"):
        load("x.npz", 6)
    with pytest.raises(DataError, match=r"x.npz: has no array c; it has a, b"):
        load("x.npz:c", 6)
    np.savez_compressed("y.npz", NUMBERS)
    assert same_bits(load("y.npz", 6), NUMBERS)
    with zipfile.ZipFile("z.npz", "w") as archive:
        archive.writestr("a.npy", b"nothing")
    with pytest.raises(DataError, match=r"z.npz:a: is not an npy file"):
        load("z.npz", 6)


# MATLAB and HDF5


def test_mat_finds_out_which_way_samples_stand() -> None:
    savemat("x.mat", {"X": NUMBERS.T, "other": "text"})
    assert same_bits(load("x.mat", 6), NUMBERS)
    with tables.reader("x.mat", size=6) as rows:
        assert rows.notes == ("x.mat:X: 4001 samples, which stand in columns",)
    savemat("x.mat", {"X": NUMBERS})
    assert same_bits(load("x.mat:X", 6), NUMBERS)
    savemat("x.mat", {"X": NUMBERS[:6]})
    with pytest.raises(
        DataError,
        match=r"x.mat:X: is square \(6x6\), so its samples may stand in rows or in columns; say --samples rows or columns",
    ):
        load("x.mat", 6)
    assert same_bits(load("x.mat", 6, samples="rows"), NUMBERS[:6])
    assert same_bits(load("x.mat", 6, samples="columns"), np.ascontiguousarray(NUMBERS[:6].T))


@pytest.mark.parametrize(("shape", "size", "rows"), [((1, 6), 6, 1), ((6, 1), 6, 1), ((1, 6), 1, 6), ((6, 1), 1, 6)])
def test_mat_vectors(shape: tuple[int, int], size: int, rows: int) -> None:
    savemat("x.mat", {"X": np.arange(6.0).reshape(shape)})
    np.testing.assert_array_equal(load("x.mat", size), np.arange(6.0).reshape(rows, size))


def test_mat_variables_and_fields_are_chosen_by_name() -> None:
    savemat("x.mat", {"X": NUMBERS, "s": {"x": NUMBERS[:9].T}, "Z": NUMBERS[:2], "t": "text"})
    with pytest.raises(
        DataError,
        match=r"x.mat: X, Z would fit, but s.x may hold the inputs too; choose with x.mat:NAME or --columns NAMES",
    ):
        load("x.mat", 6)
    assert same_bits(load("x.mat:s.x", 6), NUMBERS[:9])
    with pytest.raises(DataError, match=r"x.mat: has no variable q; it has X, s, Z, t"):
        load("x.mat:q", 6)
    with pytest.raises(DataError, match=r"x.mat:t: is no table of numbers in a form that is understood"):
        load("x.mat:t", 6)
    with pytest.raises(DataError, match=r"x.mat: no variable fits 5 inputs; it has X, s, Z, t"):
        load("x.mat", 5)


def test_mat_has_no_time_and_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    save("x.mat", NUMBERS)
    assert b"Created on" not in Path("x.mat").read_bytes()[:128]
    for bad in ("x.mat:1a", "x.mat:a-b", "x.mat:" + "a" * 32):
        with pytest.raises(UsageError, match="can't name a MATLAB variable"):
            tables.writer(bad)
    monkeypatch.setattr(matlab, "LIMIT", 1000)
    with pytest.raises(
        UsageError, match=r"y.mat: a variable of a MATLAB version 5 file ends at 2 GiB; write h5 or npy"
    ):
        save("y.mat", NUMBERS)
    assert not Path("y.mat").exists()


def test_h5_names_links_and_other_files() -> None:
    np.asarray([1.0, 2.0]).tofile("outside.bin")
    with h5py.File("o.h5", "w") as file:
        file["x"] = NUMBERS
    with h5py.File("x.h5", "w") as file:
        file["g/x"] = SMALL.astype("f4")
        file["y"] = NUMBERS.T
        file["soft"] = h5py.SoftLink("/y")
        file["away"] = h5py.ExternalLink("o.h5", "/x")
        file.create_dataset("raw", (1, 2), "f8", external=[("outside.bin", 0, 16)])
        elsewhere = h5py.VirtualLayout(
            NUMBERS.shape, "f8"
        )  # without a source, h5py before 3.13 writes an ordinary data set
        elsewhere[...] = h5py.VirtualSource("o.h5", "x", shape=NUMBERS.shape)
        file.create_virtual_dataset("virtual", elsewhere)
    np.testing.assert_array_equal(load("x.h5:g/x", 6), SMALL.astype("f4"))
    assert same_bits(load("x.h5:/y", 6, samples="columns"), NUMBERS)
    for name, message in {
        "soft": "soft is a link to elsewhere, which is not followed",
        "away": "away is a link to elsewhere, which is not followed",
        "raw": "keeps its numbers in another file, which is not opened",
        "virtual": "keeps its numbers in another file, which is not opened",
        "g": "is a group; name a data set in it: x",
        "none": "there is no such data set",
        "y/z": "there is no such data set",
    }.items():
        with pytest.raises(DataError, match=f"x.h5:{name}: {message}"):
            load(f"x.h5:{name}")
    with pytest.raises(DataError, match=r"x.h5: holds 4 tables \(g/x, raw, virtual, y\); choose one with x.h5:NAME"):
        load("x.h5", 6)
    with h5py.File("x.h5", "w") as file:
        file["x"], file["z"] = np.ones((3, 6, 1)), SMALL
    with pytest.raises(DataError, match=r"x.h5: holds 2 tables \(x, z\)"):
        load("x.h5", 6)


@pytest.mark.parametrize("shape", [(1, 3), (2, 2, 4), (1, 1000)])
@pytest.mark.parametrize("rows", [0, 1, 5000])
def test_h5_is_laid_out_alike_for_any_number_of_rows(shape: tuple[int, ...], rows: int) -> None:
    columns = [f"c{i}" for i in range(math.prod(shape))]
    values = np.random.default_rng(2).normal(size=(rows, *shape))
    starts = {len(hdf5.before_numbers("g/J", columns, (count, *shape))) for count in (1, rows or 1, 1 << 40)}
    with tables.writer("x.h5:g/J") as out:
        out.begin(columns, shape)
        for part in np.array_split(values, 3):
            out.write(out.format(part))
    assert len(starts) == 1
    if rows:
        assert os.path.getsize("x.h5") == starts.pop() + values.nbytes
    with h5py.File("x.h5") as file:
        assert same_bits(file["g/J"][()], values)
        assert list(file["g/J"].attrs["columns"]) == columns


# Parquet


def test_parquet_types_and_missing_values() -> None:
    frame = pl.DataFrame({"i": [1, None, 3], "t": ["u", "v", None], "b": [True, False, None], "f": [0.5, None, 2.5]})
    frame.write_parquet("x.parquet")
    with tables.reader("x.parquet", size=3, columns=["f", "i", "b"], keep=["t"]) as rows:
        block = rows.parse(next(iter(rows.chunks())))
    np.testing.assert_array_equal(block.x, [[0.5, 1, 1], [np.nan, np.nan, 0], [2.5, 3, np.nan]])
    assert block.kept == (["u", "v", None],)
    with pytest.raises(DataError, match=r"x.parquet: column t holds String, not numbers"):
        load("x.parquet", 4)


def test_parquet_chunks_do_not_depend_on_row_groups() -> None:
    frame = pl.DataFrame(NUMBERS, schema=NAMES)
    heights = set()
    for group in (100, 777, 10_000):
        frame.write_parquet("x.parquet", row_group_size=group)
        with tables.reader("x.parquet", size=6, max_rows=150) as rows:
            heights.add(tuple(len(rows.parse(chunk).x) for chunk in rows.chunks()))
        assert same_bits(load("x.parquet", 6), NUMBERS)
    assert heights == {(150,) * 26 + (101,)}


def test_parquet_reports_a_failing_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(OSError, match="No space left"):
        save("x.parquet", NUMBERS, step=1)
    assert os.listdir() == []


# ndjson


def test_ndjson_text() -> None:
    save("x.ndjson", np.array([[1.0, np.nan], [np.inf, -np.inf]]))
    assert Path("x.ndjson").read_text() == '{"c0":1.0,"c1":null}\n{"c0":"Infinity","c1":"-Infinity"}\n' or [
        json.loads(line) for line in Path("x.ndjson").read_text().splitlines()
    ] == [{"c0": 1.0, "c1": None}, {"c0": "Infinity", "c1": "-Infinity"}]
    save("x.ndjson", np.array([[0.123456, 1234.56]]), digits=3)
    assert Path("x.ndjson").read_text() == '{"c0":0.123,"c1":1230.0}\n'


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b":2}\n{"b":4,"a":3}',
        '\n{"a":1,"b":2,"z":[1]}\r\n\n{"a":"3","b":4.0,"z":{}}\n\n',
        '\ufeff{"a":1,"b":2}\n{"a":3,"b":4}\n',
    ],
)
def test_ndjson_oddities(text: str) -> None:
    Path("x.ndjson").write_text(text, newline="")
    np.testing.assert_array_equal(load("x.ndjson", 2, columns=["a", "b"]), [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a":3}', r"x.ndjson, line 2: has no 'b'; write null for a missing value"),
        ('{"a":3,"b":"x"}', r"x.ndjson, line 2, 'b': 'x' is not a number"),
        ('{"a":3,"b":"1,5"}', r"x.ndjson, line 2, 'b': '1,5' has a decimal comma; store it as a number$"),
        ('{"a":3,"b":true}', r"x.ndjson, line 2, 'b': true is not a number; write null for a missing value"),
        ('{"a":3,"b":[1]}', r'x.ndjson, line 2, \'b\': \["1"\] is not a number'),
        ('{"a":3,"b":1e400}', r"x.ndjson, line 2, 'b': '1e400' is too large for a double"),
        ("[1,2]", r"x.ndjson, line 2: is not a JSON object, with column names as its keys"),
        ('{"a":3,', r"x.ndjson, line 2: is not a JSON object: "),
        ("[" * 100_000, r"x.ndjson, line 2: is not a JSON object: "),
        ('{"a":3,"a":9,"b":2}', r"x.ndjson, line 2: is not a JSON object: the key 'a' occurs twice"),
        ('{"a":3,"\\u0061":9,"b":2}', r"x.ndjson, line 2: is not a JSON object: the key 'a' occurs twice"),
    ],
)
def test_ndjson_refusals(line: str, message: str) -> None:
    Path("x.ndjson").write_text('{"a":1,"b":2}\n' + line + "\n")
    with pytest.raises(DataError, match=message):
        load("x.ndjson", 2)


# standard input and output


class Standard:
    """What the program sees as standard input or output."""

    def __init__(self, data: bytes = b"") -> None:
        self.buffer = io.BytesIO(data)


@pytest.mark.parametrize("fmt", ["csv", "tsv", "npy", "ndjson"])
def test_standard_input_and_output(fmt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = Standard()
    monkeypatch.setattr(sys, "stdout", out)
    save("-", NUMBERS, fmt=fmt)
    assert not out.buffer.closed
    data = out.buffer.getvalue()
    monkeypatch.setattr(sys, "stdin", Standard(data))
    assert same_bits(load_stream(fmt), NUMBERS)
    if fmt != "tsv":  # its first bytes tell
        monkeypatch.setattr(sys, "stdin", Standard(data))
        assert same_bits(load_stream(None), NUMBERS)


def load_stream(fmt: str | None) -> np.ndarray:
    with tables.reader("-", fmt, size=6) as rows:
        return np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])


def test_messages_about_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Standard(b"a\nb\n"))
    with pytest.raises(DataError, match=r"standard input, line 2, column 1 \(a\): 'b' is not a number"):
        load("-", 1)


def test_fortran_order_through_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    np.save(data, np.asfortranarray(NUMBERS))
    monkeypatch.setattr(sys, "stdin", Standard(data.getvalue()))
    assert same_bits(load_stream(None), NUMBERS)


@pytest.mark.parametrize("target", ["t.npy.gz", "t.npz.gz", "t.parquet.gz", "t.mat.gz", "t.h5.gz"])
def test_formats_that_do_not_go_into_gz_are_refused_by_name(target: str) -> None:
    with pytest.raises(
        UsageError, match=rf"{target}: {target.split('.')[1]} can't be compressed as .gz; csv, tsv, ndjson can"
    ):
        tables.writer(target)
    with pytest.raises(UsageError, match=r"t.csv.gz: npy can't be compressed"):
        tables.writer("t.csv.gz", "npy")
    if target != "t.npy.gz":
        with pytest.raises(UsageError, match=r"can't be compressed as .gz; csv, tsv, npy, ndjson can"):
            tables.reader(target)
    assert os.listdir() == []


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_compressed_npy_is_never_mapped(order: str) -> None:
    numbers = np.asarray(
        np.random.default_rng(4).integers(0, 255, (2000, 3)), np.uint8, order=order
    )  # which hardly get smaller
    file = io.BytesIO()
    np.save(file, numbers)
    Path("t.npy.gz").write_bytes(gzip.compress(file.getvalue()))
    np.testing.assert_array_equal(load("t.npy.gz", 3), numbers)


@pytest.mark.parametrize(("size", "shape"), [(6, (1, 6)), (1, (6, 1)), (None, (6, 1))])
def test_a_vector_of_hdf5_is_one_sample_or_a_column(
    size: int | None, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "CHUNK_BYTES", 16)
    monkeypatch.setattr("nngrad.tables.arrays.CHUNK_BYTES", 16)
    with h5py.File("t.h5", "w") as file:
        file["x"] = np.arange(6.0)
    np.testing.assert_array_equal(load("t.h5", size), np.arange(6.0).reshape(shape))


def test_a_damaged_data_set_is_a_data_error_that_names_it() -> None:
    with h5py.File("t.h5", "w") as file:
        file.create_dataset("x", data=SMALL, chunks=(30, 6), compression="gzip")
        start = file["x"].id.get_chunk_info(0).byte_offset
    data = bytearray(Path("t.h5").read_bytes())
    data[start : start + 40] = bytes(40)
    Path("t.h5").write_bytes(data)
    with pytest.raises(DataError, match=r"t.h5:x: can't be read: "):
        load("t.h5", 6)


@pytest.mark.parametrize("name", [".", "/", "g/", "g/./d"])
def test_what_can_not_name_a_data_set(name: str) -> None:
    with pytest.raises(UsageError, match=r"can't name a data set; write it as t.h5:group/name"):
        tables.writer(f"t.h5:{name}")
    assert os.listdir() == []
    save("t.h5:g/d", SMALL)
    with pytest.raises(DataError, match=r"t.h5:\.: is a group; name a data set in it: g"):
        load("t.h5:.", 6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_negative_shape_is_a_damaged_header(order: str) -> None:
    np.save("t.npy", np.asarray(SMALL, order=order))
    Path("t.npy").write_bytes(Path("t.npy").read_bytes().replace(b"(30, 6)", b"(-5, 6)"))
    with pytest.raises(DataError, match=r"t.npy: its header is damaged: the shape is \(-5, 6\)"):
        load("t.npy", 6)


@pytest.mark.parametrize(("offset", "value", "words"), [(6, 1, "is encrypted"), (8, 99, "method is not supported")])
def test_a_member_that_can_not_be_opened_is_a_data_error(offset: int, value: int, words: str) -> None:
    np.savez("t.npz", x=SMALL)
    data = bytearray(Path("t.npz").read_bytes())
    data[offset] = data[data.find(b"PK\x01\x02") + offset + 2] = value
    Path("t.npz").write_bytes(data)
    with pytest.raises(DataError, match=f"t.npz:x: can't be read: .*{words}"):
        load("t.npz", 6)


def test_a_data_set_without_numbers_is_a_data_error() -> None:
    with h5py.File("t.h5", "w") as file:
        file["x"] = h5py.Empty("f8")
    with pytest.raises(DataError, match=r"t.h5:x: has shape scalar"):
        load("t.h5:x", 6)


def test_kept_objects_and_lists_of_ndjson_stay_as_they_are() -> None:
    kept = '{"a": 1, "b": [1.5, null, "2", true]}'
    Path("t.ndjson").write_text(f'{{"id": {kept}, "a": 1}}\n{{"id": 1.50, "a": 1}}\n')
    with tables.reader("t.ndjson", size=1, keep=["id"]) as rows:
        assert rows.parse(next(iter(rows.chunks()))).kept == ([kept, "1.50"],)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([[1.0], None], "List"),
        ([{"a": 1.0}, None], "Struct"),
        ([b"\xff", b"a"], "Binary"),
        ([timedelta(1), None], "Duration"),
    ],
)
def test_parquet_columns_that_are_no_text_can_not_be_kept(values: list[object], kind: str) -> None:
    pl.DataFrame({"id": values, "a": [1.0, 2.0]}).write_parquet("t.parquet")
    with pytest.raises(DataError, match=rf"t.parquet: column id holds {kind}.*, which can't be kept as text"):
        tables.reader("t.parquet", size=1, columns=["a"], keep=["id"])


@pytest.mark.parametrize("depth", [900, 980, 5000])
@pytest.mark.parametrize("column", ["a", "id"])
def test_ndjson_nested_without_end_is_named(tmp_path, monkeypatch, depth, column):
    monkeypatch.chdir(tmp_path)
    nested = "[" * depth + "]" * depth
    values = {"a": "1", "id": "2", column: nested}
    Path("t.ndjson").write_text(f'{{"a": {values["a"]}, "id": {values["id"]}}}\n')

    def read():
        with tables.reader("t.ndjson", size=1, columns=["a"], keep=["id"]) as rows:
            return rows.parse(next(iter(rows.chunks())))

    try:
        told, kept = "", read().kept
    except DataError as error:
        told, kept = str(error), ()
    # how deep Python's json goes depends on its version and on who calls it; what it follows is kept as it stands
    assert "line 1" in told or (column == "id" and depth < 5000 and kept == ([nested],))


@pytest.mark.skipif(os.name == "nt", reason="POSIX names are bytes")
def test_parquet_of_a_name_that_is_no_text_is_a_data_error() -> None:
    save("t.parquet", NUMBERS)
    os.rename("t.parquet", b"t\xff.parquet")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        load(os.fsdecode(b"t\xff.parquet"), 6)


def test_a_missing_npz_is_told_as_every_missing_file() -> None:
    with pytest.raises(DataError, match=r"^no.npz: can't be read: no such file or directory$"):
        load("no.npz", 6)


# frames that polars scans, and tables that are turned


def test_arrow_with_a_column_name_twice_gives_no_fewer_rows_than_it_has() -> None:
    pl.DataFrame({"aa": [1.0], "ab": [2.0], "b": [3.0]}).write_ipc("x.arrow")
    Path("x.arrow").write_bytes(Path("x.arrow").read_bytes().replace(b"ab", b"aa"))
    with pytest.raises(DataError, match=r"x.arrow: only 0 of its 1 rows can be read"):
        load("x.arrow", 2)


def test_arrow_there_and_what_is_none() -> None:
    pl.DataFrame(NUMBERS, schema=NAMES).write_ipc("x.feather", compression="lz4")
    assert same_bits(load("x.feather", 6, columns=NAMES), NUMBERS)
    pl.DataFrame(SMALL, schema=NAMES).with_columns(id=pl.lit("r")).write_ipc("x.arrow")
    with tables.reader("x.arrow", size=6, columns=NAMES[::-1], keep=["id"]) as rows:
        assert rows.names == tuple(NAMES[::-1])
        block = rows.parse(next(iter(rows.chunks())))
    np.testing.assert_array_equal(block.x, SMALL[:, ::-1])
    assert block.kept == (["r"] * 30,)
    pl.DataFrame({"a": [1.0]}).write_ipc_stream("s.arrow")
    for name, data, words in [
        ("s.arrow", Path("s.arrow").read_bytes(), "is a stream of Arrow and not a file"),
        ("f.feather", b"FEA1" + bytes(50), "is Feather of version 1"),
        ("n.arrow", b"a,b\n1,2\n", "is not an Arrow file"),
        ("c.arrow", Path("x.arrow").read_bytes()[:200], "can't be read as Arrow"),
    ]:
        Path(name).write_bytes(data)
        with pytest.raises(DataError, match=f"^{name}: {words}"):
            load(name)


def test_a_damaged_arrow_file_is_a_data_error_or_other_numbers() -> None:
    pl.DataFrame(SMALL, schema=NAMES).write_ipc("x.arrow")
    whole, r = Path("x.arrow").read_bytes(), np.random.default_rng(5)
    for k in range(150):
        data = bytearray(whole)
        for _ in range(4):
            data[r.integers(len(data))] = r.integers(256)
        Path("y.arrow").write_bytes(bytes(data if k % 3 else data[: r.integers(len(data))]))
        try:
            load("y.arrow", 6)
        except DataError as error:
            assert "y.arrow" in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow", "x.ndjson"])
def test_samples_in_columns_of_frames(name: str) -> None:
    columns = {f"s{i}": row for i, row in enumerate(SMALL.tolist())}
    method = {"parquet": "write_parquet", "arrow": "write_ipc", "ndjson": "write_ndjson"}[name.split(".")[1]]
    getattr(pl.DataFrame(columns), method)(name)
    np.testing.assert_array_equal(load(name, 6, samples="columns"), SMALL)
    with pytest.raises(
        DataError,
        match="30 columns where 6 are needed" + ("" if "ndjson" in name else ".*it would fit with --samples columns"),
    ):
        load(name, 6)
    getattr(pl.DataFrame({"input": NAMES} | columns), method)(name)
    with tables.reader(name, size=6, columns=NAMES[::-1], samples="columns") as rows:
        np.testing.assert_array_equal(rows.parse(next(iter(rows.chunks()))).x, SMALL[:, ::-1])


def test_ndjson_whose_objects_differ_is_not_turned() -> None:
    Path("x.ndjson").write_text('{"a":1,"b":2}\n{"b":1,"c":2}\n')
    with pytest.raises(DataError, match="line 2: has other keys than the first line"):
        load("x.ndjson", 2, samples="columns")


@pytest.mark.parametrize("text", ['{"a":1,"b":2,"a":3}\n', '{"a":1,"b":"x"}\n{"a":1,"b":2,"b":3}\n'])
def test_a_key_that_occurs_twice_is_refused(text: str) -> None:
    Path("x.ndjson").write_text(text.replace('"x"', "null"))
    with pytest.raises(DataError, match=r"the key '[ab]' occurs twice"):
        load("x.ndjson", 2)


# what HDF5 costs, and what it says


def test_rows_that_were_never_written() -> None:
    with h5py.File("x.h5", "w") as file:
        file.create_dataset("huge", (1 << 40, 6), "f8", chunks=(1024, 6))
        file.create_dataset("flat", (1 << 30, 6), "f8")
        part = file.create_dataset("part", (100, 6), "f8", chunks=(10, 6), fillvalue=7)
        part[:30] = 1.0
        file.create_dataset("whole", data=NUMBERS, chunks=(7, 6))
    for name in ("huge", "flat"):
        with pytest.raises(DataError, match=rf"x.h5:{name}: only 0 % of its \d+ rows were ever written"):
            load(f"x.h5:{name}", 6)
    with tables.reader("x.h5:part", size=6) as rows:
        assert rows.notes == ("x.h5:part: only 30 % of its 100 rows were ever written; the others read as 7.0",)
    with tables.reader("x.h5:whole", size=6) as rows:
        assert rows.notes == ()


@pytest.mark.parametrize(
    ("chunks", "samples"), [((40_000, 10), "rows"), ((40_000, 1), "rows"), ((10, 40_000), "columns")]
)
def test_a_chunk_is_unpacked_once(chunks: tuple[int, int], samples: str) -> None:
    """By the time it takes: reading in blocks is not much slower than reading all at once, and
    not by as many times as there are blocks.
    """
    table = np.random.default_rng(0).normal(size=(40_000, 10))
    with h5py.File("x.h5", "w") as file:
        file.create_dataset(
            "x", data=table if samples == "rows" else table.T, chunks=chunks, compression="gzip", compression_opts=1
        )
    start = time.process_time()
    with h5py.File("x.h5") as file:
        file["x"][()]
    once = time.process_time() - start
    start = time.process_time()
    with tables.reader("x.h5", size=10, samples=samples, max_rows=500) as rows:
        x = np.concatenate([rows.parse(chunk).x for chunk in rows.chunks()])
    np.testing.assert_array_equal(x, table)
    assert time.process_time() - start < 10 * once


def test_the_names_that_hdf5_files_of_ours_hold_are_used() -> None:
    save("x.h5", SMALL)
    np.testing.assert_array_equal(load("x.h5", 6, columns=NAMES[::-1]), SMALL[:, ::-1])
    with pytest.raises(DataError, match="1 column of 6 missing: z"):
        load("x.h5", 6, columns=[*NAMES[:5], "z"])


def test_square_data_sets_of_matlab_are_asked_about_and_others_noted() -> None:
    with h5py.File("x.h5", "w") as file:
        file["x"] = SMALL[:6]
        file["m"] = SMALL[:6]
        file["m"].attrs["MATLAB_class"] = np.bytes_("double")
    with tables.reader("x.h5:x", size=6) as rows:
        assert rows.notes[0].startswith("x.h5:x: is square (6x6)")
    with pytest.raises(DataError, match=r"x.h5:m: is square \(6x6\).*say --samples rows or columns"):
        load("x.h5:m", 6)
    np.testing.assert_array_equal(load("x.h5:m", 6, samples="columns"), SMALL[:6].T)


@pytest.mark.parametrize("target", [target for target in TARGETS if "ndjson" not in target and ".mat" not in target])
def test_a_table_without_rows_is_said(target: str) -> None:
    save(target, NUMBERS[:0])
    with tables.reader(target, size=6) as rows:
        assert len(rows.notes) == 1
        assert "row" in rows.notes[0]
