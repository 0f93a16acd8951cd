"""Every entry of a Keras configuration, changed in every way: refused, said, or computed as an
evaluator of its own reads it.
"""

import numpy as np

from nngrad.errors import NngradError
from nngrad.loaders.keras import reader
from nngrad.loaders.keras.supported import IGNORED, IGNORED_ENDINGS
from nngrad.loaders.tree import Group
from tests.fuzz.fields import Strange, at, changes, places, replaced

R = np.random.default_rng(11)
X = R.normal(size=(3, 3))
POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
W1, b1, W2 = R.normal(size=(3, 3)), R.normal(size=3), R.normal(size=(3, 2))
BATCH = [R.uniform(0.5, 2.0, size=3) for _ in range(4)]  # gamma, beta, mean, variance
WEIGHTS = {"dense": [W1, b1], "dense_1": [W2], "batch_normalization": BATCH}


def layer(kind, name, *sources, **config):
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 3], "dtype": "float32", "keras_history": [s, 0, 0]},
        }
        for s in sources
    ]
    inbound = [{"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}}] if tensors else []
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "trainable": True, "dtype": POLICY, **config},
        "registered_name": None,
        "build_config": {"input_shape": [None, 3]},
        "name": name,
        "inbound_nodes": inbound,
    }


ZEROS = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
LAYERS = [
    layer("InputLayer", "x", batch_shape=[None, 3], sparse=False, optional=False) | {"build_config": None},
    layer(
        "Dense", "d", "x", units=3, activation="tanh", use_bias=True, kernel_initializer=ZEROS, kernel_regularizer=None
    ),
    layer(
        "BatchNormalization",
        "n",
        "d",
        axis=-1,
        momentum=0.99,
        epsilon=0.01,
        center=True,
        scale=True,
        beta_initializer=ZEROS,
    ),
    layer("Rescaling", "r", "x", scale=0.5, offset=0.25),
    layer("Subtract", "s", "n", "r"),
    layer("LeakyReLU", "l", "s", negative_slope=0.2),
    layer("Dropout", "o", "l", rate=0.5, seed=None, noise_shape=None),
    layer("Dense", "e", "o", units=2, activation="linear", use_bias=False, kernel_initializer=ZEROS),
]
MODEL = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "config": {
        "name": "m",
        "trainable": True,
        "layers": LAYERS,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["e", 0, 0]],
    },
    "registered_name": "Functional",
    "build_config": {"input_shape": None},
}
FOR_NOBODY = {  # what the reader need not look at: how a layer was built, trained, and what is known of tensors between layers
    *IGNORED,
    "build_config",
    "registered_name",
    "module",
    "shape",
    "seed",
}


def read(config):
    weights = {
        name: Group({"vars": Group({str(k): a for k, a in enumerate(arrays)}, {})}, {})
        for name, arrays in WEIGHTS.items()
    }
    model = {
        "metadata": {"keras_version": "3.9.0"},
        "config": config,
        "weights": Group({"layers": Group(weights, {})}, {}),
    }
    return reader.read(plain(model))


def plain(value):
    """As JSON gives it: no arrays."""
    if isinstance(value, Group):
        return value
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return int(value)
    return [plain(v) for v in value] if isinstance(value, list) else value


# what it means


def demand(true):
    if not true:
        raise Strange("something in it does not fit")


def evaluate(config):
    try:
        model = config["config"]
        demand(config["class_name"] in ("Functional", "Model") and isinstance(model["layers"], list))
        layers = {
            entry["config"].get("name") if "name" not in entry else entry["name"]: entry for entry in model["layers"]
        }
        ((first, *_),) = refs(model["input_layers"])
        demand(layers[first]["class_name"] == "InputLayer" and layers[first]["config"]["batch_shape"][1:] == [3])
        order, ends = dense_order(model["layers"]), refs(model["output_layers"])
        return np.concatenate([value_of(layers, name, {first: X}, order, 0) for name, _, _ in ends], axis=1)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise Strange(f"it has no meaning ({error!r})") from None


def dense_order(layers):
    names = [entry.get("name", entry["config"].get("name")) for entry in layers if entry["class_name"] == "Dense"]
    return {name: k for k, name in enumerate(names)}


def refs(value):
    if isinstance(value, list) and len(value) >= 3 and isinstance(value[0], str):
        return [value]
    return [r for v in value for r in refs(v)]


def value_of(layers, name, known, order, depth):
    demand(depth < 30)
    if name in known:
        return known[name]
    entry = layers[name]
    (node,) = entry["inbound_nodes"][:1]
    demand(not any(v for v in node["kwargs"].values()))
    sources = [t["config"]["keras_history"] for t in tensors(node["args"])]
    demand(all(call == output == 0 for _, call, output in sources))
    inputs = [value_of(layers, source, known, order, depth + 1) for source, _, _ in sources]
    return computed(entry["class_name"], entry["config"], inputs, order.get(name))


def tensors(value):
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        return [value]
    return [t for v in (value if isinstance(value, list) else value.values()) for t in tensors(v)]


def flag(config, name):
    demand(isinstance(config.get(name, True), bool))
    return config.get(name, True)


def computed(kind, c, inputs, k):
    dtype = c.get("dtype")
    dtype = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
    demand(dtype is None or not isinstance(dtype, str) or dtype.startswith(("float", "bfloat", "mixed_")))
    x = inputs[0]
    demand(len(inputs) == 1 or kind in ("Subtract", "Add"))
    match kind:
        case "Dense":
            W, b = ((W1, b1), (W2, None))[k]
            demand(
                c["units"] == W.shape[1] and not isinstance(c["units"], bool) and flag(c, "use_bias") == (b is not None)
            )
            y = x @ W + (0.0 if b is None else b)
            return {"tanh": np.tanh, "linear": lambda v: v, None: lambda v: v}[c.get("activation")](y)
        case "BatchNormalization":
            gamma, beta, mean, variance = BATCH
            demand(
                c.get("axis", -1) in (-1, 1)
                and not isinstance(c.get("axis", -1), bool)
                and flag(c, "scale")
                and flag(c, "center")
            )
            return (x - mean) * gamma / np.sqrt(variance + real(c, "epsilon", 1e-3)) + beta
        case "Rescaling":
            scale, offset = (
                np.asarray(1.0 - k if c.get(n) is None else c[n], float) for k, n in enumerate(("scale", "offset"))
            )
            return x * scale + offset
        case "Subtract":
            demand(len(inputs) == 2)
            return inputs[0] - inputs[1]
        case "LeakyReLU":
            return np.where(x > 0, x, real(c, "negative_slope", real(c, "alpha", 0.3)) * x)
        case "Dropout":
            return x
    raise Strange(f"nobody knows {kind}")


def real(c, name, default):
    value = c.get(name)
    demand(value is None or (isinstance(value, int | float) and not isinstance(value, bool)))
    return default if value is None else value


# the test


def is_ignored(path, what):
    names = [key for key in path if isinstance(key, str)]
    return any(name in FOR_NOBODY or name.endswith(IGNORED_ENDINGS) for name in names)


@np.errstate(all="ignore")
def test_every_entry_changed_in_every_way():
    before = read(MODEL)(X)
    np.testing.assert_allclose(before, evaluate(MODEL), rtol=1e-13)
    wrong, count = [], {"refused": 0, "followed": 0, "ignored": 0, "said": 0, "renamed": 0}
    for path in (p for p in places(MODEL) if p):
        for what, new in changes(at(MODEL, path)):
            problem = judged(path, what, new, before, count)
            wrong += [f"{path}: {what}: {problem}"] if problem else []
    assert not wrong, "\n".join([f"{len(wrong)}:", *wrong[:60]])
    assert count["refused"] > 500, count
    assert min(count.values()) > 10, count


def judged(path, what, new, before, count):
    config = replaced(MODEL, path, new)
    try:
        net = read(config)
        after = net(X)
    except NngradError:
        count["refused"] += 1
        return ""
    moved = after.shape != before.shape or not np.allclose(after, before, rtol=1e-10)
    if is_ignored(path, what):
        count["ignored"] += 1
        return "changes the outputs, though it is ignored" if moved else ""
    if net.origin.doubts and not moved:
        count["said"] += 1
        return ""
    try:
        y = evaluate(plain(config))
    except Strange as error:
        return f"read, though {error}"
    count["followed"] += 1
    if after.shape != y.shape or not np.allclose(after, y, rtol=1e-10, equal_nan=True):
        return "read as something else than it says"
    count["renamed"] += not moved  # what nothing refers to, defaults left out, the same thing in another form
    return ""
