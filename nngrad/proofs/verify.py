"""Does the network reproduce what MATLAB or Keras computed, and to how many digits?

Agreement is measured for every output against the spread of its recorded values: digits = -log10(worst difference /
spread). Where the numbers are not reproduced, hypotheses about what happened when they were recorded are tried, one by
one, and the one that explains the numbers is named, or that none does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, pairwise, permutations
from typing import Any, NamedTuple

import numpy as np

from nngrad.core.fuse import processing, scaled_otherwise
from nngrad.core.network import Network
from nngrad.errors import DataError

Array = np.ndarray
DIGITS = 9.0  # agreement from which on numbers count as reproduced; hypotheses too
MOST_DIGITS = 16.0
FEW = 12  # rows on which permutations are tried first


class Agreement(NamedTuple):
    """How well computed outputs reproduce recorded ones: digits of the worst output, and its worst entry."""

    digits: float
    difference: float
    row: int  # from 1
    output: int  # from 0
    computed: float
    recorded: float


class Hypothesis(NamedTuple):
    """What may have happened, and to how many digits that explains the recorded numbers."""

    name: str
    text: str
    digits: float


@dataclass(frozen=True)
class Verdict:
    """What verify found; `precision` says to what the recorded numbers were rounded, where that
    had to be allowed for.
    """

    reproduced: bool
    agreement: Agreement
    rows: int
    outputs: tuple[Agreement, ...] = ()  # each by itself
    precision: str = ""
    hypotheses: tuple[Hypothesis, ...] = ()
    missing: int = 0  # recorded numbers that are NaN: not recorded, and not compared

    @property
    def explanation(self) -> Hypothesis | None:
        """The hypothesis that reproduces the numbers, if one does."""
        return self.hypotheses[0] if self.hypotheses and self.hypotheses[0].digits >= DIGITS else None


# agreement


def agreement(y: Array, recorded: Array) -> Agreement:
    """Outputs y (N, m) against recorded ones."""
    if not y.size:
        return Agreement(MOST_DIGITS, 0.0, 0, 0, 0.0, 0.0)
    with np.errstate(all="ignore"):
        largest = np.nanmax(np.abs(np.where(np.isfinite(recorded), recorded, 0.0)), axis=0)
        middle = np.where(np.isfinite(recorded), recorded, 0.0).sum(axis=0) / np.maximum(
            np.isfinite(recorded).sum(axis=0), 1
        )
        spread = np.nanmax(np.abs(np.where(np.isfinite(recorded), recorded - middle, 0.0)), axis=0)
        scale = np.where(spread > 1e-6 * largest, spread, largest)
        same = (y == recorded) | (
            np.isnan(recorded) & ~np.isnan(recorded).all()
        )  # NaN: an output that was not recorded
        off = np.where(same, 0.0, np.abs(y - recorded))
        relative = np.where(same, 0.0, off / np.where(scale > 0.0, scale, 1.0))
    relative = np.where(np.isnan(relative), np.inf, relative)
    s, i = np.unravel_index(int(relative.argmax()), relative.shape)
    worst = float(relative[s, i])
    digits = (
        MOST_DIGITS if worst < 10**-MOST_DIGITS else max(0.0, float(-np.log10(worst))) if np.isfinite(worst) else 0.0
    )
    return Agreement(digits, float(off[s, i]), int(s) + 1, int(i), float(y[s, i]), float(recorded[s, i]))


@np.errstate(all="ignore")  # hypotheses that overflow explain nothing
def verify(net: Network, x: Any, recorded: Any, others: Sequence[Network] = ()) -> Verdict:
    """Compares net(x) with recorded outputs; x and recorded may have their samples in rows or in columns.

    `others` are the other networks of the file. DataError where the arrays fit in no orientation.
    """
    x, recorded = net.inputs_by_name(x), net.outputs_by_name(recorded)
    ways = list(_orientations(net, x, recorded))
    if not ways:
        sizes = f"{net.input_size} inputs and {net.output_size} outputs"
        raise DataError(f"inputs {_by(x)} and recorded outputs {_by(recorded)} don't fit a network of {sizes}")
    verdicts = []
    for x_rows, y_rows, how in ways:
        found = _compared(net, x_rows, y_rows)
        if found.reproduced:
            turned = (
                (Hypothesis("samples in columns", f"{how}: that is how they were read", found.agreement.digits),)
                if how
                else ()
            )
            return replace(found, hypotheses=turned)
        verdicts.append(found)
    x_rows, y_rows, _ = ways[0]
    best: dict[str, Hypothesis] = {}
    for hypothesis in _hypotheses(net, x_rows, y_rows, others):
        if hypothesis.name not in best or hypothesis.digits > best[hypothesis.name].digits:
            best[hypothesis.name] = hypothesis
    ranked = sorted(best.values(), key=lambda h: -h.digits)
    plain = verdicts[0]
    if len(x_rows) != len(y_rows) and (not ranked or ranked[0].digits < DIGITS):
        raise DataError(
            f"the inputs hold {len(x_rows)} samples, the recorded outputs {len(y_rows)}, and no shift of rows explains it"
        )
    floor = (
        max(plain.agreement.digits + 0.5, 1.0) if len(x_rows) == len(y_rows) else 1.0
    )  # else plain is the first rows alone
    return replace(plain, hypotheses=tuple(h for h in ranked if h.digits > floor))


def _by(a: Array) -> str:
    return " x ".join(map(str, a.shape))


def _orientations(net: Network, x: Array, y: Array) -> Iterator[tuple[Array, Array, str]]:
    """Ways to take the arrays as rows of samples: as they stand first; equal numbers of samples first."""
    x, y = (np.atleast_2d(np.asarray(a, float)) for a in (x, y))
    found = []
    for turned_x in (False, True):
        for turned_y in (False, True):
            a, b = (x.T if turned_x else x), (y.T if turned_y else y)
            if a.shape[1] == net.input_size and b.shape[1] == net.output_size and min(len(a), len(b)) > 0:
                names = [name for name, turned in (("inputs", turned_x), ("outputs", turned_y)) if turned]
                how = f"the samples of the {' and '.join(names)} stand in columns" if names else ""
                found.append((len(a) != len(b), a, b, how))
    equal = [entry for entry in found if not entry[0]]
    yield from ((a, b, how) for _, a, b, how in equal or found)


def _compared(net: Network, x: Array, y: Array) -> Verdict:
    rows = min(len(x), len(y))
    computed = net(x[:rows])
    found = agreement(computed, y[:rows])
    each = tuple(agreement(computed[:, [i]], y[:rows, [i]]) for i in range(net.output_size))
    alike = len(x) == len(y)
    exact = alike and found.digits >= DIGITS
    precision = _within_precision(net, x, y, computed) if alike and not exact and found.digits >= 3.0 else ""
    return Verdict(exact or bool(precision), found, rows, each, precision, missing=int(np.isnan(y[:rows]).sum()))


# precision of what was recorded


def _within_precision(net: Network, x: Array, y: Array, computed: Array) -> str:
    """To what the recorded numbers were rounded, if that explains every difference; else ""."""
    missing = np.isnan(y)
    off = np.where(missing, 0.0, np.abs(computed - y) - 1e-12 * np.abs(y))
    for unit, text in _units(y):
        if text == SINGLE:
            if (off <= np.maximum(unit, 1e-5 * np.nanmax(np.abs(y), axis=0))).all():
                return text
            continue
        if (off <= 0.51 * unit).all():
            return f"{text} of the outputs"
        slopes = np.abs(net.jacobian(x))
        for unit_x, text_x in _units(x):
            if text_x != SINGLE and (off <= 0.51 * (unit + np.einsum("nmi,ni->nm", slopes, unit_x))).all():
                return f"{text} of the outputs, {text_x} of the inputs"
    return ""


SINGLE = "single precision"


def _units(a: Array) -> Iterator[tuple[Array, str]]:
    """What all numbers of a table are rounded to (decimals, digits, singles), with the rounding
    unit of each; whole numbers are not.
    """
    finite = np.where(np.isfinite(a), a, 0.0)
    if (finite == np.round(finite)).all():
        return
    decimals = next((d for d in range(1, 13) if (np.round(finite, d) == finite).all()), None)
    if decimals is not None:
        yield np.full(a.shape, 10.0**-decimals), f"{decimals} decimals"
    distinct = np.unique(finite)[:5000]
    digits = next((d for d in range(3, 13) if all(float(f"{value:.{d - 1}e}") == value for value in distinct)), None)
    if digits is not None:
        exponent = np.floor(np.log10(np.where(finite == 0.0, 1.0, np.abs(finite))))
        yield np.where(finite == 0.0, 0.0, 10.0 ** (exponent - digits + 1)), f"{digits} digits"
    if (finite.astype(np.float32).astype(float) == finite).all():
        yield np.spacing(np.abs(finite).astype(np.float32)).astype(float), SINGLE


# hypotheses


def _hypotheses(net: Network, x: Array, y: Array, others: Sequence[Network]) -> Iterator[Hypothesis]:
    if len(x) == len(y):
        yield from _processing(net, x, y)
        yield from _other_networks(x, y, others)
        yield from _permuted_outputs(net, x, y)
        yield from _permuted_inputs(net, x, y)
        yield from _in_single(net, x, y)
        yield from _turned(net, x, y)
    yield from _shifted(net, x, y)


def _processing(net: Network, x: Array, y: Array) -> Iterator[Hypothesis]:
    before, after = processing(net)
    before_text = "the inputs were normalised already, or the network's input processing was skipped"
    after_text = "the outputs were left normalised: the network's output processing was skipped"
    for name, text, off, twice in (
        ("input processing skipped", before_text, before, ()),
        ("output processing skipped", after_text, after, ()),
        ("all processing skipped", f"{before_text}; {after_text}", (*before, *after), ()),
        ("inputs normalised twice", "the inputs were normalised before the network normalised them again", (), before),
        (
            "outputs un-normalised twice",
            "the output processing was reversed once more after the network had done it",
            (),
            after,
        ),
    ):
        if (off or twice) and not (name.startswith("all") and not (before and after)):
            yield Hypothesis(name, text, agreement(rescaled(net, off, twice)(x), y).digits)


def rescaled(net: Network, off: Sequence[int], twice: Sequence[int] = ()) -> Network:
    """The network with the scales `off` left out and the scales `twice` applied twice."""
    layers = list(net.layers)
    for k, times in (*((k, 0) for k in off), *((k, 2) for k in twice)):
        layers[k] = replace(layers[k], layer=scaled_otherwise(layers[k].layer, times))
    return replace(net, layers=tuple(layers))


def _other_networks(x: Array, y: Array, others: Sequence[Network]) -> Iterator[Hypothesis]:
    for other in others:
        if (other.input_size, other.output_size) == (x.shape[1], y.shape[1]):
            path = other.origin.network
            yield Hypothesis(
                f"another network ({path})",
                f"they are the outputs of {path} in the same file",
                agreement(other(x), y).digits,
            )


def _permuted_outputs(net: Network, x: Array, y: Array) -> Iterator[Hypothesis]:
    computed = net(x)
    m = net.output_size
    if not 1 < m <= 200:
        return
    digits = np.array([[agreement(computed[:, [i]], y[:, [j]]).digits for i in range(m)] for j in range(m)])
    order = digits.argmax(axis=1)
    if len(set(order.tolist())) == m:
        names = ", ".join(net.output_names[i] for i in order[:20])
        yield Hypothesis(
            "outputs in another order",
            f"the recorded outputs are, in this order, {names}",
            agreement(computed[:, order], y).digits,
        )


def _permuted_inputs(net: Network, x: Array, y: Array) -> Iterator[Hypothesis]:
    """All orders of up to 6 inputs; of more, swaps, rotations, the reverse, and exchanged ports."""
    n, few = net.input_size, slice(0, FEW)
    if not 1 < n <= 100:
        return
    best, order = 0.0, tuple(range(n))
    for chosen in _orders(net):
        digits = agreement(net(x[few][:, chosen]), y[few]).digits
        if digits > best:
            best, order = digits, chosen
    names = ", ".join(net.input_names[i] for i in np.argsort(order)[:20])
    digits = agreement(net(x[:, order]), y).digits
    yield Hypothesis("inputs in another order", f"the columns of the inputs are, in this order, {names}", digits)


def _orders(net: Network) -> Iterator[tuple[int, ...]]:
    n = net.input_size
    plain = tuple(range(n))
    if n <= 6:
        yield from islice(permutations(plain), 1, None)
        return
    yield plain[::-1]
    yield from (plain[k:] + plain[:k] for k in range(1, n))
    for a, b in combinations(plain, 2):
        swapped = list(plain)
        swapped[a], swapped[b] = b, a
        yield tuple(swapped)
    starts = np.cumsum([0, *(port.size for port in net.inputs)])
    ports = [plain[a:b] for a, b in pairwise(starts)]
    if 1 < len(ports) <= 5:
        yield from (tuple(i for port in order for i in port) for order in permutations(ports))


def _in_single(net: Network, x: Array, y: Array) -> Iterator[Hypothesis]:
    """Whether the differences are of the size that single precision makes in this very network."""
    found = agreement(net(x), y).digits
    if found >= 4.0:
        noise = agreement(_single(net, x), net(x)).digits
        if found >= noise - 1.0:
            yield Hypothesis(
                SINGLE, f"they agree to {found:.1f} digits, as far as single precision carries here", DIGITS
            )


def _single(net: Network, x: Array) -> Array:
    """The outputs with every intermediate rounded to single precision."""
    values = [_rounded(x.T)]
    for node in net.layers:
        layer = node.layer
        values.append(_rounded(layer.forward(layer.kernel, tuple(values[s] for s in node.sources))))
    return values[net.last].T


def _rounded(a: Array) -> Array:
    return a.astype(np.float32).astype(float)


def _turned(net: Network, x: Array, y: Array) -> Iterator[Hypothesis]:
    """A square table, whose samples may stand in columns."""
    for a, b, what in ((x.T, y, "inputs"), (x, y.T, "outputs"), (x.T, y.T, "inputs and outputs")):
        if a.shape == x.shape and b.shape == y.shape:
            yield Hypothesis(
                "samples in columns", f"the samples of the {what} stand in columns", agreement(net(a), b).digits
            )


def _shifted(net: Network, x: Array, y: Array) -> Iterator[Hypothesis]:
    """Outputs that are late or early by a few rows, as delays of a network make them."""
    computed = net(x)
    for shift in range(-20, 21):
        begin, end = max(0, shift), min(len(y), len(x) + shift)  # rows of y that have a partner x[s - shift]
        if (shift or len(x) != len(y)) and end - begin >= max(3, min(len(x), len(y)) // 2):
            digits = agreement(computed[begin - shift : end - shift], y[begin:end]).digits
            yield Hypothesis("rows shifted", _shift(shift, end), digits)


def _shift(shift: int, rows: int) -> str:
    if not shift:
        return f"the first {rows} rows of inputs and outputs belong to each other, and one of them goes on"
    way = (
        f"row k + {shift} of the outputs belongs"
        if shift > 0
        else f"row k of the outputs belongs to row k + {-shift}, not"
    )
    return f"{way} to row k of the inputs: a delay, or rows cut off"
