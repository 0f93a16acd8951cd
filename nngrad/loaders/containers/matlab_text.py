"""MATLAB source (a generated function, a script): kept as text, never executed.

The tree has one variable, `source`; what the text means is for the dialects to say.
"""

from __future__ import annotations

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.tree import Tree


def read(data: bytes) -> Tree:
    """The text, UTF-8 or Latin-1, with plain newlines."""
    if len(data) > limits.TEXT_BYTES:
        raise ModelError(
            f"is a text of {len(data)} bytes, at most {limits.TEXT_BYTES} are read; save the network as .mat"
        )
    if b"\0" in data:
        raise ModelError("looks like MATLAB source but holds NUL bytes; save it as plain text or the network as .mat")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return Tree("MATLAB source", {"source": text.replace("\r\n", "\n").replace("\r", "\n")})
