"""The files to start from: the sample models, and small synthetic files of every container."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
from scipy.io import loadmat, savemat

from tests.fuzz.mutate import Seed

SAMPLES = Path(__file__).parents[2] / "sample_models"
LARGEST = 150_000
KINDS = {".mat": "mat5", ".h5": "hdf5", ".keras": "zip", ".m": "source"}

OCTAVE = b"""# Created by Octave 7.3.0, Thu Feb 29 12:00:00 2024 UTC <someone@somewhere>
# name: W
# type: cell
# rows: 1
# columns: 2
# name: <cell-element>
# type: matrix
# rows: 3
# columns: 2
 1 2
 -0.5 1e-3
 NaN Inf


# name: <cell-element>
# type: matrix
# rows: 1
# columns: 3
 1 2 3





# name: b
# type: cell
# rows: 1
# columns: 2
# name: <cell-element>
# type: matrix
# rows: 3
# columns: 1
 1
 2
 3


# name: <cell-element>
# type: scalar
0.25





# name: act_fcns
# type: string
# elements: 2
# length: 4
tanh
# length: 6
linear


# name: s
# type: scalar struct
# ndims: 2
 1 1
# length: 2
# name: flag
# type: bool
1


# name: size
# type: int32 matrix
# ndims: 2
 2 2
  1
  2
  3
  4


"""


def mat73() -> bytes:
    """What MATLAB's -v7.3 writes for cells W and b, and a char act."""
    file = io.BytesIO()
    with h5py.File(file, "w", userblock_size=512) as h5:
        refs = h5.create_group("#refs#")
        for name, sizes in {"W": [(2, 3), (3, 1)], "b": [(1, 3), (1, 1)]}.items():
            cells = h5.create_dataset(name, (2, 1), dtype=h5py.ref_dtype)
            cells.attrs["MATLAB_class"] = np.bytes_("cell")
            for k, size in enumerate(sizes):
                part = refs.create_dataset(f"{name}{k}", data=np.random.default_rng(k).normal(size=size))
                part.attrs["MATLAB_class"] = np.bytes_("double")
                cells[k, 0] = part.ref
        act = h5.create_dataset(
            "act_fcns",
            data=np.array([[ord(c) for c in pair] for pair in zip("tanh  ", "linear", strict=True)], np.uint16),
        )
        act.attrs["MATLAB_class"], act.attrs["MATLAB_int_decode"] = np.bytes_("char"), np.int32(2)
        group = h5.create_group("info")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        empty = group.create_dataset("none", data=np.array([0, 0], np.uint64))
        empty.attrs["MATLAB_class"], empty.attrs["MATLAB_empty"] = np.bytes_("double"), np.uint8(1)
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Feb 29 12:00:00 2024 HDF5 schema 1.00 .".ljust(
        116
    )
    return header.ljust(124, b"\0") + b"\x00\x02IM" + bytes(512 - 128) + file.getvalue()[512:]


def mat4() -> bytes:
    file = io.BytesIO()
    r = np.random.default_rng(0)
    savemat(file, {"Theta1": r.normal(size=(4, 3)), "Theta2": r.normal(size=(1, 5)), "name": "abc"}, format="4")
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    r = np.random.default_rng(0)
    np.savez(
        file,
        W1=r.normal(size=(4, 3)),
        b1=r.normal(size=4),
        W2=r.normal(size=(1, 4)).astype(np.float32),
        b2=np.int16(1),
        name="abc",
    )
    return file.getvalue()


def forms() -> bytes:
    """Weights in one vector, by the indices of units, without biases, and settings beside them."""
    file = io.BytesIO()
    r = np.random.default_rng(0)
    rolled = {"nn_params": r.normal(size=26), "input_layer_size": 3.0, "hidden_layer_size": 4.0, "num_labels": 2.0}
    units = {
        "Vij": r.normal(size=(3, 4)),
        "Voj": r.normal(size=4),
        "Wjk": r.normal(size=(4, 2)),
        "Wok": r.normal(size=2),
    }
    plain = {
        "w_1": r.normal(size=(4, 3)),
        "w_2": r.normal(size=(2, 4)),
        "muX": r.normal(size=3),
        "sdX": r.normal(size=3),
    }
    savemat(file, {"rolled": rolled, "units": units, "plain": plain})
    return file.getvalue()


def uncompressed(path: Path) -> bytes:
    """A dump with its elements as they are: mutations reach them directly."""
    file = io.BytesIO()
    savemat(file, {k: v for k, v in loadmat(path).items() if not k.startswith("__")})
    return file.getvalue()


def seeds() -> list[Seed]:
    found = [
        Seed(path.name, KINDS[path.suffix], path.read_bytes())
        for path in sorted(SAMPLES.iterdir())
        if path.suffix in KINDS and path.stat().st_size <= LARGEST
    ]
    found = [s if s.data[:10] != b"MATLAB 7.3" else s._replace(kind="mat73") for s in found]
    plain = [s.name for s in found if s.kind == "mat5" and s.name.startswith("dump_")]
    found += [Seed(f"{name} uncompressed", "mat5", uncompressed(SAMPLES / name)) for name in plain]
    found += [Seed("npz", "npz", npz()), Seed("forms", "mat5", forms())]
    return [*found, Seed("octave", "octave", OCTAVE), Seed("v7.3", "mat73", mat73()), Seed("v4", "mat4", mat4())]
