"""Every real network of the Deep Learning, Reinforcement Learning, Identification and Statistics
toolboxes: equal, or refused by name.
"""

import numpy as np
import pytest

import nngrad
from nngrad.errors import ModelError
from nngrad.loaders import candidates, containers
from tests.real.models import entries, errors, reference

ENTRIES = entries("dl-", "rl-agent", "idNeuralStateSpace", "fitrnet", "statml")
REFUSED = {  # part of the file's name: a part of the message
    "St3699__ML-for-JV-curve-prediction/LSTM.mat": ".Layers(2): layer 'lstm' of the class nnet.cnn.layer.LSTMLayer is not supported",
    "St3699__ML-for-JV-curve-prediction/biLSTM.mat": "layer 'biLSTM' of the class nnet.cnn.layer.BiLSTMLayer is not supported",
    "nahueldeniz__MHE-with-Multiple-Measurements/lstm_net.mat": "layer 'lstm' of the class nnet.cnn.layer.LSTMLayer is not supported",
    "Twinkle0829__Lstm-ins-gnss/layers_1.mat": "layers_1: layers without weights ('lstm' has none): it was never trained; train it",
    "pac48__latent-control-idea/image-control-BC/dlnet.mat": "of the class nnet.cnn.layer.Convolution2DLayer is not supported",
    "rogon666__CNN_to_SNN/cnn.mat": "of the class nnet.cnn.layer.Convolution2DLayer is not supported",
    "rogon666__CNN_to_SNN/snn.mat": "of the class nnet.cnn.layer.Convolution2DLayer is not supported",
}
READ = [e for e in ENTRIES if e.file not in REFUSED]


@pytest.mark.parametrize("entry", READ, ids=str)
def test_values_and_jacobians(entry):
    net, expected = nngrad.load(entry.path, entry.network), reference(entry)
    worst_y, worst_J = errors(*net.value_and_jacobian(expected["x"]), expected)
    assert worst_y < 1e-12
    assert worst_J < 1e-10


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.file in REFUSED], ids=str)
def test_refused_by_name(entry):
    with pytest.raises(ModelError) as error:
        nngrad.load(entry.path)
    assert REFUSED[entry.file] in str(error.value)
    assert str(error.value).startswith(f"{entry.path}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("file", sorted({e.file for e in READ}))
def test_the_networks_found_are_those_expected(file):
    entry = next(e for e in READ if e.file == file)
    found = [c.path for c in candidates(containers.read(entry.path))]
    assert sorted(found) == sorted(e.network for e in READ if e.file == file)


def test_weights_that_are_nan_are_said_and_give_nan():
    entry = next(e for e in READ if "agent_3Stock_May30" in e.file)
    net = nngrad.load(entry.path, entry.network)
    assert "27264 of its weights are NaN" in " ".join(net.origin.doubts)
    assert np.isnan(net(np.zeros(net.input_size))).all()


def test_all_of_them_were_here():
    assert len(ENTRIES) >= 37
