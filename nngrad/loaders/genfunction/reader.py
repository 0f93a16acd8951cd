"""Functions written by MATLAB's genFunction: source with the numbers of a network and the statements that use them.

The statements are followed symbolically (which signal goes through which weights into which layer), never run; what
comes out is the same description of a shallow network that the reader of `network` objects gives. A statement that the
outputs depend on and that is not understood is refused with its line; statements that they do not depend on (argument
checks, final states, messages) don't matter. Helper functions in the file must compute what their names say
(helpers.py). Read are old and struct constants, cell and matrix form, samples in columns or rows, input and layer
delays (as the one-step map).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nngrad.core.network import Network
from nngrad.errors import ModelError
from nngrad.loaders.genfunction.description import Description
from nngrad.loaders.genfunction.follow import BUILT_IN, Follower
from nngrad.loaders.genfunction.written import SUPPORTED
from nngrad.loaders.hints import NO_HINTS, Hints
from nngrad.loaders.matlab.assembly import assembled
from nngrad.loaders.matlab_code import tree as m
from nngrad.loaders.matlab_code.statements import parse
from nngrad.loaders.tree import Tree

NAME = "function written by MATLAB's genFunction"
COMPLETE = True  # nothing lies beside the network
SIGNATURE = re.compile(r"(?m)^[ \t]*function\b[^\n=(]*(?:=\s*)?\b([A-Za-z]\w*)[ \t]*(?:\(|$|%|;)", re.ASCII)
COMMENT = re.compile(r"(?m)(?:%|\.\.\.|#).*$")
LOADS = re.compile(r"\b(?:coder\s*\.\s*)?load\s*\(\s*(?:'([^'\n]+)'|\"([^\"\n]+)\"|([A-Za-z]\w*)\s*[,)])", re.ASCII)
SAVE = "save the network there: save('net.mat', 'net')"
MOST_TEXT = 32 * 1024**2


@dataclass(frozen=True)
class SourceText:
    """The text of one file."""

    text: str


def find(tree: Tree) -> list[tuple[str, SourceText]]:
    text = tree.variables.get("source") if tree.container == "MATLAB source" else None
    if not isinstance(text, str):
        return []
    named = SIGNATURE.search(text)
    return [(named[1] if named else "source", SourceText(text))]


def read(candidate: SourceText, hints: Hints = NO_HINTS) -> Network:
    """The network that the function evaluates; ModelError, with line and text, for what is not understood."""
    if len(candidate.text) > MOST_TEXT:
        raise ModelError(
            f": {len(candidate.text)} characters, at most {MOST_TEXT} are read; save the network itself as .mat"
        )
    _refuse_other(candidate.text)
    source = parse(candidate.text)
    try:
        function = _main(source)
        follower = Follower(source, function)
        follower.follow()
        stated = Description(follower, candidate.text).stated()
    except RecursionError:
        raise ModelError(f": expressions inside each other too deeply; {SUPPORTED}") from None
    return assembled(stated)


def _refuse_other(text: str) -> None:
    """Source of other kinds, each refused for what it is."""
    bare = COMMENT.sub("", text)
    if re.match(r"\s*classdef\b", bare):
        raise ModelError(
            ": a class definition, not a network; create the object, train it, and save its network: save('net.mat', 'net')"
        )
    if not re.search(r"(?m)^[ \t]*function\b", bare):
        if not re.search(r"[A-DF-Za-df-z]", bare.replace("NaN", "").replace("Inf", "")):
            raise ModelError(
                ": a table of numbers with comments, not a model; name it with -i, and as MODEL the file that holds the network"
            )
        raise ModelError(f": a script, not a function with a network's numbers in it; run it in MATLAB and {SAVE}")
    loaded = LOADS.search(bare)
    if loaded:
        name = next((g for g in loaded.groups() if g), "")
        named = re.search(rf"\b{re.escape(name)}\s*=\s*['\"]([^'\"\n]+)['\"]", bare)
        name = named[1] if named else name
        file = name if name.endswith(".mat") else f"{name}.mat"
        raise ModelError(
            f": its numbers stand in another file, {file}: name that one, with --activation (of a state function, y is what the layers "
            f"give; some add x to it)"
        )


def _main(source: m.SourceFile) -> m.FunctionDefinition:
    if source.loose:
        raise ModelError(f"{source.at(source.loose[0].line)}: stands outside of a function; {SUPPORTED}")
    if not source.functions:
        raise ModelError(f": MATLAB source without a function; {SUPPORTED}")
    names = [f.name for f in source.functions]
    for f in source.functions:
        if names.count(f.name) > 1 or f.name in BUILT_IN:
            raise ModelError(f"{source.at(f.line)}: {f.name} is a second function of that name; {SUPPORTED}")
    return source.functions[0]
