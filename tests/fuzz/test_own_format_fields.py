"""Every field of nngrad's own format, changed in every way: refused, or read as the description
says, by an evaluator of its own.
"""

import re

import numpy as np
import pytest

from nngrad.core.activations import BY_NAME
from nngrad.core.layers import Affine, Distance, Elementwise, FillMissing, Normalize, Place, Scale, Select
from nngrad.core.network import Network
from nngrad.core.ports import Port
from nngrad.loaders.tree import Group
from nngrad.own_format import decode
from nngrad.own_format.encode import encoded
from tests.fuzz.fields import Strange, judge, places

R = np.random.default_rng(5)
X = np.array([[20.0, 30.0], [80.0, 12.0], [55.5, 49.0]])
RANGE = {
    "xmin": np.array([0.0]),
    "xmax": np.array([300.0]),
    "ymin": -1.0,
    "ymax": 1.0,
    "xrange": np.array([300.0]),
    "yrange": 2.0,
}
BY_HAND = {
    "format": "nngrad network",
    "version": 1.0,
    "inputs": {
        "name": "engine",
        "columns": ["speed", "load"],
        "units": ["rpm", "N"],
        "lower": np.array([0.0, 10.0]),
        "upper": np.array([100.0, 50.0]),
    },
    "outputs": ["torque"],
    "origin": {"classname": "made", "notes": ["one", "two"]},
    "comment": "of the network",
    "layers": [
        {
            "kind": "mapminmax",
            "xmin": np.array([0.0, 10.0]),
            "xmax": np.array([100.0, 50.0]),
            "ymin": -1.0,
            "ymax": 1.0,
        },
        {
            "kind": "dense",
            "W": R.normal(size=(3, 2)),
            "b": R.normal(size=3),
            "activation": "tansig",
            "comment": "hidden",
        },
        {"kind": "leaky_relu", "slope": 0.1, "sources": np.array([2.0])},
        {"kind": "select", "keep": np.array([3.0, 1.0])},
        {"kind": "scale", "gain": np.array([2.0, 3.0]), "center": 0.5, "shift": np.array([1.0, -1.0])},
        {"kind": "sum", "sources": np.array([4.0, 5.0])},
        {"kind": "squared_distance", "C": R.normal(size=(2, 2)), "b": np.array([0.5, 0.75])},
        {"kind": "dense", "W": R.normal(size=(1, 2)), "b": np.array([0.25])},
        {
            "kind": "mapminmax",
            "settings": RANGE | {"gain": np.array([2 / 300]), "xoffset": np.array([0.0]), "no_change": 0.0},
            "reverse": 1.0,
        },
    ],
}


def own_kinds():
    """A network of kinds that only save writes."""
    flags = np.array([[0, 1, 0], [1, 0, 0]], bool)
    layers = [
        FillMissing(np.array([0, 0, 1]), flags[0], flags[1], np.array([0.5, 0.0, 0.0]), 2),
        Affine(R.normal(size=(4, 3)), R.normal(size=4)),
        Elementwise(BY_NAME["elu"], {"alpha": R.uniform(0.5, 2, size=4)}),
        Normalize(4, 2, 1e-3),
        Select(np.array([2, 0, 1]), 4),
        Distance(R.normal(size=(2, 3)), -1.0, True),
        Scale(np.array([2.0, 0.5]), np.zeros(2), np.ones(2)),
        Place(np.array([2, 0]), np.array([0.0, 7.0, 0.0])),
    ]
    ports = {"inputs": (Port("a", ("x1",)), Port("b", ("n",), np.zeros(1), np.ones(1), "int64"))}
    return encoded(Network.chain(layers, 2, **ports))


# a file as a container gives it


def tree_of(value, hdf5):
    if isinstance(value, dict):
        members = {k: tree_of(v, hdf5) for k, v in value.items()}
        return Group(members, {}) if hdf5 else members
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        return value
    if isinstance(value, list):
        items = [tree_of(v, hdf5) for v in value]
        if hdf5:
            return Group({str(k): v for k, v in enumerate(items, 1)}, {})
        cells = np.empty((len(items), 1), object)
        cells[:, 0] = items
        return cells
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    return array if hdf5 or array.ndim > 1 else array.reshape(-1, 1)


# what it means


def evaluate(fields):
    """(y, the names of inputs and outputs, ranges, integer types) of a file, or Strange."""
    try:
        return _network(fields)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise Strange(f"it has no meaning ({error!r})") from None


def _network(fields):
    only(fields, {"format", "version", "inputs", "outputs", "layers", "origin"})
    demand(number(fields["version"]) == 1)
    if "origin" in fields:
        only(fields["origin"], ORIGIN)
        demand(all(texts(v) is not None for k, v in fields["origin"].items() if k not in IGNORED))
    layers = fields["layers"] if isinstance(fields["layers"], list) else [fields["layers"]]
    widths = [2]
    inputs = ports(fields["inputs"], "x") if "inputs" in fields else [("x1", None, None, ""), ("x2", None, None, "")]
    demand(len(inputs) == 2)
    values = [X]
    for k, layer in enumerate(layers, 1):
        sources = [int(s) for s in vector(layer["sources"])] if "sources" in layer else [k - 1]
        demand(
            all(s == v for s, v in zip(sources, vector(layer.get("sources", [k - 1])), strict=True))
            and min(sources) >= 0
        )
        demand(len(sources) == 1 or text(layer["kind"]).lower() in ("sum", "product"))
        values.append(computed(layer, [values[s] for s in sources]))
    widths.append(values[-1].shape[1])
    outputs = (
        ports(fields["outputs"], "y")
        if "outputs" in fields
        else [(f"y{k + 1}", None, None, "") for k in range(widths[-1])]
    )
    demand(len(outputs) == widths[-1])
    return values[-1], inputs, outputs


ORIGIN = {
    "path",
    "network",
    "container",
    "classname",
    "version",
    "name",
    "created",
    "notes",
    "doubts",
    "processing",
    "layers",
}
IGNORED = {"name", "comment", "description"}


def demand(true):
    if not true:
        raise Strange("something in it does not fit")


def only(fields, known):
    demand(isinstance(fields, dict))
    surplus = set(fields) - known - IGNORED
    if surplus:
        raise Strange(f"nobody knows {surplus}")


def text(v):
    v = v[0] if isinstance(v, list) and len(v) == 1 else v
    demand(isinstance(v, str))
    return v


def texts(v):
    v = [v] if isinstance(v, str) else v
    return v if isinstance(v, list) and v and all(isinstance(t, str) for t in v) else None


def real(v):
    demand(isinstance(v, int | float | np.ndarray) and np.asarray(v).dtype.kind in "fib")
    return np.asarray(v, float)


def number(v):
    demand(real(v).size == 1)
    return float(real(v).ravel()[0])


def vector(v):
    v = np.asarray(v, float) if isinstance(v, list) and all(isinstance(n, int) for n in v) else real(v)
    demand(v.size == max((1, *v.shape)) or v.size == 0)
    return v.ravel()


def matrix(v):
    demand(real(v).ndim == 2)
    return real(v)


def ports(value, letter):
    """(column, lower, upper, integer type) of every column."""
    if texts(value):
        return [(name, None, None, "") for name in texts(value)]
    several = value if isinstance(value, list) else [value]
    found = []
    for port in several:
        only(port, {"columns", "size", "lower", "upper", "units", "integer"})
        names = (
            texts(port["columns"])
            if "columns" in port
            else [f"{letter}{k + 1}" for k in range(int(number(port["size"])))]
        )
        demand(names and ("size" not in port or number(port["size"]) == len(names)))
        demand("units" not in port or len(texts(port["units"])) == len(names))
        demand("name" not in port or text(port["name"]) is not None)
        ends = [vector(port[end]) if end in port else [None] * len(names) for end in ("lower", "upper")]
        integer = text(port["integer"]) if "integer" in port else ""
        demand(integer in ("", "int64"))
        found += [(name, low, high, integer) for name, low, high in zip(names, *ends, strict=True)]
    return found


def computed(layer, sources):
    kind = text(layer["kind"])
    if "shapes" in layer:
        return of_its_own(kind, layer, sources[0])
    params = set(layer) - {"kind", "sources"} - IGNORED
    if kind.lower() == "mapminmax":
        return minmax(layer, sources[0])
    kind = kind.strip() if kind.strip().lower() == "leaky_relu" else kind  # an activation by any of its names
    kind, x = kind.lower(), sources[0]
    if kind == "dense":
        W = matrix(layer["W"])
        y = x @ W.T + (vector(layer["b"]) if "b" in layer else 0.0)
        demand(y.shape[1] == len(W) and ("b" not in layer or vector(layer["b"]).size == len(W)))
        demand(params <= {"W", "b", "activation"})
        return activated(text(layer["activation"]), y) if "activation" in layer else y
    if kind == "leaky_relu":
        demand(params <= {"slope"})
        slope = vector(layer.get("slope", np.array(0.01)))
        demand(slope.size in (1, x.shape[1]))
        return np.where(x > 0, x, slope * x)
    if kind == "select":
        demand(params == {"keep"})
        keep = vector(layer["keep"])
        demand(len(set(keep)) == len(keep) and all(v == int(v) and 1 <= v <= x.shape[1] for v in keep))
        return x[:, keep.astype(int) - 1]
    if kind == "scale":
        demand(params <= {"gain", "center", "shift"})
        gain, center, shift = (
            vector(layer.get(n, np.array(d))) for n, d in (("gain", 1.0), ("center", 0.0), ("shift", 0.0))
        )
        demand(all(v.size in (1, x.shape[1]) for v in (gain, center, shift)))
        return (x - center) * gain + shift
    if kind == "sum":
        demand(not params and len({s.shape for s in sources}) == 1)
        return np.sum(sources, axis=0)
    if kind == "squared_distance":
        demand(params <= {"C", "b"})
        C = matrix(layer["C"])
        b = vector(layer["b"]) if "b" in layer else np.ones(len(C))
        demand(C.shape[1] == x.shape[1] and b.size == len(C))
        return -((b * np.sqrt(((x[:, None, :] - C) ** 2).sum(axis=2))) ** 2)
    demand(not params)
    return activated(kind, x)


def activated(name, x):
    name = name.strip().lower()
    demand(name in ("tansig", "linear"))
    return np.tanh(x) if name == "tansig" else x


def minmax(layer, x):
    inside = layer.get("settings")
    s = {k: v for k, v in layer.items() if k not in ("kind", "sources", "reverse")} if inside is None else inside
    only(s, {"xmin", "xmax", "ymin", "ymax", "xrange", "yrange", "gain", "xoffset", "no_change", "xrows", "yrows"})
    if inside is not None:
        only(layer, {"kind", "sources", "reverse", "settings"})
    reverse = number(layer["reverse"]) if "reverse" in layer else 0.0
    demand(reverse in (0.0, 1.0))
    ymin = number(s["ymin"])
    if "xmin" in s and "xmax" in s:
        low, spread = vector(s["xmin"]), vector(s["xmax"]) - vector(s["xmin"])
        demand(low.size == x.shape[1] == spread.size and not (spread < 0).any())
        gain = (number(s["ymax"]) - ymin) / spread
        demand("gain" not in s or np.allclose(vector(s["gain"]), gain, rtol=1e-9, atol=0))
        demand("xoffset" not in s or np.allclose(vector(s["xoffset"]), low, rtol=1e-9, atol=0))
        demand("xrange" not in s or np.allclose(vector(s["xrange"]), spread, rtol=1e-9, atol=0))
    else:
        gain, low = vector(s["gain"]), vector(s["xoffset"])
    demand("ymax" not in s or "yrange" not in s or number(s["yrange"]) == number(s["ymax"]) - ymin)
    demand(number(s.get("no_change", 0.0)) == 0.0 or (gain == 1).all())
    odd = ~np.isfinite(gain) | (gain == 0) | ~np.isfinite(low)
    gain, low, ymin = np.where(odd, 1.0, gain), np.where(odd, 0.0, low), np.where(odd, 0.0, ymin)
    return (x - ymin) / gain + low if reverse else (x - low) * gain + ymin


SHAPE = re.compile(r"(\S+) ((?:\d+x)*\d+)( int| bool)?( F)?")
TYPES = {"index": " int", "source": " int", "flag": " bool", "filled": " bool"}


def of_its_own(kind, layer, x):
    """Kinds with capital letters, whose arrays are what `shapes` says."""
    stated = {}
    for item in filter(None, (part.strip() for part in text(layer["shapes"]).split(","))):
        name, shape, dtype, _ = SHAPE.fullmatch(item).groups()
        demand(name not in stated and dtype == TYPES.get(name))
        stated[name] = tuple(int(n) for n in shape.split("x"))
    fields = {k: v for k, v in layer.items() if k not in ("kind", "sources", "shapes") and k not in IGNORED}
    flat = {k: v for k, v in fields.items() if k != "params"} | {
        f"params.{k}": v for k, v in fields.get("params", {}).items()
    }
    a = {}
    for name, value in flat.items():
        if name in stated:
            a[name] = real(value).reshape(stated.pop(name))
            demand([n for n in a[name].shape if n != 1] == [n for n in real(value).shape if n != 1])
            demand(a[name].ndim == (2 if name == "W" else 1))
            demand(TYPES.get(name) is None or np.array_equal(a[name], np.round(a[name])))
        else:
            a[name] = text(value) if name == "activation" else number(value)
    demand(not stated)
    return KINDS[kind](x, **{name.replace("params.", ""): value for name, value in a.items()})


def kind_affine(x, W, b):
    demand(W.shape == (len(b), x.shape[1]))
    return x @ W.T + b


def kind_fill(x, source, flag, filled, fill, inputs):
    demand(inputs == x.shape[1] and len(source) == len(flag) == len(filled) == len(fill) and source.min() >= 0)
    u = x[:, source.astype(int)]
    y = np.where(np.isnan(u) & (filled != 0), fill, u)
    return np.where(flag != 0, np.where(np.isnan(u), 0.0, 1.0), y)


def kind_elementwise(x, activation, alpha=None):
    demand(activation == "elu" and alpha is not None and np.size(alpha) in (1, x.shape[1]))
    return np.where(x > 0, x, alpha * np.expm1(x))


def kind_normalize(x, inputs, groups, epsilon):
    demand(inputs == x.shape[1] and groups >= 1 and inputs % groups == 0 and epsilon > 0)
    g = x.reshape(len(x), int(groups), -1)
    return ((g - g.mean(axis=2, keepdims=True)) / np.sqrt(g.var(axis=2, keepdims=True) + epsilon)).reshape(x.shape)


def kind_select(x, index, inputs):
    demand(inputs == x.shape[1] and len(set(index)) == len(index) and (index.min() >= 0 if len(index) else True))
    return x[:, index.astype(int)]


def kind_distance(x, W, sign=1.0, manhattan=0.0):
    demand(W.shape[1] == x.shape[1] and abs(sign) == 1 and manhattan in (0.0, 1.0))
    d = x[:, None, :] - W
    return sign * (np.abs(d).sum(axis=2) if manhattan else np.sqrt((d**2).sum(axis=2)))


def kind_scale(x, gain, center, shift):
    demand(len(gain) == len(center) == len(shift) == x.shape[1])
    return (x - center) * gain + shift


def kind_place(x, index, fill):
    demand(len(set(index)) == len(index) == x.shape[1] and index.min() >= 0)
    y = np.tile(fill, (len(x), 1))
    y[:, index.astype(int)] = x
    return y


KINDS = {
    "Affine": kind_affine,
    "FillMissing": kind_fill,
    "Elementwise": kind_elementwise,
    "Normalize": kind_normalize,
    "Select": kind_select,
    "Distance": kind_distance,
    "Scale": kind_scale,
    "Place": kind_place,
}


# the test


def read_as(hdf5):
    def read(fields):
        net = decode.read(tree_of(fields, hdf5))
        y = net.of_real_inputs()(X)
        described = [[c for p in side for c in columns_of(p)] for side in (net.inputs, net.outputs)]
        return y, *described

    return read


def columns_of(port):
    ends = ([None] * port.size if end is None else end for end in (port.lower, port.upper))
    return [(*entry, port.integer) for entry in zip(port.columns, *ends, strict=True)]


def same(a, b):
    if a[0].shape != b[0].shape or not np.allclose(a[0], b[0], rtol=1e-9, atol=1e-12, equal_nan=True):
        return False
    return all(str(p) == str(q) for p, q in zip(_plain(a[1:]), _plain(b[1:]), strict=True))


def _plain(sides):
    return [
        [(name, *(None if v is None else float(v) for v in ends), integer) for name, *ends, integer in side]
        for side in sides
    ]


def for_people(path):
    """What the description calls ignored; and an empty list, which HDF5 can't tell from an empty
    struct, where texts may be left out.
    """
    return "comment" in path or "description" in path or (path[0] == "origin" and path[-1] == "nothing")


@pytest.mark.parametrize("hdf5", [False, True], ids=["MAT", "HDF5"])
@pytest.mark.parametrize("make", [lambda: BY_HAND, own_kinds], ids=["by hand", "as saved"])
def test_every_field_changed_in_every_way(make, hdf5):
    base = make()
    every = [p for p in places(base) if p and p[0] != "format"]
    with np.errstate(all="ignore"):
        wrong, count = judge(base, read_as(hdf5), evaluate, for_people, every, same)
    assert not wrong, "\n".join([f"{len(wrong)}:", *wrong[:40]])
    assert min(count.values()) > 10 or make is own_kinds, count
    assert count["refused"] > 500, count
    assert count["followed"] > 50, count
