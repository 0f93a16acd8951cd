"""The group of commands: a command's module is imported when it is wanted, and no numerical library before it runs."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import click

JOBS = {
    "Look": ("info", "samples"),
    "Compute": ("predict", "jacobian", "gradient", "hessian", "jvp", "vjp"),
    "Trust": ("check", "verify"),
    "Take away": ("emit", "convert", "export-script"),
}
COMMANDS = tuple(name for names in JOBS.values() for name in names)
VERSIONED = ("numpy", "scipy", "h5py", "polars")
SETTINGS: dict[str, Any] = {"max_content_width": 100, "help_option_names": ["-h", "--help"], "show_default": True}


class Commands(click.Group):
    """Commands by name from COMMANDS; a model file in place of a command means `info` of that file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("-", "_")
        return getattr(import_module(f"nngrad.cli.{name}"), name) if cmd_name in COMMANDS else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for job, names in JOBS.items():
            with formatter.section(job):
                formatter.write_dl([(name.ljust(width), self._described(ctx, name)) for name in names])

    def _described(self, ctx: click.Context, name: str) -> str:
        command = self.get_command(ctx, name)
        return command.get_short_help_str(100) if command else ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            if not _looks_like_a_file(args[0]):
                ctx.fail(f"no command or file named {args[0]!r}{_nearest(args[0])}")
            args = ["info", *args]
        return super().resolve_command(ctx, args)


def _looks_like_a_file(text: str) -> bool:
    return os.path.exists(text) or bool(os.path.dirname(text)) or bool(os.path.splitext(text)[1])


def _nearest(text: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(text, COMMANDS, n=1)
    return f", did you mean {near[0]!r}?" if near else f" (commands: {', '.join(COMMANDS)})"


def _print_versions(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    import platform
    from importlib.metadata import version

    libraries = ", ".join(f"{name} {version(name)}" for name in VERSIONED)
    click.echo(f"nngrad {version('nngrad')} ({libraries}, Python {platform.python_version()})")
    ctx.exit()


@click.group(cls=Commands, context_settings=SETTINGS, subcommand_metavar="COMMAND | MODEL [OPTIONS]")
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_versions,
    help="Show versions and exit.",
)
def commands() -> None:
    """\b
    Example: nngrad jacobian sample_models/fitnet.mat -i sample_models/fitnet_x.csv

    Outputs and exact Jacobians of trained networks saved by MATLAB or Keras, in the units of the data the network was
    trained on.

    `nngrad MODEL` alone means `nngrad info MODEL`. Data goes to standard output, everything else to standard error.

    \b
    Exit codes: 0 ok, 1 a check failed, 2 wrong usage, 3 model not readable or not supported,
    4 wrong input data or output not writable, 5 some of several inputs failed, 130 interrupted.
    """
