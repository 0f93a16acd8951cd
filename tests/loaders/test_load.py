"""load: which network of a file, hints, and what a file without one holds."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.io import savemat

import nngrad
from nngrad.loaders import candidates, containers, contents, read
from nngrad.loaders.tree import MatlabObject, Tree, Undecoded, find
from tests.makers import SAMPLES, saved, script


def test_a_file_without_a_network_says_what_it_holds(tmp_path):
    path = saved(
        tmp_path,
        results=np.ones((12, 3)),
        label="text",
        log={"when": 1.0, "who": "me"},
        parts=np.array([1.0, "a"], object),
    )
    with pytest.raises(nngrad.ModelError) as error:
        nngrad.load(path)
    message = str(error.value)
    assert "no network found; the file (MAT v5) holds " in message
    for part in ("results (12x3 numbers)", "label (text)", "log (struct with when, who)", "parts (1x2 cell)"):
        assert part in message
    assert len(message) - len(str(path)) < 350


def objects(*classes):
    return {f"v{k}": MatlabObject(name, {}) for k, name in enumerate(classes)}


NOTHING = {  # what a file holds -> what is said of it, and the step that fits
    "fuzzy": (objects("mamfis"), "mamfis: a fuzzy inference system, not a neural network", "neural networks only"),
    "tree": (
        {"trainedModel": {"RegressionTree": MatlabObject("CompactRegressionTree", {})}},
        "RegressionTree is a decision tree",
        "fitrnet",
    ),
    "svm": (
        {"trainedModel": {"ClassificationSVM": MatlabObject("classreg.learning.classif.CompactClassificationSVM", {})}},
        "support",
        "fitrnet",
    ),
    "gp": (objects("RegressionGP"), "a Gaussian process", "fitrnet"),
    "forest": (objects("TreeBagger"), "an ensemble of trees", "fitrnet"),
    "casadi": (objects("casadi.Function"), "a CasADi function", "f.jacobian()"),
    "casadi left undecoded": (
        {"f": Undecoded("casadi.Function", "FileWrapper version 5")},
        "a CasADi function",
        "f.jacobian()",
    ),
    "table": ({"training": MatlabObject("table", {})}, "table: data", "name it with -i"),
    "Simulink": (objects("Simulink.SimulationOutput"), "data", "name it with -i"),
    "linear model": (objects("ss"), "a linear model", "its own matrices"),
    "unknown": (objects("my.own.Thing"), "an object of class my.own.Thing", "nngrad export-script"),
    "undecoded": (
        {"s": Undecoded("foo", "FileWrapper version 5")},
        "foo, not decoded: FileWrapper version 5",
        "nngrad export-script",
    ),
    "samples": (
        {"X": np.ones((500, 3)), "Y": np.ones((500, 1))},
        "X (500x3 numbers), Y (500x1 numbers)",
        "this looks like data: name it with -i",
    ),
    "a vector": ({"mse": np.ones((10, 1))}, "mse (10x1 numbers)", "this looks like data"),
    "matrices": (
        {"A": np.ones((3, 4)), "B": np.ones((2, 3))},
        "A (3x4 numbers)",
        "if these are weights, name them W1, b1",
    ),
    "text": ({"a": "text"}, "a (text)", "save('net.mat', 'net')"),
    "nothing": ({}, "holds nothing", "save('net.mat', 'net')"),
    "many": ({f"v{k}": np.ones((1, 3)) for k in range(99)}, "and 95 more", "this looks like data"),
    "control characters": (
        {"a\x1b[31m\n": MatlabObject("b\0\n", {})},
        "a [31m (an object of class b)",
        "export-script",
    ),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_nothing_is_found_this_file_and_its_next_step_are_named(name):
    variables, words, advice = NOTHING[name]
    message = contents.nothing(Tree("MAT v7", variables))
    assert words in message
    assert advice in message
    assert message.isprintable()
    assert len(message) < 330


def test_hints_about_what_the_file_says_are_refused():
    with pytest.raises(nngrad.UsageError, match="--activation is not for a MATLAB network object"):
        nngrad.load(SAMPLES / "fitnet.mat", activation=["tanh"])


def test_settings_beside_the_network_are_mentioned_and_not_applied(tmp_path):
    made = script("make_matlab_networks")
    net, _, _ = made.Samples(tmp_path).fit()
    alone = nngrad.load(saved(tmp_path, net=net))
    beside = nngrad.load(saved(tmp_path, net=net, output_ps=made.mapminmax([0.0], [5.0])[1]))
    assert not alone.origin.doubts
    assert (
        "output_ps beside the network: if it was trained on mapminmax('apply', y, output_ps)" in beside.origin.doubts[0]
    )
    x = np.array([[1000.0, 50.0, 300.0]])
    assert np.array_equal(alone(x), beside(x))


def test_principal_components_of_the_learner_apps_are_mentioned():
    model = containers.read(SAMPLES / "fitrnet.mat").variables["mdl"]
    for pca, said in (({}, False), ({"PCACenters": np.zeros((1, 4)), "PCACoefficients": np.eye(4)}, True)):
        tree = Tree("MAT v7", {"trainedModel": {"RegressionNeuralNetwork": model, **pca}})
        (found,) = candidates(tree)
        doubts = read("file.mat", tree, found).origin.doubts
        assert (
            any(text.startswith("trainedModel: processing settings stored beside the network") for text in doubts)
            == said
        )


def test_every_path_that_is_listed_can_be_chosen():
    from nngrad.loaders import containers

    for path in SAMPLES.glob("*.mat"):
        for candidate in candidates(containers.read(path)):
            if "activation" not in getattr(candidate.dialect, "HINTS", ()):
                assert nngrad.load(path, candidate.path).origin.network == candidate.path


def test_find_follows_cells_structs_and_objects_but_not_itself():
    inner = MatlabObject("network", {})
    loop: dict = {"net": inner}
    loop["again"] = loop
    cell = np.empty((1, 2), object)
    cell[0, 0], cell[0, 1] = {"a": inner}, 3.0
    tree = Tree("MAT v7", {"s": loop, "c": cell, "revert": inner, "one": np.array([[inner]], object)})
    found = find(tree, lambda e: isinstance(e, MatlabObject))
    assert [path for path, _ in found] == ["s.net", "c{1}.a", "one{1}"]


def test_what_is_inside_something_accepted_is_found_where_else_it_stands():
    """Each element is walked once, wherever it comes first; that place may be one that is not searched."""
    inner = MatlabObject("inner", {})
    shared = {"deep": [inner], "net": inner, "cell": np.array([[inner, 1.0]], object)}
    tree = Tree("MAT v7", {"a": MatlabObject("network", {"s": shared}), "b": shared, "c": shared})
    found = find(tree, lambda e: isinstance(e, MatlabObject))
    assert [path for path, _ in found] == ["a", "b.net", "b.cell{1}"]
    assert [path for path, _ in find(tree, lambda e: e is inner)] == ["a.s.net", "a.s.cell{1}"]


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """Two networks with other weights, made as MATLAB has them."""
    made = script("make_matlab_networks")
    net, _, _ = made.Samples(tmp_path_factory.mktemp("nets")).fit()
    other = net.copy()
    other[0, 0]["b"] = net[0, 0]["b"].copy()
    other[0, 0]["b"][0, 0] = net[0, 0]["b"][0, 0] + 1.0
    return net, other


def test_the_same_network_twice_is_one(tmp_path, networks):
    net, other = networks
    renamed = net.copy()
    renamed[0, 0]["name"] = "another name"
    one = nngrad.load(saved(tmp_path, net=net, best={"net": net, "renamed": renamed}))
    assert one.origin.network == "net"
    assert "the same network stands at best.net, best.renamed" in one.origin.notes
    with pytest.raises(nngrad.ModelError, match=r"2 networks found \(net, last\)"):
        nngrad.load(saved(tmp_path, net=net, copy=net, last=other))
    assert nngrad.load(tmp_path / "made.mat", "copy").origin.network == "copy"


def test_the_same_unreadable_network_twice_is_one(tmp_path, networks):
    """Its refusal is what the user needs to see, or the question that plain weights ask."""
    odd = networks[0].copy()
    layers = odd[0, 0]["layers"].copy()
    layers[0, 0] = layers[0, 0].copy()
    layers[0, 0][0, 0]["transferFcn"] = "mine"
    odd[0, 0]["layers"] = layers
    with pytest.raises(nngrad.ModelError, match="'mine' is not supported"):
        nngrad.load(saved(tmp_path, net=odd, best={"net": odd}))
    weights = {"W1": np.ones((2, 3)), "b1": np.ones(2), "W2": np.ones((1, 2)), "b2": 1.0}
    with pytest.raises(nngrad.ModelError, match="does not say the activations"):
        nngrad.load(saved(tmp_path, first=weights, second=weights))
    with pytest.raises(nngrad.ModelError, match=r"2 networks found \(first, second\)"):
        nngrad.load(saved(tmp_path, first=weights, second=weights | {"b2": 2.0}))


def test_what_a_training_window_left_over_is_offered_only_alone(tmp_path, networks):
    net, other = networks
    left = {"trainParam": {"showWindow": {"PlotData": {"Net": other}}}}
    path = saved(tmp_path, net={"Network": net, "TrainingResults": left})
    assert nngrad.load(path).origin.network == "net.Network"
    where = "net.TrainingResults.trainParam.showWindow.PlotData.Net"
    assert nngrad.load(path, where).origin.network == where
    assert nngrad.load(saved(tmp_path, net={"TrainingResults": left})).origin.network == where


SPELLINGS = [
    ("nets{2}", "nets{2}"),
    ("nets{1,2}", "nets{2}"),
    (" nets{ 1 , 2 } ", "nets{2}"),
    ("nets{1,2,1}", "nets{2}"),
    ("nets(2)", "nets{2}"),
    ("deep.net", "deep.net"),
    ("deep(1).net", "deep.net"),
    ("deep{1,1}.net", "deep.net"),
    ("deep", "deep.net"),
    ("grid{2,2}", "grid{4}"),
    ("grid{4}.inner", "grid{4}.inner.net"),
]


@pytest.mark.parametrize(("spelled", "path"), SPELLINGS)
def test_spellings_of_a_path(tmp_path, networks, spelled, path):
    net, other = networks
    nets, grid = np.empty((1, 2), object), np.empty((2, 2), object)
    nets[:], grid[:] = [[net, other]], 1.0
    grid[1, 1] = {"inner": {"net": other}} if "inner" in path else other
    file = saved(tmp_path, nets=nets, deep={"net": net}, grid=grid)
    assert nngrad.load(file, spelled).origin.network == path


@pytest.mark.parametrize("spelled", ["net", "net10.n", "nets{3}", "nets{2,1}", "nets{0}", "", "other", "net10(2)"])
def test_a_path_never_means_another_network(tmp_path, networks, spelled):
    net, other = networks
    nets = np.empty((1, 2), object)
    nets[:] = [[net, other]]
    with pytest.raises(nngrad.UsageError, match="no network at"):
        nngrad.load(saved(tmp_path, nets=nets, net10={"net": net}), spelled)


def test_a_beginning_of_several_paths_names_them(tmp_path, networks):
    net, other = networks
    with pytest.raises(nngrad.UsageError, match=r"2 networks found \(s.a, s.b\)"):
        nngrad.load(saved(tmp_path, s={"a": net, "b": other}), "s")


def test_a_path_object_and_a_string_are_the_same(tmp_path):
    savemat(tmp_path / "x.mat", {"a": 1.0})
    for path in (tmp_path / "x.mat", str(tmp_path / "x.mat")):
        with pytest.raises(nngrad.ModelError, match=r"x\.mat: no network found"):
            nngrad.load(path)


def test_a_dialect_is_imported_only_for_files_that_it_reads():
    code = "import sys, nngrad; nngrad.load(sys.argv[1]); print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", code, str(SAMPLES / "fitnet.mat")], check=True, capture_output=True, text=True
    ).stdout
    assert "nngrad.loaders.matlab.network" in modules
    assert "load.keras" not in modules
    assert "load.genfunction" not in modules
    assert "weight_dump" not in modules
