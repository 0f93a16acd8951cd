"""Which names of a network's inputs are its user's own, and which ones a program made up because nobody gave any.

Inputs of one column are called what they are called, so that tables are matched by it; x1, x2, ... stand where there
are no names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

from nngrad.core.ports import numbered

LAYERS = (  # words that Keras and MATLAB's builders make names of, with numbers behind them
    "input|input_layer|inputs|in|keras_tensor|feature_?input|sequence_?input|image_?input|feature|sequence|image|layer|data"
)
AUTOMATIC = re.compile(rf"(?:{LAYERS})[ _]?\d*(?:_\d+)?", re.IGNORECASE)
OF_A_LAYER = re.compile(  # Keras calls the input of a chain without one after its first layer
    r"(?:dense|activation|flatten|reshape|normalization|batch_normalization|layer_normalization|rescaling|masking|embedding|dropout"
    r"|(?:bi|conv_?)?lstm|gru|simple_rnn|bidirectional|time_distributed|conv[123]d|zero_padding[123]d|permute|repeat_vector"
    r"|gaussian_noise|sequential|model|functional|re_lu|leaky_re_lu|p_re_lu)(?:_\d+)?_input(?:_\d+)?"
)


def is_real(name: str) -> bool:
    """Whether a user gave this name: it's no number, has no odd characters, and no program makes it up."""
    usable = bool(name.strip()) and name == name.strip() and name.isprintable() and not name.isdecimal()
    return usable and not AUTOMATIC.fullmatch(name) and not OF_A_LAYER.fullmatch(name)


def columns_of(ports: Sequence[tuple[str, int]]) -> list[tuple[str, ...]]:
    """The columns of inputs with these names and sizes: their names where each is one column with a real name of its
    own, otherwise x1, x2, ... counted over all of them (half of the names would say nothing about a table that has
    others).
    """
    names = [name for name, _ in ports]
    if all(size == 1 and is_real(name) for name, size in ports) and len(set(names)) == len(names):
        return [(name,) for name in names]
    starts = accumulate((size for _, size in ports), initial=1)
    return [numbered("x", size, start) for (_, size), start in zip(ports, starts, strict=False)]
