"""Exact outputs and analytic input gradients of trained networks saved by MATLAB or Keras."""

from __future__ import annotations

import sys
from types import ModuleType

from nngrad.errors import DataError, ModelError, NngradError, NngradWarning, UsageError

TYPE_CHECKING = False  # the module `typing` would take longer than all of this: the program is to be ready for Ctrl-C at once
if TYPE_CHECKING:
    from typing import Any

    from nngrad.core.network import Network
    from nngrad.load import load
    from nngrad.save import save

__all__ = ["DataError", "ModelError", "Network", "NngradError", "NngradWarning", "UsageError", "load", "save"]
__version__ = "0.1.0"

HOMES = {"Network": "nngrad.core.network", "load": "nngrad.load", "save": "nngrad.save"}


class _Package(ModuleType):
    """Imports numerical libraries only when they are wanted: `nngrad --help` answers at once."""

    def __getattr__(self, name: str) -> Any:
        if name not in HOMES:
            raise AttributeError(f"module 'nngrad' has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(HOMES[name]), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in HOMES or not isinstance(value, ModuleType):  # importing the module of the same name doesn't hide load or save
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
