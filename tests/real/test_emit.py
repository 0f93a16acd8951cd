"""Every real network as source code in every language, against nngrad's own numbers at the points
of the reference values.
"""

import numpy as np
import pytest

from nngrad import Network, NngradError, load
from nngrad.emitters.selftest import points
from nngrad.loaders import candidates, containers
from tests.emitters.languages import EVERY, LANGUAGES, worst
from tests.makers import SAMPLES
from tests.real.models import entries

MOST = 40_000_000  # multiplications of a Hessian at one point, beyond which it is not asked for
ROWS = 5


def networks():
    """(name, network, rows) of every network that can be loaded."""
    found = []
    for entry in entries(""):
        try:
            net = load(entry.path, entry.network if "@" not in entry.network else None)
        except NngradError:
            continue
        if isinstance(net, Network) and net.input_size and net.output_size:
            found.append((str(entry), net, points(net, ROWS)))
    return found


@pytest.fixture(scope="module")
def cases():
    found = networks()
    assert len(found) > 50
    return found


def samples():
    """The same of every sample model."""
    for path in sorted(p for p in SAMPLES.iterdir() if p.suffix in (".mat", ".m", ".h5", ".keras")):
        try:
            found = candidates(containers.read(path))
        except NngradError:
            continue
        for candidate in found:
            try:
                net = load(path, candidate.path)
            except NngradError:
                continue
            if isinstance(net, Network):
                yield f"{path.name}@{candidate.path}", net, points(net, ROWS)


@pytest.mark.parametrize("language", EVERY)
def test_sample_models(language, tmp_path):
    check(language, list(samples()), True, tmp_path)


@pytest.mark.parametrize("language", EVERY)
@pytest.mark.parametrize("hessian", [True, False], ids=["with Hessian", "large"])
def test_real_networks(cases, language, hessian, tmp_path):
    chosen = [c for c in cases if (c[1].output_size * c[1].input_size ** 2 * max(c[1].sizes) <= MOST) == hessian]
    check(language, chosen, hessian, tmp_path)


def check(language, chosen, hessian, tmp_path):
    found = LANGUAGES[language]([(net, x) for _, net, x in chosen], tmp_path, hessian=hessian)
    off = {name: worst(result, net, x) for (name, net, x), result in zip(chosen, found, strict=True)}
    wrong = {name: errors for name, errors in off.items() if not np.all(np.array(errors) <= (1e-13, 1e-11, 1e-11))}
    print(language, "worst", np.max([*off.values(), (0, 0, 0)], axis=0), "of", len(off))
    for name, errors in sorted(off.items(), key=lambda item: -max(item[1]))[:10]:
        print("   ", name[-90:], *(f"{e:.1e}" for e in errors))
    assert not wrong
