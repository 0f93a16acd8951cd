"""What the name of a column says, whatever it looks like: its stem and number, its unit, and how many steps back it was
measured.

Speed [rpm] -> speed, rpm       x_2, X(2), x[2] -> x, 2       x1(t-1), x1_t_1_, x1.lag1 -> x1, one step back
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

LONGEST = 200  # characters of a name that is taken apart
SYMBOL = r"[munpkcdhMG]?(?:Hz|Pa|bar|m|g|s|V|A|W|N|Nm|J|l|L|mol|Wh|Ah|VA|rad|Ohm)|C|K|F|h|min|d"  # as in physics: mA is no ma
WORD = (
    "rpm|upm|rps|umin|hz|khz|mhz|pa|hpa|kpa|mpa|bar|mbar|psi|atm|mmhg|degc|degf|deg|degree|degrees|celsius|kelvin|fahrenheit|pct|percent|ppm"
    "|ppb|kmh|kph|mph|mps|kts|sec|seconds|hr|hrs|hours|minutes|mm|cm|km|ft|inch|kg|mg|lbs|kw|kwh|hp|volt|volts|amp|amps|watt|watts|db|dba"
    "|ohm|rad|nm|kn|rev|eur|usd"
)
UNIT_WORD = re.compile(rf"(?:{SYMBOL}|(?i:{WORD}))\^?-?\d?")
AMBIGUOUS = re.compile(r"min|d|h|s|m|g|l|L|A|N|V|W|J")  # as the last word of a name they seldom are units
UNIT_SIGN = re.compile(r"[-–%°‰1/*^().·×²³\s\d]+")
WORDLIKE = re.compile(r"[a-zA-Z]+\^?-?\d?")
BRACKETED = re.compile(r"(.*\S)\s*(?:\[([^\[\]]*)\]|\(([^()]*)\)|\{([^{}]*)\})")
NUMBER_IN_BRACKETS = re.compile(r"(.*[^\W\d])\s*[\[({]\s*(\d+)\s*[\])}]")
TRAILING_UNIT = re.compile(r"(.*?[^\W_])(?:_|\s+in\s+|\s*,\s*|\s*/\s*|\s+)([A-Za-z%°]+)")
DELAYS = (
    re.compile(r"(.+?)[\s_.]*[(\[{]\s*[tkn]\s*(?:([-−+])\s*(\d+))?\s*[)\]}]", re.IGNORECASE),  # x(t-1), x[k-1]
    re.compile(
        r"(.+?)[\s_.]+[tkn]([-_.m])(\d+)[_.]?", re.IGNORECASE
    ),  # x_t-1, x_tm1, and what MATLAB and R make of it: x_t_1_, x.t.1.
    re.compile(r"(.+?)[\s_.]*(lag)[\s_]?(\d+)", re.IGNORECASE),  # x_lag1
)
NUMBERED = re.compile(r"(.*[^\W\d_])[\s_.\-#]*0*(\d+(?:_\d+)?)")
SAME_UNIT = {
    "pct": "%",
    "percent": "%",
    "degc": "c",
    "degf": "f",
    "degk": "k",
    "kelvin": "k",
    "celsius": "c",
    "1/min": "rpm",
    "-": "",
}
SEPARATORS = re.compile(r"[\s_.\-]+")
BETWEEN_LETTERS = re.compile(r"(?<!\d)_|_(?!\d)")


class Spelling(NamedTuple):
    """The parts of a name. `base` is stem and number together; `number` is "" where there is none."""

    base: str
    stem: str
    number: str
    unit: str
    delay: int


@lru_cache(1 << 14)
def spelled(name: str) -> Spelling:
    """A name taken apart."""
    if len(name) > LONGEST:
        return Spelling(name, name, "", "", 0)
    text = unicodedata.normalize("NFKC", name).strip().strip("\"'").strip()
    text, delay = _delayed(text)
    text, unit = _with_unit(text)
    if index := NUMBER_IN_BRACKETS.fullmatch(text):
        text = f"{index[1]}{index[2]}"
    numbered = NUMBERED.fullmatch(text)
    stem, number = (flattened(numbered[1]), numbered[2]) if numbered else (flattened(text), "")
    return Spelling(stem.replace("_", "") + number, stem.replace("_", ""), number, unit, delay)


def flattened(name: str) -> str:
    """A name in small letters, with single underscores for whatever separates its words."""
    return SEPARATORS.sub("_", unicodedata.normalize("NFKC", name).strip().strip("\"'").casefold()).strip("_")


def squeezed(name: str) -> str:
    """A name in small letters without separators; T1_2 stays apart from T12."""
    return BETWEEN_LETTERS.sub("", flattened(name))


def _delayed(text: str) -> tuple[str, int]:
    for form in DELAYS:
        if found := form.fullmatch(text):
            steps = int((found[3] or "0")[:9])
            return found[1], -steps if found[2] == "+" else steps
    return text, 0


def _with_unit(text: str) -> tuple[str, str]:
    found = BRACKETED.fullmatch(text)
    if found and is_unit(inner := next(g for g in found.groups()[1:] if g is not None)):
        return found[1], _plain(inner)
    found = TRAILING_UNIT.fullmatch(text)
    if found and is_unit(found[2]) and not AMBIGUOUS.fullmatch(found[2]):
        return found[1], _plain(found[2])
    return text, ""


def is_unit(text: str) -> bool:
    """Whether a text is a unit such as rpm, m/s^2, 1/min, %, - ; nothing else may stand beside a name unseen."""
    if text.strip().isdecimal() or text.strip() == "min":
        return False
    words = WORDLIKE.findall(
        unicodedata.normalize("NFKC", text).replace("°", "deg").replace("µ", "u").replace("μ", "u")
    )
    rest = WORDLIKE.sub("", unicodedata.normalize("NFKC", text).replace("°", "").replace("µ", "").replace("μ", ""))
    return (not rest or UNIT_SIGN.fullmatch(rest) is not None) and all(UNIT_WORD.fullmatch(word) for word in words)


def _plain(unit: str) -> str:
    """A unit for comparison: % and pct, degC and C and °C alike."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", unit)).replace("°", "deg").casefold()
    return SAME_UNIT.get(text, text)
