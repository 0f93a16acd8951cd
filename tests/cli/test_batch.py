"""Several inputs: one output each, and a failure of one leaves the others."""

import pytest


@pytest.fixture
def tables(tmp_path, fitnet):
    """Three inputs, the second of them wrong."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.csv").write_bytes(fitnet[1].read_bytes())
    (folder / "b.csv").write_text("speed,throttle\n1,2\n")
    return folder


def test_the_rest_goes_on_and_it_is_exit_5(nngrad, fitnet, tables, tmp_path):
    done = nngrad("jacobian", fitnet[0], "-i", f"{tables}/*.csv", "-o", f"{tmp_path}/out/")
    assert (done.code, done.out) == (5, "")
    assert len(done.err.splitlines()) == 2
    assert "b.csv" in done.err.splitlines()[0]
    assert "1 of 3" in done.err.splitlines()[1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "c.csv"]
    assert (tmp_path / "out" / "a.csv").read_text() == nngrad("jacobian", fitnet[0], "-i", fitnet[1]).out


def test_all_well_is_exit_0(nngrad, fitnet, tables, tmp_path):
    (tmp_path / "out").mkdir()
    done = nngrad("predict", fitnet[0], "-i", tables / "a.csv", "-i", tables / "c.csv", "-o", tmp_path / "out", "--format", "npy")
    assert done == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.npy", "c.npy"]


@pytest.mark.parametrize("target", [(), ("-o", "y.csv")], ids=["standard output", "one file"])
def test_several_inputs_need_a_folder(nngrad, fitnet, tables, target):
    done = nngrad("predict", fitnet[0], "-i", f"{tables}/*.csv", *target)
    assert (done.code, done.out) == (2, "")
    assert "folder" in done.err


def test_a_pattern_that_matches_nothing_is_exit_4(nngrad, fitnet, tmp_path):
    done = nngrad("predict", fitnet[0], "-i", f"{tmp_path}/*.csv")
    assert done.code == 4
    assert "no file matches" in done.err


def test_inputs_of_the_same_name_are_refused(nngrad, fitnet, tables, tmp_path):
    done = nngrad("predict", fitnet[0], "-i", tables / "a.csv", "-i", tables / ".." / "in" / "a.csv", "-o", f"{tmp_path}/out/")
    assert done.code == 2
    assert not (tmp_path / "out").exists()


def test_an_unknown_output_stops_before_anything_is_written(nngrad, fitnet, tables, tmp_path):
    done = nngrad("jacobian", fitnet[0], "-i", f"{tables}/*.csv", "-o", f"{tmp_path}/out/", "--of", "z")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
