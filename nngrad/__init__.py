"""Exact outputs and analytic input gradients of trained networks saved by MATLAB or Keras."""

from __future__ import annotations

from nngrad.errors import DataError, ModelError, NngradError, NngradWarning, UsageError, WholeNumbersError

TYPE_CHECKING = (
    False  # the module `typing` would take longer than all of this: the program is to be ready for Ctrl-C at once
)
if TYPE_CHECKING:
    from typing import Any

    from nngrad.core.network import Network
    from nngrad.core.scalar import Scalar
    from nngrad.emitters import emit
    from nngrad.loaders import load
    from nngrad.own_format.encode import save
    from nngrad.proofs.check import check
    from nngrad.proofs.verify import verify
    from nngrad.reports.flags import flags

__all__ = [
    "DataError",
    "ModelError",
    "Network",
    "NngradError",
    "NngradWarning",
    "Scalar",
    "UsageError",
    "WholeNumbersError",
    "check",
    "emit",
    "flags",
    "load",
    "save",
    "verify",
]
__version__ = "0.1.0"

HOMES = {  # imported when they are first used: `nngrad --help` needs no numerical library
    "Network": "nngrad.core.network",
    "Scalar": "nngrad.core.scalar",
    "check": "nngrad.proofs.check",
    "emit": "nngrad.emitters",
    "flags": "nngrad.reports.flags",
    "load": "nngrad.loaders",
    "save": "nngrad.own_format.encode",
    "verify": "nngrad.proofs.verify",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'nngrad' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
