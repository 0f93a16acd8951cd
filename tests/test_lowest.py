"""The lowest versions that are tried are those that pyproject.toml declares."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOOR = re.compile(r"([\w-]+)\s*>=\s*([\d.]+)")


def floors() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    every = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return dict(FLOOR.match(text).groups() for text in every)  # type: ignore[union-attr]


def padded(version: str) -> str:
    """1.26 as 1.26.0."""
    return ".".join([*version.split("."), "0", "0"][:3])


@pytest.mark.parametrize("name", floors())
def test_the_lowest_version_that_is_tried_is_the_one_that_is_allowed(name: str) -> None:
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    tried = [found[1] for line in lines if (found := re.match(rf"{name}==([\d.]+)", line))]
    assert padded(tried[0]) == padded(floors()[name])
