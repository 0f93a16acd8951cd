"""What the package offers, and that offering it costs nothing before it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

import nngrad
from tests.makers import SAMPLES


def test_everything_offered_is_there_whatever_was_imported_before():
    for before in ("", "import nngrad.loaders.tree, nngrad.own_format.encode, nngrad.core.network; "):
        code = (
            before
            + "import nngrad; assert all(callable(getattr(nngrad, name)) for name in nngrad.__all__), nngrad.__all__"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_imports_no_numerical_library():
    code = "import sys, nngrad; assert not {'numpy', 'scipy', 'h5py', 'polars'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_save_and_load_are_functions(tmp_path):
    net = nngrad.load(SAMPLES / "fitnet.mat")
    nngrad.save(net, tmp_path / "again.h5")
    x = [[1000.0, 50.0, 300.0]]
    assert nngrad.load(tmp_path / "again.h5")(x) == net(x)


def test_one_activation_as_text_is_refused():
    with pytest.raises(nngrad.UsageError, match="give a list"):
        nngrad.load(SAMPLES / "fitnet.mat", activation="tanh")


def test_types_are_offered_to_the_checkers_of_others():
    assert (Path(nngrad.__file__).parent / "py.typed").exists()
