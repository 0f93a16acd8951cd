"""gradient, hessian, jvp, vjp, --scale and --flags: the program's numbers are the library's."""

import io

import numpy as np
import pytest

from nngrad import load


def numbers(done):
    assert (done.code, done.trouble) == (0, "")
    return np.genfromtxt(io.StringIO(done.out), delimiter=",", skip_header=1, ndmin=2)


def header(done):
    return done.lines[0].split(",")


def table(path):
    return np.genfromtxt(path, delimiter=",", skip_header=1)


@pytest.fixture
def fit(fitnet):
    return load(fitnet[0]), table(fitnet[1])


@pytest.fixture
def pattern(patternnet):
    return load(patternnet[0]), table(patternnet[1])


# hessian


def test_hessian_as_a_table(nngrad, fitnet, fit):
    net, x = fit
    done = nngrad("hessian", fitnet[0], "-i", fitnet[1])
    np.testing.assert_array_equal(numbers(done), net.hessian(x).reshape(len(x), -1))
    assert header(done)[:4] == [
        "d2y1/dspeeddspeed",
        "d2y1/dspeeddthrottle",
        "d2y1/dspeeddtemperature",
        "d2y1/dthrottledspeed",
    ]


def test_upper_triangle_and_laplacian(nngrad, patternnet, pattern):
    net, x = pattern
    H = net.hessian(x)
    upper = nngrad("hessian", patternnet[0], "-i", patternnet[1], "--of", "all", "--upper")
    a, b = np.triu_indices(4)
    np.testing.assert_array_equal(numbers(upper), H[:, :, a, b].reshape(len(x), -1))
    assert header(upper)[1] == "d2y1/dsepal_lengthdsepal_width"
    assert len(header(upper)) == 30
    traces = nngrad("hessian", patternnet[0], "-i", patternnet[1], "--of", "y1,y3", "--laplacian")
    np.testing.assert_allclose(numbers(traces), np.trace(H[:, [0, 2]], axis1=2, axis2=3), rtol=1e-11)
    assert header(traces) == ["laplacian(y1)", "laplacian(y3)"]


def test_hessian_as_an_array(nngrad, patternnet, pattern, tmp_path):
    net, x = pattern
    assert nngrad("hessian", patternnet[0], "-i", patternnet[1], "--of", "all", "-o", tmp_path / "H.npy", "-q") == (
        0,
        "",
        "",
    )
    np.testing.assert_array_equal(np.load(tmp_path / "H.npy"), net.hessian(x))
    done = nngrad(
        "hessian",
        patternnet[0],
        "-i",
        patternnet[1],
        "--of",
        "2",
        "--wrt",
        "petal_width,1",
        "-o",
        tmp_path / "part.npy",
        "-q",
    )
    assert done == (0, "", "")
    np.testing.assert_array_equal(np.load(tmp_path / "part.npy"), net.hessian(x, [1], [3, 0]))
    done = nngrad("hessian", patternnet[0], "-i", patternnet[1], "--of", "2", "--upper", "-o", tmp_path / "no.npy")
    assert done.code == 2
    assert "--upper" in done.err


def test_one_output_has_to_be_chosen(nngrad, patternnet):
    for command in ("hessian", "gradient"):
        done = nngrad(command, patternnet[0], "-i", patternnet[1])
        assert (done.code, done.out) == (2, "")
        assert "has 3 outputs (y1, y2, y3); choose" in done.err


def test_options_that_contradict_each_other(nngrad, fitnet):
    for options in (
        ("hessian", "--upper", "--laplacian"),
        ("hessian", "--of", "1", "--scalar", "y1"),
        ("gradient", "--of", "1", "--scalar", "y1"),
    ):
        assert nngrad(options[0], fitnet[0], "-i", fitnet[1], *options[1:]).code == 2


# gradient and scalars


def test_gradient_of_one_output(nngrad, patternnet, pattern, tmp_path):
    net, x = pattern
    done = nngrad("gradient", patternnet[0], "-i", patternnet[1], "--of", "y2", "--with-outputs")
    y, J = net.value_and_jacobian(x, [1])
    np.testing.assert_array_equal(numbers(done), np.concatenate([y, J[:, 0]], axis=1))
    assert header(done)[:2] == ["y2", "dy2/dsepal_length"]
    assert nngrad("gradient", patternnet[0], "-i", patternnet[1], "--of", "y2", "-o", tmp_path / "g.npy", "-q") == (
        0,
        "",
        "",
    )
    np.testing.assert_array_equal(np.load(tmp_path / "g.npy"), J[:, 0])


def test_gradient_and_hessian_of_a_scalar(nngrad, patternnet, pattern):
    net, x = pattern
    y, J, H = net(x), net.jacobian(x), net.hessian(x)
    done = nngrad("gradient", patternnet[0], "-i", patternnet[1], "--scalar", "y1**2 + 3*y2", "--with-outputs")
    expected = 2 * y[:, :1] * J[:, 0] + 3 * J[:, 1]
    np.testing.assert_allclose(numbers(done)[:, 1:], expected, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(numbers(done)[:, 0], y[:, 0] ** 2 + 3 * y[:, 1], rtol=1e-14)
    assert header(done)[:2] == ["f", "df/dsepal_length"]
    second = nngrad("hessian", patternnet[0], "-i", patternnet[1], "--scalar", "y1**2 + 3*y2")
    by_hand = 2 * np.einsum("ni,nj->nij", J[:, 0], J[:, 0]) + 2 * y[:, 0, None, None] * H[:, 0] + 3 * H[:, 1]
    np.testing.assert_allclose(numbers(second), by_hand.reshape(len(x), -1), rtol=1e-10, atol=1e-13)
    assert header(second)[1] == "d2f/dsepal_lengthdsepal_width"


def test_a_wrong_scalar_is_exit_2(nngrad, patternnet):
    done = nngrad("gradient", patternnet[0], "-i", patternnet[1], "--scalar", "y1^2")
    assert (done.code, done.out) == (2, "")
    assert "write ** for powers" in done.err


# products


def test_products_with_one_vector(nngrad, patternnet, pattern):
    net, x = pattern
    along = nngrad("jvp", patternnet[0], "-i", patternnet[1], "--direction", "1,0,-0.5,2e-1")
    np.testing.assert_allclose(numbers(along), net.jacobian(x) @ [1, 0, -0.5, 0.2], rtol=1e-10, atol=1e-14)
    assert header(along) == ["dy1/dv", "dy2/dv", "dy3/dv"]
    back = nngrad("vjp", patternnet[0], "-i", patternnet[1], "--weighting", "1,0,-1")
    np.testing.assert_allclose(
        numbers(back), np.einsum("m,nmi->ni", [1, 0, -1], net.jacobian(x)), rtol=1e-10, atol=1e-14
    )
    assert header(back)[0] == "dwy/dsepal_length"


@pytest.mark.parametrize("threads", [1, 3])
def test_products_with_a_vector_for_each_row(nngrad, patternnet, pattern, tmp_path, threads):
    """Tables in different formats and chunks go along row by row."""
    net, x = pattern
    r = np.random.default_rng(4)
    many = np.tile(x, (40_000 // len(x), 1)) + r.normal(size=(40_000 // len(x) * len(x), 4)) * 0.01
    v, w = r.normal(size=many.shape), r.normal(size=(len(many), 3))
    for name, array in (("x", many), ("v", v)):
        np.save(tmp_path / f"{name}.npy", array)
    np.savetxt(tmp_path / "w.csv", w, delimiter=",", fmt="%.17g")
    assert (
        nngrad(
            "jvp",
            patternnet[0],
            "-i",
            tmp_path / "x.npy",
            "--direction",
            tmp_path / "v.npy",
            "-o",
            tmp_path / "jv.npy",
            "--threads",
            str(threads),
        ).code
        == 0
    )
    np.testing.assert_allclose(np.load(tmp_path / "jv.npy"), net.jvp(many, v), rtol=1e-12, atol=1e-14)
    assert (
        nngrad(
            "vjp",
            patternnet[0],
            "-i",
            tmp_path / "x.npy",
            "--weighting",
            tmp_path / "w.csv",
            "-o",
            tmp_path / "wj.npy",
            "--threads",
            str(threads),
        ).code
        == 0
    )
    np.testing.assert_allclose(np.load(tmp_path / "wj.npy"), net.vjp(many, w), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("rows", "message"), [(1, "has fewer rows"), (99, "has more rows")])
def test_another_number_of_rows_is_exit_4(nngrad, patternnet, tmp_path, rows, message):
    np.save(tmp_path / "v.npy", np.ones((rows, 4)))
    done = nngrad(
        "jvp", patternnet[0], "-i", patternnet[1], "--direction", tmp_path / "v.npy", "-o", tmp_path / "y.csv"
    )
    assert done.code == 4
    assert message in done.err
    assert not (tmp_path / "y.csv").exists()


def test_a_vector_of_another_size_is_exit_2(nngrad, patternnet):
    done = nngrad("jvp", patternnet[0], "-i", patternnet[1], "--direction", "1,2")
    assert (done.code, done.out) == (2, "")
    assert "2 numbers for 4 columns (sepal_length" in done.err
    assert nngrad("jvp", patternnet[0], "-i", patternnet[1], "--direction", "nothing.csv").code == 4


# scales


def test_scales(nngrad, fitnet, fit):
    net, x = fit
    y, J = net.value_and_jacobian(x)
    spread = {"range": [5900, 100, 70], "sigma": x.std(axis=0, ddof=1), "elasticity": (x / y)[:, None]}
    names = {
        "range": "range(speed)*dy1/dspeed",
        "sigma": "sigma(speed)*dy1/dspeed",
        "elasticity": "speed/y1*dy1/dspeed",
    }
    for scale, factor in spread.items():
        for command in ("jacobian", "gradient"):
            done = nngrad(command, fitnet[0], "-i", fitnet[1], "--scale", scale)
            np.testing.assert_allclose(numbers(done), (J * factor)[:, 0], rtol=1e-12)
            assert header(done)[0] == names[scale]
    part = nngrad(
        "jacobian",
        fitnet[0],
        "-i",
        fitnet[1],
        "--scale",
        "sigma",
        "--sigma",
        "2,3,4",
        "--wrt",
        "temperature",
        "--with-outputs",
    )
    np.testing.assert_allclose(numbers(part), np.stack([y[:, 0], 4 * J[:, 0, 2]], axis=1), rtol=1e-12)


def test_a_range_that_the_file_does_not_store_is_refused_by_name(nngrad, samples):
    done = nngrad(
        "jacobian", samples / "keras_regression.keras", "-i", samples / "keras_regression_x.csv", "--scale", "range"
    )
    assert (done.code, done.out) == (2, "")
    assert "stores no training range of" in done.err


def test_what_sigma_needs(nngrad, fitnet):
    def scaled(*options, stdin=b""):
        return nngrad("jacobian", fitnet[0], "--scale", "sigma", *options, stdin=stdin)

    piped = scaled(stdin=fitnet[1].read_bytes())
    assert (piped.code, piped.out) == (2, "")
    assert "can't be read twice" in piped.err
    assert scaled("--sigma", "1,1,1", stdin=fitnet[1].read_bytes()).code == 0
    assert "2 numbers for 3 inputs" in scaled("-i", fitnet[1], "--sigma", "1,1").err
    assert "is no list of numbers" in scaled("-i", fitnet[1], "--sigma", "1,1,a").err
    assert nngrad("jacobian", fitnet[0], "-i", fitnet[1], "--sigma", "1,1,1").code == 2


# flags


def test_flags_as_columns(nngrad, fitnet):
    rows = b"id,speed,throttle,temperature\na,3000,50,270\nb,9999,-5,270\nc,nan,50,270\n"
    done = nngrad("predict", fitnet[0], "--flags", "--keep", "id", stdin=rows)
    assert [line.split(",")[:4] for line in done.lines] == [
        ["id", "flag_outside", "flag_saturated", "flag_not_finite"],
        ["a", "", "", ""],
        ["b", "speed>6500 throttle<0", "", ""],
        ["c", "", "", "y1"],
    ]


@pytest.mark.parametrize("command", ["predict", "jacobian", "gradient", "hessian"])
def test_flags_beside_an_array(nngrad, fitnet, tmp_path, command):
    rows = b"3000,50,270\n9999,50,270\n"
    plain, flagged = tmp_path / "plain.npy", tmp_path / "flagged.npy"
    assert nngrad(command, fitnet[0], "-o", flagged, "--flags", stdin=rows) == (0, "", "")
    assert nngrad(command, fitnet[0], "-o", plain, stdin=rows) == (0, "", "")
    assert plain.read_bytes() == flagged.read_bytes()
    assert (tmp_path / "flagged.npy.flags.csv").read_text().splitlines()[1:] == [",,", "x1>6500,,"]
    assert "--flags" in nngrad(command, fitnet[0], "--flags", "--format", "npy", stdin=rows).err


def test_flags_in_the_long_layout(nngrad, fitnet):
    done = nngrad("jacobian", fitnet[0], "--flags", "--layout", "long", stdin=b"9999,50,270\n")
    assert done.lines[0] == "row,flag_outside,flag_saturated,flag_not_finite,output,input,value"
    assert all(line.startswith("1,x1>6500,,,y1,") for line in done.lines[1:])


def test_flags_that_can_not_be_written_leave_nothing(nngrad, fitnet, tmp_path):
    (tmp_path / "J.npy.flags.csv").mkdir()
    done = nngrad("jacobian", fitnet[0], "-i", fitnet[1], "-o", tmp_path / "J.npy", "--flags")
    assert done.code == 4
    assert [path.name for path in tmp_path.iterdir()] == ["J.npy.flags.csv"]


def test_a_kept_column_called_like_a_flag_is_refused_in_arrays(nngrad, fitnet, tmp_path):
    table = "flag_outside,a,b,c\n1,3180,70,270\n"
    done = nngrad(
        "predict", fitnet[0], "-o", tmp_path / "y.npy", "--flags", "--keep", "flag_outside", stdin=table.encode()
    )
    assert done.code == 2
    assert "npy holds numbers only, so flag_outside can't be passed through" in done.err


@pytest.mark.parametrize("command", ["gradient", "hessian"])
def test_a_scalar_that_is_no_number_is_flagged_and_has_no_derivative(nngrad, fitnet, command):
    rows = b"3000,50,300\n2000,60,280\n1500,20,260\n"
    done = nngrad(command, fitnet[0], "--scalar", "log(y1 - 1000)", "--flags", stdin=rows)
    header, *lines = (line.split(",") for line in done.lines)
    assert all(line[header.index("flag_not_finite")] == "f" for line in lines)
    assert {cell for line in lines for cell in line[len([h for h in header if h.startswith("flag")]) :]} == {"NaN"}
    fine = nngrad(command, fitnet[0], "--scalar", "log(y1 + 1000)", "--flags", stdin=rows)
    assert "f" not in ",".join(fine.lines[1:]).split(",")
