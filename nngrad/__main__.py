"""The program, `nngrad` and `python -m nngrad`: what ends it early is looked after before anything else is imported."""

from __future__ import annotations

import os
import sys

from nngrad import ending

TYPE_CHECKING = False  # as in nngrad/__init__.py
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run with these arguments and end the process.

    It ends without Python's own clearing up, which takes longer than a small job and shows a traceback where a signal
    comes meanwhile.
    """
    _occupy_standard_streams()
    ending.watch()
    from nngrad.cli import attempt

    try:
        code = attempt(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # polars raises it of its own accord
        ending.end(ending.SIGNALS[0])
    ending.finish(code)


def _occupy_standard_streams() -> None:
    """The caller may have closed some: no file of ours may get their numbers."""
    while (number := os.open(os.devnull, os.O_RDONLY)) <= 2:
        pass
    os.close(number)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  (fails where something is written)
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
