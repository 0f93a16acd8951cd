"""The layer kinds, and their four rules. The one rule: a kind knows its own numbers and nothing of the network around it.

Rows are samples. The letters are always the same:

    x  input  (N, in)         y  output (N, out)
    T  tangents   (k, N, in):  k directions for every row       G  cotangents (m, N, out): m weightings for every row
       (where T or G is the same for all rows, its N is 1: that is how the identity seed of a pass costs nothing)

    forward(x) -> y                              the layer itself
    jvp(x, y, T) -> (k, N, out)                  tangents carried on:   T @ J'
    vjp(x, y, G) -> (m, N, in)                   cotangents carried back:  G @ J
    curvature(x, y, G, S, T) -> (N, m, j, k)     sum over outputs of G times the second derivative along S (j) and T (k);
                                                 None where linear; exactly symmetric where S is T

A kind that joins several values (JOINS) takes a tuple of inputs and of tangents, and returns a tuple of cotangents.
`size(*inputs)` gives the output size and raises ValueError where the inputs do not fit. No rule changes its arguments.
"""

from nngrad.layers.coupled import Compet, NormProd, Softmax
from nngrad.layers.distance import Distance, SquaredDistance
from nngrad.layers.elementwise import Elementwise
from nngrad.layers.joins import Concatenate, Product, Sum
from nngrad.layers.linear import Affine, FillMissing, Place, Scale, Select
from nngrad.layers.normalise import Normalize

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
