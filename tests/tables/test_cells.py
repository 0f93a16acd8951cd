"""What a cell means: every spelling that programs write is read to its value or refused with the right words."""

from __future__ import annotations

import math

import pytest

from nngrad.tables import cells
from nngrad.tables.cells import COMMA, EMPTY, MISSING, NAME, NUMBER, ODD, POINT, kind, number

NAN, INF = math.nan, math.inf

READ = {  # with a decimal point
    "1": 1.0, "+1.5": 1.5, "-1.5": -1.5, ".5": 0.5, "5.": 5.0, "-.5": -0.5, "1e5": 1e5, "1E+05": 1e5, "1.5e-300": 1.5e-300,
    "1D+03": 1e3, "1.5d-3": 1.5e-3, "-0": -0.0, "007": 7.0, " 3 ": 3.0, "\u00a03.5\u00a0": 3.5, "5e-324": 5e-324, "1e-400": 0.0,
    "Inf": INF, "-inf": -INF, "+INF": INF, "Infinity": INF, "-Infinity": -INF, "1.#INF": INF, "-1.#INF00": -INF, "1.#INFe+000": INF,
    "0.1": 0.1, "179769313486231570000": 1.7976931348623157e20,
}  # fmt: skip
NO_NUMBER = (
    "", " ", "NaN", "nan", "NAN", "-nan", "+nan", "NA", "na", "N/A", "n/a", "#N/A", "#n/a", "#N/A N/A", "#NA", "<NA>", "NULL", "null",
    "Null", "None", "none", "nan(ind)", "-nan(ind)", "nan(snan)", "NaN(0x8000)", "1.#QNAN", "-1.#IND", "1.#IND00", "1.#SNAN",
    "1.#QNANe+000",
    "<missing>", "\u00a0",
)  # fmt: skip
FILL_IN = "is not a number; write NaN or leave the cell empty"
REFUSED = {
    "-": FILL_IN, "?": FILL_IN, ".": FILL_IN, "--": FILL_IN, "...": FILL_IN, "abc": FILL_IN, "x1": FILL_IN, "1.5.2": FILL_IN,
    "1e400": "is too large for a double", "-1d400": "is too large for a double",
    "3,180": "may be 3180 or 3.18: say --decimal ,", "-12,345": "may be -12345 or -12.345: say --decimal ,",
    "3180,5": "has a decimal comma; say --decimal ,", "0,180": "has a decimal comma; say --decimal ,", ",5": "has a decimal comma",
    "1,5e3": "has a decimal comma", "1,5D+03": "has a decimal comma",
    "1,234.5": "has thousands marks; remove them", "1,234,567": "has thousands marks", "1.234.567": "has thousands marks",
    "1.234,5": "remove the points and say --decimal ,", "1 000": "has thousands marks", "1\u00a0000": "has thousands marks",
    "1\u202f000,5": "has thousands marks", "1'000": "has thousands marks", "1’000.5": "has thousands marks", "1_000": "has thousands marks",
    "12,34,567.8": "has thousands marks",
    "0x10": "is hexadecimal", "0x1.8p3": "is hexadecimal", "12%": "is a percentage", "70.8 %": "is a percentage", "0,5%": "is a percentage",
    "$5": "has a currency sign", "5 €": "has a currency sign", "-$1,200.50": "has a currency sign", "EUR 5": "has a currency sign",
    "(3.5)": "stands in parentheses", "(1,200)": "stands in parentheses", "−3.5": "has a typographic minus",
    "–3": "has a typographic minus",
    "1e−5": "has a typographic minus", "１２": "has digits other than 0 to 9", "٣": "has digits other than 0 to 9",
    "2024-03-01": "is a date or a time", "01/03/2024": "is a date or a time", "01.03.24": "is a date or a time",
    "01-Mar-2024 10:00:00": "is a date or a time", "Mar 1, 2024": "is a date or a time", "10:00": "is a date or a time",
    "10:00:00.25": "is a date or a time", "2024-03-01T10:00:00Z": "is a date or a time", "3:05 PM": "is a date or a time",
    "TRUE": "write 1 or 0", "false": "write 1 or 0", "1.5-103": "has an exponent without its letter", "*****": "what Fortran writes",
    "#DIV/0!": "is an error of a spreadsheet", "#NAME?": "is an error of a spreadsheet", "=A1+1": "is a formula", '="5"': "is a formula",
    "3.5 rpm": "has a unit", "10 K": "has a unit", "2.5V": "has a unit", "1+2i": FILL_IN, "[1]": FILL_IN,
    "1;2": "say what separates them with --delimiter",
    "1.5|2": "holds several numbers", "5 70": "holds several numbers", "∞": FILL_IN,
}  # fmt: skip
WITH_COMMA = {
    "3180,5": 3180.5,
    "3,180": 3.18,
    "-,5": -0.5,
    "5,": 5.0,
    "1,5e3": 1500.0,
    "1,5D-3": 1.5e-3,
    "7": 7.0,
    "1e5": 1e5,
    "Inf": INF,
}
REFUSED_WITH_COMMA = {
    "3.180": "may be 3180 or 3.18: leave --decimal , out", "1.5": "has a decimal point; leave --decimal , out", ".5": "has a decimal point",
    "1.234,5": "has thousands marks", "1,234.5": "has thousands marks", "3180.5e1": "has a decimal point", "-": FILL_IN,
}  # fmt: skip


@pytest.mark.parametrize("text", READ)
def test_numbers(text: str) -> None:
    assert number(text) == READ[text]
    assert math.copysign(1, number(text)) == math.copysign(1, READ[text])
    assert kind(text) == NUMBER


@pytest.mark.parametrize("text", NO_NUMBER)
@pytest.mark.parametrize("decimal", [POINT, COMMA])
def test_missing_numbers(text: str, decimal: str) -> None:
    assert math.isnan(number(text, decimal))
    assert kind(text, decimal) == (MISSING if text.strip() else EMPTY)


@pytest.mark.parametrize("text", REFUSED)
def test_refusals(text: str) -> None:
    with pytest.raises(ValueError) as error:
        number(text)
    assert str(error.value).startswith(repr(text))
    assert REFUSED[text] in str(error.value)
    assert len(str(error.value)) < 160


@pytest.mark.parametrize("text", WITH_COMMA)
def test_numbers_with_a_decimal_comma(text: str) -> None:
    assert number(text, COMMA) == WITH_COMMA[text]
    assert kind(text, COMMA) == NUMBER


@pytest.mark.parametrize("text", REFUSED_WITH_COMMA)
def test_refusals_with_a_decimal_comma(text: str) -> None:
    with pytest.raises(ValueError, match=REFUSED_WITH_COMMA[text].replace("?", r"\?")):
        number(text, COMMA)


@pytest.mark.parametrize(
    "text", ["speed", "x1", "3D", "2nd", "[1/min]", "°C", "x-1", "y(t-1)", "Na", "T", "1st floor", "µ", "a" * 200]
)
def test_names(text: str) -> None:
    assert kind(text) == NAME


@pytest.mark.parametrize("text", ["-", "?", "12%", "(3)", "1/2/2024", "TRUE", "1.2.3", "#1", "3.5 V", "1 2"])
def test_what_is_neither_a_name_nor_a_number(text: str) -> None:
    assert kind(text) == ODD


def test_the_words_that_polars_is_told_mean_nothing_else() -> None:
    assert all(math.isnan(number(word)) for word in cells.FREQUENT)
