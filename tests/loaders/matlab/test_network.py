"""MATLAB's `network` objects: every function and structure against a second evaluator, and refusals by name."""

import numpy as np
import pytest

import nngrad
from nngrad.loaders import candidates, containers, read
from nngrad.loaders.matlab import network, processing
from nngrad.loaders.tree import MatlabObject
from tests.core.rules import forward
from tests.loaders.reference import Reference
from tests.makers import SAMPLES, saved, script

made = script("make_matlab_networks")
R = np.random.default_rng(1)


def plain(size):
    return made.port("p", size, size, [], np.tile([-1.0, 1.0], (size, 1)), feedbackMode="none")


def chain(
    transfer="tansig",
    weight_fcn="dotprod",
    net_input="netsum",
    bias=True,
    inputs=None,
    outputs=None,
    sizes=(3, 4, 2),
    kept=None,
):
    r = np.random.default_rng(4)
    n, h, m = sizes
    hidden = {"size": h, "transfer": transfer, "weight_fcn": weight_fcn, "net_input": net_input}
    hidden |= {"b": r.uniform(0.3, 1.0, h) if bias else None, "IW": {0: r.uniform(-1, 1, (h, kept or n))}}
    last = {"size": m, "transfer": "purelin", "b": r.normal(size=m), "LW": {0: r.normal(size=(m, h))}}
    return made.network("made", [inputs or plain(n)], [hidden, last], {1: outputs or plain(m)})


def check(tmp_path, net, x, rtol=1e-13):
    """y and J of every row against the second route."""
    path = saved(tmp_path, net=net)
    ours, reference = nngrad.load(path), Reference(path)
    y, J = ours.value_and_jacobian(x)
    with np.errstate(all="ignore"):
        expected = np.array([reference.evaluate(row) for row in x])
        slopes = np.array([reference.jacobian(row) for row in x])
    np.testing.assert_allclose(y, expected, rtol=rtol, atol=rtol * np.abs(expected).max())
    np.testing.assert_allclose(J, slopes, rtol=rtol, atol=rtol * np.abs(slopes).max())
    return ours


def points(n, rows=6):
    return np.random.default_rng(9).uniform(-0.9, 1.1, size=(rows, n)) + 0.01


@pytest.mark.parametrize("transfer", network.TRANSFER)
def test_every_transfer_function(tmp_path, transfer):
    ours = check(tmp_path, chain(transfer), points(3))
    assert ours.flat == (transfer in ("hardlim", "hardlims", "compet"))


@pytest.mark.parametrize("net_input", network.NET_INPUT)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("weight_fcn", [w for w in network.WEIGHT if w != "scalprod"])
def test_every_weight_and_net_input_function(tmp_path, weight_fcn, net_input, bias):
    x = np.abs(points(3)) + 0.1  # normprod has a pole where the sum is 0
    check(tmp_path, chain("logsig", weight_fcn, net_input, bias), x)


@pytest.mark.parametrize("transfer", ["radbas", "radbasn"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("net_input", ["netprod", "netsum"])
def test_radial_basis_layers(tmp_path, transfer, bias, net_input):
    check(tmp_path, chain(transfer, "dist", net_input, bias), points(3))


def test_radial_basis_network_at_its_centres_is_smooth(tmp_path):
    path = saved(tmp_path, net=chain("radbas", "dist", "netprod", sizes=(2, 3, 1)))
    net = nngrad.load(path)
    centres = Reference(path).n["IW"][0, 0]
    J, H = net.jacobian(centres), net.hessian(centres)
    assert np.isfinite(J).all()
    h = 1e-6
    ahead, behind = (np.stack([net(centres + s * h * e) for e in np.eye(2)], axis=-1) for s in (1, -1))
    np.testing.assert_allclose(J, (ahead - behind) / (2 * h), rtol=1e-8, atol=1e-9)
    assert np.isfinite(H).all()


def test_scalprod(tmp_path):
    r = np.random.default_rng(2)
    layers = [
        {"size": 3, "transfer": "tansig", "weight_fcn": "scalprod", "b": r.normal(size=3), "IW": {0: [[0.7]]}},
        {"size": 1, "transfer": "purelin", "b": None, "LW": {0: r.normal(size=(1, 3))}},
    ]
    ours = check(tmp_path, made.network("made", [plain(3)], layers, {1: plain(1)}), points(3))
    assert any("scalprod" in note for note in ours.origin.notes)


def test_several_links_with_netprod(tmp_path):
    r = np.random.default_rng(2)
    layers = [
        {"size": 2, "transfer": "tansig", "b": r.normal(size=2), "IW": {0: r.normal(size=(2, 2))}},
        {
            "size": 2,
            "transfer": "logsig",
            "net_input": "netprod",
            "b": r.normal(size=2),
            "IW": {0: r.normal(size=(2, 2)), 1: r.normal(size=(2, 1))},
            "LW": {0: r.normal(size=(2, 2))},
        },
    ]
    check(tmp_path, made.network("made", [plain(2), plain(1)], layers, {1: plain(2)}), points(3))


def mapstd(mean, std):
    mean, std = made.column(mean), made.column(std)
    return "mapstd", made.struct(
        name="mapstd", xrows=float(len(mean)), xmean=mean, xstd=std, ymean=0.0, ystd=1.0, yrows=float(len(mean))
    )


def pca(n):
    q = np.linalg.qr(np.random.default_rng(3).normal(size=(n, n)))[0]
    return "processpca", made.struct(
        name="processpca", maxfrac=0.0, transform=q * 1.5, inverseTransform=q.T / 1.5, xrows=float(n), yrows=float(n)
    )


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([made.mapminmax([-2, 0, 1], [2, 5, 4])], 3),
        ([made.mapminmax([-2, 0, 1], [2, 5, 4], old=True)], 3),
        ([mapstd([1, 2, 3], [0.5, 2, 1])], 3),
        ([made.removeconstantrows(3, {2: 4.0}), made.mapminmax([-2, 1], [2, 4])], 2),
        ([mapstd([1, 2, 3], [0.5, 2, 1]), pca(3)], 3),
        ([made.mapminmax([-2, 0, 1], [2, 5, 4]), pca(3), made.removeconstantrows(3, {1: 0.0})], 2),
    ],
)
def test_processing_of_inputs_and_outputs(tmp_path, steps, kept):
    ranges = np.tile([-1.0, 1.0], (3, 1))
    inputs = made.port("in", 3, kept, steps, ranges)
    outputs = made.port("out", 3, kept, steps, ranges, feedbackMode="none")
    ours = check(tmp_path, chain(inputs=inputs, outputs=outputs, sizes=(3, 4, kept), kept=kept), points(3))
    assert ours.output_size == 3


def test_removed_input_has_a_column_of_zeros_and_removed_output_a_row():
    net = nngrad.load(SAMPLES / "constant_rows.mat")
    J = net.jacobian(np.loadtxt(SAMPLES / "constant_rows_x.csv", delimiter=",", skiprows=1))
    assert not J[:, :, 1].any()
    assert not J[:, 1, :].any()
    assert J[:, ::2][:, :, [0, 2, 3]].all()


def test_constant_rows_of_mapminmax_are_left_as_they_are(tmp_path):
    """Range 0 and no gain stored, gain inf, gain 0: y = x with slope 1 (reference page of mapminmax)."""
    for old in (True, False):
        with np.errstate(all="ignore"):
            step = made.mapminmax([0.0, 7.0], [2.0, 7.0], old)
        net = nngrad.load(
            saved(
                tmp_path, net=chain("purelin", inputs=made.port("in", 2, 2, [step], np.zeros((2, 2))), sizes=(2, 3, 1))
            )
        )
        W1, W2 = net.layers[1].layer.W, net.layers[2].layer.W
        x = np.array([[0.5, 3.0]])
        np.testing.assert_allclose(forward(net.layers[0].layer, x.T), [[-0.5], [3.0]])
        np.testing.assert_allclose(net.jacobian(x)[0], W2 @ W1 * [1.0, 1.0], rtol=1e-15)


def unknowns(rows, unknown, means):
    shift = np.array([[sum(u < r + 1 for u in unknown)] for r in range(rows)], float)
    return "fixunknowns", made.struct(
        name="fixunknowns",
        xrows=float(rows),
        yrows=float(rows + len(unknown)),
        unknown=np.array([unknown], float),
        shift=shift,
        xmeans=made.column(means),
    )


def test_fixunknowns(tmp_path):
    steps = [unknowns(3, [1, 3], [0.3, 0.0, 0.7])]
    net = chain(inputs=made.port("in", 3, 5, steps, np.zeros((3, 2))), kept=5)
    path = saved(tmp_path, net=net)
    ours, reference = nngrad.load(path), Reference(path)
    x = points(3)
    x[1, 0] = x[2, 2] = x[3, 0] = x[3, 2] = np.nan
    np.testing.assert_allclose(ours(x), [reference.evaluate(row) for row in x], rtol=1e-13)
    J = ours.jacobian(x)
    assert not J[1, :, 0].any()
    assert not J[3][:, [0, 2]].any()
    h = 1e-6
    for j in range(3):
        change = (ours(x + h * np.eye(3)[j]) - ours(x - h * np.eye(3)[j])) / (2 * h)
        np.testing.assert_allclose(J[:, :, j], change, rtol=1e-7, atol=1e-9)
    x[4, 1] = np.nan  # a row that was never missing in training stays NaN
    assert np.isnan(ours(x)[4]).all()
    assert not np.isnan(ours(x)[:4]).any()


def test_removerows_both_ways(tmp_path):
    step = (
        "removerows",
        made.struct(
            name="removerows", keep_ind=np.array([[1.0, 3.0]]), remove_ind=np.array([[2.0]]), xrows=3.0, yrows=2.0
        ),
    )
    check(tmp_path, chain(inputs=made.port("in", 3, 2, [step], np.zeros((3, 2))), kept=2), points(3))
    net = nngrad.load(saved(tmp_path, net=chain(outputs=made.port("out", 3, 2, [step], np.zeros((3, 2))))))
    y, J = net.value_and_jacobian(points(3))
    assert np.isnan(y[:, 1]).all()
    assert np.isfinite(y[:, [0, 2]]).all()
    assert not J[:, 1].any()


def test_delays_on_inputs_and_layers_become_taps(tmp_path):
    """Different delays of one input into two layers, an unordered delay vector, self-feedback
    with delays 0 and above elsewhere.
    """
    r = np.random.default_rng(6)
    layers = [
        {
            "size": 3,
            "transfer": "tansig",
            "b": r.normal(size=3),
            "IW": {0: r.normal(size=(3, 2 * 2))},
            "LW": {0: r.normal(size=(3, 3)), 1: r.normal(size=(3, 2))},
            "delays": {("IW", 0): [2, 0], ("LW", 0): [1], ("LW", 1): [2, 1]},
        },
        {
            "size": 1,
            "transfer": "purelin",
            "b": r.normal(size=1),
            "IW": {0: r.normal(size=(1, 2)), 1: r.normal(size=(1, 3))},
            "LW": {0: r.normal(size=(1, 6))},
            "delays": {("IW", 0): [1], ("IW", 1): [0, 1, 3], ("LW", 0): [0, 2]},
        },
    ]
    inputs = [made.port("u", 2, 2, [made.mapminmax([-1, 0], [1, 3])], np.zeros((2, 2))), plain(1)]
    ours = check(tmp_path, made.network("made", inputs, layers, {1: plain(1)}), points(6 + 3 + 6 + 2))
    assert ours.input_names == (
        *("x1(t)", "x2(t)", "x1(t-1)", "x2(t-1)", "x1(t-2)", "x2(t-2)", "x3(t)", "x3(t-1)", "x3(t-3)"),
        *("a1_1(t-1)", "a1_2(t-1)", "a1_3(t-1)", "a1_1(t-2)", "a1_2(t-2)", "a1_3(t-2)"),
        *("a2(t-1)", "a2(t-2)"),
    )


def test_layers_in_any_order_and_outputs_in_matlabs_order(tmp_path):
    r = np.random.default_rng(8)
    layers = [
        {
            "size": 2,
            "transfer": "logsig",
            "b": r.normal(size=2),
            "LW": {1: r.normal(size=(2, 3)), 2: r.normal(size=(2, 2))},
        },
        {"size": 3, "transfer": "tansig", "b": None, "LW": {2: r.normal(size=(3, 2))}},
        {"size": 2, "transfer": "tansig", "b": r.normal(size=2), "IW": {0: r.normal(size=(2, 2))}},
    ]
    outputs = {0: made.port("a", 2, 2, [made.mapminmax([0, 0], [9, 4])], np.zeros((2, 2))), 2: plain(2)}
    ours = check(tmp_path, made.network("made", [plain(2)], layers, outputs), points(2))
    assert [p.name for p in ours.outputs] == ["a", "p"]


def test_layer_without_inputs_is_its_bias(tmp_path):
    r = np.random.default_rng(8)
    layers = [
        {"size": 2, "transfer": "tansig", "b": r.normal(size=2)},
        {
            "size": 2,
            "transfer": "tansig",
            "b": r.normal(size=2),
            "IW": {0: r.normal(size=(2, 2))},
            "LW": {0: r.normal(size=(2, 2))},
        },
    ]
    check(tmp_path, made.network("made", [plain(2)], layers, {1: plain(2)}), points(2))


def test_layer_of_size_zero_gives_constants(tmp_path):
    step = made.removeconstantrows(2, {1: 3.0, 2: -4.0})
    net = chain(outputs=made.port("out", 2, 0, [step], np.zeros((2, 2))), sizes=(3, 4, 0))
    y, J = nngrad.load(saved(tmp_path, net=net)).value_and_jacobian(points(3))
    np.testing.assert_array_equal(y, np.tile([3.0, -4.0], (6, 1)))
    assert J.shape == (6, 2, 3)
    assert not J.any()


@pytest.mark.parametrize(
    "name",
    ["fitnet", "old_version", "patternnet", "cascade", "rbf", "constant_rows", "two_inputs", "narx", "hard_limit"],
)
def test_sample_models_against_the_second_route(name):
    path = SAMPLES / f"{name}.mat"
    net, reference = nngrad.load(path), Reference(path)
    x = np.loadtxt(SAMPLES / f"{name}_x.csv", delimiter=",", skiprows=1)
    y, J = net.value_and_jacobian(x)
    np.testing.assert_allclose(y, [reference.evaluate(row) for row in x], rtol=1e-13)
    expected = np.array([reference.jacobian(row) for row in x])
    np.testing.assert_allclose(J, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


def test_training_ranges_come_with_the_ports():
    net = nngrad.load(SAMPLES / "fitnet.mat")
    np.testing.assert_array_equal(net.inputs[0].lower, [600, 0, 250])
    np.testing.assert_array_equal(net.inputs[0].upper, [6500, 100, 320])


def changed(net, path, value):
    """The object with one field replaced: path of field names and cell indices."""
    place = net[0, 0]
    for step in path[:-1]:
        place = place[step]
        place = place[0, 0] if isinstance(place, np.ndarray) and place.dtype.names else place
    place[path[-1]] = value
    return net


def cell_of(*names):
    return made.cell(*names)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("version",), "12", r"\.version: network version '12'; supported are"),
        (
            ("layers", (0, 0), "transferFcn"),
            "mytransfer",
            r"\.layers\{1\}\.transferFcn: 'mytransfer' is not supported; supported are tansig",
        ),
        (("layers", (1, 0), "netInputFcn"), "netmax", r"\.layers\{2\}\.netInputFcn: 'netmax' is not supported"),
        (
            ("inputWeights", (0, 0), "weightFcn"),
            "convwf",
            r"\.inputWeights\{1,1\}\.weightFcn: 'convwf' is not supported",
        ),
        (
            ("inputs", (0, 0), "processFcns"),
            cell_of("whiten"),
            r"\.inputs\{1\}\.processFcns\{1\}: 'whiten' is not supported; supported are mapminmax",
        ),
        (
            ("inputs", (0, 0), "processFcns"),
            cell_of(np.eye(2)),
            r"\.inputs\{1\}\.processFcns\{1\}: ndarray is not supported",
        ),
        (
            ("inputs", (0, 0), "processFcns"),
            np.zeros((1, 0), object),
            r"\.inputs\{1\}\.processSettings: does not match \.processFcns",
        ),
        (("layers", (0, 0), "transferFcn"), np.eye(30), r"\.layers\{1\}\.transferFcn: ndarray is not supported"),
        (("biasConnect",), np.array([[1.0], [np.nan]]), r"\.biasConnect: not a matrix of 0 and 1"),
        (("outputs", (0, 1), "processedSize"), 2.0, r"\.outputs\{2\}\.processedSize: 2 rows stored, 1 follow"),
        (("outputs", (0, 1), "size"), "one", r"\.outputs\{2\}\.size: one number is missing"),
        (("inputWeights", (0, 0), "delays"), "none", r"\.inputWeights\{1,1\}\.delays: no numbers are stored"),
        (("inputs", (0, 0), "size"), 0.0, r"\.inputs\{1\}\.size is 0: the network was never configured"),
        (
            ("inputs", (0, 0), "size"),
            2.0,
            r"\.inputs\{1\}\.processSettings\{1\} \(mapminmax\)\.xmin: 3 values where 2 rows",
        ),
        (("inputs", (0, 0), "processedSize"), 2.0, r"\.inputs\{1\}\.processedSize: 2 rows stored, 3 follow"),
        (
            ("IW", (0, 0)),
            np.zeros((10, 0)),
            r"\.IW\{1,1\}: 10x0 values where 10x3 weights belong; the network was never trained",
        ),
        (("b", (1, 0)), np.zeros((2, 1)), r"\.b\{2\}: 2x1 values where a bias for 1 units belongs"),
        (("layers", (0, 0), "size"), -1.0, r"\.layers\{1\}\.size: -1 is not a number of units"),
        (("inputConnect",), np.zeros((0, 0), object), r"\.inputConnect: not a connection matrix"),
        (("outputConnect",), np.zeros((1, 2)), r"\.outputConnect: no layer is connected"),
        (("layerConnect",), np.array([[0, 1], [1, 0]], bool), r"\.layerWeights\{1,2\}: not a struct"),
        (
            ("inputWeights", (0, 0), "delays"),
            np.array([[1.0, 1.0]]),
            r"\.inputWeights\{1,1\}\.delays: \[1\.0, 1\.0\] names a delay twice",
        ),
        (
            ("inputWeights", (0, 0), "delays"),
            np.array([[0.5]]),
            r"\.inputWeights\{1,1\}\.delays: \[0\.5\] are not delays",
        ),
    ],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path, path, value, message):
    net, _, _ = made.Samples(tmp_path).fit()
    with pytest.raises(nngrad.ModelError, match=r"made\.mat: net" + message) as error:
        nngrad.load(saved(tmp_path, net=changed(net, path, value)))
    assert "\n" not in str(error.value)


SETTINGS = ("inputs", (0, 0), "processSettings", (0, 0))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("inputWeights", (0, 0), "delays"),
            np.zeros((1, 0)),
            r"\.inputWeights\{1,1\}\.delays: empty, but something is connected",
        ),
        (
            ("layerWeights", (1, 0), "delays"),
            np.zeros((0, 0)),
            r"\.layerWeights\{2,1\}\.delays: empty, but something is connected",
        ),
        (("numInputs",), 2.0, r"\.numInputs: 2, but \.inputConnect connects 1"),
        (("numLayers",), 3.0, r"\.numLayers: 3, but \.layerConnect connects 2"),
        (("numOutputs",), 0.0, r"\.numOutputs: 0, but \.outputConnect connects 1"),
        (("numInputDelays",), 1.0, r"\.numInputDelays: 1, but the longest delay is 0"),
        (("numLayerDelays",), 2.0, r"\.numLayerDelays: 2, but the longest delay is 0"),
        (("numWeightElements",), 7.0, r"\.numWeightElements: 7, but there are 51 weights and biases"),
        (("biasConnect",), np.array([[1.0], [0.0]]), r"\.b\{2\}: 1x1 values, but nothing is connected there"),
        (("LW", (0, 1)), np.ones((10, 1)), r"\.LW\{1,2\}: 10x1 values, but nothing is connected there"),
        (
            ("inputWeights", (0, 0), "size"),
            np.array([[10.0, 4.0]]),
            r"\.IW\{1,1\}: 10x3 values, but \.inputWeights says 10x4",
        ),
        (("biases", (0, 0), "size"), 9.0, r"\.b\{1\}: 10x1 values, but \.biases says 9"),
        (("b",), np.empty((3, 1), object), r"\.b(: 3x1 cells, where 2 belong|\{1\}: )"),
        (("inputs", (0, 0), "range"), np.zeros((2, 2)), r"\.inputs\{1\}\.range: 2x2 values where 3x2 belong"),
        (
            ("outputs", (0, 1), "feedbackMode"),
            "half",
            r"\.outputs\{2\}\.feedbackMode: 'half'; it is none, open, closed",
        ),
        (
            ("outputs", (0, 1), "feedbackInput"),
            1.0,
            r"\.outputs\{2\}\.feedbackInput: contradicts its feedbackMode 'none'",
        ),
        (
            (*SETTINGS, "gain"),
            np.ones((3, 1)),
            r"\.inputs\{1\}\.processSettings\{1\} \(mapminmax\)\.gain: disagrees with the ranges",
        ),
        ((*SETTINGS, "xoffset"), np.ones((3, 1)), r"\.xoffset: disagrees with \.xmin"),
        ((*SETTINGS, "xmax"), np.ones((3, 1)), r"\.xmin: above \.xmax"),
        ((*SETTINGS, "xrange"), np.ones((3, 1)), r"\.xrange: disagrees with \.xmax - \.xmin"),
        ((*SETTINGS, "ymax"), 2.0, r"\.yrange: disagrees with \.ymax - \.ymin"),
        ((*SETTINGS, "yrange"), 3.0, r"\.yrange: disagrees"),
        ((*SETTINGS, "xrows"), 2.0, r"\.xrows: 2 rows stored, 3 follow"),
        ((*SETTINGS, "yrows"), 2.0, r"\.yrows: 2 rows stored, 3 follow"),
        ((*SETTINGS, "no_change"), 0.5, r"\.no_change: 0\.5; it is 0 or 1"),
        ((*SETTINGS, "xmin"), "0", r"\.xmin: '0', not an array of real numbers"),
    ],
)
def test_an_object_that_contradicts_itself_is_refused(path, value, message):
    with pytest.raises(nngrad.ModelError, match=r"made\.mat: net.*" + message):
        with_field("fitnet", path, value)


def test_an_open_loop_says_which_input_stands_for_which_output():
    assert with_field("narx", ("inputs", (0, 0), "feedbackOutput"), np.zeros((0, 0))).input_size == 4
    for field in ((0, 0), np.ones((1, 1))), ((1, 0), np.zeros((0, 0))):
        with pytest.raises(nngrad.ModelError, match=r"\.feedbackOutput: \[.*\], but the outputs say \["):
            with_field("narx", ("inputs", field[0], "feedbackOutput"), field[1])
    with pytest.raises(nngrad.ModelError, match=r"\.feedbackInput: contradicts its feedbackMode 'closed'"):
        with_field("narx", ("outputs", (0, 1), "feedbackMode"), "closed")


def with_field(name, path, value):
    """The network of a sample with one field set to something else, as a tree holds it."""
    tree = containers.read(SAMPLES / f"{name}.mat")
    place = tree.variables["net"]
    for step in path[:-1]:
        place = (place.fields if isinstance(place, MatlabObject) else place)[step]
    (place.fields if isinstance(place, MatlabObject) else place)[path[-1]] = (
        np.atleast_2d(value) if isinstance(value, float) else value
    )
    (found,) = candidates(tree)
    return read("made.mat", tree, found)


def test_settings_that_nobody_knows_are_a_doubt():
    (doubt,) = with_field("fitnet", (*SETTINGS, "power"), 2.0).origin.doubts
    assert doubt.startswith(
        "inputs{1}.processSettings{1} (mapminmax): power: settings that are not known, and not used"
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (("inputs", 0, "processFcns"), r"\.inputs\{1\}\.processFcns: missing"),
        (("outputs", 1, "processFcns"), r"\.outputs\{2\}\.processFcns: missing"),
        (("layers", 0, "transferFcn"), r"\.layers\{1\}\.transferFcn: missing; the object is damaged"),
        (("layers", 0, "netInputFcn"), r"\.layers\{1\}\.netInputFcn: missing; the object is damaged"),
        (("inputWeights", 0, "weightFcn"), r"\.inputWeights\{1,1\}\.weightFcn: missing; the object is damaged"),
        (("inputWeights", 0, "delays"), r"\.inputWeights\{1,1\}\.delays: no numbers are stored"),
    ],
)
def test_what_every_object_stores_is_never_assumed(path, message):
    tree = containers.read(SAMPLES / "fitnet.mat")
    kind, index, field = path
    part = tree.variables["net"].fields[kind].ravel()[index]
    del (part.fields if isinstance(part, MatlabObject) else part)[field]
    (found,) = candidates(tree)
    with pytest.raises(nngrad.ModelError, match=message):
        read("made.mat", tree, found)


def test_inputs_of_one_column_are_called_what_they_are_called(tmp_path):
    r = np.random.default_rng(1)
    for names, sizes, expected in (
        (("speed", "throttle", "load"), (1, 1, 1), ("speed", "throttle", "load")),
        (("Input", "throttle", "load"), (1, 1, 1), ("x1", "x2", "x3")),
        (("speed", "state", "load"), (1, 2, 1), ("x1", "x2", "x3", "x4")),
        (("load", "speed", "load"), (1, 1, 1), ("x1", "x2", "x3")),
    ):
        inputs = [made.port(n, k, k, [], np.tile([-1.0, 1.0], (k, 1))) for n, k in zip(names, sizes, strict=True)]
        layers = [
            {
                "size": 2,
                "transfer": "tansig",
                "b": r.normal(size=2),
                "IW": {j: r.normal(size=(2, k)) for j, k in enumerate(sizes)},
            }
        ]
        net = nngrad.load(saved(tmp_path, net=made.network("made", inputs, layers, {0: plain(2)})))
        assert net.input_names == expected
    assert nngrad.load(SAMPLES / "narx.mat").input_names == ("x(t-1)", "x(t-2)", "y(t-1)", "y(t-2)")


def test_all_functions_that_are_not_supported_are_named_at_once(tmp_path):
    net, _, _ = made.Samples(tmp_path).fit()
    for path, value in (
        (("layers", (0, 0), "transferFcn"), "mine"),
        (("layers", (1, 0), "transferFcn"), "yours"),
        (("inputWeights", (0, 0), "weightFcn"), "convwf"),
    ):
        net = changed(net, path, value)
    with pytest.raises(nngrad.ModelError) as error:
        nngrad.load(saved(tmp_path, net=net))
    nor = ", nor are .inputWeights{1,1}.weightFcn 'convwf', .layers{2}.transferFcn 'yours'; supported are tansig"
    assert f".layers{{1}}.transferFcn: 'mine' is not supported{nor}" in str(error.value)
    assert error.value.described.layers == (
        "layer 1: mine, 10 units, from input 1",
        "layer 2: yours, 1 units, from layer 1",
    )


def test_a_struct_made_of_the_object_is_read_alike(tmp_path):
    """struct(net) loses the class, and its version may come as a number."""
    net, _, _ = made.Samples(tmp_path).fit()
    x = np.array([[1000.0, 50.0, 300.0]])
    expected = nngrad.load(saved(tmp_path, net=net)).jacobian(x)
    struct = np.asarray(net)
    struct[0, 0]["version"] = 8.0
    assert np.array_equal(nngrad.load(saved(tmp_path, s=struct)).jacobian(x), expected)


def test_zero_delay_cycles_are_refused(tmp_path):
    r = np.random.default_rng(8)
    layers = [
        {
            "size": 2,
            "transfer": "tansig",
            "b": None,
            "IW": {0: r.normal(size=(2, 2))},
            "LW": {1: r.normal(size=(2, 2))},
        },
        {"size": 2, "transfer": "tansig", "b": None, "LW": {0: r.normal(size=(2, 2))}},
    ]
    with pytest.raises(nngrad.ModelError, match="layers 1, 2 feed each other without a delay"):
        nngrad.load(saved(tmp_path, net=made.network("made", [plain(2)], layers, {1: plain(2)})))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("removeconstantrows", {"keep": [1.0, 9.0], "remove": [2.0]}, "indices outside 1 to 3"),
        ("removeconstantrows", {"keep": [1.0], "remove": [2.0]}, "do not make up the 3 rows"),
        ("removeconstantrows", {}, "neither .keep nor .remove"),
        (
            "fixunknowns",
            {"unknown": [1.0], "shift": [0.0, 0.0, 0.0], "xmeans": [0.0] * 3},
            "shift: disagrees with .unknown",
        ),
        ("mapstd", {"xmean": [0.0] * 3, "xstd": [1.0] * 3, "gain": [2.0] * 3}, "gain: disagrees with .ystd/.xstd"),
        ("processpca", {"transform": [1.0]}, "not a matrix for 3 rows"),
        ("mapminmax", {"ymin": -1.0, "gain": [1.0], "xoffset": [1.0]}, "1 values where 3 rows"),
        ("removeconstantrows", {"keep": [1.0, np.nan], "remove": [2.0]}, "indices outside 1 to 3"),
        ("mapstd", {"xmean": [0.0] * 3, "xstd": [1.0] * 3, "ystd": []}, r"\.ystd: one number is missing"),
        (
            "mapminmax",
            {"ymin": -1.0, "gain": [2.0] * 3, "xoffset": [-1.0] * 3, "no_change": 1.0},
            r"\.no_change: 1, but by its other",
        ),
        (
            "removeconstantrows",
            {"keep": [1.0, 3.0], "remove": [2.0], "no_change": 1.0},
            r"\.no_change: 1, but by its other",
        ),
        ("fixunknowns", {"unknown": [1.0], "xmeans": [0.0] * 3, "no_change": 1.0}, r"\.no_change: 1, but by its other"),
        ("processpca", {"transform": 2 * np.eye(3), "no_change": 1.0}, r"\.no_change: 1, but by its other"),
        (
            "processpca",
            {"transform": np.eye(3), "inverseTransform": 2 * np.eye(3)},
            r"\.inverseTransform: does not undo \.transform",
        ),
        (
            "processpca",
            {"transform": np.eye(3), "inverseTransform": np.eye(2)},
            r"\.inverseTransform: does not undo \.transform",
        ),
        ("mapstd", {"xmean": [0.0] * 3, "xstd": [1.0] * 3, "xoffset": [2.0] * 3}, r"\.xoffset: disagrees with \.xmean"),
        (
            "mapstd",
            {"xmean": [0.0] * 3, "xstd": [1e9] * 3, "gain": [2e-9] * 3},
            r"\.gain: disagrees with \.ystd/\.xstd",
        ),
        ("mapstd", {"xmean": [0.0] * 3, "xstd": [1.0, -1.0, 1.0]}, r"\.xstd: a standard deviation below 0"),
        (
            "removeconstantrows",
            {"keep": [1.0, 3.0], "remove": [2.0], "constants": [1.0, 2.0]},
            r"\.constants: 2 values for 1 removed",
        ),
        (
            "removeconstantrows",
            {"keep": [1.0, 3.0], "remove": [2.0], "yrows": 3.0},
            r"\.yrows: 3 rows stored, 2 follow",
        ),
        (
            "removerows",
            {"keep_ind": [1.0, 3.0], "remove_ind": [2.0], "ind": [3.0]},
            r"\.ind: disagrees with another list",
        ),
        ("fixunknowns", {"unknown": [2.0, 1.0], "xmeans": [0.0] * 3}, r"\.unknown: not in increasing order"),
        ("fixunknowns", {"unknown": [1.0], "known": [2.0], "xmeans": [0.0] * 3}, r"\.known: disagrees with \.unknown"),
        (
            "fixunknowns",
            {"unknown": [1.0], "yflags": [1.0], "xmeans": [0.0] * 3},
            r"\.yflags: disagrees with \.unknown",
        ),
    ],
)
def test_settings_that_do_not_add_up_are_refused(name, settings, message):
    settings = {k: np.atleast_2d(np.asarray(v, float)) for k, v in settings.items()}
    with pytest.raises(nngrad.ModelError, match=message):
        processing.STEPS[name].apply(settings, 3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mapminmax", {"ymin": -1.0, "gain": [1.0] * 3, "xoffset": [-1.0] * 3}),
        ("mapstd", {"xmean": [0.0] * 3, "xstd": [1.0] * 3}),
        ("removeconstantrows", {"keep": [1.0, 2.0, 3.0], "remove": []}),
        ("fixunknowns", {"unknown": [], "xmeans": [0.0] * 3}),
        ("processpca", {"transform": np.eye(3), "inverseTransform": np.eye(3)}),
        ("lvqoutputs", {}),
    ],
)
def test_steps_that_change_nothing_are_left_out(name, settings):
    settings = {k: np.atleast_2d(np.asarray(v, float)) for k, v in {**settings, "no_change": 1.0}.items()}
    assert processing.STEPS[name].apply(settings, 3) == processing.STEPS[name].reverse(settings, 3) == []


def test_constants_that_are_stored_twice_must_agree():
    settings = {
        "keep": np.array([[2.0]]),
        "remove": np.array([[1.0]]),
        "xrows": np.array([[2.0]]),
        "constants": np.array([[7.0]]),
    }
    reverse = processing.STEPS["removeconstantrows"].reverse
    (same,) = reverse(settings | {"value": np.array([[7.0]])}, 1)
    np.testing.assert_array_equal(same.fill, [7.0, 0.0])
    with pytest.raises(nngrad.ModelError, match=r"\.value: disagrees with \.constants"):
        reverse(settings | {"value": np.array([[8.0]])}, 1)


def test_networks_are_found_anywhere_and_revert_never():
    assert nngrad.load(SAMPLES / "nested.mat").origin.network == "results.best.net"
    with pytest.raises(nngrad.ModelError, match=r"2 networks found \(net1, values\.net\); choose one with --network"):
        nngrad.load(SAMPLES / "several.mat")
    assert nngrad.load(SAMPLES / "several.mat", "values.net").origin.network == "values.net"
    with pytest.raises(nngrad.UsageError, match=r"no network at .net2.; there is net1, values\.net"):
        nngrad.load(SAMPLES / "several.mat", "net2")
