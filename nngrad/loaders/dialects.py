"""The model formats: for each a module that finds networks in a file's tree and reads them, imported when needed.

A dialect's module has NAME (what a message calls it), find(tree) -> [(MATLAB path, element)], and read(element, hints)
-> Network, which raises ModelError with a message that begins with the path inside the element. COMPLETE = True says
that nothing which lies beside the network can belong to it, HINTS which options tell what the file doesn't say.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple


class Dialect(NamedTuple):
    """A module that finds and reads networks, and the containers that it finds them in."""

    name: str
    containers: tuple[str, ...]

    @property
    def module(self) -> ModuleType:
        return import_module(f"nngrad.{self.name}")


class Candidate(NamedTuple):
    """Something in a file that a dialect can read."""

    path: str  # MATLAB path inside the file
    dialect: ModuleType
    element: Any


MATLAB = ("MAT v",)  # every version
DIALECTS: tuple[Dialect, ...] = (
    Dialect("loaders.matlab.network", MATLAB),
    Dialect("loaders.matlab.deep.reader", MATLAB),
    Dialect("loaders.matlab.statistics", MATLAB),
    Dialect("own_format.dialect", (*MATLAB, "HDF5", "Octave text")),
    Dialect("loaders.keras.reader", ("HDF5", "Keras zip")),
    Dialect("loaders.keras.weights_only", ("HDF5",)),
    Dialect("loaders.genfunction.reader", ("MATLAB source",)),
)
LAST_RESORTS: tuple[Dialect, ...] = (
    Dialect("loaders.matlab.deep.alone", MATLAB),
    Dialect("loaders.dumps.weights", (*MATLAB, "HDF5", "Octave text", "NumPy zip")),
)
