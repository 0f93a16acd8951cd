"""Writes small Keras models with what Keras itself makes of them: outputs y and Jacobians J (N, outputs, inputs) for rows x, in float64.

    python sample_models/make_keras_models.py [FOLDER]

Runs where keras and jax are installed (Keras 3) or where tf_keras is (Keras 2), each for its part; elsewhere it says so and writes nothing.
The weights are our own: random, with moving averages and normalisations as if trained. Every NAME.npz belongs to NAME.keras and NAME.h5.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 6
# TensorFlow's leaky_relu and gelu hold constants in float32 also in a float64 model: they are left to Keras 3.
ACTIVATIONS_OF_BOTH = [
    "relu",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "tanh",
    "sigmoid",
    "exponential",
    "swish",
    "mish",
    "hard_sigmoid",
]
ACTIVATIONS_OF_BOTH += ["linear", "softmax"]
ACTIVATIONS_OF_KERAS_3 = [
    "gelu",
    "leaky_relu",
    "relu6",
    "silu",
    "celu",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "log_sigmoid",
    "tanh_shrink",
]
ACTIVATIONS_OF_KERAS_3 += ["soft_shrink", "hard_shrink", "squareplus", "sparse_plus", "sparse_sigmoid"]


def randomise(model: Any, seed: int) -> None:
    """Weights of ordinary size, and positive variances."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "layers"):
            randomise(layer, seed + 1)
            continue
        stored = layer.get_weights()
        names = [getattr(w, "path", w.name) for w in layer.weights]
        fresh = []
        for name, w in zip(names, stored, strict=True):
            values = random.normal(0.0, 0.5, w.shape)
            if "variance" in name:
                values = random.uniform(0.5, 2.0, w.shape)
            elif "gamma" in name or "alpha" in name:
                values = random.uniform(0.3, 1.7, w.shape)
            fresh.append(w if "count" in name else values)
        layer.set_weights(fresh)


def inputs_of(model: Any, seed: int) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    shapes = [tuple(n or 1 for n in i.shape[1:]) for i in model.inputs]
    total = sum(int(np.prod(s)) for s in shapes)
    return np.random.default_rng(seed).normal(0.0, 1.0, (ROWS, total)), shapes


def parts(x: Any, shapes: list[tuple[int, ...]], reshape: Callable[..., Any]) -> list[Any]:
    ends = np.cumsum([int(np.prod(s)) for s in shapes])
    return [reshape(x[:, e - int(np.prod(s)) : e], (x.shape[0], *s)) for e, s in zip(ends, shapes, strict=True)]


def save(folder: Path, name: str, model: Any, formats: str) -> Path:
    """Saves as .keras ("k"), .h5 ("h") or both; returns a file to load the model back from, because that is what counts."""
    if "h" in formats:
        model.save(folder / f"{name}.h5")
    if "k" in formats:
        model.save(folder / f"{name}.keras")
        squeeze(folder / f"{name}.keras")
    return folder / (f"{name}.keras" if "k" in formats else f"{name}.h5")


def squeeze(path: Path) -> None:
    """The same archive, compressed and without the date."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, content in members.items():
            new.writestr(zipfile.ZipInfo(name, (2024, 2, 29, 12, 0, 0)), content, zipfile.ZIP_DEFLATED)


# the models, in whatever Keras is given


def regression(keras: Any) -> Any:
    """What most people have: a scaled input, two hidden layers, a linear output."""
    L = keras.layers
    scaling = L.Normalization(mean=[50.0, 1.0, 300.0], variance=[400.0, 0.25, 900.0], name="scaling")
    layers = [
        keras.Input((3,), name="state"),
        scaling,
        L.Dense(8, "tanh"),
        L.Dropout(0.2),
        L.Dense(6, "relu"),
        L.Dense(2, name="loads"),
    ]
    return keras.Sequential(layers, name="regression")


def layer_zoo(keras: Any) -> Any:
    """One hidden layer through every layer without side inputs."""
    L = keras.layers
    x = keras.Input((4,))
    h = L.Dense(6, name="hidden", use_bias=False)(L.Normalization()(x))
    every = [
        L.BatchNormalization(),
        L.BatchNormalization(scale=False, epsilon=1e-5),
        L.BatchNormalization(center=False),
        L.LayerNormalization(),
        L.LayerNormalization(scale=False, center=False, epsilon=1e-6),
        L.GroupNormalization(groups=2, scale=False),
        L.LeakyReLU(0.25),
        L.ELU(0.75),
        L.PReLU(),
        L.ReLU(),
        L.ReLU(max_value=0.5),
        L.ReLU(negative_slope=0.25),
        L.ReLU(threshold=0.125),
        L.ReLU(max_value=0.75, negative_slope=0.25, threshold=0.125),
        L.Softmax(),
        L.Rescaling(0.5, offset=0.125),
        L.Normalization(mean=[0.25] * 6, variance=[1.0, 0.0, 2.0, 3.0, 4.0, 5.0], invert=True),
        L.Activation("hard_sigmoid"),
        keras.Sequential(
            [
                L.GaussianNoise(0.1),
                L.Dropout(0.5),
                L.ActivityRegularization(0.1),
                L.Dense(2, activation=L.LeakyReLU(0.25)),
            ]
        ),
    ]
    return keras.Model(x, L.Concatenate()([layer(h) for layer in every]))


def activation_zoo(keras: Any, names: list[str]) -> Any:
    """One hidden layer through every activation."""
    L = keras.layers
    x = keras.Input((3,))
    h = L.Dense(4, name="hidden")(x)
    return keras.Model(x, L.Concatenate()([L.Activation(n, name=f"a_{n}")(h) for n in names]))


def two_ports(keras: Any) -> Any:
    """Two inputs, three outputs, a skip connection, shared layers, models within the model, merges."""
    L = keras.layers
    state, action = keras.Input((3,), name="state"), keras.Input((2,), name="action")
    h = L.Dense(4, activation="tanh", name="first")(state)
    block = keras.Sequential(
        [L.Dense(4, activation="softplus"), L.BatchNormalization(), L.Dense(4), L.LeakyReLU(0.25)], name="block"
    )
    a, b = keras.Input((4,), name="left"), keras.Input((2,), name="right")
    joined = L.Concatenate()([L.Dense(3, activation="sigmoid", name="mix")(a), b])
    pair = keras.Model([a, b], [L.Dense(3, name="up")(joined), L.BatchNormalization(name="down")(joined)], name="pair")
    once, twice = block(h), block(block(h))
    skip = L.Add(name="skip")([h, once, twice])
    up, down = pair([skip, action])
    both = L.Multiply()([L.Subtract()([up, state]), L.Average()([up, state])])
    value = L.Dense(1, name="value")(L.Concatenate()([both, down, action]))
    policy = L.Dense(3, activation="softmax", name="policy")(pair([once, action])[1])
    return keras.Model([state, action], [value, policy, skip], name="actor_critic")


def shapes(keras: Any) -> Any:
    """Values with more than one feature axis."""
    L = keras.layers
    x = keras.Input((2, 3))
    h = L.Dense(4, activation="tanh")(x)
    h = L.PReLU(shared_axes=[1])(h)
    n = L.LayerNormalization()(h)
    s = L.Softmax(axis=1)(h)
    p = L.Permute((2, 1))(n)
    r = L.Reshape((-1, 4))(p)
    c = L.Concatenate(axis=1)([r, s, h])
    c = L.BatchNormalization(axis=1)(c)
    c = L.Activation("softmax")(L.Dense(3)(c))
    f = L.Flatten()(c)
    v = L.RepeatVector(2)(L.Dense(4)(f))
    gate = L.Dense(1, activation="sigmoid")(h)
    return keras.Model(x, L.Multiply()([L.Add()([v, h]), gate]))


def operations(keras: Any, tanh: Callable[[Any], Any], offset: Any) -> Any:
    """Arithmetic written straight into a Functional model."""
    x = keras.Input((3,), name="x")
    h = keras.layers.Dense(2, name="hidden")(x)
    y = 1.0 - h * 2.0 + h
    y = tanh(y / 4.0 + offset) - h
    return keras.Model(x, [-y * h, 3.0 * y - 0.5])


def one_step(keras: Any) -> Any:
    """A time axis of free length, on which everything acts step by step."""
    L = keras.layers
    return keras.Sequential([keras.Input((None, 4)), L.Dense(5, activation="relu"), L.Dense(2)])


# Keras 3


def keras_3(folder: Path) -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    import jax

    jax.config.update("jax_enable_x64", True)
    import keras
    from keras.src.backend.common import dtypes

    keras.config.set_floatx("float64")
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = (
        "float64"  # else Keras computes tanh, softsign, batch normalisation in float32 with JAX
    )

    def record(name: str, model: Any, seed: int, formats: str = "kh") -> np.ndarray:
        randomise(model, seed)
        model = keras.models.load_model(save(folder, name, model, formats), compile=False)
        x, sizes = inputs_of(model, seed)
        if name == "keras_regression":
            x = x * [20.0, 0.5, 30.0] + [50.0, 1.0, 300.0]

        def row(r: Any) -> Any:
            values = parts(r[None], sizes, jax.numpy.reshape)
            found = model(values if len(values) > 1 else values[0])
            return jax.numpy.concatenate(
                [v.reshape(-1) for v in (found if isinstance(found, list | tuple) else [found])]
            )

        y, J = (np.stack([np.asarray(f(r)) for r in x]) for f in (row, jax.jacrev(row)))
        np.savez_compressed(folder / f"{name}.npz", x=x, y=y, J=J)
        return x

    x = record("keras_regression", regression(keras), 1)
    table = "\n".join(",".join(f"{v:.4f}" for v in r) for r in x)
    (folder / "keras_regression_x.csv").write_text("speed,throttle,temperature\n" + table + "\n")
    record("keras_layers", layer_zoo(keras), 2)
    record("keras_activations", activation_zoo(keras, ACTIVATIONS_OF_BOTH + ACTIVATIONS_OF_KERAS_3), 3, "k")
    record("keras_activations_h5", activation_zoo(keras, [*ACTIVATIONS_OF_BOTH[:6], "hard_sigmoid"]), 4, "h")
    record("keras_two_ports", two_ports(keras), 5)
    record("keras_shapes", shapes(keras), 6)
    record("keras_operations", operations(keras, keras.ops.tanh, np.array([0.5, 1.5])), 8)
    record("keras_one_step", one_step(keras), 7, "h")


# Keras 2


def keras_2(folder: Path) -> None:
    import tensorflow as tf
    import tf_keras as keras

    keras.backend.set_floatx("float64")

    def record(name: str, model: Any, seed: int, formats: str = "kh", again: bool = True) -> None:
        randomise(model, seed)
        path = save(folder, name, model, formats)
        if again:
            model = keras.models.load_model(path, compile=False)
        x, sizes = inputs_of(model, seed)
        with tf.GradientTape(persistent=True) as tape:
            tensor = tf.constant(x)
            tape.watch(tensor)
            values = parts(tensor, sizes, tf.reshape)
            found = model(values if len(values) > 1 else values[0], training=False)
            found = [tf.reshape(v, (len(x), -1)) for v in (found if isinstance(found, list | tuple) else [found])]
            y = tf.concat(found, axis=1)
        J = tape.batch_jacobian(y, tensor, experimental_use_pfor=False)
        np.savez_compressed(folder / f"{name}.npz", x=x, y=np.asarray(y), J=np.asarray(J))

    record("keras_tf_activations", activation_zoo(keras, ACTIVATIONS_OF_BOTH), 13)
    record("keras_tf_two_ports", two_ports(keras), 15)
    record("keras_tf_layers", layer_zoo(keras), 12)
    record(
        "keras_tf_operations", operations(keras, tf.tanh, 0.5), 14, "h", again=False
    )  # tf_keras itself fails to load it in float64
    L = keras.layers
    old = keras.Sequential(
        [L.Dense(5, "hard_sigmoid", input_shape=(3,)), L.BatchNormalization(), L.ThresholdedReLU(0.25), L.Dense(2)]
    )
    record("keras_2_2_4", old, 16, "h")
    rewrite_as_2_2_4(folder / "keras_2_2_4.h5")


def rewrite_as_2_2_4(path: Path) -> None:
    """The layout of Keras 2.2.4: no InputLayer, bytes as names, none of the later settings."""
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        first, *layers = config["config"]["layers"]
        layers[0]["config"]["batch_input_shape"] = first["config"]["batch_input_shape"]
        for layer in layers:
            for late in ("dtype", "module", "registered_name", "build_config"):
                layer["config"].pop(late, None)
                layer.pop(late, None)
        config["config"]["layers"] = layers
        file.attrs["model_config"] = json.dumps(config).encode()
        group = file["model_weights"]
        for holder in (file, group):
            holder.attrs["keras_version"], holder.attrs["backend"] = b"2.2.4", b"tensorflow"
        del group["top_level_model_weights"]
        group.attrs["layer_names"] = np.array([layer["config"]["name"].encode() for layer in layers])
        for member in group.values():
            names = [str(n).encode() for n in member.attrs["weight_names"]]
            member.attrs["weight_names"] = np.array(names) if names else np.zeros(0)


def main(folder: Path) -> None:
    found = False
    for package, part in (("jax", keras_3), ("tf_keras", keras_2)):
        if importlib.util.find_spec(package):
            found = True
            part(folder)
    if not found:
        print("make_keras_models: neither keras with jax nor tf_keras is installed; nothing written")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
