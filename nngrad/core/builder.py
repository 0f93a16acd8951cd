"""How loaders build a network: layers are added one by one, and every value has a number and a shape.

Inside a network a value is a flat row of numbers for each sample. What a file calls an image or a sequence is such a
row, cut into cells; a format has one order for all its values:

    first axis fastest    neighbours in the row differ in the first axis: MATLAB's A(:), the rows of a matrix
    last axis fastest     neighbours in the row differ in the last axis: Keras, ONNX, NumPy's ravel()

So the 2 x 3 image [a b c; d e f] is the row a d b e c f in MATLAB, and the row a b c d e f in Keras and ONNX.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeVar

import numpy as np

from nngrad.core.graph import Node
from nngrad.core.layers import Concatenate, Layer, Select
from nngrad.core.limits import MOST_LAYERS, MOST_NUMBERS, MOST_SOURCES, MOST_UNITS, within
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port
from nngrad.errors import ModelError

Array = np.ndarray
Shape = tuple[int, ...]


class FlatOrder(Enum):
    """Which axis runs fastest where the cells of a shape stand in one row; the values are NumPy's `order` letters."""

    FIRST_AXIS_FASTEST = "F"
    LAST_AXIS_FASTEST = "C"
    MATLAB = FIRST_AXIS_FASTEST
    KERAS = LAST_AXIS_FASTEST
    ONNX = LAST_AXIS_FASTEST


class Value(NamedTuple):
    """A value of the network that is being built: its number (0 is x, k the output of the k-th layer) and its shape.

    The shape has no axis for the samples; () is a single number.
    """

    number: int
    shape: Shape

    @property
    def size(self) -> int:
        """How many columns it has."""
        return math.prod(self.shape)


V = TypeVar("V", int, Value)  # loaders that keep track of sizes themselves hand over bare numbers, and get bare numbers


def places(shape: Shape, order: FlatOrder) -> Array:
    """An array of that shape: for each cell its column in the flat row, from 0."""
    return np.arange(math.prod(shape)).reshape(shape, order=order.value)


def reordering(shape: Shape, source: FlatOrder, target: FlatOrder, axes: Sequence[int] | None = None) -> Array:
    """The index (size,) of a Select that makes a row in `target` order from a row of that shape in `source` order.

    With `axes` the axes are permuted on the way, as NumPy's transpose does it: axis k of the result is axis axes[k] of
    the source. Raises ValueError where `axes` is no permutation.
    """
    cells = places(shape, source)
    return (cells if axes is None else cells.transpose(axes)).ravel(order=target.value)


@dataclass(eq=False)
class Builder:
    """Collects layers in evaluation order, within the limits of a network; `order` is that of all its values."""

    order: FlatOrder = FlatOrder.LAST_AXIS_FASTEST
    nodes: list[Node] = field(default_factory=list)
    sources: int = 0
    numbers: int = 0
    counted: set[int] = field(default_factory=set)  # arrays, by identity

    # values

    def input(self, shape: Shape) -> Value:
        """x, all columns of it."""
        return Value(0, shape)

    def inputs(self, shapes: Sequence[Shape]) -> list[Value]:
        """Several inputs, which stand one after the other in the columns of x."""
        total, start, values = sum(map(math.prod, shapes)), 0, []
        x = self.input((total,))
        for shape in shapes:
            stop = start + math.prod(shape)
            whole = stop - start == total
            part = x if whole else self.add(Select(np.arange(start, stop), total), x)
            values.append(self.reshape(part, shape))
            start = stop
        return values

    def add(self, layer: Layer, *sources: V, shape: Shape | None = None) -> V:
        """The value of a layer that reads these values, with its size as its shape unless another is given.

        Raises ModelError where the layer doesn't take values of these sizes, and for more layers, sources or numbers
        than a network may have; ValueError where the shape has another size.
        """
        values: Sequence[Any] = sources
        if isinstance(values[0], int):
            return self._append(layer, values)  # type: ignore[return-value]  # V is int
        size = self._size(layer, values)
        value = Value(self._append(layer, [v.number for v in values]), (size,))
        return value if shape is None else self.reshape(value, shape)  # type: ignore[return-value]  # V is Value

    def through(self, layers: Iterable[Layer], source: V, shape: Shape | None = None) -> V:
        """The value after some layers, one after the other, with its size as its shape unless another is given."""
        for layer in layers:
            source = self.add(layer, source)
        return source if shape is None or isinstance(source, int) else self.reshape(source, shape)

    def beside(self, values: Sequence[V], sizes: Sequence[int] = ()) -> V:
        """The values side by side in one flat row; a single one as it is. Bare numbers need their sizes."""
        if len(values) == 1:
            return values[0]
        given: Sequence[Any] = values
        return self.add(Concatenate(tuple(sizes or (v.size for v in given))), *values)

    # shapes

    def reshape(self, value: Value, shape: Shape) -> Value:
        """The same row cut into cells another way, without a layer; ValueError where the sizes differ."""
        if math.prod(shape) != value.size:
            raise ValueError(f"{value.size} units don't take the shape {shape}")
        return Value(value.number, shape)

    def places(self, shape: Shape) -> Array:
        """For each cell its column in the row, in the order of this network: what `gather` takes."""
        return places(shape, self.order)

    def flat(self, cells: Array) -> Array:
        """Numbers for the cells of a shape as the row (size,) that they make in the order of this network."""
        return cells.ravel(order=self.order.value)

    def gather(self, value: Value, columns: Array) -> Value:
        """A value of the shape of `columns`: its cell c is the column columns[c] of the value, each once at most."""
        index = self.flat(columns)
        if np.array_equal(index, np.arange(value.size)):
            return self.reshape(value, columns.shape)
        return self.add(Select(index, value.size), value, shape=columns.shape)

    def repeat(self, value: Value, columns: Array) -> Value:
        """As `gather`, for `columns` that hold every column of the value equally often: broadcasting, tiling."""
        times = columns.size // max(value.size, 1)
        if times <= 1:
            return self.gather(value, columns)
        copies = self.beside([value] * times)
        index = self.flat(columns)
        by_column = np.argsort(index, kind="stable")  # the k-th place of a column takes the k-th copy
        source = np.empty(index.size, int)
        source[by_column] = index[by_column] + np.tile(np.arange(times), value.size) * value.size
        return self.gather(copies, source.reshape(columns.shape, order=self.order.value))

    def permute(self, value: Value, axes: Sequence[int]) -> Value:
        """The axes in another order: axis k of the result is axis axes[k] of the value."""
        return self.gather(value, self.places(value.shape).transpose(axes))

    def concatenate(self, values: Sequence[Value], axis: int) -> Value:
        """The values side by side along an axis (from 0); ValueError where their other axes differ."""
        first = values[0].shape
        if len({(len(v.shape), v.shape[:axis], v.shape[axis + 1 :]) for v in values}) > 1 or not 0 <= axis < len(first):
            raise ValueError(f"the shapes {', '.join(str(v.shape) for v in values[:6])} side by side along axis {axis}")
        joined = self.add(Concatenate(tuple(v.size for v in values)), *values)
        slower = first[axis + 1 :] if self.order is FlatOrder.FIRST_AXIS_FASTEST else first[:axis]
        if math.prod(slower) == 1:  # side by side in the row too
            return self.reshape(joined, (*first[:axis], sum(v.shape[axis] for v in values), *first[axis + 1 :]))
        within(MOST_UNITS, joined.size, "units in its layers")
        starts = np.cumsum([0, *(v.size for v in values)])
        parts = [start + self.places(v.shape) for start, v in zip(starts, values, strict=False)]
        return self.gather(joined, np.concatenate(parts, axis=axis))

    # the end

    def network(self, y: Value, inputs: Iterable[Port], outputs: Iterable[Port], origin: Origin) -> Network:
        """The network whose outputs are the columns of y, whichever value that is."""
        return Network(tuple(self.nodes), tuple(inputs), tuple(outputs), origin, result=y.number)

    # their layers

    def _size(self, layer: Layer, values: Sequence[Value]) -> int:
        try:
            return int(layer.size(*(v.size for v in values)))
        except ValueError as e:
            name = f"layer {len(self.nodes) + 1} ({type(layer).__name__})"
            raise ModelError(f"{name} does not fit what comes before it: {e}") from None

    def _append(self, layer: Layer, sources: Sequence[int]) -> int:
        self.nodes.append(Node(layer, tuple(sources)))
        self.sources += len(sources)
        for part in vars(layer).values():
            if isinstance(part, np.ndarray) and id(part) not in self.counted:
                self.counted.add(id(part))
                self.numbers += part.size
        within(MOST_LAYERS, len(self.nodes), "layers")
        within(MOST_SOURCES, self.sources, "sources of layers")
        within(MOST_NUMBERS, self.numbers, "numbers in its layers")
        return len(self.nodes)
