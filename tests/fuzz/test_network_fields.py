"""Every field of a `network` object written by SciPy, changed in every way: refused, or evaluated
as a second evaluator reads it.
"""

import warnings

import numpy as np
import pytest
from scipy.io import savemat
from scipy.io.matlab import MatlabObject

import nngrad
from nngrad.errors import NngradError
from nngrad.loaders.matlab import network
from nngrad.loaders.matlab.network import IGNORED
from nngrad.loaders.tree import MatlabObject as TreeObject
from tests.fuzz.fields import MISSING, at, changes, places, replaced
from tests.loaders.reference import Reference
from tests.makers import script

made = script("make_matlab_networks")
R = np.random.default_rng(7)
SHAPE_ALONE = (
    "turned",
    "flat",
    "an axis more",
)  # the same numbers in another shape mean the same where a vector is meant
SAID_TWICE = """
    version numInputs numLayers numOutputs numInputDelays numLayerDelays size processedSize feedbackOutput feedbackInput feedbackMode
    xrows yrows xmax xmin xrange yrange gain xoffset no_change value constants keep remove biases range
"""  # what follows from the rest of the object, or is absent in older versions: it may be missing, but not be wrong
PLACES = {  # the first name of a path: which of the lists of ignored fields is meant
    "inputs": "inputs, outputs",
    "outputs": "inputs, outputs",
    "layers": "layers",
    "inputWeights": "weights, biases",
    "layerWeights": "weights, biases",
    "biases": "weights, biases",
}


def port(name, rows, processed, steps, low, high, **more):
    ranges = np.column_stack([low, high])
    extra = {
        "processedRange": np.tile([-1.0, 1.0], (processed, 1)),
        "exampleInput": ranges,
        "userdata": made.struct(note="x"),
    }
    return made.port(name, rows, processed, steps, ranges, **extra, **more)


def static():
    steps = [made.removeconstantrows(3, {2: 5.0}), made.mapminmax([0.0, 10.0], [4.0, 30.0])]
    inputs = [port("Input", 3, 2, steps, [0.0, 5.0, 10.0], [4.0, 5.0, 30.0], feedbackOutput=np.zeros((0, 0)))]
    layers = [
        {"size": 3, "transfer": "tansig", "b": R.normal(size=3), "IW": {0: R.normal(size=(3, 2))}},
        {
            "size": 2,
            "transfer": "logsig",
            "b": R.normal(size=2),
            "IW": {0: R.normal(size=(2, 2))},
            "LW": {0: R.normal(size=(2, 3))},
        },
    ]
    more = {"feedbackMode": "none", "feedbackInput": np.zeros((0, 0)), "feedbackDelay": 0.0}
    outputs = {1: port("Output", 2, 2, [made.mapminmax([0.0, -5.0], [12.0, 5.0])], [0.0, -5.0], [12.0, 5.0], **more)}
    return made.network("made", inputs, layers, outputs), R.uniform([0, 5, 10], [4, 5, 30], size=(3, 3))


def open_loop():
    inputs = [
        port("x", 1, 1, [made.mapminmax([0.0], [2.0])], [0.0], [2.0], feedbackOutput=np.zeros((0, 0))),
        port("y", 1, 1, [made.mapminmax([-1.0], [2.0])], [-1.0], [2.0], feedbackOutput=1.0),
    ]
    links = {("IW", 0): [0, 1], ("IW", 1): [1, 2]}
    layers = [
        {
            "size": 1,
            "transfer": "purelin",
            "b": R.normal(size=1),
            "IW": {0: R.normal(size=(1, 2)), 1: R.normal(size=(1, 2))},
            "delays": links,
        }
    ]
    more = {"feedbackMode": "open", "feedbackInput": 2.0, "feedbackDelay": 0.0}
    outputs = {0: port("y", 1, 1, [made.mapminmax([-1.0], [2.0])], [-1.0], [2.0], **more)}
    return made.network("made", inputs, layers, outputs), R.uniform(-1, 1, size=(3, 4))


# an object as nested dicts (structs) and lists of lists (cells), and back


def opened(value):
    if isinstance(value, np.ndarray) and value.dtype.names:
        return {name: opened(value[0, 0][name]) for name in value.dtype.names}
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [[opened(v) for v in row] for row in value]
    return value if isinstance(value, str | float) else np.asarray(value, float)


def cells_of(value, inner):
    """A cell from a list of rows, or of one row from any other list."""
    rows = value if value and all(isinstance(row, list) for row in value) else [value] if value else []
    if len({len(row) for row in rows}) > 1:
        raise ValueError("rows that are not equally long are no cell")
    cells = np.empty((len(rows), len(rows[0]) if rows else 0), object)
    for i, row in enumerate(rows):
        cells[i] = [inner(v) for v in row]
    return cells


def closed(value):
    if isinstance(value, dict):
        return made.struct(**{name: closed(v) for name, v in value.items()})
    return cells_of(value, closed) if isinstance(value, list) else value


def as_tree(value):
    """What nngrad's reader makes of such a file, without the file."""
    if isinstance(value, dict):
        return {name: as_tree(v) for name, v in value.items()}
    if isinstance(value, list):
        return cells_of(value, as_tree)
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    return np.atleast_2d(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))


def written(fields, path):
    net = closed(fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        savemat(path, {"net": MatlabObject(net, "network")})
    return path


# the test


def is_ignored(path, what):
    """A field of the stated lists, or one that is no field of the object at all."""
    if "too" in what or "extra" in what:
        return True
    lists = [
        IGNORED[PLACES.get(path[0], "the object")],
        IGNORED["settings of processing steps"] if "processSettings" in path else "",
    ]
    return any(key in " ".join(lists).split() for key in path if isinstance(key, str))


def as_read(net, x):
    ranges = [end for p in (*net.inputs, *net.outputs) for end in (p.lower, p.upper) if end is not None]
    return net(x), np.concatenate([*ranges, np.zeros(0)]), np.array(net.input_names)


def same(a, b):
    return same_numbers(a, b) and a[2].tolist() == b[2].tolist()


def same_numbers(a, b):
    pairs = list(zip(a[:2], b[:2], strict=True))
    return all(p.shape == q.shape and np.allclose(p, q, rtol=1e-10, atol=1e-13, equal_nan=True) for p, q in pairs)


@np.errstate(all="ignore")
def as_evaluated(path, x):
    return np.array([Reference(path).evaluate(row) for row in x])


def means_the_same(path, old, new, what):
    """Whether a change leaves everything as it was: the same number, or one thing less of what
    the object says twice.
    """
    if new is MISSING or (path == ("version",) and new == ""):
        return path[-1] in SAID_TWICE.split()
    if path[0] == "biases" and isinstance(new, dict):
        return "size" not in new
    if isinstance(new, list) and not new:
        return not (old.size if isinstance(old, np.ndarray) else old)
    if isinstance(old, list):
        return isinstance(new, list) and repr(old) == repr(new)
    if isinstance(old, float | np.ndarray) and isinstance(new, float | np.ndarray):
        return what in SHAPE_ALONE or np.array_equal(np.ravel(old), np.ravel(new), equal_nan=True)
    return isinstance(old, str) and old == new


def of_fields(fields):
    return network.read(TreeObject("network", as_tree(fields)))


@pytest.mark.parametrize("make", [static, open_loop], ids=lambda f: f.__name__)
def test_every_field_changed_in_every_way(tmp_path, make):
    net, x = make()
    base, file = opened(np.asarray(net)), tmp_path / "changed.mat"
    before = as_read(nngrad.load(written(base, file)), x)
    np.testing.assert_allclose(before[0], as_evaluated(file, x), rtol=1e-13)
    assert same(as_read(of_fields(base), x), before)
    wrong, count = [], {"refused": 0, "followed": 0, "ignored": 0, "the same": 0}
    for path in (p for p in places(base) if p and (isinstance(p[-1], str) or len(p) > 2)):
        for k, (what, new) in enumerate(changes(at(base, path))):
            if is_ignored(path, "") and k % 8 != 1:  # a few are enough where nothing may happen
                continue
            problem = judged(base, path, what, new, before, x, file, count)
            wrong += [f"{path}: {what}: {problem}"] if problem else []
    assert not wrong, "\n".join([f"{len(wrong)}:", *wrong[:40]])
    assert count["refused"] > 500, count
    assert min(count.values()) > 10, count


def judged(base, path, what, new, before, x, file, count):
    """What is wrong with one change; empty where nothing is."""
    try:
        changed = replaced(base, path, new)
        closed(changed)
    except (IndexError, ValueError):  # no object can hold that
        return ""
    try:
        net = of_fields(changed)
    except NngradError:
        count["refused"] += 1
        return "" if count["refused"] % 50 else still_refused(changed, file)
    if net.input_size != x.shape[1]:
        return "another number of inputs"
    after = as_read(net, x)
    if is_ignored(path, what):
        count["ignored"] += 1
        return "" if same_numbers(after, before) else "changes the outputs, though it is ignored"
    if same(after, before):
        count["the same"] += 1
        return "" if means_the_same(path, at(base, path), new, what) else "changes nothing, and is not ignored"
    count["followed"] += 1
    return followed(changed, before, after, x, file)


def still_refused(changed, file):
    """Whether the file is refused like the tree that stands for it."""
    try:
        nngrad.load(written(changed, file))
    except (NngradError, TypeError):
        return ""
    return "the file is read, though what it holds is refused"


def followed(changed, before, after, x, file):
    try:
        y = as_evaluated(written(changed, file), x)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError, AssertionError) as error:
        return f"read, though it has no meaning ({error!r})"
    if not same(as_read(nngrad.load(file), x), after):
        return "the file is read in another way than what it holds"
    return "" if np.allclose(after[0], y, rtol=1e-10, equal_nan=True) else "read as something else than it says"
