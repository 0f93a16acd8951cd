"""The list of formats: every entry can be opened, none takes another's suffixes, and what the
command line offers is read from it.
"""

from __future__ import annotations

import pytest

from nngrad.tables import ARRAYS, LINES, READ_ONLY, READERS, WRITERS
from nngrad.tables.formats import FORMATS, Way

WAYS = [(f.name, way) for f in FORMATS for way in (f.reads, f.writes) if way]


@pytest.mark.parametrize(("name", "way"), WAYS, ids=[way.opens for _, way in WAYS])
def test_every_entry_names_what_opens_a_file(name: str, way: Way) -> None:
    assert callable(way.load()), name


def test_names_suffixes_and_first_bytes_tell_formats_apart() -> None:
    for facts in (
        [f.name for f in FORMATS],
        [suffix for f in FORMATS for suffix in f.suffixes],
        [start for f in FORMATS for start in f.begins],
    ):
        assert len(facts) == len(set(facts))
    assert all(f.what for f in FORMATS if f.begins)


def test_every_format_is_offered_where_it_can_be_had() -> None:
    assert {*LINES, *ARRAYS} == {f.name for f in WRITERS}
    assert {*LINES, *ARRAYS, *READ_ONLY} == {f.name for f in READERS}
