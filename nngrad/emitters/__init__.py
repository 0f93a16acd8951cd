"""Source code that evaluates a network: y, its exact Jacobian and Hessian.

It is one file (in C, with its header) that needs nothing but its language. A network becomes one neutral program
(`build`), and a target language (`registry`) only prints it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nngrad.core.network import Network

__all__ = ["emit"]


def emit(
    net: Network, target: str, name: str | None = None, *, file: str | None = None, tests: int = 0, **options: Any
) -> dict[str, bytes]:
    """The files of a network in a target language: {file name: contents}, the main file first.

    `target` is one of `nngrad.emitters.registry`: "matlab", "c", "python", ...
    `name` is the function's name, `file` that of the main file; what is left out follows from the other, or from the
    model's file. `tests` is how many points a self-test has, 0 for none. `options` are those of the target, such as
    mex=True, or of=["y1"] (names, or numbers from 0). Same model, same bytes.

    Raises ModelError for what can't be written out, and UsageError for a name that is none in that language and for
    options that it doesn't have.
    """
    from nngrad.emitters.writing import written

    return written(net, target, name, file, tests, options).files
