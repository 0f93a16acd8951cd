"""Text cut into chunks of whole lines, which can be parsed in any thread and still know their place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from nngrad.errors import DataError

LONGEST_ROW = 1 << 26  # bytes
IN_CACHE = 1 << 17


class Lines(NamedTuple):
    """Whole lines of a text file, each ended by a newline, and the number of the first."""

    data: bytes
    first: int


class ByteSource(Protocol):
    """What lines are read from."""

    path: str

    def read(self, size: int) -> bytes: ...


def line_chunks(
    stream: ByteSource, size: int, first: int, *, quotes: bool = False, blank: bytes = b"\r\n \t"
) -> Iterator[Lines]:
    """Cut a text into chunks of whole lines of about `size` bytes; lines of `blank` bytes at its end are dropped.

    With `quotes`, a newline inside "..." doesn't end a row.
    """
    carry = b""
    while data := stream.read(size):
        carry += data
        if (cut := last_row_end(carry, quotes)) == 0:
            if len(carry) > LONGEST_ROW:
                what = "a quote is never closed" if quotes and b'"' in carry else "a row is longer than 64 MiB"
                raise DataError(f"{stream.path}, line {first} or later: {what}; is this a table in text form?")
            size = max(size, len(carry))  # a long row is looked at a few times, not once for each MiB
            continue
        done, carry = carry[:cut], carry[cut:]
        end = _content_end(done, blank)
        if end < len(done):
            done, carry = done[:end], done[end:] + carry
        if done:
            yield Lines(done, first)
            first += count(done, 10)
    end = _content_end(carry + b"\n", blank)
    if end:
        yield Lines((carry + b"\n")[:end], first)


def count(data: bytes, byte: int) -> int:
    """How often a byte occurs; unlike bytes.count, it lets other threads run."""
    import numpy as np

    a = np.frombuffer(data, np.uint8)
    return sum(int(np.count_nonzero(a[k : k + IN_CACHE] == byte)) for k in range(0, len(a), IN_CACHE))


def outside_quotes(data: bytes, byte: int) -> int:
    """How often a byte occurs outside "..."."""
    import numpy as np

    a = np.frombuffer(data, np.uint8)
    return int(np.count_nonzero((a == byte) & ~np.logical_xor.accumulate(a == 34)))


def last_row_end(data: bytes, quotes: bool) -> int:
    if not quotes or b'"' not in data:
        return data.rfind(b"\n") + 1
    import numpy as np

    a = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((a == 10) & ~np.logical_xor.accumulate(a == 34))
    return int(ends[-1]) + 1 if ends.size else 0


def _content_end(data: bytes, blank: bytes) -> int:
    """The length of `data` (which ends with a newline) without blank lines at the end."""
    tail = data[-64:]
    line = tail.rstrip(blank)
    if line and tail[len(line) :].lstrip(b" \t") in (b"\n", b"\r\n"):  # the common case, without a copy of everything
        return len(data)
    body = len(data.rstrip(blank))
    return data.index(b"\n", body) + 1 if body else 0
