"""The builder of networks: shapes, and the two orders of a flat row, against NumPy's own orders "F" and "C"."""

from itertools import permutations

import numpy as np
import pytest

from nngrad.core import builder as module
from nngrad.core.builder import Builder, FlatOrder, Value, places, reordering
from nngrad.core.graph import Node
from nngrad.core.layers import Affine, Concatenate, Scale, Select, Sum
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port, numbered
from nngrad.errors import ModelError

F, C = FlatOrder.FIRST_AXIS_FASTEST, FlatOrder.LAST_AXIS_FASTEST
SHAPES = [(), (5,), (2, 3), (3, 1, 4), (2, 3, 4), (0, 3)]
ORDERS = pytest.mark.parametrize("order", [F, C], ids=lambda order: order.name)


def image(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def row(cells, order):
    """The cells one after the other, each found by counting: no array order of NumPy has a say in it."""
    axes = range(cells.ndim) if order is C else reversed(range(cells.ndim))  # slowest first
    found = [()]
    for axis in axes:
        found = [(*index, (axis, k)) for index in found for k in range(cells.shape[axis])]
    return np.array([cells[tuple(k for _, k in sorted(index))] for index in found])


def built(build, y, inputs):
    ports = Port("x", numbered("x", inputs)), Port("y", numbered("y", y.size))
    return build.network(y, ports[:1], ports[1:], Origin())


def computed(build, y, *images):
    """y of the network for inputs of these shapes, as an array of the shape of y."""
    x = np.concatenate([row(cells, build.order) for cells in images])
    return built(build, y, x.size)(x).reshape(y.shape, order=build.order.value)


# the orders


def test_the_formats_have_the_orders_that_their_makers_document():
    cells = np.array([list("abc"), list("def")])
    assert "".join(row(cells, FlatOrder.MATLAB)) == "adbecf"
    assert "".join(row(cells, FlatOrder.KERAS)) == "".join(row(cells, FlatOrder.ONNX)) == "abcdef"
    assert FlatOrder.MATLAB is F
    assert FlatOrder.KERAS is FlatOrder.ONNX is C


@ORDERS
@pytest.mark.parametrize("shape", SHAPES)
def test_places_say_where_each_cell_stands_in_the_row(shape, order):
    cells = image(shape)
    found = places(shape, order)
    assert found.shape == shape
    assert np.array_equal(row(cells, order)[found], cells)
    assert np.array_equal(cells.ravel(order=order.value)[found], cells)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("source", [F, C])
@pytest.mark.parametrize("target", [F, C])
def test_reordering_permutes_axes_and_orders_at_once(shape, source, target):
    cells = image(shape)
    for axes in permutations(range(len(shape))):
        index = reordering(shape, source, target, axes)
        assert np.array_equal(row(cells, source)[index], row(cells.transpose(axes), target))
        assert Select(index, cells.size).size(cells.size) == cells.size  # a permutation, as Select takes it
    assert np.array_equal(row(cells, source)[reordering(shape, source, target)], row(cells, target))


def test_reordering_refuses_axes_that_are_no_permutation():
    for axes in [(0,), (0, 0), (0, 2)]:
        with pytest.raises(ValueError, match="ax"):
            reordering((2, 3), F, C, axes)


# what a builder does with shapes


@ORDERS
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_permute_is_the_transpose_of_numpy(order, axes):
    cells, build = image((2, 3, 4)), Builder(order)
    y = build.permute(build.input((2, 3, 4)), axes)
    assert np.array_equal(computed(build, y, cells), cells.transpose(axes))


@ORDERS
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concatenate_is_that_of_numpy(order, axis):
    shapes = [tuple(n + k * (j == axis) for j, n in enumerate((2, 3, 4))) for k in range(3)]
    images, build = [image(shape, k) for k, shape in enumerate(shapes)], Builder(order)
    y = build.concatenate(build.inputs(shapes), axis)
    assert np.array_equal(computed(build, y, *images), np.concatenate(images, axis=axis))


@ORDERS
def test_concatenate_adds_no_selection_where_the_row_has_the_order_already(order):
    build = Builder(order)
    build.concatenate(build.inputs([(2, 3), (2, 3)]), 1 if order is F else 0)
    assert [type(n.layer) for n in build.nodes] == [Select, Select, Concatenate]


UNFIT = [([(2, 3), (3, 3)], 1), ([(2, 3), (2,)], 1), ([(2, 3), (2, 3)], 2), ([(2,), (2,)], -1)]


@pytest.mark.parametrize(("shapes", "axis"), UNFIT)
def test_concatenate_refuses_what_does_not_fit(shapes, axis):
    build = Builder()
    with pytest.raises(ValueError, match=f"side by side along axis {axis}"):
        build.concatenate(build.inputs(shapes), axis)


@ORDERS
def test_repeat_broadcasts_and_tiles(order):
    cells, build = image((3, 1)), Builder(order)
    x = build.input((3, 1))
    columns = np.broadcast_to(build.places((3, 1)), (2, 3, 4))
    assert np.array_equal(computed(build, build.repeat(x, columns), cells), np.broadcast_to(cells, (2, 3, 4)))
    build = Builder(order)
    tiled = build.repeat(build.input((3, 1)), np.tile(build.places((3, 1)), (2, 2)))
    assert np.array_equal(computed(build, tiled, cells), np.tile(cells, (2, 2)))


@ORDERS
def test_gather_takes_cells_and_adds_nothing_for_what_stands_so_already(order):
    cells, build = image((2, 3, 4)), Builder(order)
    x = build.input((2, 3, 4))
    assert build.gather(x, build.places((2, 3, 4))) == x
    assert not build.nodes
    y = build.gather(x, build.places((2, 3, 4))[::-1, 1:, ::2])
    assert np.array_equal(computed(build, y, cells), cells[::-1, 1:, ::2])


@ORDERS
def test_reshape_cuts_the_row_in_the_order_of_the_format(order):
    cells, build = image((2, 6)), Builder(order)
    y = build.permute(build.reshape(build.input((2, 6)), (3, 4)), (1, 0))
    assert np.array_equal(computed(build, y, cells), cells.reshape((3, 4), order=order.value).T)
    with pytest.raises(ValueError, match=r"12 units don't take the shape \(5, 3\)"):
        build.reshape(y, (5, 3))


@ORDERS
def test_flat_makes_the_row_of_constants_for_a_layer(order):
    gain, cells, build = image((2, 3), 5), image((2, 3)), Builder(order)
    zeros = np.zeros(6)
    y = build.add(Scale(build.flat(gain), zeros, zeros), build.input((2, 3)), shape=(2, 3))
    assert np.array_equal(computed(build, y, cells), gain * cells)


def test_inputs_are_the_columns_of_x_one_after_the_other():
    build = Builder()
    first, none, last = build.inputs([(2,), (0,), (1, 3)])
    assert [v.shape for v in (first, none, last)] == [(2,), (0,), (1, 3)]
    net = built(build, build.beside([last, first]), 5)
    assert np.array_equal(net(np.arange(5.0)), [2, 3, 4, 0, 1])
    alone = Builder()
    assert alone.inputs([(2, 3)]) == [Value(0, (2, 3))]
    assert not alone.nodes


# layers


def test_a_value_has_the_size_of_its_layer_unless_a_shape_is_given():
    build, W = Builder(), image((6, 2))
    x = build.input((2,))
    assert build.add(Affine(W, np.zeros(6)), x) == Value(1, (6,))
    assert build.add(Affine(W, np.zeros(6)), x, shape=(2, 1, 3)) == Value(2, (2, 1, 3))
    assert build.through([Affine(W, np.zeros(6)), Affine(W.T, np.zeros(2))], x, shape=(1, 2)) == Value(4, (1, 2))
    assert build.through([], x) == x
    with pytest.raises(ValueError, match=r"6 units don't take the shape \(7,\)"):
        build.add(Affine(W, np.zeros(6)), x, shape=(7,))
    with pytest.raises(ValueError, match=r"6 units don't take the shape \(2,\)"):
        build.through([Affine(W, np.zeros(6))], x, shape=(2,))


def test_a_layer_that_does_not_fit_is_refused_as_a_network_refuses_it():
    build, layer = Builder(), Affine(np.ones((3, 2)), np.zeros(3))
    with pytest.raises(ModelError) as early:
        build.add(layer, build.input((4,)))
    with pytest.raises(ModelError) as late:
        Network((Node(layer, (0,)),), (Port("x", numbered("x", 4)),), (Port("y", numbered("y", 3)),))
    assert str(early.value) == str(late.value)


def test_any_value_may_be_what_the_network_gives():
    def scaled(build, x, factor):
        return build.add(Scale(np.full(2, factor), np.zeros(2), np.zeros(2)), x)

    build = Builder()
    x = build.input((2,))
    first = scaled(build, x, 2.0)
    last = scaled(build, x, 3.0)
    rows = np.array([[1.0, -2.0]])
    assert np.array_equal(built(build, build.beside([last, first]), 2)(rows), [[3, -6, 2, -4]])
    for y, factor in ((first, 2.0), (x, 1.0)):
        build = Builder()
        scaled(build, scaled(build, build.input((2,)), 2.0), 4.0)
        assert np.array_equal(built(build, y, 2)(rows), factor * rows)
    empty = Builder()
    assert np.array_equal(built(empty, empty.input((2,)), 2)(rows), rows)


def test_bare_numbers_are_taken_from_loaders_that_know_the_sizes():
    build = Builder()
    doubled = build.through([Scale(np.full(2, 2.0), np.zeros(2), np.zeros(2))], 0)
    assert doubled == 1
    assert build.beside([doubled]) == 1
    assert build.add(Sum(), 0, doubled) == 2
    assert build.beside([0, doubled], [2, 2]) == 3
    assert [n.sources for n in build.nodes] == [(0,), (0, 1), (0, 1)]


# limits


def test_limits_of_layers_sources_and_numbers(monkeypatch):
    monkeypatch.setattr(module, "MOST_LAYERS", 3)
    monkeypatch.setattr(module, "MOST_SOURCES", 4)
    monkeypatch.setattr(module, "MOST_NUMBERS", 30)
    build = Builder()
    x = build.input((2,))
    for _ in range(3):
        build.add(Sum(), x)
    with pytest.raises(ModelError, match="the network has 4 layers, at most 3 are computed"):
        build.add(Sum(), x)
    with pytest.raises(ModelError, match="the network has 5 sources of layers, at most 4 are computed"):
        Builder().add(Sum(), *[x] * 5)
    with pytest.raises(ModelError, match="the network has 36 numbers in its layers, at most 30 are computed"):
        Builder().add(Affine(np.ones((12, 2)), np.zeros(12)), x)


def test_an_array_that_several_layers_share_is_counted_once(monkeypatch):
    monkeypatch.setattr(module, "MOST_NUMBERS", 6)
    build, layer = Builder(), Affine(np.ones((2, 2)), np.zeros(2))
    value = build.through([layer] * 50, build.input((2,)))
    assert (value, build.numbers) == (Value(50, (2,)), 6)
    with pytest.raises(ModelError, match="8 numbers"):
        build.add(Affine(layer.W, np.ones(2)), value)


def test_a_concatenation_that_is_too_large_is_refused_before_its_columns_are_listed(monkeypatch):
    monkeypatch.setattr(module, "MOST_UNITS", 100)
    build = Builder()
    x = build.input((5, 5))
    with pytest.raises(ModelError, match="125 units"):
        build.concatenate([x] * 5, 1)
    assert build.concatenate([x] * 5, 0).shape == (25, 5)  # nothing is listed there
