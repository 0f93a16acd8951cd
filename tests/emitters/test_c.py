"""Emitted C is C, of every standard and compiler that its header names; several networks have room in one program."""

import re
import shutil
import subprocess
from functools import cache

import numpy as np
import pytest

from nngrad import load
from nngrad.core.layers import Affine, Compet
from nngrad.core.network import Network
from nngrad.emitters import emit
from nngrad.emitters.c import EMITTER
from nngrad.emitters.selftest import points
from tests.emitters.languages import ALL_WARNINGS, texts, write
from tests.emitters.test_languages import NETWORKS, all_activations
from tests.makers import SAMPLES

STANDARDS = {
    "gcc": ("c90", "gnu90", "c99", "c11", "c17"),
    "clang": ("c90", "c99", "c11"),
    "g++": ("c++98", "c++11", "c++20"),
    "clang++": ("c++98", "c++17"),
}
COMPILERS = [
    pytest.param(
        compiler, f"-std={standard}", marks=pytest.mark.skipif(not shutil.which(compiler), reason=f"no {compiler}")
    )
    for compiler, standards in STANDARDS.items()
    for standard in standards
]
MODELS = ("fitnet", "patternnet", "constant_rows", "rbf", "cascade", "two_inputs", "hard_limit")
gcc_only = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
clang_only = pytest.mark.skipif(shutil.which("clang") is None, reason="no clang")
mex_only = pytest.mark.skipif(shutil.which("mkoctfile") is None, reason="Octave's headers are not installed")


def not_finite():
    """Weights that C90's math.h has no names for, and a layer that makes NaN of its own."""
    return Network.chain([Affine(np.array([[1.0, 2.0], [np.inf, -np.inf], [np.nan, 1.0]]), np.ones(3)), Compet()])


def networks():
    nets = {name: load(SAMPLES / f"{name}.mat") for name in MODELS} | {
        "every_activation": all_activations(),
        "not_finite": not_finite(),
    }
    return nets | {f"kind_{k}": net for k, net in enumerate(NETWORKS.values())}


@cache
def emitted(single):
    """The sources of all networks."""
    return {
        file: text
        for name, net in networks().items()
        for file, text in texts(net, "c", name, single=single, simulink=True).items()
    }


def every(single, folder):
    """The sources of all networks, included in one."""
    for file, text in emitted(single).items():
        (folder / file).write_text(text)
    (folder / "every.c").write_text("".join(f'#include "{file}"\n' for file in emitted(single) if file.endswith(".c")))
    return "every.c"


def compiled(compiler, standard, folder, *arguments):
    language = ["-x", "c++"] if compiler.endswith("++") else ["-x", "c"]
    done = subprocess.run(
        [compiler, standard, *ALL_WARNINGS, *language, *arguments], cwd=folder, capture_output=True, text=True
    )
    assert not done.stderr, done.stderr
    assert done.returncode == 0


def run(folder, program="./test"):
    done = subprocess.run([program], cwd=folder, capture_output=True, text=True)
    assert not done.stderr, done.stderr
    assert done.returncode == 0
    return done.stdout


@pytest.mark.parametrize(("compiler", "standard"), COMPILERS)
@pytest.mark.parametrize("single", [False, True], ids=["double", "float"])
def test_everything_compiles_without_a_warning(compiler, standard, single, tmp_path):
    compiled(compiler, standard, tmp_path, "-fsyntax-only", every(single, tmp_path))


@pytest.mark.parametrize(("compiler", "standard"), COMPILERS)
@pytest.mark.parametrize("model", ["patternnet", "two_inputs", "rbf"])
@pytest.mark.parametrize("single", [False, True], ids=["double", "float"])
def test_the_self_test_passes_everywhere(compiler, standard, model, single, tmp_path):
    write(load(SAMPLES / f"{model}.mat"), "c", "net", tmp_path, single=single, tests=3)
    compiled(compiler, standard, tmp_path, "net.c", "test_net.c", "-o", "test", "-lm")
    assert run(tmp_path) == "net: 3 points agree\n"


FUNCTIONS = ("exp", "log", "sqrt", "fabs", "sin", "cos", "tanh", "expm1", "log1p", "erfc")
MSVC = {  # what of these headers is used, as MSVC has it
    "math.h": "".join(f"double {f}(double); float {f}f(float);\n" for f in FUNCTIONS)
    + "double copysign(double, double); float copysignf(float, float);\n"
    + "#define INFINITY ((float)(1e+300 * 1e+300))\n#define NAN (-(float)(INFINITY * 0.0F))\n#define HUGE_VAL ((double)INFINITY)\n",
    "stddef.h": "#define NULL ((void *)0)\n",
    "float.h": "#define FLT_MAX 3.402823466e+38F\n",
    "stdio.h": "int printf(const char *, ...);\n",
}


@clang_only
@pytest.mark.parametrize("single", [False, True], ids=["double", "float"])
def test_the_rules_of_msvc_are_kept(single, tmp_path):
    for name, text in MSVC.items():
        (tmp_path / name).write_text(f"#pragma once\n#pragma clang system_header\n{text}")
    rules = [
        "--target=x86_64-pc-windows-msvc",
        "-fms-compatibility",
        "-fms-extensions",
        "-fms-compatibility-version=19.20",
        "-nostdinc",
    ]
    write(not_finite(), "c", "net", tmp_path, single=single, tests=1)
    for source in (every(single, tmp_path), "test_net.c"):
        compiled("clang", "-std=c90", tmp_path, *rules, "-isystem", ".", "-fsyntax-only", source)


@pytest.mark.parametrize("single", [False, True], ids=["double", "float"])
def test_no_keyword_of_c99_stands_alone(single):
    beside = texts(not_finite(), "c", "net", single=single, tests=2, mex=True)
    for text in [*emitted(single).values(), *beside.values()]:
        code = re.sub(r"(?s)/\*.*?\*/", "", text)
        assert not re.search(r"(?m)//|for \(int|^(?!#define \w+_RESTRICT).*\brestrict\b|\binline\b", code)


@gcc_only
@pytest.mark.parametrize(("compiler", "standard"), COMPILERS)
def test_two_networks_in_one_program_and_in_one_unit(compiler, standard, tmp_path):
    models = {"net": ("patternnet", False), "Net": ("cascade", False), "other": ("two_inputs", True)}
    for name, (model, single) in models.items():
        write(load(SAMPLES / f"{model}.mat"), "c", name, tmp_path, single=single, simulink=True)
    sources = [f"{name}{rest}.c" for name in models for rest in ("", "_simulink")]
    (tmp_path / "unit.c").write_text("".join(f'#include "{source}"\n' for source in [*sources, "main.c"]))
    (tmp_path / "main.c").write_text(MAIN)
    compiled(compiler, standard, tmp_path, *sources, "main.c", "-o", "program", "-lm")
    compiled(compiler, standard, tmp_path, "unit.c", "-o", "unit", "-lm")
    printed = [run(tmp_path, program) for program in ("./program", "./unit")]
    assert printed[0] == printed[1]
    found = np.array(printed[0].split(), float)
    nets = [load(SAMPLES / f"{model}.mat") for model, _ in models.values()]
    expected = [net.jacobian(np.full(net.input_size, 0.5)).ravel() for net in nets]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=2e-5, atol=1e-6 * np.abs(found).max())


MAIN = """
#include <stdio.h>
#include "net.h"
#include "Net.h"
#include "other.h"
#include "net_simulink.h"
#include "Net_simulink.h"
#include "other_simulink.h"
int main(void)
{
    const double x[9] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    const float f[9] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f};
    double y[99], J[99];
    float g[99], G[99];
    int k;
    net(x, y, J);
    for (k = 0; k < 12; ++k) { printf("%.17g ", J[k]); }
    Net(x, y, J);
    for (k = 0; k < SIZE; ++k) { printf("%.17g ", J[k]); }
    other(f, g, G);
    for (k = 0; k < 15; ++k) { printf("%.9g ", (double)G[k]); }
    return 0;
}
""".replace("SIZE", str(int(np.prod(load(SAMPLES / "cascade.mat").jacobian(np.zeros(2)).shape))))


@gcc_only
@pytest.mark.parametrize("model", ["patternnet", "fitnet", "two_inputs", "constant_rows"])
@pytest.mark.parametrize("single", [False, True], ids=["double", "float"])
def test_simulink_has_the_jacobian_in_columns(model, single, tmp_path):
    net = load(SAMPLES / f"{model}.mat")
    m, n, real = net.output_size, net.input_size, "float" if single else "double"
    write(net, "c", "net", tmp_path, single=single, simulink=True)
    x = points(net, 1)[0]
    (tmp_path / "main.c").write_text(
        f'#include <stdio.h>\n#include "net_simulink.h"\nint main(void) {{ const {real} x[] = {{ {", ".join(map(repr, x.tolist()))} }}; '
        f"{real} y[{m}], J[{m * n}]; int k; net_simulink(x, y, J);\n"
        f'for (k = 0; k < {m}; ++k) {{ printf("%.17g ", y[k]); }} for (k = 0; k < {m * n}; ++k) {{ printf("%.17g ", J[k]); }} return 0; }}'
    )
    subprocess.run(["gcc", "net.c", "net_simulink.c", "main.c", "-o", "test", "-lm"], cwd=tmp_path, check=True)
    found = np.array(run(tmp_path).split(), float)
    y, J = net.value_and_jacobian(x)
    limit = 1e-5 if single else 1e-12
    np.testing.assert_allclose(found[:m], y, atol=limit * np.abs(y).max())
    np.testing.assert_allclose(found[m:], J.T.ravel(), atol=limit * np.abs(J).max())


def test_gateways_keep_no_jacobian_on_the_stack():
    net = Network.chain([Affine(np.ones((1024, 6)), np.zeros(1024))])
    files = texts(net, "c", "net", mex=True, simulink=True)
    assert not re.search(r"(?m)^ +(double|float)\b[^;]*\[\d{4,}\]", files["net_mex.c"] + files["net_simulink.c"])
    assert "Stack: 6144 bytes, and that of net (see net.h)" in files["net_simulink.h"]
    assert "Stack: that of net and net_hessian (see net.h)" in files["net_mex.c"]


@gcc_only
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3"])
def test_the_stack_that_the_header_states_is_enough(level, tmp_path):
    for model in MODELS:
        files = texts(load(SAMPLES / f"{model}.mat"), "c", "net", simulink=True)
        for file, text in files.items():
            (tmp_path / file).write_text(text)
        subprocess.run(["gcc", level, "-fstack-usage", "-c", "net.c", "net_simulink.c"], cwd=tmp_path, check=True)
        used = {}
        for report in tmp_path.glob("*.su"):
            used |= {
                line.split("\t")[0].rsplit(":", 1)[1]: int(line.split("\t")[1])
                for line in report.read_text().splitlines()
            }
        stated = [int(number) for number in re.findall(r"(\d+) bytes in", files["net.h"])]
        first = max(used.get(f"net_{part}", 0) for part in ("forward", "slopes", "jacobian"))
        assert used["net"] + first <= stated[0]
        assert used["net_hessian"] + max(first, used.get("net_curvature", 0)) <= stated[1]


@mex_only
@pytest.mark.parametrize(
    "compiler", [["gcc", "-std=c90"], ["gcc", "-std=c11"], ["g++", "-x", "c++"]], ids=lambda c: c[-1]
)
def test_the_mex_gateway_compiles_without_a_warning(compiler, tmp_path):
    if not shutil.which(compiler[0]):
        pytest.skip(f"no {compiler[0]}")
    write(load(SAMPLES / "two_inputs.mat"), "c", "net", tmp_path, mex=True)
    flags = subprocess.run(["mkoctfile", "-p", "INCFLAGS"], capture_output=True, text=True, check=True).stdout
    system = [flag.replace("-I", "-isystem") for flag in flags.split()]
    done = subprocess.run(
        [*compiler, *ALL_WARNINGS, *system, "-c", "net_mex.c"], cwd=tmp_path, capture_output=True, text=True
    )
    assert not done.stderr, done.stderr
    assert done.returncode == 0


def test_source_and_header_together_need_no_file(tmp_path):
    text = EMITTER.alone(emit(load(SAMPLES / "fitnet.mat"), "c", "net")).decode()
    assert '#include "' not in text
    assert text.index("void net(const double *x, double *y, double *J);") < text.index("static const double net_W1")
