"""The layer kinds: each answers everything about itself in its own file (layers.base says what)."""

from nngrad.core.layers.base import Layer
from nngrad.core.layers.coupled import Compet, NormProd, Softmax
from nngrad.core.layers.distance import Distance, SquaredDistance
from nngrad.core.layers.elementwise import Elementwise
from nngrad.core.layers.joins import Concatenate, Product, Sum
from nngrad.core.layers.linear import Affine, Place, Scale, Select
from nngrad.core.layers.missing import FillMissing
from nngrad.core.layers.normalise import Normalize

__all__ = [
    "KINDS",
    "Affine",
    "Compet",
    "Concatenate",
    "Distance",
    "Elementwise",
    "FillMissing",
    "Layer",
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

KINDS: tuple[type[Layer], ...] = (
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
