"""`nngrad predict` and `nngrad jacobian`: the numbers are those of the library, and every option
does what its help says.
"""

import dataclasses
import io

import h5py
import numpy as np
import openpyxl
import pytest

import nngrad as library
from nngrad.tables import ARRAYS, LINES, READ_ONLY, READERS, WRITERS

ONE_NETWORK = (
    "cascade",
    "constant_rows",
    "fitnet",
    "hard_limit",
    "narx",
    "nested",
    "old_version",
    "patternnet",
    "rbf",
    "two_inputs",
)


def numbers(text):
    return np.atleast_2d(np.genfromtxt(io.StringIO(text), delimiter=",", skip_header=1))


def rows_of(path):
    return numbers(path.read_text())


@pytest.mark.parametrize("name", ONE_NETWORK)
def test_every_number_is_that_of_the_library(nngrad, samples, name):
    model, table = samples / f"{name}.mat", samples / f"{name}_x.csv"
    net, x = library.load(model), rows_of(table)
    y = nngrad("predict", model, "-i", table)
    J = nngrad("jacobian", model, "-i", table)
    assert (y.code, J.code) == (0, 0)
    np.testing.assert_array_equal(numbers(y.out).reshape(len(x), -1), net(x))
    np.testing.assert_array_equal(numbers(J.out).reshape(len(x), net.output_size, net.input_size), net.jacobian(x))


@pytest.mark.parametrize("name", [name for name in ONE_NETWORK if name != "hard_limit"])
def test_derivatives_are_those_of_the_outputs(nngrad, samples, name):
    model, table = samples / f"{name}.mat", samples / f"{name}_x.csv"
    x = rows_of(table)
    J = numbers(nngrad("jacobian", model, "-i", table).out).reshape(len(x), -1, x.shape[1])
    scale = np.abs(J).max(axis=(0, 1))
    for j in range(x.shape[1]):
        step = np.zeros(x.shape[1])
        step[j] = 1e-5 * max(1.0, np.ptp(x[:, j]))
        up, down = (predict(nngrad, model, x + s) for s in (step, -step))
        difference = (up - down) / (2 * step[j])
        close = np.abs(difference - J[:, :, j]) <= 1e-6 * scale[j] + 1e-9
        assert close.mean() > 0.97  # a row next to a kink may differ


def predict(nngrad, model, x):
    text = "\n".join(",".join(map(repr, row)) for row in x.tolist())
    return numbers(
        "names\n" + nngrad("predict", model, "--no-header", stdin=text.encode()).out.partition("\n")[2]
    ).reshape(len(x), -1)


def test_columns_have_the_names_of_the_table(nngrad, fitnet, patternnet):
    assert nngrad("jacobian", fitnet[0], "-i", fitnet[1]).lines[0] == "dy1/dspeed,dy1/dthrottle,dy1/dtemperature"
    assert nngrad("predict", patternnet[0], "-i", patternnet[1]).lines[0] == "y1,y2,y3"


def test_columns_have_the_names_of_the_model_where_the_table_has_none(nngrad, fitnet):
    done = nngrad("jacobian", fitnet[0], stdin=b"1000,50,300\n2000,60,280\n")
    assert done.lines[0] == "dy1/dx1,dy1/dx2,dy1/dx3"
    assert len(done.lines) == 3


def test_rows_come_from_standard_input(nngrad, fitnet):
    from_file = nngrad("jacobian", fitnet[0], "-q", "-i", fitnet[1])
    assert nngrad("jacobian", fitnet[0], "-q", stdin=fitnet[1].read_bytes()) == from_file
    assert nngrad("jacobian", fitnet[0], "-q", "-i", "-", "-o", "-", stdin=fitnet[1].read_bytes()) == from_file


@pytest.mark.parametrize(
    ("of", "wrt", "header"),
    [
        ("y3,y1", "2", "dy3/dsepal_width,dy1/dsepal_width"),
        ("2", "petal_width,x1", "dy2/dpetal_width,dy2/dsepal_length"),
        ("y2", "4, 1", "dy2/dpetal_width,dy2/dsepal_length"),
    ],
)
def test_outputs_and_inputs_are_chosen_by_name_or_number(nngrad, patternnet, of, wrt, header):
    whole = nngrad("jacobian", patternnet[0], "-i", patternnet[1])
    part = nngrad("jacobian", patternnet[0], "-i", patternnet[1], "--of", of, "--wrt", wrt)
    assert part.lines[0] == header
    columns = [whole.lines[0].split(",").index(name) for name in header.split(",")]
    np.testing.assert_allclose(numbers(part.out).reshape(-1, len(columns)), numbers(whole.out)[:, columns], rtol=1e-13)


def test_predict_chooses_outputs_too(nngrad, patternnet):
    whole, part = (nngrad("predict", patternnet[0], "-i", patternnet[1], *of) for of in ((), ("--of", "3,y1")))
    assert part.lines[0] == "y3,y1"
    np.testing.assert_array_equal(numbers(part.out), numbers(whole.out)[:, [2, 0]])


@pytest.mark.parametrize(("option", "nearest"), [(("--wrt", "petal_lenth"), "petal_length"), (("--of", "y11"), "y1")])
def test_an_unknown_name_is_exit_2_and_the_nearest_is_offered(nngrad, patternnet, option, nearest):
    done = nngrad("jacobian", patternnet[0], "-i", patternnet[1], *option)
    assert (done.code, done.out) == (2, "")
    assert f"did you mean {nearest}?" in done.err
    assert done.trouble.count("\n") == 1


def test_outputs_stand_before_their_derivatives(nngrad, fitnet):
    y, J, both = (
        nngrad(*command, fitnet[0], "-i", fitnet[1])
        for command in (("predict",), ("jacobian",), ("jacobian", "--with-outputs"))
    )
    assert both.lines == [f"{a},{b}" for a, b in zip(y.lines, J.lines, strict=True)]


def test_the_long_layout_has_a_line_for_each_number(nngrad, patternnet):
    wide = numbers(nngrad("jacobian", patternnet[0], "-i", patternnet[1]).out)
    done = nngrad("jacobian", patternnet[0], "-i", patternnet[1], "--layout", "long")
    assert done.lines[0] == "row,output,input,value"
    assert done.lines[1].startswith("1,y1,sepal_length,")
    assert done.lines[-1].startswith(f"{len(wide)},y3,petal_width,")
    np.testing.assert_array_equal([float(line.split(",")[3]) for line in done.lines[1:]], wide.ravel())


def test_kept_columns_go_along(nngrad, fitnet):
    table = b"id,speed,throttle,temperature,when\na7,3000,50,300,monday\n,2000,20,260,tuesday\n"
    done = nngrad("predict", fitnet[0], "--keep", "id,when", stdin=table)
    assert [line.rsplit(",", 1)[0] for line in done.lines] == ["id,when", "a7,monday", ",tuesday"]
    long = nngrad("jacobian", fitnet[0], "--keep", "when,id", "--layout", "long", stdin=table)
    assert long.lines[0] == "row,when,id,output,input,value"
    assert [line.rsplit(",", 1)[0] for line in long.lines[3:5]] == ["1,monday,a7,y1,temperature", "2,tuesday,,y1,speed"]


def test_digits_shorten(nngrad, fitnet):
    full, short = (nngrad("jacobian", fitnet[0], "-i", fitnet[1], *digits) for digits in ((), ("--digits", "3")))
    assert len(short.out) < len(full.out)
    np.testing.assert_allclose(numbers(short.out), numbers(full.out), rtol=5.1e-3)


def test_arrays_have_rows_outputs_inputs(nngrad, patternnet, tmp_path):
    done = nngrad("jacobian", patternnet[0], "-i", patternnet[1], "-o", tmp_path / "J.npy", "-q")
    assert done == (0, "", "")
    J = np.load(tmp_path / "J.npy")
    assert J.shape[1:] == (3, 4)
    np.testing.assert_array_equal(
        J.reshape(len(J), -1), numbers(nngrad("jacobian", patternnet[0], "-i", patternnet[1]).out)
    )


def test_the_suffix_is_overruled_by_the_format(nngrad, fitnet, tmp_path):
    assert nngrad("predict", fitnet[0], "-i", fitnet[1], "-o", tmp_path / "y.csv", "--format", "npy").code == 0
    assert np.load(tmp_path / "y.csv").shape == (len(rows_of(fitnet[1])), 1)


@pytest.mark.parametrize("option", [("--with-outputs",), ("--layout", "long")], ids=" ".join)
def test_what_needs_lines_is_refused_in_arrays(nngrad, fitnet, tmp_path, option):
    done = nngrad("jacobian", fitnet[0], "-i", fitnet[1], "-o", tmp_path / "J.npy", *option)
    assert done.code == 2
    assert " ".join(option) in done.err
    assert not list(tmp_path.iterdir())


def test_every_format_of_tables_can_be_asked_for():
    assert sorted(f.name for f in WRITERS) == sorted(LINES + ARRAYS)


@pytest.mark.parametrize("suffix", [suffix for f in WRITERS for suffix in f.suffixes])
def test_what_is_written_can_be_read_again(nngrad, fitnet, samples, tmp_path, suffix):
    """The outputs of one network, in any format, are inputs of the next."""
    between = tmp_path / f"y{suffix}"
    assert nngrad("predict", samples / "cascade.mat", "-i", samples / "cascade_x.csv", "-o", between) == (0, "", "")
    direct = nngrad("predict", samples / "cascade.mat", "-i", samples / "cascade_x.csv")
    through = nngrad("predict", samples / "rbf.mat", "-i", between, "--by", "order", "--quiet")
    assert through.code == 0
    assert through.lines == nngrad("predict", samples / "rbf.mat", "--by", "order", stdin=direct.out.encode()).lines
    assert len(through.lines) == len(direct.lines) > 2


@pytest.mark.parametrize("format_", LINES)
def test_long_lines_and_kept_columns_go_into_every_format_of_lines(nngrad, fitnet, tmp_path, format_):
    table = b"id,speed,throttle,temperature\na7,3000,50,300\nb8,2000,20,260\n"
    done = nngrad(
        "jacobian",
        fitnet[0],
        "--layout",
        "long",
        "--keep",
        "id",
        "-o",
        tmp_path / "J",
        "--format",
        format_,
        "-q",
        stdin=table,
    )
    assert done == (0, "", "")
    assert b"a7" in (tmp_path / "J").read_bytes()


def test_threads_change_no_byte(nngrad, fitnet, tmp_path):
    rng = np.random.default_rng(5)
    table = tmp_path / "x.csv"
    np.savetxt(
        table,
        rng.uniform([600, 0, 250], [6500, 100, 320], (60_000, 3)),
        delimiter=",",
        header="speed,throttle,temperature",
        comments="",
    )
    outputs = []
    for threads in "1", "2", "5":
        assert (
            nngrad(
                "jacobian",
                fitnet[0],
                "-i",
                table,
                "-o",
                tmp_path / f"{threads}.csv",
                "--threads",
                threads,
                "--with-outputs",
            ).code
            == 0
        )
        outputs.append((tmp_path / f"{threads}.csv").read_bytes())
    assert outputs[0].count(b"\n") == 60_001
    assert outputs[0] == outputs[1] == outputs[2]
    long = [nngrad("jacobian", fitnet[0], "-i", table, "--layout", "long", "--threads", t).out for t in "13"]
    assert long[0] == long[1]
    assert long[0].count("\n") == 180_001


def test_a_jacobian_that_is_zero_says_so_once(nngrad, samples):
    asked = ("jacobian", samples / "hard_limit.mat", "-i", samples / "hard_limit_x.csv")
    done = nngrad(*asked)
    assert done.code == 0
    assert not numbers(done.out).any()
    assert done.err.count("\n") == 1
    assert "zero" in done.err
    assert nngrad(*asked, "--quiet").err == ""
    assert nngrad("predict", *asked[1:]).err == ""


def test_columns_that_are_not_used_are_mentioned(nngrad, samples):
    table = b"x1,x2,weather\n0.5,0.5,3\n"
    done = nngrad("predict", samples / "rbf.mat", stdin=table)
    assert done.code == 0
    assert "weather" in done.err
    assert done.err.count("\n") == 1
    assert nngrad("predict", samples / "rbf.mat", "--quiet", stdin=table) == (0, done.out, "")


def test_columns_are_matched_by_order_on_request(nngrad, samples):
    by_name, by_order = (
        nngrad("predict", samples / "rbf.mat", "--by", by, stdin=b"x2,x1\n0.25,0.5\n") for by in ("name", "order")
    )
    swapped = nngrad("predict", samples / "rbf.mat", stdin=b"0.25,0.5\n")
    assert by_order.lines == swapped.lines != by_name.lines


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"1000,50\n", ["2 columns where 3 are needed"]),
        (b"speed,throttle,temperature\n1000,50,300\n1000,fifty,300\n", ["line 3", "fifty"]),
        (b"", ["standard input"]),
    ],
    ids=["columns", "text", "nothing"],
)
def test_wrong_data_is_exit_4_with_one_line(nngrad, fitnet, tmp_path, table, words):
    done = nngrad("jacobian", fitnet[0], "-o", tmp_path / "J.csv", stdin=table)
    assert (done.code, done.out) == (4, "")
    assert done.trouble.count("\n") == 1
    assert all(word in done.err for word in words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "code"), [("missing.csv", 4), (".", 4), ("README", 2)], ids=["missing", "folder", "unknown suffix"]
)
def test_an_input_that_can_not_be_read(nngrad, fitnet, samples, path, code):
    done = nngrad("predict", fitnet[0], "-i", samples / path)
    assert (done.code, done.out) == (code, "")
    assert done.err.count("\n") == 1


def test_a_folder_that_is_not_there_is_not_made_for_a_file(nngrad, fitnet, tmp_path):
    done = nngrad("predict", fitnet[0], "-i", fitnet[1], "-o", tmp_path / "no" / "y.csv")
    assert done.code == 4
    assert "folder" in done.err


def test_the_input_is_never_replaced(nngrad, fitnet, tmp_path):
    table = tmp_path / "x.csv"
    table.write_bytes(fitnet[1].read_bytes())
    for target in (table, tmp_path):
        done = nngrad("predict", fitnet[0], "-i", table, "-o", target)
        assert done.code == 2
        assert "is the input" in done.err
    assert table.read_bytes() == fitnet[1].read_bytes()


def test_an_old_file_stays_until_the_new_one_is_whole(nngrad, fitnet, tmp_path):
    target = tmp_path / "y.csv"
    target.write_text("old")
    assert nngrad("predict", fitnet[0], "-o", target, stdin=b"1,2,3\n4,5,six\n").code == 4
    assert target.read_text() == "old"
    assert nngrad("predict", fitnet[0], "-i", fitnet[1], "-o", target).code == 0
    assert target.read_text().startswith("y1\n")
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_file_leaves_open_is_said_whenever_its_numbers_are_used(nngrad, samples):
    asked = (samples / "dump_square.mat", "-i", samples / "dump_square_x.csv", "--activation", "tanh,linear")
    (doubt,) = library.load(samples / "dump_square.mat", activation=["tanh", "linear"]).origin.doubts
    assert "the shapes do not tell which way round" in doubt
    for command in ("predict", "jacobian"):
        told, quiet = nngrad(command, *asked), nngrad(command, *asked, "-q")
        assert doubt in told.err
        assert (quiet.err, quiet.out) == ("", told.out)


def test_nothing_that_is_read_is_ever_replaced(nngrad, fitnet, tmp_path):
    model, x, h5 = tmp_path / "net.mat", tmp_path / "x.csv", tmp_path / "x.h5"
    model.write_bytes(fitnet[0].read_bytes())
    x.write_bytes(fitnet[1].read_bytes())
    with h5py.File(h5, "w") as file:
        file["x"] = np.loadtxt(x, delimiter=",", skiprows=1)
    before = [path.read_bytes() for path in (model, x, h5)]
    for arguments in (
        ("predict", model, "-i", x, "-o", model),
        ("predict", model, "-i", x, "-o", f"{model}:y"),
        ("predict", model, "-i", f"{h5}:x", "-o", h5),
        ("predict", model, "-i", h5, "-o", f"{h5}:y"),
        ("jvp", model, "-i", h5, "--direction", x, "-o", x),
    ):
        done = nngrad(*arguments)
        assert (done.code, done.out) == (2, "")
        assert "would be replaced" in done.err
    assert [path.read_bytes() for path in (model, x, h5)] == before


def test_standard_input_is_read_once(nngrad, fitnet):
    done = nngrad("jvp", fitnet[0], "--direction", "-", stdin=fitnet[1].read_bytes())
    assert (done.code, done.out) == (2, "")
    assert "can't be read twice" in done.err


def test_ndjson_from_a_pipe_may_have_a_byte_order_mark(nngrad, fitnet):
    row = b'{"speed":3180,"throttle":70,"temperature":270}\n'
    assert nngrad("predict", fitnet[0], stdin=b"\xef\xbb\xbf" + row) == nngrad("predict", fitnet[0], stdin=row)


def test_the_formats_that_options_offer_are_those_that_are_read():
    assert set(LINES + ARRAYS + READ_ONLY) == {f.name for f in READERS}


SPELLINGS = {
    "comma": (("--decimal", ","), "speed;throttle;temperature\n{x}\n", ","),
    "units": (("--units",), "speed,throttle,temperature\nrpm,%,K\n{x}\n", "."),
    "skip": (("--skip", "2"), "Log\nof, us\nspeed,throttle,temperature\n{x}\n", "."),
    "comment": (("--comment", "%"), "speed,throttle,temperature\n{x}\n% end, of us\n", "."),
    "encoding": (("--encoding", "cp1252"), "speed,throttle,temperature,°C\n{x},1\n", "."),
    "format": (("--input-format", "csv"), "speed,throttle,temperature\n{x}\n", "."),
    "columns": (("--samples", "columns"), "{x}\n", "."),
    "header": (("--header",), "0,1,2\n{x}\n", "."),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_how_the_input_is_written_can_be_said(nngrad, named, tmp_path, case):
    options, text, decimal = SPELLINGS[case]
    x = ["3180.5", "70.8", "270.1"]
    cells = (";" if decimal == "," else "\n" if case == "columns" else ",").join(x).replace(".", decimal)
    path = tmp_path / ("x.prn" if case == "format" else "x.csv")
    path.write_bytes(text.format(x=cells).encode("cp1252"))
    expected = nngrad("predict", named, stdin=",".join(x).encode()).out
    by = ("--by", "order") if case == "header" else ()
    done = nngrad("predict", named, "-i", path, *options, *by)
    assert (done.code, done.out) == (0, expected)
    refused = nngrad("predict", named, "-i", path)
    assert refused.code in (2, 4)
    assert refused.out == ""
    assert options[0] in refused.err
    assert len(refused.err) < 330


@pytest.fixture
def named(samples, tmp_path):
    """fitnet, with names of its inputs."""
    net = library.load(samples / "fitnet.mat")
    assert net.input_size == 3
    target = tmp_path / "named.h5"
    library.save(
        dataclasses.replace(
            net, inputs=(dataclasses.replace(net.inputs[0], columns=("speed", "throttle", "temperature")),)
        ),
        target,
    )
    return target


def test_a_sheet_of_excel_is_read_by_name(nngrad, fitnet, tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "Run 1"
    for row in [("speed", "throttle", "temperature"), (3180.5, 70.8, 270.1)]:
        book.active.append(row)
    book.save(tmp_path / "x.xlsx")
    expected = nngrad("jacobian", fitnet[0], stdin=b"3180.5,70.8,270.1").lines[1]
    for source in (tmp_path / "x.xlsx", f"{tmp_path}/x.xlsx:Run 1"):
        assert nngrad("jacobian", fitnet[0], "-i", source).lines[1] == expected


# what numbers depend on and the user can't see


def test_columns_that_are_taken_in_order_are_said_in_one_line(nngrad, fitnet):
    for command in (
        ("predict",),
        ("jacobian",),
        ("gradient",),
        ("hessian",),
        ("jvp", "--direction", "1,0,0"),
        ("vjp", "--weighting", "1"),
    ):
        done = nngrad(*command, fitnet[0], "-i", fitnet[1])
        assert done.err == f"nngrad: {fitnet[1]}: columns taken in order: x1 = speed, x2 = throttle, x3 = temperature\n"
        assert nngrad(*command, fitnet[0], "-i", fitnet[1], "-q") == done._replace(err="")
    assert "x3 = temperature" in nngrad("check", fitnet[0], "-i", fitnet[1]).err


def test_a_permutation_of_x1_x2_x3_is_taken_by_number(nngrad, fitnet):
    table = b"X_2,X_3,X_1\n50,300,3000\n60,280,2000\n"
    done, plain = (
        nngrad("jacobian", fitnet[0], stdin=table),
        nngrad("jacobian", fitnet[0], stdin=b"3000,50,300\n2000,60,280\n"),
    )
    assert done.lines[1:] == plain.lines[1:]
    assert done.lines[0] == "dy1/dX_1,dy1/dX_2,dy1/dX_3"
    assert "columns taken by their numbers" in done.err


def test_a_column_outside_its_training_range_is_said_once(nngrad, fitnet, tmp_path):
    rng = np.random.default_rng(5)
    rows = rng.uniform([0, 1000, 250], [100, 6000, 320], (60_000, 3))  # speed and throttle are exchanged
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",", header="a,b,c", comments="")
    done = nngrad("predict", fitnet[0], "-i", tmp_path / "x.csv", "-o", tmp_path / "y.npy", "--threads", "3")
    (line,) = [line for line in done.err.splitlines() if "training range" in line]
    a, b = rows[:, 0], rows[:, 1]
    assert (
        f"x1 lies wholly outside its training range (600 to 6500): a is {a.min():g} to {a.max():g} here, as in that of x2"
        in line
    )
    assert (
        f"x2 lies wholly outside its training range (0 to 100): b is {b.min():g} to {b.max():g} here, as in that of x1"
        in line
    )
    assert "x3 lies" not in line
    rows[-1, 0], rows[-1, 1] = 600.0, 100.0  # one row inside settles it
    np.savetxt(tmp_path / "x.csv", rows, delimiter=",", header="a,b,c", comments="")
    for asked in ((), ("-q",)):
        assert (
            "training range"
            not in nngrad("predict", fitnet[0], "-i", tmp_path / "x.csv", "-o", tmp_path / "y.npy", *asked).err
        )
    assert "training range" not in nngrad("predict", fitnet[0], stdin=b"nan,50,300\n").err
    assert "x1 lies wholly outside" in nngrad("check", fitnet[0], "-i", "-", stdin=b"6500.5,50,300\n").err


def test_every_command_reads_tables_with_the_same_options(nngrad, fitnet, tmp_path):
    (tmp_path / "x.txt").write_text("1|2|3\n7|3000|50\n8|2000|60\n")
    (tmp_path / "v.txt").write_text("k|n|a\n100|1|0\n200|2|0\n")
    how = ("-i", tmp_path / "x.txt", "--delimiter", "|", "--header", "--columns", "2,3,1", "--by", "order")
    y = [float(v) for v in nngrad("predict", fitnet[0], *how).lines[1:]]
    np.testing.assert_allclose(y, library.load(fitnet[0])([[3000, 50, 7], [2000, 60, 8]])[:, 0], rtol=1e-12)
    for command in (("jacobian",), ("gradient",), ("hessian",), ("vjp", "--weighting", "1"), ("check",)):
        assert nngrad(*command, fitnet[0], *how).code == 0
    along = nngrad("jvp", fitnet[0], *how, "--direction", tmp_path / "v.txt")
    net = library.load(fitnet[0])
    expected = net.jvp([[3000, 50, 7], [2000, 60, 8]], [[100, 1, 0], [200, 2, 0]])
    np.testing.assert_allclose(numbers(along.out).ravel(), expected.ravel(), rtol=1e-12)
    (tmp_path / "y.txt").write_text("t|y\n" + "".join(f"{k}|{v!r}\n" for k, v in enumerate(y)))
    assert nngrad("verify", fitnet[0], *how, "--expect", tmp_path / "y.txt", "--expect-columns", "y").code == 0
    assert nngrad("check", fitnet[0], "--delimiter", "|").code == 2
    assert nngrad("verify", fitnet[0], "--find", "--delimiter", "|").code == 2
    assert nngrad("verify", fitnet[0], "-i", "a.npy", "--expect", "b.npy", "--delimiter", "|").code == 2


def test_second_tables_are_matched_by_the_names_of_the_input_or_of_the_model(nngrad, fitnet, tmp_path):
    expected = nngrad("jvp", fitnet[0], "-i", fitnet[1], "--direction", "100,1,-2").lines
    rows = len(rows_of(fitnet[1]))
    for header, row in (
        ("temperature,speed,throttle", "-2,100,1"),
        ("x3,x1,x2", "-2,100,1"),
        ("note,speed,throttle,temperature", "9,100,1,-2"),
    ):
        (tmp_path / "v.csv").write_text("\n".join([header, *([row] * rows)]))
        done = nngrad("jvp", fitnet[0], "-i", fitnet[1], "--direction", tmp_path / "v.csv")
        np.testing.assert_allclose(np.array(done.lines[1:], float), np.array(expected[1:], float), rtol=1e-12)
    (tmp_path / "v.csv").write_text("\n".join(["u,v,w", *(["100,1,-2"] * rows)]))
    done = nngrad("jvp", fitnet[0], "-i", fitnet[1], "--direction", tmp_path / "v.csv")
    assert (done.code, "3 columns of 3 missing: speed, throttle, temperature" in done.err) == (4, True)


@pytest.mark.parametrize("fmt", [f.name for f in WRITERS if f.writes.streams])
@pytest.mark.parametrize("command", ["predict", "jacobian"])
def test_what_is_refused_in_the_first_rows_leaves_nothing_on_standard_output(nngrad, fitnet, fmt, command):
    rows = b"3000,50,300\n" * 20_000  # beyond what is looked at before the output begins
    done = nngrad(command, fitnet[0], "--format", fmt, stdin=rows + b"3000,fifty,300\n")
    assert (done.code, done.out) == (4, "")
    assert "line 20001, column 2: 'fifty' is not a number" in done.err
