"""MAT v7.3 files made with h5py and MATLAB's attributes."""

from __future__ import annotations

import io

import h5py
import numpy as np
import pytest

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.containers import mat73
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Undecoded
from tests.matlab_bytes import MARK, tables

HEADER = (
    b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  2 03:04:05 2023 HDF5 schema 1.00 .".ljust(116)
    + bytes(8)
    + b"\0\2IM"
)


class Maker:
    """Writes variables the way MATLAB does: transposed, with attributes."""

    def __init__(self, file):
        self.file = file
        self.refs = file.create_group("#refs#")

    def array(self, values, classname, parent=None, name=None, **attributes):
        values = np.asarray(values)
        data = (
            (parent or self.file).create_dataset(name, data=values.T)
            if name
            else self.refs.create_dataset(self._next(), data=values.T)
        )
        data.attrs["MATLAB_class"] = np.bytes_(classname)
        for key, value in attributes.items():
            data.attrs[key] = value
        return data

    def _next(self):
        return f"r{len(self.refs)}"

    def text(self, value, parent=None, name=None):
        return self.array(
            np.frombuffer(value.encode("utf-16-le"), "<u2")[None, :],
            "char",
            parent,
            name,
            MATLAB_int_decode=np.int32(2),
        )

    def empty(self, shape, classname, parent=None, name=None):
        data = self.array(np.array(shape, np.uint64), classname, parent, name)
        data.attrs["MATLAB_empty"] = np.uint8(1)
        return data

    def references(self, targets, shape, parent=None, name=None, classname="cell"):
        flat = np.array([t.ref for t in targets], dtype=h5py.ref_dtype).reshape(shape[::-1])
        data = (
            (parent or self.file).create_dataset(name, data=flat)
            if name
            else self.refs.create_dataset(self._next(), data=flat)
        )
        if classname:
            data.attrs["MATLAB_class"] = np.bytes_(classname)
        return data

    def group(self, classname, parent=None, name=None, fields=None):
        group = (parent or self.file).create_group(name) if name else self.refs.create_group(self._next())
        group.attrs["MATLAB_class"] = np.bytes_(classname)
        if fields:
            rows = np.empty(len(fields), object)
            rows[:] = [np.array([c.encode() for c in f], "S1") for f in fields]
            group.attrs.create("MATLAB_fields", rows, dtype=h5py.vlen_dtype(np.dtype("S1")))
        return group


def made(build, **options) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", userblock_size=512, **options) as file:
        build(Maker(file))
    data = buffer.getvalue()
    return HEADER.ljust(512, b"\0") + data[512:]


def variables(build, **options):
    tree = mat73.read(made(build, **options))
    assert tree.container == "MAT v7.3"
    assert tree.created == "Mon Jan  2 03:04:05 2023"
    return tree.variables


@pytest.mark.parametrize("storage", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_numbers_come_in_matlabs_shape(storage):
    values = np.arange(24).reshape(2, 3, 4).astype(storage)
    classname = {"f8": "double", "f4": "single"}.get(
        storage, f"{'u' if storage[0] == 'u' else ''}int{8 * int(storage[1])}"
    )
    found = variables(lambda m: m.array(values, classname, name="x"))["x"]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, values.astype(float))


def test_compressed_logical_complex_and_text():
    def build(m):
        m.file.create_dataset(
            "z",
            data=np.arange(200.0).reshape(20, 10).T,
            chunks=(4, 20),
            compression="gzip",
            shuffle=True,
            fletcher32=True,
        )
        m.array(np.array([[1, 0]], np.uint8), "logical", name="flag", MATLAB_int_decode=np.int32(1))
        parts = np.zeros((2, 1), [("real", "f8"), ("imag", "f8")])
        parts["real"], parts["imag"] = 1, [[2], [3]]
        m.array(parts, "double", name="c")
        m.text("grüße", name="row")
        m.array(np.array([[ord(c) for c in "ab "], [ord(c) for c in "xyz"]], np.uint16), "char", name="lines")

    found = variables(build)
    np.testing.assert_array_equal(found["z"], np.arange(200.0).reshape(20, 10))
    np.testing.assert_array_equal(found["flag"], [[1.0, 0.0]])
    np.testing.assert_array_equal(found["c"], [[1 + 2j], [1 + 3j]])
    assert found["row"] == "grüße"
    assert found["lines"] == ["ab", "xyz"]


def test_empty_arrays_of_every_class():
    def build(m):
        for name in ("double", "cell", "struct", "char", "uint8"):
            m.empty((0, 3), name, name=name)
        m.empty((1, 1), "struct", name="bare")

    found = variables(build)
    assert found["double"].shape == found["cell"].shape == found["struct"].shape == (0, 3)
    assert found["cell"].dtype == object
    assert found["char"] == ""
    assert found["bare"] == {}


def test_structs_cells_and_struct_arrays():
    def build(m):
        net = m.group("struct", name="net", fields=["W", "name", "cells"])
        m.array(np.arange(6.0).reshape(2, 3), "double", net, "W")
        m.text("tansig", net, "name")
        a, b = m.array(np.eye(2), "double"), m.text("b")
        m.references([a, b, a], (1, 3), net, "cells")
        array = m.group("struct", name="array")
        m.references([a, b], (2, 1), array, "p", classname=None)
        m.references([b, a], (2, 1), array, "q", classname=None)

    found = variables(build)
    assert list(found["net"]) == ["W", "name", "cells"]
    assert found["net"]["W"].shape == (2, 3)
    assert found["net"]["cells"].shape == (1, 3)
    assert found["net"]["cells"][0, 1] == "b"
    assert found["array"].shape == (2, 1)
    assert found["array"][1, 0]["p"] == "b"
    np.testing.assert_array_equal(found["array"][1, 0]["q"], np.eye(2))


def test_sparse_handles_and_objects_of_old_classes():
    def build(m):
        sparse = m.group("double", name="s")
        sparse.attrs["MATLAB_sparse"] = np.uint64(2)
        sparse["ir"], sparse["jc"], sparse["data"] = (
            np.array([1, 0], np.uint64),
            np.array([0, 1, 1, 2], np.uint64),
            np.array([5.0, 7.0]),
        )
        handle = m.group("function_handle", name="f")
        m.text("tanh", handle, "function_handle")
        net = m.group("network", name="net")
        net.attrs["MATLAB_object_decode"] = np.int32(2)
        m.text("8", net, "version")

    found = variables(build)
    np.testing.assert_array_equal(found["s"], [[0, 0, 7.0], [5.0, 0, 0]])
    assert isinstance(found["f"], FunctionHandle)
    assert found["f"].text == "tanh"
    assert isinstance(found["net"], MatlabObject)
    assert (found["net"].classname, found["net"].fields) == ("network", {"version": "8"})


def test_objects_of_the_store_are_decoded_as_in_v5():
    table = tables(["Net", "any", "Sub", "ns"], [(0, 1), (4, 3)], [(1, True, [(2, 1, 0)]), (2, False, [])])

    def build(m):
        system = m.file.create_group("#subsystem#")
        state = m.group("struct")
        m.array(np.eye(3), "double", state, "W")
        m.array(np.array([[MARK], [2], [1], [1], [2], [2]], np.uint32), "uint32", state, "Sub")
        blank = m.empty((0, 0), "double")
        defaults = m.references([m.empty((1, 1), "struct") for _ in range(3)], (3, 1))
        cells = [m.array(np.frombuffer(table, np.uint8)[None, :], "uint8"), blank, state, blank, blank, defaults]
        m.references(cells, (1, 6), system, "MCOS", "FileWrapper__").attrs["MATLAB_object_decode"] = np.int32(3)
        reference = np.array([[MARK], [2], [1], [1], [1], [1]], np.uint32)
        m.array(reference, "Net", name="net", MATLAB_object_decode=np.int32(3))

    net = variables(build)["net"]
    assert net.classname == "Net"
    np.testing.assert_array_equal(net.fields["W"], np.eye(3))
    assert net.fields["Sub"].classname == "ns.Sub"


def test_references_in_a_circle_end():
    def build(m):
        a = m.group("struct", name="a")
        b = m.group("struct", a, "b")
        m.references([a], (1, 1), b, "back")

    back = variables(build)["a"]["b"]["back"]
    assert isinstance(back[0, 0], Undecoded)


def test_soft_and_external_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = np.arange(3.0)

    def build(m):
        m.file["soft"] = h5py.SoftLink("/#refs#")
        m.file["outer"] = h5py.ExternalLink(str(secret), "/x")
        m.file.create_dataset("raw", (3,), "f8", external=[(str(secret), 0, 24)])
        m.array(np.eye(2), "double", name="x")

    found = variables(build)
    for name in ("soft", "outer", "raw"):
        assert isinstance(found[name], Undecoded), name
    np.testing.assert_array_equal(found["x"], np.eye(2))


def test_declared_sizes_are_checked_before_memory_is_asked_for():
    def build(m):
        m.file.create_dataset("huge", (2**30, 2**20), "f8", chunks=(1024, 1024), compression="gzip")

    with pytest.raises(ModelError, match="would expand"):
        variables(build)


def test_many_references_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "HDF5_OBJECTS", 1000)

    def build(m):
        a = m.array(np.eye(1), "double")
        m.references([a] * 2000, (2000, 1), name="c")

    with pytest.raises(ModelError, match="too many HDF5 objects"):
        variables(build)


def test_every_truncation_is_a_model_error():
    def build(m):
        m.array(np.arange(100.0).reshape(10, 10), "double", name="x")
        m.text("abc", name="t")

    data = made(build)
    whole = mat73.read(data).variables
    for k in range(50):
        try:
            found = mat73.read(data[: len(data) * k // 50]).variables
        except ModelError as error:
            assert "\n" not in str(error)  # noqa: PT017
            continue
        np.testing.assert_array_equal(found["x"], whole["x"])
