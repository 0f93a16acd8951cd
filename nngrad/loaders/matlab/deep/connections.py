"""Which layer of a MATLAB Deep Learning Toolbox network reads which: its table of connections."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders.matlab.deep.part import Part
from nngrad.loaders.matlab.fields import names
from nngrad.loaders.tree import MatlabObject


@dataclass(frozen=True, eq=False)
class Connections:
    """The layers and the table of Source and Destination that stands at `path`; without one, each reads the one before.

    Every answer raises ModelError where the table doesn't fit the layers.
    """

    parts: list[Part]
    path: str
    stored: Any

    @cached_property
    def sources(self) -> list[list[int]]:
        """For each layer the layers it reads, in the order of its inputs."""
        if self.stored is None:
            return [[k - 1] if k else [] for k in range(len(self.parts))]
        inputs: list[dict[str, int]] = [{} for _ in self.parts]
        for source, target in self._pairs():
            (a, port), (b, place) = self.end(source, "out"), self.end(target, "in")
            if port != "out":
                raise self.parts[a].fail(f"output {port!r} is not supported; supported are layers with one output")
            if inputs[b].setdefault(place, a) != a:
                raise self.parts[b].fail(f"two connections into its input {place!r}")
        return [[found[name] for name in self._places(k, found)] for k, found in enumerate(inputs)]

    def _places(self, k: int, found: dict[str, int]) -> list[str]:
        """The names of a layer's inputs in order: its own list where it has one, otherwise in, in1, in2, ..."""
        part = self.parts[k]
        if own := names(part.fields.get("nnet.layer.Layer.PrivateInputs")):
            expected = own
        elif part.fields.get("NumInputs") is not None:
            expected = [f"in{n + 1}" for n in range(part.whole("NumInputs"))]
        else:
            expected = sorted(found, key=lambda name: (len(name), name))
        if found and sorted(expected) != sorted(found):
            connected = ", ".join(list(found)[:8])
            raise part.fail(f"its inputs are {', '.join(expected[:8])}; connected are {connected}")
        return expected if found else []

    def _pairs(self) -> list[tuple[str, str]]:
        """The ends of each connection, as the table writes them."""
        data = self.stored.fields.get("data") if isinstance(self.stored, MatlabObject) else None
        cells = data if isinstance(data, np.ndarray) and data.dtype == object else np.empty(0, object)
        columns = [names(c) for c in cells.ravel(order="F")]
        if len(columns) != 2 or columns[0] is None or columns[1] is None or len(columns[0]) != len(columns[1]):
            raise ModelError(f"{self.path}: not a table of Source and Destination; the file is damaged")
        return list(zip(columns[0], columns[1], strict=True))

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {part.name: k for k, part in enumerate(self.parts)}

    def end(self, text: str, default: str) -> tuple[int, str]:
        """The layer and the port of one end of a connection: 'layer' or 'layer/port'."""
        layer, _, port = (text, "", default) if text in self._by_name else text.rpartition("/")
        if layer not in self._by_name:
            raise ModelError(f"{self.path}: there is no layer {text!r}")
        return self._by_name[layer], port

    @cached_property
    def order(self) -> list[int]:
        """The layers so that each comes after what it reads, otherwise in the order of the Layers array."""
        missing = [len(set(found)) for found in self.sources]
        readers: list[list[int]] = [[] for _ in self.parts]
        for k, found in enumerate(self.sources):
            for source in set(found):
                readers[source].append(k)
        ready, order = [k for k, count in enumerate(missing) if not count], []
        while ready:
            order.append(heappop(ready))
            for reader in readers[order[-1]]:
                missing[reader] -= 1
                if not missing[reader]:
                    heappush(ready, reader)
        if stuck := [part for part, count in zip(self.parts, missing, strict=True) if count]:
            what = "is part of a circle of connections"
            raise stuck[0].fail(f"{what}; MATLAB can't evaluate such a network either")
        return order

    @cached_property
    def read(self) -> set[int]:
        """The layers that another one reads."""
        return {source for found in self.sources for source in found}
