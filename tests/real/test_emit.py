"""Every real network as source code in every language, against nngrad's own numbers at the points of the reference values."""

import numpy as np
import pytest

from nngrad import Network, NngradError, load
from nngrad.emit.selftest import points
from tests.emit.languages import EVERY, LANGUAGES, worst
from tests.real.models import entries

MOST = 4_000_000  # numbers of a Hessian at one point, beyond which it is not asked for
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


@pytest.mark.parametrize("language", EVERY)
@pytest.mark.parametrize("hessian", [True, False], ids=["with Hessian", "large"])
def test_real_networks(cases, language, hessian, tmp_path):
    chosen = [c for c in cases if (c[1].output_size * c[1].input_size ** 2 * max(c[1].sizes) <= MOST * 10) == hessian]
    found = LANGUAGES[language]([(net, x) for _, net, x in chosen], tmp_path, hessian=hessian)
    off = {name: worst(result, net, x) for (name, net, x), result in zip(chosen, found, strict=True)}
    wrong = {name: errors for name, errors in off.items() if not np.all(np.array(errors) <= (1e-13, 1e-11, 1e-11))}
    print(language, "worst", np.max([*off.values(), (0, 0, 0)], axis=0), "of", len(off))
    for name, errors in sorted(off.items(), key=lambda item: -max(item[1]))[:10]:
        print("   ", name[-90:], *(f"{e:.1e}" for e in errors))
    assert not wrong
