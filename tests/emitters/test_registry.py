"""Registry, help, emitted files and `nngrad info` say the same of every target; the registry imports nothing heavy."""

import re
import subprocess
import sys

import click
import pytest

from nngrad import load
from nngrad.cli.emit import emit as command
from nngrad.cli.group import commands
from nngrad.emitters import emit
from nngrad.emitters.emitter import Emitter
from nngrad.emitters.registry import TARGETS, options
from nngrad.emitters.text import plain
from nngrad.reports.info import describe
from tests.emitters.languages import everything, texts
from tests.makers import SAMPLES

targets = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


def shown():
    """The help of the command, each paragraph and option on a line of its own."""
    context = click.Context(command, info_name="emit", max_content_width=2000, terminal_width=2000)
    return command.get_help(context).splitlines()


@targets
def test_the_help_has_every_target_and_every_option(target):
    assert any(line.split() == [target.name, *target.gives.split()] for line in shown())
    assert target.language in commands.get_command(click.Context(commands), "emit").get_short_help_str(200)
    for option in target.options:
        line = next(line for line in shown() if line.startswith(f"  {option.flag} "))
        assert target.language in line.split(":")[0]
        assert line.endswith(option.help)
        assert all(choice in line for choice in option.choices)


def test_the_command_has_no_option_that_no_target_has():
    beside = {"target", "output", "name", "tests"}
    mine = [p.name for p in command.params if isinstance(p, click.Option)]
    mine = mine[: mine.index("network")]
    assert set(mine) - beside == {option.name for option in options()}


@targets
def test_a_target_is_declared_in_full(target):
    assert isinstance(target.emitter, Emitter)
    assert all(suffix.startswith(".") for suffix in target.suffixes)
    assert target.suffixes[0] in target.gives


@targets
@pytest.mark.parametrize("model", ["two_inputs", "cascade", "constant_rows", "recorded"])
def test_every_target_agrees_with_info_on_names_and_sizes(target, model):
    (facts,) = describe(SAMPLES / f"{model}.mat")["networks"]
    text = " ".join("".join(texts(load(SAMPLES / f"{model}.mat"), target.name, "net").values()).split())
    columns = [[column for port in facts[what] for column in port["columns"]] for what in ("inputs", "outputs")]
    for names in columns:
        for k, name in enumerate(names, 1):
            assert re.search(rf"(?<!\d){k} {re.escape(plain(name, 60))}(?!\w)", text)
    sizes = map(len, columns)
    words = ", ".join(f"{k} {what}{'s' if k != 1 else ''}" for k, what in zip(sizes, ("input", "output"), strict=True))
    assert f"from a trained network: {words}, in the units of its data." in text


@targets
def test_every_option_changes_what_is_written(target):
    net = load(SAMPLES / "cascade.mat")
    whole = everything(target)
    for option in target.options:
        beside = {} if option.kind != "outputs" else {k: v for k, v in whole.items() if k != option.name}
        asked = beside | {option.name: whole[option.name]}
        assert emit(net, target.name, "f", **beside) != emit(net, target.name, "f", **asked)


LIGHT = """
import sys
from nngrad.emitters.registry import TARGETS
assert not {"numpy", "nngrad.core.network"} & set(sys.modules)
TARGETS[0].emitter
assert "numpy" in sys.modules
"""


def test_emitters_are_imported_when_they_are_asked_for():
    subprocess.run([sys.executable, "-c", LIGHT], check=True)
