"""Every command explains itself: an example that works comes first, and every option says what it does."""

import re
import shlex

import click
import pytest

from nngrad.cli import progress
from nngrad.cli.group import COMMANDS, JOBS, commands
from nngrad.cli.progress import bar, line

EVERY = (None, *COMMANDS)


def command(name):
    return commands if name is None else commands.get_command(click.Context(commands), name)


@pytest.mark.parametrize("name", EVERY, ids=str)
def test_help_begins_with_an_example_that_works(nngrad, samples, monkeypatch, name):
    done = nngrad(*([name] if name else []), "--help")
    assert (done.code, done.err) == (0, "")
    example = re.match(r"Usage: .*\n\n  Example: nngrad (.+)\n", done.out)
    assert example
    monkeypatch.chdir(samples.parent)
    shown = nngrad(*shlex.split(example[1]))
    assert (shown.code, shown.trouble) == (0, "")
    assert len(shown.lines) > 2 or name == "convert"  # which writes a file
    assert name is None or shlex.split(example[1])[0] == name


@pytest.mark.parametrize("name", EVERY, ids=str)
def test_every_option_says_what_it_does(name):
    options = [p for p in command(name).params if isinstance(p, click.Option)]
    assert options
    for option in options:
        assert option.help
        assert option.help.endswith((".", "}."))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_named_and_described_in_the_list(nngrad, name):
    assert re.search(
        rf"^  {name} +{re.escape(command(name).get_short_help_str(100))}$", nngrad("--help").out, re.MULTILINE
    )


def test_commands_stand_by_their_job(nngrad):
    text = nngrad("--help").out
    jobs = re.findall(r"^([A-Z][a-z ]+):\n((?:  .*\n)+)", text, re.MULTILINE)
    listed = {job: [line.split()[0] for line in lines.splitlines()] for job, lines in jobs if job != "Options"}
    assert listed == {job: list(names) for job, names in JOBS.items()}
    assert sorted(name for names in JOBS.values() for name in names) == sorted(COMMANDS)
    assert listed["Trust"] == ["check", "verify"]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_100_columns(nngrad, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, nngrad(name, "--help").lines)) <= 100


def test_the_convention_stands_in_the_help(nngrad):
    assert "J[s, i, j] is the derivative of output i with respect to input j" in nngrad("jacobian", "--help").out
    assert "dy1/dx1, dy1/dx2, ..., dy2/dx1" in nngrad("jacobian", "--help").out


def test_the_exit_codes_stand_in_the_help(nngrad):
    text = " ".join(nngrad("--help").out.split())
    assert all(f"{code} " in text[text.index("Exit codes") :] for code in (0, 1, 2, 3, 4, 5, 130))


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ((3000, 2.0, None), "3,000 rows, 1,500 a second"),
        ((1_000_000, 10.0, 0.25), "1,000,000 rows, 100,000 a second, 25%, 0:30 left"),
        ((10, 100.0, 0.5), "10 rows, 0 a second, 50%, 1:40 left"),
    ],
)
def test_progress_in_words(state, text):
    assert line(*state) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(None, ""), (0.0, "[--------------------] "), (0.5, "[##########----------] "), (1.0, "[####################] ")],
)
def test_the_bar(fraction, text):
    assert bar(fraction) == text


def test_a_log_gets_a_line_now_and_then(nngrad, fitnet, tmp_path, monkeypatch):
    table = tmp_path / "x.csv"
    table.write_text("speed,throttle,temperature\n" + "3000.5,50.25,300.125\n" * 200_000)
    arguments = ("jacobian", fitnet[0], "-i", table, "-o", tmp_path / "J.csv", "--by", "order")
    assert nngrad(*arguments).err == ""
    monkeypatch.setattr(progress, "IN_A_LOG", 0.0)
    assert nngrad(*arguments, "--quiet").err == ""
    lines = nngrad(*arguments).err.splitlines()
    assert len(lines) > 1
    assert all(
        re.fullmatch(rf"nngrad: {re.escape(str(table))}: [0-9,]+ rows, [0-9,]+ a second, .*left", text)
        for text in lines[:-1]
    )
    assert "200,000 rows" in lines[-1]
    assert progress.IN_A_LOG == 0.0
