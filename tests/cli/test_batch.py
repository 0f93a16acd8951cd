"""Several inputs: one output each, and a failure of one leaves the others."""

import gzip

import h5py
import numpy as np
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
    assert len(done.trouble.splitlines()) == 2
    assert "b.csv" in done.trouble.splitlines()[0]
    assert "1 of 3" in done.trouble.splitlines()[1]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "c.csv"]
    assert (tmp_path / "out" / "a.csv").read_text() == nngrad("jacobian", fitnet[0], "-i", fitnet[1]).out


def test_a_name_that_one_table_lacks_fails_that_input_alone(nngrad, fitnet, tables, tmp_path):
    (tables / "b.csv").write_text("velocity,throttle,temperature\n1,2,3\n")
    done = nngrad("jacobian", fitnet[0], "-i", f"{tables}/*.csv", "-o", f"{tmp_path}/out/", "--wrt", "speed")
    assert done.code == 5
    assert "b.csv: no input 'speed'" in done.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "c.csv"]


def test_wrong_usage_is_said_once_and_writes_nothing(nngrad, fitnet, tables, tmp_path):
    for wrong in (("--wrt", "nothing"), ("--wrt", "1,1", "--format", "ndjson")):
        done = nngrad("jacobian", fitnet[0], "-i", f"{tables}/*.csv", "-o", f"{tmp_path}/out/", *wrong)
        assert (done.code, len(done.trouble.splitlines())) == (2, 1)
        assert not list((tmp_path / "out").iterdir())


def test_all_well_is_exit_0(nngrad, fitnet, tables, tmp_path):
    (tmp_path / "out").mkdir()
    done = nngrad(
        "predict", fitnet[0], "-i", tables / "a.csv", "-i", tables / "c.csv", "-o", tmp_path / "out", "--format", "npy"
    )
    assert (done.code, done.out, done.trouble) == (0, "", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.npy", "c.npy"]


def test_what_holds_of_many_inputs_is_said_of_the_first(nngrad, fitnet, tables, tmp_path):
    (tables / "b.csv").write_bytes(fitnet[1].read_bytes())
    done = nngrad("predict", fitnet[0], "-i", f"{tables}/*.csv", "-o", f"{tmp_path}/out/")
    order = "columns taken in order: x1 = speed, x2 = throttle, x3 = temperature"
    assert done.err.splitlines() == [f"nngrad: {tables}/a.csv: {order}", f"nngrad: 2 more inputs: {order}"]


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
    done = nngrad(
        "predict", fitnet[0], "-i", tables / "a.csv", "-i", tables / ".." / "in" / "a.csv", "-o", f"{tmp_path}/out/"
    )
    assert done.code == 2
    assert not (tmp_path / "out").exists()


def test_an_unknown_output_stops_before_anything_is_written(nngrad, fitnet, tables, tmp_path):
    done = nngrad("jacobian", fitnet[0], "-i", f"{tables}/*.csv", "-o", f"{tmp_path}/out/", "--of", "z")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_format_or_option_that_is_not_known_stops_before_anything_is_written(nngrad, fitnet, tables, tmp_path):
    (tables / "plot.png").write_bytes(b"no table")
    done = nngrad("predict", fitnet[0], "-i", f"{tables}/[acp]*", "-o", f"{tmp_path}/out/")
    assert (done.code, done.out) == (2, "")
    assert "plot.png: its suffix doesn't tell the format" in done.err
    done = nngrad("predict", fitnet[0], "-i", tables / "a.csv", "-i", "x.npy", "--header", "-o", f"{tmp_path}/out/")
    assert (done.code, done.out) == (2, "")
    assert not list((tmp_path / "out").iterdir())


def test_inputs_in_files_of_several_arrays_give_the_file_its_name(nngrad, fitnet, tmp_path):
    x = np.loadtxt(fitnet[1], delimiter=",", skiprows=1)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a.b"] = x
    (tmp_path / "X.CSV.GZ").write_bytes(gzip.compress(fitnet[1].read_bytes()))
    done = nngrad(
        "predict", fitnet[0], "-i", f"{tmp_path}/x.h5:a.b", "-i", tmp_path / "X.CSV.GZ", "-o", f"{tmp_path}/out/"
    )
    assert done.code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["X.csv", "x.csv"]
    assert (tmp_path / "out" / "x.csv").read_text().startswith("y1\n")


def test_an_empty_name_is_no_place(nngrad, fitnet):
    done = nngrad("predict", fitnet[0], "-i", fitnet[1], "-o", "")
    assert (done.code, done.out) == (2, "")
    assert "-o: the name is empty" in done.err
