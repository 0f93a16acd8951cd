"""The layer kinds, and their four rules. The one rule: a kind knows its own numbers and nothing of the network around it.

Units come first, then directions, then samples (as in MATLAB, samples are columns): broadcasting runs along contiguous samples
and all directions of all samples go through a layer as one matrix product. The letters are always the same:

    x  input  (in, N)         y  output (out, N)
    T  tangents   (in, k, N):  k directions for every sample    G  cotangents (out, m, N): m weightings for every sample
       (where T or G is the same for all samples, its N is 1: that is how the identity seed of a pass costs nothing)

    forward(x) -> y                              the layer itself
    jvp(x, y, T) -> (out, k, N)                  tangents carried on
    vjp(x, y, G) -> (in, m, N)                   cotangents carried back
    curvature(x, y, G, S, T) -> (N, m, j, k)     sum over outputs of G times the second derivative along S (j) and T (k);
                                                 None where linear; exactly symmetric where S is T

A kind that joins several values (JOINS) takes a tuple of inputs and of tangents, and returns a tuple of cotangents.
`size(*inputs)` gives the output size and raises ValueError where the inputs do not fit. No rule changes its arguments.
"""

from nngrad.core.layers.coupled import Compet, NormProd, Softmax
from nngrad.core.layers.distance import Distance, SquaredDistance
from nngrad.core.layers.elementwise import Elementwise
from nngrad.core.layers.joins import Concatenate, Product, Sum
from nngrad.core.layers.linear import Affine, FillMissing, Place, Scale, Select
from nngrad.core.layers.normalise import Normalize

__all__ = [
    "JOINS",
    "KINDS",
    "LINEAR",
    "Affine",
    "Compet",
    "Concatenate",
    "Distance",
    "Elementwise",
    "FillMissing",
    "NormProd",
    "Normalize",
    "Place",
    "Product",
    "Scale",
    "Select",
    "Softmax",
    "SquaredDistance",
    "Sum",
]

LINEAR = (Affine, Scale, Select, Place, Sum, Concatenate)  # the slope does not depend on x
JOINS = (Sum, Product, Concatenate)  # several inputs
KINDS = (
    Affine,
    Scale,
    Select,
    Place,
    FillMissing,
    Elementwise,
    Softmax,
    Compet,
    SquaredDistance,
    Distance,
    NormProd,
    Normalize,
    Sum,
    Product,
    Concatenate,
)
