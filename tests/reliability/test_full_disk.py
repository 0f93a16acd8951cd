"""A disk that is really full: a small file system in memory, where the system lets a user mount one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from nngrad.tables import WRITERS

from .conftest import MODEL, Start, some_rows

SMALL = "mount -t tmpfs -o size=1m small {folder} && printf old > {folder}/J{suffix} && "
LEFT = '; code=$?; ls -A {folder} >&2; head -c 3 {folder}/J{suffix} >&2; exit "$code"'


def may_mount(tmp_path: Path) -> bool:
    if shutil.which("unshare") is None:
        return False
    done = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "small", str(tmp_path)], capture_output=True)
    return done.returncode == 0


@pytest.mark.parametrize("suffix", [f.suffixes[0] for f in WRITERS])
def test_the_old_file_stays_and_nothing_else(start: Start, tmp_path: Path, suffix: str) -> None:
    import numpy as np

    if not may_mount(tmp_path):
        pytest.skip("no file system may be mounted here")
    folder = tmp_path / "disk"
    folder.mkdir()
    np.save(tmp_path / "x.npy", some_rows(200_000))  # 4.8 MB, and as much of results
    shell = f'{SMALL}"$@"{LEFT}'.format(folder=folder, suffix=suffix)
    process = start(
        *("jacobian", MODEL, "-i", tmp_path / "x.npy", "-o", folder / f"J{suffix}"),
        before=("unshare", "-rm", "sh", "-c", shell, "sh"),
    )
    message, *rest = process.communicate(timeout=60)[1].decode().splitlines()
    assert process.returncode == 4
    assert message.startswith("nngrad: ")
    assert "no space left" in message
    assert rest == [f"J{suffix}", "old"]
