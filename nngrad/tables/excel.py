"""Sheets of Excel workbooks (.xlsx) through openpyxl, an extra: `pip install 'nngrad[excel]'`.

Numbers are those that the file holds, not their rounded display. polars' own way to Excel is not taken: it leaves open
where in the sheet a cell stands, and takes errors (#DIV/0!) and formulas that were never calculated for empty cells.
The sheet is held in memory.
"""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Iterator
from typing import Any

from nngrad.errors import DataError, UsageError, listed
from nngrad.matching import Wanted
from nngrad.tables.common import RowReader
from nngrad.tables.grid import Grid, GridReader, checked_samples, too_large
from nngrad.tables.locations import Location
from nngrad.tables.streams import open_input

DATES = (datetime.date, datetime.time, datetime.timedelta)


def read_xlsx(
    place: Location,
    wanted: Wanted,
    samples: str | None = None,
    header: bool | None = None,
    skip: int = 0,
    units: bool = False,
) -> RowReader:
    """Rows of a sheet: `file.xlsx:Sheet1`, or the first that is not empty."""
    checked_samples(samples)
    with open_input(place.path) as file:
        if file.read(4) != b"PK\x03\x04":
            raise DataError(
                f"{place.path}: is not an Excel workbook of the kind .xlsx; if it is text, say --input-format csv"
            )
    name, rows = _sheet(place)
    where = f"{place.path}:{name}"
    first, left = _corner(rows, skip)
    width = max((j + 1 for row in rows[first:] for j, cell in enumerate(row) if cell != ""), default=0)
    cells = [[*row[left:width], *[""] * (width - max(left, len(row)))] for row in rows[first:]]
    while cells and not any(cell.strip() for cell in cells[-1]):
        cells.pop()
    for i, row in enumerate(cells):
        if not any(cell.strip() for cell in row):
            raise DataError(
                f"{where}, row {first + i + 1}: blank row between rows; remove it, or write NaN for missing values"
            )
    grid = Grid(where, cells, lambda i, j: f"cell {_letters(left + j)}{first + i + 1}", is_text=False)
    return GridReader(grid.turned() if samples == "columns" else grid, wanted, header, units)


def _corner(rows: list[list[str]], skip: int) -> tuple[int, int]:
    """Where the table begins: the first row below `skip` and the first column that hold something."""
    first = next((i for i in range(skip, len(rows)) if any(cell.strip() for cell in rows[i])), len(rows))
    columns = (j for row in rows[first:] for j, cell in enumerate(row) if cell.strip())
    return first, min(columns, default=0)


def _sheet(place: Location) -> tuple[str, list[list[str]]]:
    """The name and the cells of the sheet that is asked for."""
    openpyxl = _openpyxl(place.path)
    try:
        with (
            warnings.catch_warnings(),
            open_input(place.path) as file,
        ):  # an open file, as openpyxl looks at the suffix of a path
            warnings.simplefilter("ignore")  # of styles and the like that it doesn't know
            sheet = _chosen(place, openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False))
            rows = list(_texts(place.path, sheet))
            if any(cell == "" for row in rows for cell in row):
                formulas = openpyxl.load_workbook(file, read_only=True, keep_links=False)[sheet.title]
                _refuse_uncalculated(f"{place.path}:{sheet.title}", formulas, sheet)
            return sheet.title, rows
    except (DataError, UsageError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged archive or its XML makes openpyxl raise
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{place.path}: can't be read as an Excel workbook: {words}") from error


def _openpyxl(path: str) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise UsageError(
            f"{path}: reading Excel needs openpyxl: pip install 'nngrad[excel]'; or save the sheet as csv"
        ) from None
    return openpyxl


def _chosen(place: Location, book: Any) -> Any:
    names = [sheet.title for sheet in book.worksheets]
    if place.name is not None:
        if place.name not in names:
            raise DataError(f"{place.path}: has no sheet {place.name}; it has {listed(names)}")
        return book.worksheets[names.index(place.name)]
    return next(
        (sheet for sheet in book.worksheets if any(any(row) for row in sheet.iter_rows(values_only=True))),
        book.worksheets[0],
    )


def _texts(path: str, sheet: Any) -> Iterator[list[str]]:
    """The rows of a sheet as texts: numbers to the last bit, and what is neither number nor text
    as something that is refused as both.
    """
    sheet.reset_dimensions()  # what some programs say of a sheet's size is not true
    count = 0
    for row in sheet.iter_rows():
        count += len(row)
        too_large(path, [range(count)])
        yield [_text(cell.value) for cell in row]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and math.isinf(value):
        return "1e999"  # a number too large for a double, as such refused
    if isinstance(value, DATES):
        return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime.datetime) else str(value)
    return str(value)


def _refuse_uncalculated(where: str, formulas: Any, values: Any) -> None:
    """DataError if a formula has no value in the file: it would read as an empty cell."""
    formulas.reset_dimensions()
    for above, below in zip(formulas.iter_rows(), values.iter_rows(), strict=True):
        for formula, value in zip(above, below, strict=True):
            if formula.value is not None and value.value is None and value.data_type == "n":  # not the text ""
                raise DataError(
                    f"{where}, cell {formula.coordinate}: is a formula whose value is not in the file; open and save it in Excel"
                )


def _letters(column: int) -> str:
    """Excel's name of a column that is counted from 0: A, B, ..., Z, AA, ..."""
    text = ""
    while column >= 0:
        column, letter = divmod(column, 26)
        text = chr(65 + letter) + text
        column -= 1
    return text
