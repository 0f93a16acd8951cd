"""Exact outputs and analytic input gradients of trained networks saved by MATLAB or Keras."""

from nngrad.errors import DataError, ModelError, NngradError, UsageError
from nngrad.load import load
from nngrad.network import Network

__all__ = ["DataError", "ModelError", "Network", "NngradError", "UsageError", "load"]
__version__ = "0.1.0"
