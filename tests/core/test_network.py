"""Network: shapes, names, the door, threads, pickling; the passes against each other and against differences."""

import pickle
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from itertools import pairwise

import numpy as np
import pytest

import nngrad
from nngrad.core import plan
from nngrad.core.activations import BY_NAME
from nngrad.core.builder import Builder
from nngrad.core.graph import Node
from nngrad.core.layers import Affine, Compet, Elementwise, Place, Product, Scale, Select, Softmax, Sum
from nngrad.core.network import Network
from nngrad.core.ports import Port, numbered
from nngrad.core.scalar import Scalar
from nngrad.errors import UsageError

R = np.random.default_rng(12)


def the_same_every_time(make):
    """Whatever was made before."""

    @wraps(make)
    def from_the_start(*args, **kwargs):
        R.bit_generator.state = np.random.default_rng(12).bit_generator.state
        return make(*args, **kwargs)

    return from_the_start


def dense(n, m):
    return Affine(R.normal(size=(m, n)) / np.sqrt(n), R.normal(size=m))


def tansig():
    return Elementwise(BY_NAME["tansig"])


@the_same_every_time
def deep(n=4, m=2, widths=(6, 5), last=()):
    sizes = (n, *widths)
    layers = [Scale(R.uniform(0.5, 2, n), R.normal(size=n), R.normal(size=n))]
    for a, b in pairwise(sizes):
        layers += [dense(a, b), tansig()]
    return Network.chain([*layers, dense(sizes[-1], m), *last], input_size=n)


@the_same_every_time
def branched():
    """Skips, a product, several linear layers in a row, values read twice."""
    b = Builder()
    h = b.through([Select(np.array([2, 0, 1]), 4), dense(3, 5), Scale(*R.uniform(0.5, 1, (3, 5)))], 0)
    t = b.add(tansig(), h)
    p = b.add(Product(), t, b.add(dense(4, 5), 0))
    s = b.add(Sum(), p, h, b.add(dense(5, 5), t))
    b.through([dense(5, 2), Place(np.array([2, 0]), R.normal(size=3)), Softmax()], s)
    return Network(tuple(b.nodes), (Port("x", numbered("x", 4)),), (Port("y", numbered("y", 3)),))


@the_same_every_time
def lone_product():
    """A product with one input, as a layer of several inputs may have it."""
    b = Builder()
    b.through([dense(3, 4), tansig()], 0)
    b.add(Product(), 2)
    return Network(tuple(b.nodes), (Port("x", numbered("x", 3)),), (Port("y", numbered("y", 4)),))


@the_same_every_time
def linear():
    return Network.chain([dense(3, 4), Scale(*R.normal(size=(3, 4))), dense(4, 2)], input_size=3)


NETWORKS = {
    "one output": deep(4, 1),
    "one hidden layer": deep(4, 2, (5,)),
    "many outputs": deep(2, 7),
    "softmax": deep(4, 3, last=(Softmax(),)),
    "branched": branched(),
    "product of one": lone_product(),
    "linear": linear(),
    "wide in": deep(40, 3),
}
ALL = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


def rows(net, count=7):
    return np.random.default_rng(3).normal(size=(count, net.input_size))


def differences(f, x, n):
    h = 1e-4
    steps = np.eye(n) * h
    return np.stack([(8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * h) for e in steps], axis=-1)


@ALL
def test_jacobian_against_differences(net):
    x = rows(net)
    np.testing.assert_allclose(net.jacobian(x), differences(net, x, net.input_size), rtol=1e-8, atol=1e-9)


@ALL
def test_both_directions_give_the_same_jacobian(net):
    x = rows(net)
    forward = np.stack([net.jvp(x, e) for e in np.eye(net.input_size)], axis=-1)
    reverse = np.stack([net.vjp(x, e) for e in np.eye(net.output_size)], axis=1)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(net.jacobian(x), reverse, rtol=1e-12, atol=1e-14)


@ALL
def test_hessian_and_its_products(net):
    x = rows(net, 4)
    H = net.hessian(x)
    np.testing.assert_allclose(H, differences(net.jacobian, x, net.input_size), rtol=1e-7, atol=1e-9)
    assert np.array_equal(H, H.swapaxes(2, 3))
    w, v = R.normal(size=(4, net.output_size)), R.normal(size=(4, net.input_size))
    np.testing.assert_allclose(net.hvp(x, w, v), np.einsum("nm,nmij,nj->ni", w, H, v), rtol=1e-10, atol=1e-12)


@ALL
def test_directions_for_each_row(net):
    x, J = rows(net), net.jacobian(rows(net))
    v, w = R.normal(size=x.shape), R.normal(size=(len(x), net.output_size))
    np.testing.assert_allclose(net.jvp(x, v), np.einsum("nmi,ni->nm", J, v), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(net.vjp(x, w), np.einsum("nmi,nm->ni", J, w), rtol=1e-11, atol=1e-13)


@ALL
def test_chosen_outputs_and_inputs(net):
    x = rows(net)
    of, wrt = [net.output_size - 1, 0], [net.input_size - 1, 0]
    y, J = net.value_and_jacobian(x, of, wrt)
    full_y, full = net.value_and_jacobian(x)
    np.testing.assert_array_equal(y, full_y[:, of])
    np.testing.assert_allclose(J, full[:, of][:, :, wrt], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(
        net.jacobian(x, of=[net.output_names[-1]], wrt=["x1"]), full[:, -1:, :1], rtol=1e-12, atol=1e-14
    )
    np.testing.assert_allclose(
        net.hessian(x, of, wrt), net.hessian(x)[:, of][:, :, wrt][:, :, :, wrt], rtol=1e-11, atol=1e-13
    )


@ALL
def test_many_rows_are_the_same_as_few(net):
    """Blocks over threads give what single rows give, to the last bits of matrix products."""
    x = rows(net, 3 * net.block_rows + 5)
    y, J = net.value_and_jacobian(x)
    some = [0, net.block_rows - 1, net.block_rows, len(x) - 1]
    for s in some:
        one_y, one_J = net.value_and_jacobian(x[s])
        np.testing.assert_allclose(y[s], one_y, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(J[s], one_J, rtol=1e-12, atol=1e-14)
    again = net.value_and_jacobian(x)
    assert np.array_equal(again[0], y)
    assert np.array_equal(again[1], J)


@ALL
def test_safe_from_several_threads_and_through_pickle(net):
    x = rows(net, 50)
    expected = net.jacobian(x)
    copy = pickle.loads(pickle.dumps(net))
    with ThreadPoolExecutor(4) as pool:
        for J in pool.map(lambda _: copy.jacobian(x), range(20)):
            assert np.array_equal(J, expected)


def test_one_row_has_no_leading_axis():
    net = NETWORKS["softmax"]
    x = rows(net, 1)
    y, J = net.value_and_jacobian(x[0])
    assert y.shape == (3,)
    assert J.shape == (3, 4)
    assert net.hessian(x[0]).shape == (3, 4, 4)
    assert net.jvp(x[0], x[0]).shape == (3,)
    assert net.vjp(x[0], y).shape == (4,)
    assert net.hvp(x[0], y, x[0]).shape == (4,)
    assert np.array_equal(net(x)[0], net(x[0]))


@ALL
def test_no_rows(net):
    none = np.empty((0, net.input_size))
    y, J = net.value_and_jacobian(none)
    assert y.shape == (0, net.output_size)
    assert J.shape == (0, net.output_size, net.input_size)
    assert net.hessian(none).shape == (*J.shape, net.input_size)
    assert net.jvp(none, np.ones(net.input_size)).shape == y.shape
    assert net.vjp(none, np.ones(net.output_size)).shape == none.shape
    assert net.hvp(none, np.ones(net.output_size), np.ones(net.input_size)).shape == none.shape


def test_cheaper_direction_is_chosen():
    assert NETWORKS["one output"].plan().reverse
    assert not NETWORKS["many outputs"].plan().reverse


def test_nan_rows_stay_in_their_row():
    net = NETWORKS["branched"]
    x = rows(net)
    x[2, 1] = np.nan
    y, J = net.value_and_jacobian(x)
    clean = net.jacobian(np.delete(x, 2, axis=0))
    assert np.isnan(y[2]).all()
    np.testing.assert_allclose(np.delete(J, 2, axis=0), clean, rtol=1e-12)


@pytest.mark.parametrize(
    "x", [[[1, 2, 3, 4]], np.ones((2, 4), np.float32), np.ones((4, 2), int).T, [True, False, True, False]]
)
def test_any_real_dtype_and_layout(x):
    net = NETWORKS["one output"]
    np.testing.assert_array_equal(net(x), net(np.array(x, float)))


def test_what_is_masked_is_missing():
    x = np.ma.masked_equal([[1, 2, 3, 4], [5, 6, -999, 8]], -999)
    np.testing.assert_array_equal(NETWORKS["one output"](x), NETWORKS["one output"]([[1, 2, 3, 4], [5, 6, np.nan, 8]]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), r"shape \(2, 3\); this network takes \(N, 4\): rows are samples, columns are x1, x2, x3, x4"),
        (np.ones((1, 2, 4)), r"shape \(1, 2, 4\)"),
        (3.0, r"shape \(\)"),
        ([["a", "b", "c", "d"]], "not real numbers"),
        (np.ones((1, 4), complex), "complex128, not real numbers"),
        ([[1, 2, 3, 4], [1, 2]], "not a table of numbers"),
        (None, "object, not real numbers"),
    ],
)
def test_what_does_not_fit_is_refused(x, message):
    with pytest.raises(nngrad.DataError, match=message):
        NETWORKS["one output"](x)


def test_masked_numbers_that_are_not_real_are_refused():
    """Not cut to their real parts."""
    with pytest.raises(nngrad.DataError, match="complex128, not real numbers"):
        NETWORKS["one output"](np.ma.masked_equal([[1, 2, 3, 4j]], 1))


def test_directions_that_do_not_fit_are_refused():
    with pytest.raises(nngrad.DataError, match=r"v has the shape \(3,\); it takes \(4,\) or \(2, 4\)"):
        NETWORKS["one output"].jvp(np.ones((2, 4)), np.ones(3))


def test_a_hessian_vector_product_takes_little_memory():
    """It carries tangents along every input: of so many rows at a time that they stay in cache."""
    net = deep(200, 2, (100, 100))
    x, w, v = R.normal(size=(320, 200)), np.ones(2), np.ones(200)
    tracemalloc.start()
    try:
        net.hvp(x, w, v)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_unknown_names_offer_the_nearest():
    net = deep()
    with pytest.raises(nngrad.UsageError, match="no input 'x9': there are 4, x1 to x4"):
        net.jacobian(np.ones(4), wrt=["x9"])
    with pytest.raises(nngrad.UsageError, match="did you mean y1"):
        net.indices_of_outputs(["yy1"])
    with pytest.raises(nngrad.UsageError, match="indices go from 0 to 1"):
        net.jacobian(np.ones(4), of=[2])
    assert net.indices_of_inputs(["3", "x1"]) == (2, 0)


@pytest.mark.parametrize(
    "odd",
    [
        1,
        [],
        np.int64(1),
        [True, False],
        np.array([True, False]),
        [0.5],
        [1.0],
        [np.nan],
        [None],
        [[0, 1]],
        np.array([[0, 1]]),
    ],
)
def test_what_is_no_list_of_names_or_indices_is_refused(odd):
    """A mask would be taken for the indices 0 and 1, and a fraction would be cut."""
    for choice in ("of", "wrt"):
        with pytest.raises(nngrad.UsageError, match=f"{choice}=.* give a list of names or of indices"):
            deep().jacobian(np.ones(4), **{choice: odd})
    assert deep().jacobian(np.ones(4), of=np.array([1, 0], np.uint8), wrt=("x2", 3)).shape == (2, 2)


def test_networks_that_do_not_chain_are_refused():
    with pytest.raises(
        nngrad.ModelError,
        match=r"layer 2 \(Affine\) does not fit what comes before it: weights \(2, 3\) don't take 5 inputs",
    ):
        Network(
            (Node(dense(4, 5), (0,)), Node(dense(3, 2), (1,))),
            (Port("x", numbered("x", 4)),),
            (Port("y", numbered("y", 2)),),
        )
    with pytest.raises(nngrad.ModelError, match="which do not exist before it"):
        Network((Node(dense(4, 5), (1,)),), (Port("x", numbered("x", 4)),), (Port("y", numbered("y", 5)),))
    with pytest.raises(nngrad.ModelError, match="the last layer has 5 outputs, not 2"):
        Network((Node(dense(4, 5), (0,)),), (Port("x", numbered("x", 4)),), (Port("y", numbered("y", 2)),))


def test_chains_say_what_they_lack():
    with pytest.raises(nngrad.ModelError, match="begins with Elementwise takes any number of inputs: give input_size"):
        Network.chain([tansig(), dense(3, 2)])
    with pytest.raises(nngrad.ModelError, match=r"layer 2 \(Affine\) does not fit what comes before it"):
        Network.chain([dense(4, 5), dense(3, 2)])
    assert Network.chain([], input_size=3)([1.0, 2.0, 3.0]).tolist() == [1.0, 2.0, 3.0]


def test_flat_networks_are_known():
    assert Network.chain([dense(3, 2), Compet()], input_size=3).flat
    assert Network.chain([dense(3, 2), Elementwise(BY_NAME["hardlim"]), dense(2, 2)], input_size=3).flat
    assert not any(net.flat for net in NETWORKS.values())


def test_results_do_not_alias_the_input():
    """A network of nothing but a selection must not hand out a view of x."""
    net = Network.chain([Select(np.array([0, 1]), 2)], input_size=2)
    x = np.ones((3, 2))
    y = net(x)
    y[:] = 5
    assert np.array_equal(x, np.ones((3, 2)))


def test_a_plan_of_many_inputs_takes_no_matrix_of_all_of_them():
    n = 3000
    net = Network.chain([Scale(*R.uniform(1, 2, (3, n))), dense(n, 4), tansig(), dense(4, 2)], input_size=n)
    x = R.normal(size=(2, n))
    tracemalloc.start()
    J = net.jacobian(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * n  # an eighth of one such matrix
    some = [0, 1234, n - 1]
    np.testing.assert_allclose(J[:, :, some], net.jacobian(x, wrt=some), rtol=1e-12)


def test_threads_that_need_a_plan_at_once_make_it_once(monkeypatch):
    made = []

    def slowly(*args):
        made.append(args)
        time.sleep(0.05)
        return plan_of(*args)

    plan_of = plan.Plan.of_network
    monkeypatch.setattr(plan.Plan, "of_network", slowly)
    net = deep()
    threads = [threading.Thread(target=net.jacobian, args=(rows(net),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_name_of_several_columns_chooses_none():
    net = Network.chain([dense(3, 2)], inputs=(Port("x", ("a", "b", "a")),))
    with pytest.raises(UsageError, match="input 'a': 2 have this name, number 1, 3; choose by number"):
        net.jacobian([1, 2, 3], wrt=["a"])
    assert net.jacobian([1, 2, 3], wrt=["3", "b"]).shape == (2, 2)


def test_gradients_are_what_an_optimiser_takes():
    from scipy.optimize import minimize

    net = deep(3, 1)
    x = rows(net)
    np.testing.assert_array_equal(net.gradient(x), net.jacobian(x)[:, 0])
    assert net.gradient(x[0]).shape == (3,)
    several = deep(3, 2)
    np.testing.assert_array_equal(several.gradient(x, of="y2"), several.jacobian(x, of="y2")[:, 0])
    np.testing.assert_array_equal(several.gradient(x, of=1), several.jacobian(x, of=[1])[:, 0])
    found = several.gradient(x, scalar="y1*y2")
    y, J = several.value_and_jacobian(x)
    np.testing.assert_allclose(found, y[:, 1:] * J[:, 0] + y[:, :1] * J[:, 1], rtol=1e-12)
    for choice in ({}, {"of": "y1", "scalar": "y1"}):
        with pytest.raises(UsageError):
            several.gradient(x, **choice)
    bowl = "(y1 - 0.5)**2 + (y2 - 0.25)**2"
    f = Scalar.parse(several, bowl)
    for method in ("BFGS", "CG", "L-BFGS-B", "SLSQP", "trust-constr"):
        done = minimize(f, np.zeros(3), jac=lambda v: several.gradient(v, scalar=bowl), method=method)
        assert done.fun < f(np.zeros(3))


def test_one_name_chooses_one_output():
    net = deep(3, 2)
    x = rows(net)
    np.testing.assert_array_equal(net.jacobian(x, of="y2", wrt="x3"), net.jacobian(x, of=[1], wrt=[2]))
    with pytest.raises(UsageError, match="no output 'y9'"):
        net.jacobian(x, of="y9")


def test_training_ranges_stand_with_the_inputs():
    ports = Port("a", ("a", "b"), np.array([0.0, 1.0]), np.array([2.0, 3.0])), Port("c", ("c",))
    net = Network.chain([dense(3, 1)], inputs=ports)
    np.testing.assert_array_equal(net.lower, [0.0, 1.0, np.nan])
    np.testing.assert_array_equal(net.upper, [2.0, 3.0, np.nan])
    with pytest.raises(ValueError, match="read-only"):
        net.lower[0] = 5.0
