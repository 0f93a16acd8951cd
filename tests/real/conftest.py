"""Tests on real models run only where NNGRAD_REAL_MODELS names their folder."""

import os
from pathlib import Path

import pytest

MODELS = Path(os.environ.get("NNGRAD_REAL_MODELS", "no folder given"))


def pytest_collection_modifyitems(items):
    if not MODELS.is_dir():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="NNGRAD_REAL_MODELS names no folder of models"))
