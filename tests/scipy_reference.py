"""Whether a tree says what scipy.io.loadmat says, which is the other route to the content of a MAT-file."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from scipy.io.matlab import MatlabFunction, MatlabOpaque
from scipy.io.matlab import MatlabObject as ScipyObject

from nngrad.loaders.tree import MatlabObject


def assert_same(ours, theirs, path="") -> int:
    """Compare all that scipy can read; returns the number of leaves compared."""
    if isinstance(theirs, MatlabOpaque | MatlabFunction) or theirs is None:
        return 0
    if scipy.sparse.issparse(theirs):
        theirs = theirs.toarray()
    if theirs.dtype.names is not None:
        return _same_struct(ours, theirs, path)
    if theirs.dtype.kind == "U":
        assert _lines(ours) == [str(t).rstrip() for t in theirs.flat if str(t)], path
        return 1
    if theirs.dtype == object and theirs.size and all(t is None for t in theirs.flat):  # structs without fields
        assert not any([ours] if theirs.size == 1 else ours.flat), path
        return 1
    assert isinstance(ours, np.ndarray), f"{path}: {type(ours)}"
    if theirs.shape == (1, 0) and theirs.dtype == np.float64:
        assert ours.shape in ((1, 0), (0, 0)), path  # scipy shows an element without content so
        return 1
    assert ours.shape == theirs.shape, f"{path}: {ours.shape} {theirs.shape}"
    if theirs.dtype == object:
        assert ours.dtype == object, path
        return sum(
            assert_same(a, b, f"{path}{{{k}}}") for k, (a, b) in enumerate(zip(ours.flat, theirs.flat, strict=True), 1)
        )
    np.testing.assert_array_equal(
        ours, theirs.astype(np.complex128 if theirs.dtype.kind == "c" else np.float64), err_msg=path
    )
    return 1


def _lines(ours):
    return [line.rstrip() for line in ([ours] if isinstance(ours, str) else ours) if line]


def _same_struct(ours, theirs, path):
    if isinstance(theirs, ScipyObject):
        sample = ours if isinstance(ours, MatlabObject) else ours.flat[0]
        assert sample.classname == theirs.classname, path
    if theirs.shape == (1, 1):
        return _same_record(ours, theirs[0, 0], path)
    assert ours.shape == theirs.shape, path
    return sum(_same_record(a, b, path) for a, b in zip(ours.flat, theirs.flat, strict=True))


def _same_record(ours, theirs, path):
    fields = ours.fields if isinstance(ours, MatlabObject) else ours
    assert tuple(fields) == theirs.dtype.names, path
    return sum(assert_same(fields[name], theirs[name], f"{path}.{name}") for name in theirs.dtype.names)
