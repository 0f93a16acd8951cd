"""What functions and files are called: a file's name leads to a function that can be used, or is
refused before anything is written.
"""

import keyword
import shutil
import string
import subprocess
import sys

import numpy as np
import pytest

from nngrad import UsageError
from nngrad.core.layers import Affine
from nngrad.core.network import Network
from nngrad.core.ports import Origin, Port
from nngrad.emitters import emit
from nngrad.emitters.c import EMITTER
from nngrad.emitters.c.words import HEADERS
from nngrad.emitters.names import names
from nngrad.emitters.registry import TARGETS
from tests.emitters.languages import ALL_WARNINGS, octave, octave_only, texts

NET = Network.chain([Affine(np.array([[1.0, 2.0], [3.0, 4.0]]), np.zeros(2))], origin=Origin(path="no/where/model.mat"))


@pytest.mark.parametrize(
    ("target", "file", "function", "main"),
    [
        ("c", "engine.c", "engine", "engine.c"),
        ("c", "x.c", "x_net", "x.c"),
        ("c", "J.c", "J_net", "J.c"),
        ("c", "exp.c", "exp_net", "exp.c"),
        ("c", "write.c", "write_net", "write.c"),
        ("c", "class.c", "class_net", "class.c"),
        ("c", "my-net.c", "my_net", "my-net.c"),
        ("c", "my net v1.2.c", "my_net_v1_2", "my net v1.2.c"),
        ("c", "2nd.c", "net_2nd", "2nd.c"),
        ("c", "net.cpp", "net", "net.cpp"),
        ("c", "net", "net", "net.c"),
        ("matlab", "engine.m", "engine", "engine.m"),
        ("matlab", "engine", "engine", "engine.m"),
        ("python", "x.py", "x", "x.py"),
        ("python", "W1.py", "W1", "W1.py"),
    ],
)
def test_a_file_gives_the_function_a_name_that_can_be_used(target, file, function, main):
    files = texts(NET, target, file=file)
    assert next(iter(files)) == main
    declared = {
        "c": f"void {function}(const double *x",
        "matlab": f"function [y, J, H] = {function}(x)",
        "python": f'"""{function}: ',
    }
    assert any(declared[target] in text for text in files.values())


@pytest.mark.parametrize(
    ("target", "file", "hint"),
    [
        ("c", "net.h", "take -o net.c"),
        ("c", "net.m", "take -o net.c"),
        ("c", "größe.c", "take -o gro"),
        ("c", 'a"b.c', "take -o a_b.c"),
        ("c", "a\nb.c", "take -o a_b.c"),
        ("c", "math.c", "take -o math_net.c"),
        ("c", "Math.c", "take -o Math_net.c"),
        ("matlab", "net.c", "take -o net.m"),
        ("matlab", "x.m", "take -o x_net.m"),
        ("matlab", "my-net.m", "take -o my_net.m"),
        ("matlab", "2nd.m", "take -o net_2nd.m"),
        ("matlab", "class.m", "take -o class_net.m"),
        ("matlab", "W1.m", "take -o W1_net.m"),
        ("python", "my-net.py", "take -o my_net.py"),
        ("python", "numpy.py", "take -o numpy_net.py"),
        ("python", "net.txt", "take -o net.py"),
        *(("python", f"{word}.py", f"take -o {word}_net.py") for word in keyword.kwlist),
        *(("c", f"{word}.c", f"take -o {word}_net.c") for word in sorted(HEADERS)),
    ],
)
def test_other_files_are_refused_with_one_that_will_do(target, file, hint):
    with pytest.raises(UsageError) as error:
        texts(NET, target, file=file)
    assert hint in str(error.value)
    assert len(str(error.value)) < 300
    offered = str(error.value).rpartition("take -o ")[2]
    assert next(iter(texts(NET, target, file=offered))) == offered


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_without_a_name_the_model_gives_it(target):
    assert names(target, None, None, "C:\\data\\my model.mat", ()).function == "my_model"
    assert names(target, None, None, "", ()).function == "net"
    assert names(target, None, None, "run/exp.mat", {"exp"}).function == "exp_net"


def test_in_c_the_function_and_its_file_may_differ():
    files = texts(NET, "c", "engine", tests=1, mex=True, simulink=True, file="a-b.cpp")
    assert set(files) == {"a-b.cpp", "a-b.h", "test_engine.c", "engine_mex.c", "engine_simulink.c", "engine_simulink.h"}
    assert all('#include "a-b.h"' in text for file, text in files.items() if file.endswith((".c", ".cpp")))
    assert "mex engine_mex.c a-b.cpp " in files["engine_mex.c"]


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_every_name_that_c_takes_compiles_with_everything(tmp_path):
    """Single letters, words of the files, and names of the C library: taken as they are, or called something else."""
    of_the_files = (
        "values forward slopes jacobian curvature dot add_rows turn kept to rows missing best top mean scaled other"
    )
    of_libraries = "index gamma main tgamma typeof and_eq y0"
    words = [*string.ascii_letters, *of_the_files.split(), *of_libraries.split()]
    sources = []
    for word in words:
        for file, text in texts(NET, "c", file=f"{word}.c", tests=1, simulink=True).items():
            (tmp_path / file).write_text(text)
            sources += [file] if file.endswith(".c") else []
    done = subprocess.run(
        ["gcc", "-std=c90", *ALL_WARNINGS, "-fsyntax-only", *sources], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.returncode == 0


@octave_only
def test_names_that_matlab_takes_can_be_called(tmp_path):
    for name in ("f", "values", "model", "net"):
        (tmp_path / f"{name}.m").write_text(texts(NET, "matlab", file=f"{name}.m")[f"{name}.m"])
        octave(
            [f"[y, J, H] = {name}([1; 1]); assert(y, [3; 7]); assert(J, [1 2; 3 4]); assert(all(H(:) == 0));"], tmp_path
        )


def test_names_that_python_takes_can_be_imported(tmp_path):
    for name in ("f", "x", "values", "W1", "match"):
        (tmp_path / f"{name}.py").write_text(texts(NET, "python", file=f"{name}.py")[f"{name}.py"])
        text = f"import {name}; assert {name}.f([1.0, 1.0]).tolist() == [3.0, 7.0]"
        subprocess.run([sys.executable, "-B", "-c", text], cwd=tmp_path, check=True)


def test_every_language_says_which_input_is_which():
    ports = (Port("position", ("x1", "x2")), Port("load", ("x3",)), Port("speed", ("speed",)))
    net = Network.chain([Affine(np.ones((1, 4)), np.zeros(1))], inputs=ports, outputs=(Port("torque", ("y1",)),))
    lines = ("1  x1 [position, 1 of 2]", "2  x2 [position, 2 of 2]", "3  x3 [load]", "4  speed", "1  y1 [torque]")
    for target, main in {"matlab": "net.m", "c": "net.h", "python": "net.py"}.items():
        assert all(line in texts(net, target, "net")[main] for line in lines)
    beside = texts(net, "matlab", "net", wrap=("objective", "constraint")) | texts(
        net, "c", "net", mex=True, simulink=True
    )
    for file in ("net_objective.m", "net_constraint.m", "net_mex.c", "net_simulink.h"):
        assert "x1 [position, 1 of 2], x2 [position, 2 of 2], x3 [load], speed" in beside[file]
    assert "4  speed" in EMITTER.alone(emit(net, "c", "net")).decode()


def test_letters_beyond_ascii_keep_names_apart():
    net = Network.chain([Affine(np.ones((1, 3)), np.zeros(1))], inputs=(Port("", ("θ", "φ", "Höhe")),))
    text = texts(net, "python", "net")["net.py"]
    assert text.isascii()
    assert "1  <U+03B8>\n    2  <U+03C6>\n    3  Hohe\n" in text
