"""Byte strings of MAT v5 files and of MATLAB's store of objects, made by hand: what scipy.io.savemat can't write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

MARK = 0xDD000000
CODES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}
CLASSES = {"f8": 6, "f4": 7, "i1": 8, "u1": 9, "i2": 10, "u2": 11, "i4": 12, "u4": 13, "i8": 14, "u8": 15}
MATRIX, COMPRESSED = 14, 15


class Bytes:
    """The elements of a file of one byte order; every method returns bytes."""

    def __init__(self, order: str = "<"):
        self.order = order

    def element(self, code, payload, small=False):
        if small:
            word = len(payload) << 16 | code
            return struct.pack(self.order + "I", word) + payload.ljust(4, b"\0")
        return struct.pack(self.order + "II", code, len(payload)) + payload + b"\0" * (-len(payload) % 8)

    def data(self, values, storage, small=False):
        payload = np.asarray(values).ravel(order="F").astype(self.order + storage).tobytes()
        return self.element(CODES[storage], payload, small)

    def matrix(self, kind, shape, name, *parts, flags=0):
        head = self.data([kind | flags, 0], "u4")
        head += b"" if shape is None else self.data(shape, "i4")
        return self.element(MATRIX, head + self.element(1, name.encode(), 0 < len(name) <= 4) + b"".join(parts))

    def array(self, values, name="", storage=None, flags=0):
        values = np.asarray(values)
        own = values.dtype.str[1:]
        return self.matrix(CLASSES[own], values.shape, name, self.data(values, storage or own), flags=flags)

    def text(self, value, name=""):
        units = value.encode("utf-16-le" if self.order == "<" else "utf-16-be")
        return self.matrix(4, (1, len(units) // 2), name, self.element(17, units))

    def cell(self, parts, name="", shape=None):
        return self.matrix(1, shape or (len(parts), 1), name, *parts)

    def names(self, names):
        return self.data([32], "i4", small=True) + self.element(1, b"".join(n.encode().ljust(32, b"\0") for n in names))

    def struct(self, fields, name="", shape=(1, 1)):
        return self.matrix(2, shape, name, self.names(list(fields)), *fields.values())

    def opaque(self, classname, body, name="", system="MCOS"):
        return self.matrix(17, None, name, self.element(1, system.encode()), self.element(1, classname.encode()), body)

    def reference(self, numbers, shape=(1, 1), number_of_class=1):
        return np.array([[n] for n in (MARK, len(shape), *shape, *numbers, number_of_class)], np.uint32)

    def object(self, classname, numbers, name="", shape=(1, 1)):
        return self.opaque(classname, self.array(self.reference(numbers, shape)), name)

    def file(self, *variables, store=None, compressed=False):
        body = (
            [struct.pack(self.order + "II", COMPRESSED, len(z)) + z for z in map(zlib.compress, variables)]
            if compressed
            else list(variables)
        )
        offset = 128 + sum(map(len, body)) if store else 0
        text = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Mon Jan  2 03:04:05 2023".ljust(116)
        version = struct.pack(self.order + "QH2s", offset, 0x0100, b"IM" if self.order == "<" else b"MI")
        if store:
            mark = b"\0\1IM" if self.order == "<" else b"\1\0MI"
            inner = self.struct({"MCOS": self.opaque("FileWrapper__", store)})
            body.append(self.array(np.frombuffer(mark + bytes(4) + inner, np.uint8)[None, :]))
        return text + version + b"".join(body)


def tables(names, classes, objects, version=4, order="<"):
    """Cell 0 of the store. classes: (namespace, name) name numbers; objects: (class, saved?, [(name, kind, value)])."""
    lists = {True: [[]], False: [[]]}
    rows = [[0] * 6]
    for number, saved, properties in objects:
        lists[saved].append(properties)
        index = len(lists[saved]) - 1
        rows.append([number, 0, 0, index if saved else 0, 0 if saved else index, len(rows)])

    def packed(words):
        return np.asarray(words, order + "u4").tobytes()

    def listed(of):
        words = []
        for properties in of:
            words += [len(properties), *(w for triple in properties for w in triple)]
            words += [0] * (len(words) % 2)
        return packed(words)

    text = b"".join(n.encode() + b"\0" for n in names)
    text += b"\0" * (-len(text) % 8)
    regions = [
        packed([[0] * 4] + [[n, c, 0, 0] for n, c in classes]),
        listed(lists[True]),
        packed(rows),
        listed(lists[False]),
        bytes(16),
    ]
    offsets = [40 + len(text)]
    for region in regions:
        offsets.append(offsets[-1] + len(region))
    head = packed([version, len(names), *(offsets + [offsets[-1]] * 8)[:8]])
    return head + text + b"".join(regions)


def store(bytes_, table, values, defaults):
    """The column of cells: tables, an empty one, the values, two of no interest, the defaults of
    every class (entry 0 unused).
    """
    empty = bytes_.array(np.zeros((0, 0)))
    first = bytes_.array(np.frombuffer(table, np.uint8)[:, None])
    return bytes_.cell([first, empty, *values, empty, empty, bytes_.cell([bytes_.struct({}), *defaults])])
