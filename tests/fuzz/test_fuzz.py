"""Twenty seconds of hostile files in every test run: a Network or a refusal in one line, in bounded time and memory."""

import sys

import pytest

from tests.fuzz import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and a bounded address space")


def test_hostile_files():
    report = run.run(seconds=20.0, seed=1, jobs=2)
    assert report.inputs > 50, report
    assert min(report.outcomes["ok"], report.outcomes["refused"]) > 0, report
    assert not report.findings, str(report)
