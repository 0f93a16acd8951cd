"""Every layer kind: jvp against differences, vjp against jvp, curvature against differences of
vjp, a batch against its rows.
"""

import numpy as np
import pytest

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import (
    KINDS,
    Affine,
    Compet,
    Concatenate,
    Distance,
    Elementwise,
    FillMissing,
    Normalize,
    NormProd,
    Place,
    Product,
    Scale,
    Select,
    Softmax,
    SquaredDistance,
    Sum,
)
from tests.core.rules import curvature, forward, jvp, vjp

R = np.random.default_rng(5)


def normal(*shape):
    return R.normal(size=shape)


EXAMPLES = [
    ("affine", Affine(normal(3, 4), normal(3)), (4,)),
    ("scale", Scale(normal(4), normal(4), normal(4)), (4,)),
    ("select", Select(np.array([2, 0]), 4), (4,)),
    ("place", Place(np.array([3, 1]), normal(4)), (2,)),
    (
        "fixunknowns",
        FillMissing(
            np.array([0, 1, 1, 2]),
            np.array([False, False, True, False]),
            np.array([False, True, False, False]),
            normal(4),
            3,
        ),
        (3,),
    ),
    ("tansig", Elementwise(BY_NAME["tansig"]), (4,)),
    ("a slope for each unit", Elementwise(BY_NAME["leaky_relu"], {"slope": normal(4)}), (4,)),
    ("softmax", Softmax(), (4,)),
    ("compet", Compet(), (4,)),
    ("squared distance", SquaredDistance(normal(3, 4), R.uniform(0.1, 1, 3)), (4,)),
    ("dist", Distance(normal(3, 4)), (4,)),
    ("negdist", Distance(normal(3, 4), -1.0), (4,)),
    ("mandist", Distance(normal(3, 4), manhattan=True), (4,)),
    ("normprod", NormProd(normal(3, 4)), (4,)),
    ("normalisation", Normalize(5, 1, 1e-5), (5,)),
    ("normalisation in groups", Normalize(6, 2, 1e-3), (6,)),
    ("normalisation, large epsilon", Normalize(4, 1, 0.5), (4,)),
    ("normalisation of one unit each", Normalize(3, 3, 1e-2), (3,)),
    ("sum", Sum(), (4, 4, 4)),
    ("product", Product(), (4, 4, 4)),
    ("product of one", Product(), (4,)),
    ("concatenate", Concatenate((4, 2)), (4, 2)),
]
ALL = pytest.mark.parametrize(("layer", "sizes"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
N, K, M, H = 5, 3, 2, 1e-5


def inputs(sizes, rows=N):
    r = np.random.default_rng(11)
    x = [r.uniform(0.4, 2.0, size=(n, rows)) for n in sizes]
    for v in x:
        v[0] *= -0.5  # both signs, yet no sum near 0, where normprod has its pole
    return tuple(x)


def stack(k, rows, sizes, seed=3):
    r = np.random.default_rng(seed)
    return tuple(r.normal(size=(n, k, rows)) for n in sizes)


def test_every_kind_has_an_example():
    assert {type(e[1]) for e in EXAMPLES} == set(KINDS)


@ALL
def test_jvp_is_the_derivative_along_each_tangent(layer, sizes):
    x, T = inputs(sizes), stack(K, N, sizes)
    y = forward(layer, *x)
    found = jvp(layer, x, y, T)
    for k in range(K):
        ahead, behind = (forward(layer, *(v + s * H * t[:, k] for v, t in zip(x, T, strict=True))) for s in (1, -1))
        np.testing.assert_allclose(
            np.broadcast_to(found, (len(y), K, N))[:, k], (ahead - behind) / (2 * H), rtol=1e-7, atol=1e-8
        )


@ALL
def test_vjp_and_jvp_agree_on_inner_products(layer, sizes):
    x, T = inputs(sizes), stack(K, N, sizes)
    y = forward(layer, *x)
    G = stack(M, N, (len(y),), 4)[0]
    ahead = np.broadcast_to(jvp(layer, x, y, T), (len(y), K, N))
    back = vjp(layer, x, y, G)
    left = np.einsum("omn,okn->nmk", G, ahead)
    right = sum(
        np.einsum("imn,ikn->nmk", np.broadcast_to(g, (*g.shape[:2], N)), t) for g, t in zip(back, T, strict=True)
    )
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-13)


@ALL
def test_curvature_is_the_derivative_of_vjp(layer, sizes):
    x, S, T = inputs(sizes), stack(K, N, sizes), stack(K + 1, N, sizes, 8)
    y = forward(layer, *x)
    G = stack(M, N, (len(y),), 4)[0]
    found = curvature(layer, x, y, G, S, T)
    same = curvature(layer, x, y, G, S, S)
    assert (found is not None) == (layer.curved and (type(layer) is not Product or len(sizes) > 1))
    expected = np.empty((N, M, K, K + 1))
    for k in range(K + 1):

        def back(s, k=k):
            moved = tuple(v + s * H * t[:, k] for v, t in zip(x, T, strict=True))
            z = forward(layer, *moved)
            return vjp(layer, moved, z, G)

        change = [(a - b) / (2 * H) for a, b in zip(back(1), back(-1), strict=True)]
        expected[..., k] = sum(
            np.einsum("imn,ijn->nmj", np.broadcast_to(c, (*c.shape[:2], N)), s) for c, s in zip(change, S, strict=True)
        )
    np.testing.assert_allclose(np.zeros(expected.shape) if found is None else found, expected, rtol=1e-6, atol=1e-7)
    if same is not None:
        assert np.array_equal(same, same.swapaxes(2, 3))


@ALL
def test_shared_tangents_and_cotangents_mean_the_same_for_every_row(layer, sizes):
    x, T = inputs(sizes), stack(K, 1, sizes)
    full = tuple(np.repeat(t, N, axis=2) for t in T)
    y = forward(layer, *x)
    G = stack(M, 1, (len(y),), 4)[0]
    wide = np.repeat(G, N, axis=2)
    args = x, y
    shape = (len(y), K, N)
    np.testing.assert_allclose(
        np.broadcast_to(jvp(layer, *args, T), shape),
        np.broadcast_to(jvp(layer, *args, full), shape),
        rtol=1e-13,
        atol=1e-14,
    )
    for a, b in zip((vjp(layer, *args, G)), (vjp(layer, *args, wide)), strict=True):
        np.testing.assert_allclose(np.broadcast_to(a, b.shape), b, rtol=1e-13, atol=1e-14)
    a, b = (curvature(layer, *args, g, t, t) for g, t in ((G, T), (wide, full)))
    if a is not None:
        np.testing.assert_allclose(np.broadcast_to(a, b.shape), b, rtol=1e-11, atol=1e-12)


@ALL
def test_a_batch_is_its_rows_and_nothing_is_changed(layer, sizes):
    x = inputs(sizes)
    before = [v.copy() for v in x]
    y = forward(layer, *x)
    assert y.shape == (layer.size(*sizes), N)
    rows = [forward(layer, *(v[:, s : s + 1] for v in x))[:, 0] for s in range(N)]
    np.testing.assert_allclose(y.T, rows, rtol=1e-14, atol=1e-15)
    T, G = stack(K, N, sizes), stack(M, N, (len(y),), 4)[0]
    copies = [t.copy() for t in T], G.copy(), y.copy()
    jvp(layer, x, y, T)
    vjp(layer, x, y, G)
    curvature(layer, x, y, G, T, T)
    assert all(np.array_equal(a, b) for a, b in zip(x, before, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(T, copies[0], strict=True))
    assert np.array_equal(G, copies[1])
    assert np.array_equal(y, copies[2])


@ALL
def test_no_rows_are_no_error(layer, sizes):
    x = inputs(sizes, rows=0)
    y = forward(layer, *x)
    assert y.shape == (layer.size(*sizes), 0)
    assert (vjp(layer, x, y, np.ones((len(y), M, 0))))[0].shape == (sizes[0], M, 0)


@ALL
def test_sizes_that_do_not_fit_are_refused(layer, sizes):
    if len(sizes) == 1 and (
        type(layer) in (Softmax, Compet, Product) or (type(layer) is Elementwise and not layer.params)
    ):
        return  # they take any size
    with pytest.raises(ValueError):
        layer.size(*[n + 1 + k for k, n in enumerate(sizes)])


def test_gaussian_unit_at_its_centre_is_smooth():
    """exp(-b^2 |x - c|^2): J = 0 and H = -2 b^2 I there, where the chain through dist would give 0/0."""
    c, b2 = normal(1, 3), np.array([0.7])
    layer, gauss = SquaredDistance(c, b2), Elementwise(BY_NAME["exp"])
    x = c.T.copy()
    y = forward(layer, x)
    a = forward(gauss, y)
    G, T = np.ones((1, 1, 1)), (np.eye(3)[:, :, None],)
    (g,) = vjp(gauss, (y,), a, G)
    assert np.array_equal(vjp(layer, (x,), y, g)[0], np.zeros((3, 1, 1)))
    S = (jvp(layer, (x,), y, T),)
    through = curvature(gauss, (y,), a, G, S, S) + curvature(layer, (x,), y, g, T, T)
    np.testing.assert_allclose(through[0, 0], -2 * 0.7 * np.eye(3), rtol=1e-15)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(Distance(np.array([[1.0, 2.0]])), [0.0, 0.0]), (Distance(np.array([[1.0, 5.0]]), manhattan=True), [0.0, -1.0])],
)
def test_distances_take_slope_zero_at_their_kinks(layer, expected):
    x = np.array([[1.0], [2.0]])
    y = forward(layer, x)
    np.testing.assert_array_equal(vjp(layer, (x,), y, np.ones((1, 1, 1)))[0][:, 0, 0], expected)
    T = np.eye(2)[:, :, None]
    bend = curvature(layer, (x,), y, np.ones((1, 1, 1)), (T,), (T,))
    assert bend is None or np.array_equal(bend, np.zeros((1, 1, 2, 2)))


def test_normprod_example_of_the_documentation():
    layer = NormProd(np.array([[1.0, -2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_allclose(forward(layer, np.array([[0.7], [0.3]]))[:, 0], [0.1, 3.3, 5.3], rtol=1e-15)


def test_softmax_slopes_keep_their_digits_when_one_class_wins():
    """dy_1/dx_1 = y_1 y_2 for two classes: 1 - y_1 would have lost every digit."""
    x = np.array([[0.0, -80.0], [1.0, 2.0], [-50.0, 0.0]]).T
    layer = Softmax()
    y = forward(layer, x)
    exact = y[0] * y[1]
    np.testing.assert_allclose(vjp(layer, (x,), y, np.eye(2)[:, :, None])[0][0, 0], exact, rtol=1e-14)
    np.testing.assert_allclose(jvp(layer, (x,), y, (np.eye(2)[:, :, None],))[1, 1], exact, rtol=1e-14)
    with_nan = np.column_stack([x, [np.nan, 0.0]])
    y = forward(layer, with_nan)
    np.testing.assert_allclose(vjp(layer, (with_nan,), y, np.eye(2)[:, :, None])[0][0, 0, :3], exact, rtol=1e-14)


def test_compet_takes_the_first_of_equals_and_keeps_nan():
    y = forward(Compet(), np.array([[1.0, 3.0, 3.0], [np.nan, 1.0, 2.0]]).T)
    np.testing.assert_array_equal(y.T, [[0, 1, 0], [np.nan] * 3])


def test_fixunknowns_layout():
    """x=[12; NaN] with row 2 unknown: value rows, then a flag 1 = known, 0 = NaN behind each unknown row."""
    layer = FillMissing(
        np.array([0, 1, 1]),
        np.array([False, False, True]),
        np.array([False, True, False]),
        np.array([0.0, 9.0, 0.0]),
        2,
    )
    x = np.array([[12.0, 4.0], [12.0, np.nan], [np.nan, 4.0]]).T
    np.testing.assert_array_equal(forward(layer, x).T, [[12, 4, 1], [12, 9, 0], [np.nan, 4, 1]])
    np.testing.assert_array_equal(
        vjp(layer, (x,), forward(layer, x), np.ones((3, 1, 1)))[0][:, 0].T, [[1, 1], [1, 0], [1, 1]]
    )
