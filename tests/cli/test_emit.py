"""The command that writes source code: files beside each other, names, refusals."""

import os
import shutil
import subprocess
import sys
import threading

import pytest


@pytest.mark.parametrize(
    ("target", "files"),
    [("matlab", {"fitnet.m"}), ("c", {"fitnet.c", "fitnet.h"}), ("python", {"fitnet.py"}), ("jax", {"fitnet.py"})],
)
def test_into_a_folder(nngrad, fitnet, tmp_path, target, files):
    done = nngrad("emit", fitnet[0], "--to", target, "-o", f"{tmp_path}/new/")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("nngrad: wrote ")
    assert {f.name for f in (tmp_path / "new").iterdir()} == files


def test_the_file_gives_the_function_its_name(nngrad, fitnet, tmp_path):
    extras = ["--with-tests", "2", "--wrap", "objective", "--of", "y1"]
    done = nngrad("emit", fitnet[0], "--to", "matlab", "-o", tmp_path / "engine.m", "-q", *extras)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert {f.name for f in tmp_path.iterdir()} == {"engine.m", "test_engine.m", "engine_objective.m"}
    assert (tmp_path / "engine.m").read_text().startswith("function [y, J, H] = engine(x)\n")


def test_python_on_standard_output_runs(nngrad, fitnet):
    done = nngrad("emit", fitnet[0], "--to", "python", "--name", "engine")
    assert (done.code, done.err) == (0, "")
    text = done.out + "\nprint(jacobian([3000.0, 50.0, 280.0]).shape)"
    used = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert used.stdout == "(1, 3)\n"


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_c_on_standard_output_needs_no_file(nngrad, fitnet, tmp_path):
    done = nngrad("emit", fitnet[0], "--to", "c", "--name", "engine")
    assert (done.code, done.err) == (0, "")
    text = (
        done.out
        + "\nint main(void) { double x[3] = {3000.0, 50.0, 280.0}, y[1], J[3]; engine(x, y, J); return !(y[0] > 0.0); }\n"
    )
    (tmp_path / "alone.c").write_text(text)
    subprocess.run(["gcc", "-std=c90", "-Wall", "-Werror", "alone.c", "-o", "alone", "-lm"], cwd=tmp_path, check=True)
    assert subprocess.run(["./alone"], cwd=tmp_path).returncode == 0


def test_a_file_that_can_not_name_its_function_is_told(nngrad, fitnet, tmp_path):
    done = nngrad("emit", fitnet[0], "--to", "c", "-o", tmp_path / "x.c")
    assert (done.code, done.out) == (0, "")
    assert done.err.endswith("x.h; the function is x_net\n")
    assert {f.name for f in tmp_path.iterdir()} == {"x.c", "x.h"}
    done = nngrad("emit", fitnet[0], "--to", "c", "-o", tmp_path / "a-b.c", "--name", "engine")
    assert done.err.endswith("a-b.h; the function is engine\n")
    assert "void engine(const double *x" in (tmp_path / "a-b.h").read_text()
    assert nngrad("emit", fitnet[0], "--to", "c", "-o", tmp_path / "engine.c").err.endswith("engine.h\n")


@pytest.mark.skipif(os.name == "nt", reason="there it is so by itself")
@pytest.mark.parametrize(("separators", "folder"), [(("\\", "/"), True), (("/", None), False)])
def test_a_folder_ends_as_the_folders_of_the_system_do(monkeypatch, tmp_path, separators, folder):
    from nngrad.cli.places import names_a_folder

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "sep", separators[0])
    monkeypatch.setattr(os, "altsep", separators[1])
    assert names_a_folder("out/")
    assert names_a_folder("out\\") is folder
    assert not names_a_folder("out")
    assert not names_a_folder("out.npz:part/")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--to", "c", "-o", "-", "--mex"], "several files have no place on standard output"),
        (["--to", "python", "-o", "x/a.py", "--name", "b"], "the file must have the name of the function, b.py"),
        (["--to", "c", "-o", "x/a.c", "--name", "exp"], "another meaning"),
        (["--to", "c", "-o", ""], "the name is empty"),
        (["--to", "c", "-o", "x/net.h"], "take -o net.c"),
        (["--to", "c", "--name", "2x"], "a name is a letter"),
        (["--to", "c", "-o", "x/math.c"], "take -o math_net.c"),
        (["--to", "matlab", "-o", "x/exp.m"], "another meaning"),
        (["--to", "matlab", "-o", "x/my-net.m"], "take -o my_net.m"),
        (["--to", "python", "--float"], "--float: only --to c"),
        (["--to", "matlab", "--of", "y1"], "--of: it is for --wrap"),
        (["--to", "matlab", "--wrap", "objective", "--of", "z9"], "no output 'z9'"),
        (["--to", "jax", "--float"], "--float: only --to c has it, not --to jax; leave it out"),
        (["--to", "jax", "-o", "x/jax.py"], "take -o jax_net.py"),
        (["--to", "fortran"], "'fortran' is not one of"),
        ([], "missing option '--to'"),
    ],
)
def test_refusals_name_what_to_do(nngrad, fitnet, tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    done = nngrad("emit", fitnet[0], *arguments)
    assert (done.code, done.out) == (2, "")
    assert text in done.err
    assert len(done.lines) == 0
    assert not list(tmp_path.rglob("*.*"))


def test_a_failed_write_leaves_nothing_behind(nngrad, fitnet, tmp_path):
    (tmp_path / "fitnet.m").mkdir()
    done = nngrad("emit", fitnet[0], "--to", "matlab", "-o", f"{tmp_path}/")
    assert done.code == 4
    assert "fitnet.m: can't be written: is a directory" in done.err
    assert [f.name for f in tmp_path.iterdir()] == ["fitnet.m"]


def test_files_that_belong_together_appear_together(nngrad, fitnet, tmp_path):
    (tmp_path / "net.h").mkdir()
    (tmp_path / "net.c").write_text("old")
    assert nngrad("emit", fitnet[0], "--to", "c", "-o", tmp_path / "net.c").code == 4
    assert (tmp_path / "net.c").read_text() == "old"
    assert {f.name for f in tmp_path.iterdir()} == {"net.c", "net.h"}


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
def test_a_link_stays_a_link(nngrad, fitnet, tmp_path):
    (tmp_path / "net.m").symlink_to("elsewhere.m")
    assert nngrad("emit", fitnet[0], "--to", "matlab", "-o", tmp_path / "net.m").code == 0
    assert (tmp_path / "net.m").is_symlink()
    assert (tmp_path / "elsewhere.m").read_text().startswith("function [y, J, H] = net(x)\n")


def test_the_model_is_never_replaced(nngrad, samples, tmp_path):
    model = tmp_path / "net.m"
    model.write_bytes((samples / "genfunction_matrix.m").read_bytes())
    for target in (f"{tmp_path}/", model):
        done = nngrad("emit", model, "--to", "matlab", "-o", target)
        assert (done.code, done.out) == (2, "")
        assert "net.m: is the input" in done.err
    assert model.read_bytes() == (samples / "genfunction_matrix.m").read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX files")
def test_a_pipe_is_written_through(nngrad, fitnet, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = []
    thread = threading.Thread(target=lambda: found.append((tmp_path / "pipe").read_text()))
    thread.start()
    assert nngrad("emit", fitnet[0], "--to", "matlab", "-o", tmp_path / "pipe").code == 0
    thread.join(20)
    assert found == [nngrad("emit", fitnet[0], "--to", "matlab").out]
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
