"""The sample models, for a clone and for an installed package."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nngrad.cli.samples import FOLDER
from tests.test_readme import what_to_type

ROOT = Path(__file__).parents[2]


def test_samples_are_written_and_listed(nngrad, samples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = nngrad("samples")
    assert (done.code, done.err) == (0, "")
    written = sorted((tmp_path / FOLDER).iterdir())
    assert done.lines == [f"{FOLDER}/{path.name}" for path in written]
    assert {path.name for path in written} == {
        path.name for path in samples.iterdir() if path.is_file() and path.suffix != ".py"
    }
    assert all(path.read_bytes() == (samples / path.name).read_bytes() for path in written)


def test_what_is_there_stays(nngrad, tmp_path):
    assert nngrad("samples", tmp_path / "s").code == 0
    (tmp_path / "s" / "rbf.mat").unlink()
    (tmp_path / "s" / "mine.txt").write_text("mine")
    assert nngrad("samples", tmp_path / "s").code == 0
    assert (tmp_path / "s" / "rbf.mat").exists()
    (tmp_path / "s" / "narx.mat").unlink()
    (tmp_path / "s" / "rbf.mat").write_text("changed")
    done = nngrad("samples", tmp_path / "s")
    assert (done.code, done.out) == (4, "")
    assert "rbf.mat: is there already, and differs; name another folder" in done.err
    assert (tmp_path / "s" / "rbf.mat").read_text() == "changed"
    assert not (tmp_path / "s" / "narx.mat").exists()


def python(*words, **options):
    return subprocess.run([sys.executable, "-I", *map(str, words)], capture_output=True, text=True, **options)


def test_a_wheel_is_all_that_is_needed(tmp_path):
    """Built from a copy without a clone's history, unpacked into a folder of its own, and tried
    on the README's table of commands.
    """
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", "tests")
    shutil.copytree(ROOT, source, ignore=ignored)
    built = python("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, source)
    if built.returncode and ("hatchling" in built.stderr or "No module named pip" in built.stderr):
        pytest.skip("what builds a wheel can't be had here")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("nngrad-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "nngrad/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "sample_models", "hatch"))]
    assert not [name for name in names if "sample_models" in name and name.endswith(".py")]
    installed, work = tmp_path / "installed", tmp_path / "work"
    zipfile.ZipFile(wheel).extractall(installed)
    work.mkdir()

    def nngrad(*words):
        code = f"import sys; sys.path.insert(0, {str(installed)!r}); from nngrad.__main__ import main; main()"
        return python("-c", code, *words, cwd=work)

    assert nngrad("--version").stdout.startswith("nngrad ")
    assert len(nngrad("samples").stdout.splitlines()) > 100
    for command in what_to_type():
        done = nngrad(*command.split()[1:])
        assert (done.returncode, done.stdout.count("\n") > 3) == (0, True), (command, done.stderr)
    assert str(installed) in nngrad("no/such.mat", "--debug").stderr
