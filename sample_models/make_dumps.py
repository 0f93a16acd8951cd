"""Dumps of plain weights as people write them, and files of nngrad's own format. `python make_dumps.py [FOLDER]`, always the same bytes.

The one rule: everything but dump_nngrad.* is written without nngrad, as a user would.
"""

from __future__ import annotations

import io
import sys
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
from scipy.io import savemat

HEADER = b"MATLAB 5.0 MAT-file, Platform: GLNXA64, Created on: Thu Feb 29 12:00:00 2024"
HERE = Path(__file__).parent


def cell(*items):
    """A 1xN cell."""
    array = np.empty((1, len(items)), object)
    array[0, :] = items
    return array


class Dumps:
    """Writes each dump and rows of inputs for it into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.random = np.random.default_rng(20240229)

    def layers(self, *sizes):
        """W out-by-in and b as a column, for layers of these sizes."""
        r = self.random
        return [(r.normal(size=(m, n)), r.normal(size=(m, 1))) for n, m in pairwise(sizes)]

    def rows(self, name: str, inputs: int) -> None:
        header = ",".join(f"x{k}" for k in range(1, inputs + 1))
        x = self.random.normal(size=(4, inputs)).round(3)
        np.savetxt(self.folder / f"{name}_x.csv", x, fmt="%.12g", delimiter=",", header=header, comments="")

    def mat(self, name: str, inputs: int, **variables) -> None:
        file = io.BytesIO()
        savemat(file, variables, do_compression=True)
        (self.folder / f"{name}.mat").write_bytes(HEADER.ljust(116) + file.getvalue()[116:])
        self.rows(name, inputs)

    def numbered(self) -> None:
        """The activations are to be told: tanh,linear."""
        (W1, b1), (W2, b2) = self.layers(3, 5, 2)
        self.mat("dump_numbered", 3, W1=W1, b1=b1, W2=W2, b2=b2)

    def cells(self) -> None:
        """Names of activations as a char matrix, padded with blanks; W{2} holds small whole numbers, which MATLAB stores as bytes."""
        (W1, b1), (W2, b2), (W3, b3) = self.layers(2, 4, 4, 1)
        W2, b2 = np.round(W2).astype(np.int8), np.round(b2).astype(np.int8)
        names = np.array(["relu  ", "relu  ", "linear"])
        self.mat("dump_cells", 2, W=cell(W1, W2, W3), b=cell(b1, b2, b3), act_fcns=names)

    def struct(self) -> None:
        (W1, b1), (W2, b2) = self.layers(3, 5, 2)
        net = {"weight": cell(W1, W2), "bias": cell(b1, b2), "activeType": cell("tansig", "purelin")}
        self.mat("dump_struct", 3, network=net)

    def theta(self) -> None:
        """The bias is the first column; sigmoid,sigmoid is to be told."""
        Theta = [np.hstack([b, W]) for W, b in self.layers(4, 3, 2)]
        self.mat("dump_theta", 4, Theta1=Theta[0], Theta2=Theta[1])

    def positional(self) -> None:
        """Weights, bias, weights, bias, ...; the activations are to be told."""
        self.mat("dump_positional", 3, constants=cell(*(a for pair in self.layers(3, 4, 4, 1) for a in pair)))

    def in_by_out(self) -> None:
        """Weights in-by-out, biases as rows, and an entry without weights between."""
        (W1, b1), (W2, b2) = self.layers(5, 4, 3)
        params = cell({"w": W1.T, "b": b1.T}, {"w": np.zeros((0, 0)), "b": np.zeros((0, 0))}, {"w": W2.T, "b": b2.T})
        self.mat("dump_in_by_out", 5, params=params)

    def square(self) -> None:
        """Nothing tells which way round: --weights does."""
        (W1, b1), (W2, b2) = self.layers(3, 3, 3)
        self.mat("dump_square", 3, W1=W1, b1=b1, W2=W2, b2=b2)

    def groups(self) -> None:
        """HDF5 from Python: a group for each layer, kernels in-by-out, and more than nine layers, so that fc10 comes before fc2."""
        sizes = (3, *(4,) * 10, 2)
        with h5py.File(self.folder / "dump_groups.h5", "w") as file:
            for k, (W, b) in enumerate(self.layers(*sizes), 1):
                group = file.create_group("output" if k == len(sizes) - 1 else f"fc{k}")
                group["Weights"], group["Bias"] = W.T, b.ravel()
        self.rows("dump_groups", 3)

    def own(self) -> None:
        """The fitnet of the other script, in nngrad's own format."""
        from nngrad import load
        from nngrad.own_format.encode import save

        net = load(HERE / "fitnet.mat")
        for suffix in (".mat", ".h5"):
            save(net, self.folder / f"dump_nngrad{suffix}")
        (self.folder / "dump_nngrad_x.csv").write_bytes((HERE / "fitnet_x.csv").read_bytes())

    def all(self) -> None:
        for make in (
            self.numbered,
            self.cells,
            self.struct,
            self.theta,
            self.positional,
            self.in_by_out,
            self.square,
            self.groups,
            self.own,
        ):
            make()


if __name__ == "__main__":
    Dumps(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE).all()
