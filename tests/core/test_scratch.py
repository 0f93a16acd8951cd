"""Scratch memory: reused from block to block, never shared between threads, never in results or in what is kept."""

import threading

import numpy as np

import nngrad
from nngrad.core import scratch
from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Elementwise
from nngrad.core.network import Network
from tests.makers import SAMPLES

BIG = (scratch.LARGE, 2)


def test_memory_is_used_again_for_the_next_block_only():
    with scratch.block():
        a, b = scratch.empty(BIG), scratch.empty(BIG)
        assert not np.shares_memory(a, b)
        with scratch.block():  # nested: still the same block
            assert not np.shares_memory(scratch.empty(BIG), a)
    with scratch.block():
        assert np.shares_memory(scratch.empty(BIG), a)
        with scratch.outside():
            assert not np.shares_memory(scratch.empty(BIG), a)
    assert not np.shares_memory(scratch.empty(BIG), a)


def test_more_than_a_chunk():
    with scratch.block():
        parts = [scratch.empty((scratch.CHUNK // 3,)) for _ in range(7)] + [scratch.empty((scratch.CHUNK * 2,))]
        for k, part in enumerate(parts):
            part[:] = k
        assert all((part == k).all() for k, part in enumerate(parts))


def test_threads_have_memory_of_their_own():
    found = []

    def take():
        with scratch.block():
            found.append(scratch.empty(BIG))

    with scratch.block():
        mine = scratch.empty(BIG)
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
    assert not np.shares_memory(mine, found[0])


def test_results_stay_after_later_calls():
    net = nngrad.load(SAMPLES / "fitnet.mat")
    x = np.random.default_rng(0).uniform(600, 900, size=(3 * net.block_rows, 3))
    kept = [
        net(x),
        *net.value_and_jacobian(x),
        net.hessian(x[:5000]),
        net.jvp(x, x[0]),
        net.vjp(x, [1.0]),
        net.hvp(x, [1.0], x[0]),
    ]
    copies = [k.copy() for k in kept]
    for calls in (net, net.value_and_jacobian):
        calls(x[::-1] * 1.1)
    net.hessian(x[:5000] * 1.1)
    assert all(np.array_equal(a, b) for a, b in zip(kept, copies, strict=True))


def test_a_plan_first_made_within_a_large_block_stays_right():
    r = np.random.default_rng(1)
    wide = Network.chain(
        [
            Affine(r.normal(size=(90, 80)), r.normal(size=90)),
            Elementwise(BY_NAME["tansig"]),
            Affine(r.normal(size=(70, 90)), r.normal(size=70)),
        ]
    )
    x = r.normal(size=(40, 80))
    first = wide.jvp(x, x)
    wide(r.normal(size=(900, 80)))
    np.testing.assert_allclose(wide.jvp(x, x), first, rtol=1e-13)
    np.testing.assert_allclose(np.einsum("nmi,ni->nm", wide.jacobian(x), x), first, rtol=1e-10)
