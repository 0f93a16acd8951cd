"""Which of Keras' layers and settings are supported, and what is said of the others."""

from __future__ import annotations

from nngrad.core.ports import INTEGERS
from nngrad.errors import Described, ModelError, listed
from nngrad.loaders.keras.config import ADVICE, KerasLayer, shown
from nngrad.loaders.keras.layers import LAYERS, OPERATIONS
from nngrad.loaders.keras.layers.kind import LayerKind

NAMES_OF_TENSORFLOW = {"BatchNormalizationV1", "BatchNormalizationV2"}  # for what has a plain name too
SUPPORTED = sorted(LAYERS.keys() - OPERATIONS - NAMES_OF_TENSORFLOW - {"InputLayer"})
SUPPORTED_OPERATIONS = sorted(name for name, kind in LAYERS.items() if kind.is_operation)
FLOATS = ("float", "bfloat", "mixed_")  # how the dtype policies begin that round, but keep what stands after the point
REBUILD = "a TensorFlow operation; write it with Keras' own layers (Add, Rescaling, Activation) and save again"
NOT_YET = {  # why a layer is refused
    "Lambda": "holds Python code, which is never run; write it with Keras' own layers and save again",
    "TFOpLambda": REBUILD,
    "TensorFlowOpLayer": REBUILD,
    "SlicingOpLambda": "a TensorFlow operation; write it with Keras' own layers and save again",
}
SHAPES = ("batch_shape", "batch_input_shape")  # of inputs, which the reader looks at
QUANTISED = ("quantization_config", "quantization_mode")
EVERYWHERE = frozenset({"name", "dtype", *SHAPES, *QUANTISED})
IGNORED = frozenset(  # what no output of a trained model depends on, of any layer; so are names that end as below
    {"trainable", "autocast", "sparse", "ragged", "optional", "batch_size", "input_dtype", "input_dim", "input_length"}
    | {"input_shape", "momentum", "synchronized", "fused", "renorm", "renorm_clipping", "renorm_momentum"}
    | {"virtual_batch_size", "adjustment", "rate", "seed", "noise_shape", "stddev", "l1", "l2", "supports_masking"}
    | {"lora_rank", "lora_alpha", "gptq_unpacked_column_size"}
)
IGNORED_ENDINGS = ("_initializer", "_regularizer", "_constraint")


def unknown_settings(layer: KerasLayer) -> list[str]:
    """Settings that say something and are neither used nor known to change nothing."""
    known = {*(LAYERS[layer.kind].settings if layer.kind in LAYERS else ()), *EVERYWHERE, *IGNORED}
    said = (name for name, value in layer.config.items() if value not in (None, False, [], {}))
    return sorted(name for name in said if name not in known and not name.endswith(IGNORED_ENDINGS))


def dtype_of(layer: KerasLayer) -> str:
    """The type that a layer casts its values to; empty where the file doesn't say, "?" where it says something else."""
    policy = layer.config.get("dtype")
    if policy is None:
        return ""
    inner = policy.get("config") if isinstance(policy, dict) else None
    name = inner.get("name") if isinstance(inner, dict) else policy
    return name if isinstance(name, str) and name else "?"


def unsupported(layer: KerasLayer) -> str | None:
    """Why nothing here computes a layer; None where something does."""
    if layer.is_foreign:
        return f"a class of one's own, whose code is not in the file and is never run; {ADVICE}"
    return _quantised(layer) or _cast(layer) or _unknown(layer)


def _quantised(layer: KerasLayer) -> str | None:
    policy = layer.config.get("dtype")
    said = isinstance(policy, dict) and "Quantized" in str(policy.get("class_name"))
    if said or "_from_" in dtype_of(layer) or any(layer.config.get(name) is not None for name in QUANTISED):
        return "its weights are quantised; save the model before quantize()"
    return None


def _cast(layer: KerasLayer) -> str | None:
    dtype = dtype_of(layer)
    is_input = layer.kind == "InputLayer" and layer.path == layer.name  # of the whole model: x says what it is
    if dtype and not dtype.startswith(FLOATS) and not (is_input and dtype in INTEGERS):
        return f"casts its values to {shown(dtype)}; supported are floating-point types"
    return None


def _unknown(layer: KerasLayer) -> str | None:
    kind = LAYERS.get(layer.kind)
    if kind and _is_meant(layer, kind):
        return None
    if layer.kind in NOT_YET:
        return NOT_YET[layer.kind]
    if layer.is_operation:
        return f"this operation of keras.ops is not supported; supported are {', '.join(SUPPORTED_OPERATIONS)}"
    return f"not supported; supported are {listed(SUPPORTED, 8)}"


def _is_meant(layer: KerasLayer, kind: LayerKind) -> bool:
    """Whether a layer is what its name says, and not a class of one's own with the name of an operation."""
    own = not kind.is_layer and "trainable" in layer.config
    return not own and (kind.is_operation or not layer.is_operation)


def refusal(refused: list[tuple[KerasLayer, str]], described: Described) -> ModelError:
    """All layers that are not supported, in one message: the reason of the first, and the names of the others."""
    (first, why), *others = refused
    also = [f"{layer.path} ({shown(layer.kind)})" for layer, _ in others]
    nor = f", nor {'are' if len(also) > 1 else 'is'} {listed(also, 5)}" if also else ""
    if why.startswith("not supported"):
        rest = why.removeprefix("not supported")
        return ModelError(f"layer {first.path}: {shown(first.kind)} layers are not supported{nor}{rest}", described)
    return ModelError(f"{first.error(why)}{f'; not supported{nor}' if nor else ''}", described)
