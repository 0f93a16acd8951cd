"""Files that are no text tables: what they are by their first bytes, and the option that reads them."""

from __future__ import annotations

from nngrad.errors import DataError
from nngrad.tables.formats import READERS
from nngrad.tables.streams import Stream

FOREIGN = (  # how files begin that no format reads, and what they are
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of before 2007; save it as .xlsx"),
    (b"\x1f\x8b", "compressed with gzip; name it .csv.gz, or unpack it"),
    (b"BZh91AY", "compressed; unpack it"),
    (b"\xfd7zXZ", "compressed; unpack it"),
    (b"7z\xbc\xaf", "compressed; unpack it"),
    (b"\x28\xb5\x2f\xfd", "compressed; unpack it"),
    (b"%PDF-", "a PDF document; export the table as text"),
)
PAGES = (b"<!doctype", b"<html", b"<?xml", b"<table", b"<head", b"<body", b"<!--")


def refuse_foreign(label: str, stream: Stream) -> None:
    """DataError if the first bytes are those of something that is no text table."""
    what, fmt = _foreign(stream)
    if what:
        raise DataError(f"{label}: is {what}" + (f"; name it .{fmt}, or say --input-format {fmt}" if fmt else ""))


def _foreign(stream: Stream) -> tuple[str, str]:
    """What else a file is, and the format that reads it."""
    start = stream.peek(512).removeprefix(b"\xef\xbb\xbf")
    if start[:4] == b"PK\x03\x04":
        return (
            ("an Excel workbook", "xlsx")
            if b"xl/" in stream.peek(1 << 13) or b"[Content_Types]" in start
            else ("a zip archive", "")
        )
    if found := next((what for magic, what in FOREIGN if start.startswith(magic)), ""):
        return found, ""
    if other := next((f for f in READERS if start.startswith(f.begins)), None):
        return other.what, other.name
    bare = start.lstrip()
    if bare.lower().startswith(PAGES):
        return "an HTML or XML page; save the table as csv", ""
    if bare[:1] == b"{" and bare[1:].lstrip()[:1] in (b'"', b"}"):
        return "JSON", "ndjson"
    if bare[:1] == b"[" and bare[1:].lstrip()[:1] in (
        *(b"%d" % digit for digit in range(10)),
        b"[",
        b"{",
        b'"',
        b"-",
        b"]",
    ):
        return "a list in brackets (JSON, Python, MATLAB); write rows of numbers without brackets", ""
    return "", ""
