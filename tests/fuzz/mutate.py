"""Mutations of model files. The one rule: a mutation is a function of (random numbers, file) -> bytes, and knows the
format it breaks.

`mutated(r, seeds)` picks a file and one to three of the mutations that fit its format; the same r gives the same bytes.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import h5py
import numpy as np

Random = np.random.Generator


class Seed(NamedTuple):
    """A file to start from."""

    name: str
    kind: str  # mat5, mat4, mat73, hdf5, zip, npz, octave, source
    data: bytes


WORDS = (0, 1, 2, 3, 7, 8, 255, 256, 4096, 65535, 2**20, 2**28, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 8, 0xDD000000)
LONGS = (0, 1, 2**16, 2**31, 2**32, 2**40, 2**48, 2**62, 2**63 - 1, 2**64 - 1)


# any bytes


def truncate(r: Random, data: bytes) -> bytes:
    return data[: int(r.integers(0, len(data) + 1))]


def flip_bits(r: Random, data: bytes) -> bytes:
    out = bytearray(data)
    for at in r.integers(0, len(out), int(r.integers(1, 12))) if out else ():
        out[at] ^= 1 << int(r.integers(8))
    return bytes(out)


def set_bytes(r: Random, data: bytes) -> bytes:
    out = bytearray(data)
    for at in r.integers(0, len(out), int(r.integers(1, 6))) if out else ():
        out[at] = int(r.choice([0, 1, 0x7F, 0x80, 0xFF, 10, 32, 39]))
    return bytes(out)


def set_word(r: Random, data: bytes) -> bytes:
    """A length, a type, a dimension: 32-bit words at multiples of 4."""
    if len(data) < 8:
        return data
    at = int(r.integers(0, len(data) // 4)) * 4
    word = int(r.choice(WORDS)) if r.random() < 0.7 else int(r.integers(0, 64))
    return data[:at] + struct.pack("<I" if r.random() < 0.9 else ">I", word)[: len(data) - at] + data[at + 4 :]


def set_small_word(r: Random, data: bytes) -> bytes:
    """The same where a small word stands already: lengths and types, not the mantissas of weights."""
    words = np.frombuffer(data[: len(data) // 4 * 4], "<u4")
    places = np.flatnonzero(words < 4096)
    if not places.size:
        return data
    at = int(r.choice(places)) * 4
    word = int(r.choice(WORDS)) if r.random() < 0.6 else int(r.integers(0, 20))
    return data[:at] + struct.pack("<I", word) + data[at + 4 :]


def set_long(r: Random, data: bytes) -> bytes:
    if len(data) < 16:
        return data
    at = int(r.integers(0, len(data) // 8)) * 8
    return data[:at] + struct.pack("<Q", LONGS[int(r.integers(len(LONGS)))]) + data[at + 8 :]


def cut(r: Random, data: bytes) -> bytes:
    a, b = sorted(r.integers(0, len(data) + 1, 2).tolist())
    return data[:a] + data[min(b, a + int(r.integers(1, 200))) :]


def repeat(r: Random, data: bytes) -> bytes:
    a = int(r.integers(0, len(data) + 1))
    piece = data[a : a + int(r.integers(1, 300))]
    return data[:a] + piece * int(r.integers(2, 6)) + data[a:]


def noise(r: Random, data: bytes) -> bytes:
    a = int(r.integers(0, len(data) + 1))
    return data[:a] + r.bytes(int(r.integers(1, 64))) + data[a:]


BYTES = (truncate, flip_bits, set_bytes, set_word, set_small_word, set_long, cut, repeat, noise)
INSIDE = (set_word, set_small_word, set_small_word, set_small_word, flip_bits, set_bytes, cut, repeat, truncate)


def some(r: Random, data: bytes, choices: tuple[Callable[..., bytes], ...]) -> bytes:
    for _ in range(int(r.integers(1, 4))):
        data = choices[int(r.integers(len(choices)))](r, data)
    return data


# MAT v5: inside the compressed elements


def elements(data: bytes) -> list[tuple[int, bytes]]:
    """(type, content) of the top-level elements, as far as they can be told apart."""
    found, at = [], 128
    while at + 8 <= len(data):
        kind, size = struct.unpack("<II", data[at : at + 8])
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size + (-size % 8 if kind != 15 else 0)
    return found


def _joined(header: bytes, parts: list[tuple[int, bytes]]) -> bytes:
    return header + b"".join(
        struct.pack("<II", kind, len(content)) + content + (b"\0" * (-len(content) % 8) if kind != 15 else b"")
        for kind, content in parts
    )


def inside_mat5(r: Random, data: bytes) -> bytes:
    parts = elements(data)
    if not parts:
        return flip_bits(r, data)
    k = int(r.integers(len(parts)))
    kind, content = parts[k]
    if kind == 15:
        try:
            content = zlib.compress(some(r, zlib.decompress(content), INSIDE), 1)
        except zlib.error:
            content = some(r, content, INSIDE)
    else:
        content = some(r, content, INSIDE)
    return _joined(data[:128], [*parts[:k], (kind, content), *parts[k + 1 :]])


def shuffle_mat5(r: Random, data: bytes) -> bytes:
    """Elements twice, in another order, or inside another compressed element."""
    parts = elements(data) or [(15, b"")]
    k = int(r.integers(len(parts)))
    extra = parts[k] if r.random() < 0.5 else (15, zlib.compress(_joined(b"", [parts[k]])))
    return _joined(data[:128], [*parts[: int(r.integers(len(parts) + 1))], extra, *parts])


def bomb_mat5(r: Random, data: bytes) -> bytes:
    """A matrix of many zeros that compresses to nearly nothing."""
    rows = int(r.choice([1000, 4000, 12000, 40000]))
    count = min(rows * rows, 8_000_000) * 8
    body = (
        struct.pack("<IIII", 6, 8, 6, 0)
        + struct.pack("<II", 5, 8)
        + struct.pack("<ii", rows, rows)
        + struct.pack("<II", 1, 0)
    )
    packed = zlib.compressobj(1)
    content = packed.compress(struct.pack("<II", 14, len(body) + 8 + count) + body + struct.pack("<II", 9, count))
    for _ in range(count // 8_000_000 + 1):
        content += packed.compress(bytes(8_000_000))
    return data[:128] + struct.pack("<II", 15, len(content) + 16) + content + packed.flush() + data[128:]


def nest_mat5(r: Random, data: bytes) -> bytes:
    """Cells in cells in cells."""
    inner = b""
    for _ in range(int(r.choice([10, 70, 500, 3000]))):
        body = (
            struct.pack("<IIII", 6, 8, 1, 0)
            + struct.pack("<II", 5, 8)
            + struct.pack("<ii", 1, 1)
            + struct.pack("<II", 1, 0)
            + inner
        )
        inner = struct.pack("<II", 14, len(body)) + body
    packed = zlib.compress(inner)
    return data[:128] + struct.pack("<II", 15, len(packed)) + packed + data[128:]


# JSON


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    out = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in items:
        out += _places(v, (*path, k))
    return out


def mutate_json(r: Random, text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for _ in range(int(r.integers(1, 4))):
        places = _places(value)[1:]
        if not places:
            break
        path = places[int(r.integers(len(places)))]
        holder = value
        for k in path[:-1]:
            holder = holder[k]
        old = holder[path[-1]]
        strange: list[Any] = [
            None,
            True,
            -1,
            0,
            1,
            2**31,
            2**70,
            1e400,
            -0.5,
            "",
            "\x1b[31m",
            "relu",
            "Dense",
            [],
            {},
            [[]],
            [None],
            old,
        ]
        strange += [[old], {"class_name": "Lambda", "config": {}}, _deep(int(r.choice([5, 300])))]
        choice = r.random()
        if choice < 0.15:
            del holder[path[-1]]
        elif choice < 0.3 and isinstance(holder, list):
            holder.insert(int(r.integers(len(holder) + 1)), old)
        elif choice < 0.45:
            other = places[int(r.integers(len(places)))]
            found = value
            for k in other:
                found = (
                    found[k]
                    if (isinstance(found, dict) and k in found) or (isinstance(found, list) and k < len(found))
                    else found
                )
            holder[path[-1]] = json.loads(json.dumps(found)) if len(json.dumps(found)) < 20000 else None
        else:
            holder[path[-1]] = strange[int(r.integers(len(strange)))]
    return json.dumps(value)


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


# zip


def inside_zip(r: Random, data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, EOFError, RuntimeError, ValueError):
        return flip_bits(r, data)
    if not members:
        return data
    k = int(r.integers(len(members)))
    name, content = members[k]
    if r.random() < 0.15:
        name = str(r.choice(["../evil", "config.json", "model.weights.h5", "/etc/x", "a" * 500, ""])) or "x"
    elif r.random() < 0.1:
        content = bytes(int(r.choice([10**6, 10**8])))
    elif name.endswith(".json"):
        content = (
            mutate_json(r, content.decode("utf-8", "replace")).encode()
            if r.random() < 0.85
            else b"[" * int(r.choice([10, 5000, 100000]))
        )
    elif name.endswith(".npy"):
        content = some(r, content, BYTES)
    else:
        content = inside_hdf5(r, content) if r.random() < 0.6 else some(r, content, BYTES)
    members[k] = (name, content)
    if r.random() < 0.1:
        members.pop(int(r.integers(len(members))))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if r.random() < 0.7 else zipfile.ZIP_STORED) as archive:
        for name, content in dict(members).items():
            archive.writestr(name, content)
    return out.getvalue()


# HDF5


def inside_hdf5(r: Random, data: bytes) -> bytes:
    """Changes made with the library itself: links, shapes, types, attributes."""
    offset = 512 if data[512:520] == b"\x89HDF\r\n\x1a\n" else 0
    file = io.BytesIO(data)
    try:
        with h5py.File(file, "r+") as h5:
            for _ in range(int(r.integers(1, 3))):
                _change(r, h5)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, UnicodeError):
        return set_long(r, data)
    out = file.getvalue()
    return data[:offset] + out[offset:]


def _change(r: Random, h5: h5py.File) -> None:
    names: list[str] = []
    h5.visit(names.append)
    name = names[int(r.integers(len(names)))] if names and r.random() < 0.8 else "/"
    thing = h5[name]
    if len(thing.attrs) and r.random() < 0.5:
        return _change_attribute(r, thing)
    if name == "/":
        return None
    parent, last = thing.parent, name.rsplit("/", 1)[-1]
    attributes = dict(thing.attrs)
    choice = int(r.integers(8))
    if choice == 0:
        del parent[last]
    elif choice == 1:
        del parent[last]
        parent[last] = h5py.SoftLink("/" if r.random() < 0.5 else str(r.choice(names)))
    elif choice == 2:
        del parent[last]
        parent[last] = h5py.ExternalLink("/etc/passwd", "/")
    elif choice == 3:
        del parent[last]
        parent[last] = (
            h5["/"] if r.random() < 0.5 else h5[str(r.choice(names))] if str(r.choice(names)) in h5 else h5["/"]
        )
    else:
        del parent[last]
        shape = [(), (0,), (1,), (3, 3), (2**20, 2**20), (2**62,), (1, 1, 1, 1), (2**31, 1)][int(r.integers(8))]
        kind = [
            np.float64,
            np.float32,
            np.uint8,
            np.uint16,
            np.int64,
            "S5",
            h5py.string_dtype(),
            h5py.ref_dtype,
            np.complex128,
            bool,
        ][int(r.integers(10))]
        big = int(np.prod([float(n) for n in shape])) > 10**6
        made = parent.create_dataset(
            last, shape, dtype=kind, chunks=tuple(min(n, 1000) for n in shape) if big else None
        )
        for k, v in attributes.items():
            made.attrs[k] = v
    return None


def _change_attribute(r: Random, thing: Any) -> None:
    names = sorted(thing.attrs)
    name = names[int(r.integers(len(names)))]
    old = thing.attrs[name]
    text = old.decode("utf-8", "replace") if isinstance(old, bytes) else old
    if isinstance(text, str) and text.startswith("{") and r.random() < 0.8:
        thing.attrs[name] = mutate_json(r, text)
        return
    strange: list[Any] = [
        b"network",
        "cell",
        "struct",
        "",
        "\x1b[0m",
        np.array([1.5, np.nan]),
        np.int64(-1),
        np.uint64(2**63),
        np.float64(np.nan),
    ]
    strange += [
        np.array([b"a", b"b"]),
        np.zeros((0,)),
        np.array([], "S1"),
        "char",
        "double",
        "logical",
        b"\xff\xfe",
        h5py.Empty("f"),
    ]
    if r.random() < 0.2:
        del thing.attrs[name]
    else:
        thing.attrs[name] = strange[int(r.integers(len(strange)))]


# text

PIECE = re.compile(r"[A-Za-z_]\w*|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|[ \t]+|\n|.", re.ASCII)
STRANGE_TEXT = (
    *(
        "Inf",
        "NaN",
        "-1",
        "0",
        "1e400",
        "99999999999",
        "1e9",
        "zeros(1e6,1e6)",
        "end",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "'",
        '"',
        "%{",
        "...",
    ),
    *(
        "\n",
        ";",
        "function f(x)",
        "for k=1:9",
        "while 1",
        "if 1",
        "x1",
        "a1",
        "X{1,ts}",
        "mod(",
        ":",
        ",",
        "=",
        "\0",
        "\x1b[31m",
        "é",
    ),
    *(
        "# name: x",
        "# type: matrix",
        "# type: cell",
        "# rows: 1000000000",
        "# columns: -1",
        "# type: struct",
        "# ndims: 99",
    ),
)


def mutate_text(r: Random, data: bytes) -> bytes:
    pieces = PIECE.findall(data.decode("latin-1"))
    for _ in range(int(r.integers(1, 5))):
        if not pieces:
            break
        at, other = int(r.integers(len(pieces))), int(r.integers(len(pieces)))
        choice = r.random()
        if choice < 0.2:
            del pieces[at]
        elif choice < 0.4:
            pieces[at], pieces[other] = pieces[other], pieces[at]
        elif choice < 0.6:
            pieces.insert(at, pieces[other])
        else:
            pieces[at : at + int(r.integers(2))] = [STRANGE_TEXT[int(r.integers(len(STRANGE_TEXT)))]]
    return "".join(pieces).encode("latin-1", "replace")


def mutate_lines(r: Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    a, b = int(r.integers(len(lines))), int(r.integers(len(lines)))
    choice = r.random()
    if choice < 0.35:
        del lines[a]
    elif choice < 0.6:
        lines[a], lines[b] = lines[b], lines[a]
    elif choice < 0.85:
        lines.insert(a, lines[b])
    else:
        lines[a:a] = [lines[b]] * int(r.choice([100, 5000]))
    return b"\n".join(lines)


BY_KIND: dict[str, tuple[Callable[..., bytes], ...]] = {
    "mat5": (inside_mat5,) * 12 + (shuffle_mat5, bomb_mat5, nest_mat5),
    "mat4": (set_word, set_small_word),
    "mat73": (inside_hdf5,) * 4 + (set_long, set_word),
    "hdf5": (inside_hdf5,) * 4 + (set_long, set_word),
    "zip": (inside_zip,) * 6,
    "npz": (inside_zip,) * 6,
    "octave": (mutate_text, mutate_text, mutate_lines),
    "source": (mutate_text, mutate_text, mutate_lines),
}


def mutated(r: Random, seeds: list[Seed]) -> tuple[str, bytes]:
    """(what it is, bytes) of the next input."""
    # changes inside a format come first: libraries that make them must not meet broken bytes in this process
    kinds = sorted({s.kind for s in seeds})
    kind = kinds[int(r.integers(len(kinds)))]
    of_kind = [s for s in seeds if s.kind == kind]
    seed = of_kind[int(r.integers(len(of_kind)))]
    data, names = seed.data, list[str]()
    for k in range(int(r.integers(1, 4))):
        own = (
            BY_KIND[kind]
            if k == 0 and r.random() < 0.8
            else BYTES
            if kind not in ("octave", "source")
            else (*BY_KIND[kind], *BYTES)
        )
        if k and r.random() < 0.7:
            break
        change = own[int(r.integers(len(own)))]
        data = change(r, data)
        names.append(change.__name__)
    if r.random() < 0.03:
        other = seeds[int(r.integers(len(seeds)))]
        a, b = int(r.integers(len(data) + 1)), int(r.integers(len(other.data) + 1))
        data, names = data[:a] + other.data[b:], [*names, f"splice {other.name}"]
    return f"{seed.name}: {', '.join(names)}", data
