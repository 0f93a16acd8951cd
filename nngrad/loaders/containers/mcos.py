"""Objects of MATLAB classes (MCOS): the same store in MAT v5 and v7.3 files, resolved into MatlabObject.

Every object is made once, by its number, and filled afterwards from a queue, so that objects that refer to one
another in circles end, and nothing recurses from object to object.

The store ("FileWrapper__") is a column of cells: the tables (cell 0), the saved property values (from cell 2), and last
the default values of every class. A reference is a uint32 column [0xDD000000, ndims, dims..., object numbers..., class
number].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from nngrad.errors import ModelError
from nngrad.loaders import limits
from nngrad.loaders.tree import FunctionHandle, MatlabObject, Undecoded

MARK = 0xDD000000
VERSIONS = (2, 3, 4)
FIRST_VALUE = 2  # the cell of saved property value 0
ENUMERATION = "EnumerationInstanceTag"

Properties = list[tuple[int, int, int]]  # (name, kind, value)


@dataclass(frozen=True, eq=False)
class Opaque:
    """Raw: an object of another type system ("MCOS", "java", "function"), not resolved yet."""

    system: str
    classname: str
    content: Any


@dataclass(frozen=True, eq=False)
class Tables:
    """Cell 0, taken apart; entry 0 of every table is padding."""

    names: list[str]
    classes: np.ndarray  # (class, 4): namespace, name, -, -
    saved: list[Properties]  # of objects whose class has saveobj
    objects: np.ndarray  # (object, 6): class, -, -, number in saved, number in ordinary, -
    ordinary: list[Properties]

    def name(self, index: int) -> str:
        """Name by its 1-based index; "" for 0."""
        if not 0 <= index <= len(self.names):
            raise ModelError(f"name {index} of {len(self.names)}")
        return self.names[index - 1] if index else ""

    def classname(self, number: int) -> str:
        """The full name of a class."""
        if not 0 < number < len(self.classes):
            raise ModelError(f"class {number} of {len(self.classes) - 1}")
        namespace, name = self.name(int(self.classes[number, 0])), self.name(int(self.classes[number, 1]))
        return f"{namespace}.{name}" if namespace else name

    def properties(self, number: int) -> Properties:
        """The property list of an object."""
        saved, ordinary = int(self.objects[number, 3]), int(self.objects[number, 4])
        table, index = (self.saved, saved) if saved else (self.ordinary, ordinary)
        if not index:
            return []
        if index >= len(table):
            raise ModelError(f"property list {index} of {len(table) - 1}")
        return table[index]


class Subsystem:
    """Turns raw trees into finished ones: numbers become float64, references objects. `settle` must be called at the
    end.
    """

    def __init__(self, tables: Tables | None, cells: list[Any], reason: str, budget: limits.Budget) -> None:
        self.tables = tables
        self.cells = cells
        self.reason = reason  # why there are no tables
        self.budget = budget
        self.made: dict[int, Any] = {}
        self.done: dict[int, tuple[Any, Any]] = {}  # by id of the raw element, which is kept alive
        self.strings: dict[int, Any] = {}  # by id of the cell
        self.defaults: dict[int, dict[str, Any]] = {}
        self.queue: deque[tuple[int, MatlabObject, Properties]] = deque()

    def settle(self) -> None:
        """Fill every object that has been referred to, and those that these refer to."""
        while self.queue:
            number, made, properties = self.queue.popleft()
            self._fill(number, made.fields, properties)

    def finish(self, raw: Any, inside: bool = False) -> Any:
        """The finished form of a raw element; inside the store, plain uint32 columns are references too."""
        if isinstance(raw, np.ndarray) and raw.dtype in (np.float64, np.complex128):
            return raw
        if isinstance(raw, Opaque):
            return self._opaque(raw)
        if not isinstance(raw, np.ndarray | dict | MatlabObject):
            return raw
        if id(raw) not in self.done:
            self.done[id(raw)] = raw, raw  # a raw element that holds itself ends here
            self.done[id(raw)] = raw, self._container(raw, inside)
        return self.done[id(raw)][1]

    def _container(self, raw: Any, inside: bool) -> Any:
        """Containers are finished in place; numbers that several elements share are cast once."""
        if isinstance(raw, np.ndarray) and raw.dtype != object:
            return self._numbers(raw, inside)
        if isinstance(raw, np.ndarray):
            if inside and _is_handle(raw):
                return function_handle(raw.flat[1], self)
            flat = raw.reshape(-1, order="A")  # a view: the readers make them contiguous
            for k in range(flat.size):
                flat[k] = self.finish(flat[k], inside)
            return raw
        fields = raw.fields if isinstance(raw, MatlabObject) else raw
        if ENUMERATION in fields:
            return self._guarded("enumeration", lambda: self._enumeration(fields))
        for name in fields:
            fields[name] = self.finish(fields[name], inside)
        return raw

    def _numbers(self, raw: np.ndarray, inside: bool) -> Any:
        if inside and raw.dtype == np.uint32 and raw.size > 3 and raw.flat[0] == MARK:
            column = [int(n) for n in raw.ravel(order="F")]
            if _is_reference(column):
                return self._references(column, "object")
        with np.errstate(invalid="ignore"):  # a signalling NaN of single precision
            return raw.astype(np.complex128 if raw.dtype.kind == "c" else np.float64)

    def _opaque(self, raw: Opaque) -> Any:
        if raw.system == "function" or raw.classname == "function_handle":
            return function_handle(raw.content)
        if raw.system != "MCOS":
            return Undecoded(raw.classname, f"an object of the type system '{raw.system}'")
        if isinstance(raw.content, dict) and ENUMERATION in raw.content:
            return self._guarded(raw.classname, lambda: self._enumeration(raw.content))
        if not isinstance(raw.content, np.ndarray) or raw.content.dtype.kind not in "uf":
            return Undecoded(raw.classname, "a form of object that isn't known")
        column = [int(n) for n in raw.content.ravel(order="F")]
        if not _is_reference(column):
            return Undecoded(raw.classname, "its reference has a form that isn't known")
        return self._references(column, raw.classname)

    def _references(self, column: list[int], classname: str) -> Any:
        """An object, or an object array with MATLAB's shape; strings become str."""
        if self.tables is None:
            return Undecoded(classname, self.reason)
        shape, numbers = tuple(column[2 : 2 + column[1]]), column[2 + column[1] : -1]
        self.budget.take_elements(len(numbers), "an object array")
        values = [self._guarded(classname, lambda n=n: self._object(n)) for n in numbers]
        return (
            values[0]
            if len(values) == 1 and shape == (1, 1)
            else np.fromiter(values, object, len(values)).reshape(shape, order="F")
        )

    def _guarded(self, classname: str, make: Any) -> Any:
        """A thing that can't be made out becomes Undecoded; the rest of the file is still good."""
        try:
            return make()
        except ModelError as error:
            return Undecoded(classname, f"its entry in the table of objects can't be followed: {error}")

    def _object(self, number: int) -> Any:
        """The object of this number; its fields follow later."""
        assert self.tables is not None
        if number in self.made:
            return self.made[number]
        if not 0 < number < len(self.tables.objects):
            raise ModelError(f"object {number} of {len(self.tables.objects) - 1}")
        classname = self.tables.classname(int(self.tables.objects[number, 0]))
        properties = self.tables.properties(number)
        self._check(properties)
        if classname == "string":
            self.made[number] = self._string(properties)
            return self.made[number]
        made = MatlabObject(classname, {})
        self.made[number] = made
        self.queue.append((number, made, properties))
        return made

    def _check(self, properties: Properties) -> None:
        assert self.tables is not None
        self.budget.take_elements(len(properties), "an object")
        for name, kind, value in properties:
            self.tables.name(name)
            if kind == 0:
                self.tables.name(value)
            elif kind == 1 and FIRST_VALUE + value >= len(self.cells):
                raise ModelError(f"property value {value} of {len(self.cells) - FIRST_VALUE}")
            elif kind > 2:
                raise ModelError(f"a property of kind {kind}")

    def _fill(self, number: int, fields: dict[str, Any], properties: Properties) -> None:
        """Saved properties over defaults; what saveobj returned stands alone."""
        assert self.tables is not None
        values = {self.tables.name(name): self._property(kind, value) for name, kind, value in properties}
        if self.tables.objects[number, 3] and list(values) == ["any"]:
            state = values["any"]
            fields.update(state if isinstance(state, dict) else values)
            return
        defaults = self._defaults(int(self.tables.objects[number, 0]))
        self.budget.take_elements(len(defaults), "an object")
        fields.update(defaults)
        fields.update(values)

    def _property(self, kind: int, value: int) -> Any:
        assert self.tables is not None
        if kind == 0:
            return self.tables.name(value)
        if kind == 1:
            return self.finish(self.cells[FIRST_VALUE + value], inside=True)
        return np.full((1, 1), float(value))

    def _defaults(self, number: int) -> dict[str, Any]:
        """The default values of a class, from the last cell."""
        if number not in self.defaults:
            cell = self.cells[-1]
            found = (
                cell.ravel(order="F")[number]
                if isinstance(cell, np.ndarray) and cell.dtype == object and number < cell.size
                else {}
            )
            self.defaults[number] = self.finish(found, inside=True) if isinstance(found, dict) else {}
        return self.defaults[number]

    def _string(self, properties: Properties) -> Any:
        """A string array: uint64 [version, ndims, dims..., lengths..., UTF-16 units four to a word]."""
        raw = self.cells[FIRST_VALUE + properties[0][2]] if properties and properties[0][1] == 1 else None
        if not isinstance(raw, np.ndarray) or raw.dtype != np.uint64:
            return Undecoded("string", "its text isn't where strings have it")
        if id(raw) not in self.strings:
            self.strings[id(raw)] = string_array(raw.ravel(order="F"), self.budget)
        return self.strings[id(raw)]

    def _enumeration(self, fields: dict[str, Any]) -> Any:
        """Members of an enumeration, as str."""
        if self.tables is None:
            return Undecoded("enumeration", self.reason)
        names, indices = fields.get("ValueNames"), fields.get("ValueIndices")
        if (
            not isinstance(names, np.ndarray)
            or not isinstance(indices, np.ndarray)
            or object in (names.dtype, indices.dtype)
        ):
            return Undecoded("enumeration", "a form of enumeration that isn't known")
        members = [self.tables.name(int(n)) for n in names.flat]
        self.budget.take_elements(indices.size, "an enumeration")
        if indices.size and int(indices.max()) >= len(members):
            raise ModelError(f"member {int(indices.max())} of {len(members)}")
        values = [members[int(k)] for k in indices.ravel(order="F")]
        return (
            values[0]
            if indices.size == 1
            else np.fromiter(values, object, len(values)).reshape(indices.shape, order="F")
        )


def _is_reference(column: list[int]) -> bool:
    if len(column) < 5 or column[0] != MARK or not 2 <= column[1] <= limits.DIMENSIONS or len(column) < 3 + column[1]:
        return False
    count = 1
    for size in column[2 : 2 + column[1]]:
        count *= size
    return len(column) == 3 + column[1] + count


def _is_handle(raw: np.ndarray) -> bool:
    """Whether a cell is the form that function handles have among property values: the mark, then a struct."""
    if raw.shape != (2, 1) or not isinstance(raw[1, 0], dict) or "function_handle" not in raw[1, 0]:
        return False
    mark = raw[0, 0]
    return isinstance(mark, np.ndarray) and mark.dtype == np.uint32 and mark.size == 1 and mark.flat[0] == MARK


def function_handle(content: Any, subsystem: Subsystem | None = None) -> Any:
    """The text of a function handle, out of the structs that MATLAB wraps it in, with what it has captured."""
    workspace = None
    for _ in range(4):
        if isinstance(content, dict):
            workspace = content.get("workspace", workspace)
            content = content.get("function_handle", content.get("function"))
    if not isinstance(content, str):
        return Undecoded("function_handle", "a function handle without text")
    return FunctionHandle(content, subsystem.finish(workspace, inside=True) if subsystem else None)


def string_array(words: np.ndarray, budget: limits.Budget) -> Any:
    """MATLAB strings out of their uint64 form; a missing string is "" """
    dimensions = int(words[1]) if words.size > 1 else limits.DIMENSIONS
    if dimensions >= limits.DIMENSIONS or words.size < 2 + dimensions:
        raise ModelError(f"a string array of {words.size} words")
    shape = tuple(int(n) for n in words[2 : 2 + dimensions])
    count = limits.volume(shape, "a string array")
    start = 2 + dimensions + count
    if start > words.size:
        raise ModelError(f"a string array of {shape} in {words.size} words")
    budget.take_elements(count, "a string array")
    lengths = [0 if int(n) >= 2**62 else int(n) for n in words[2 + dimensions : start]]
    units = words[start:].astype("<u8").tobytes()
    if 2 * sum(lengths) > len(units):
        raise ModelError(f"a string array of {sum(lengths)} characters in {len(units)} bytes")
    values = [text.decode("utf-16-le", "replace") for text in _cut(units, lengths)]
    return values[0] if shape == (1, 1) else np.fromiter(values, object, len(values)).reshape(shape, order="F")


def _cut(units: bytes, lengths: list[int]) -> Iterator[bytes]:
    position = 0
    for length in lengths:
        yield units[position : position + 2 * length]
        position += 2 * length


def subsystem(wrapper: Any, order: str, budget: limits.Budget) -> Subsystem:
    """The store out of the FileWrapper__ column (None: the file has none)."""
    if not isinstance(wrapper, np.ndarray) or wrapper.dtype != object or wrapper.size < 3:
        return Subsystem(None, [], "the file holds no store of objects", budget)
    cells = list(wrapper.ravel(order="F"))
    data = cells[0].tobytes(order="F") if isinstance(cells[0], np.ndarray) and cells[0].dtype == np.uint8 else b""
    if len(data) < 40:
        return Subsystem(None, [], "the file's store of objects is too short", budget)
    version = int(np.frombuffer(data, order + "u4", 1)[0])
    if version not in VERSIONS:
        return Subsystem(None, [], f"FileWrapper version {version} (supported: 2, 3 and 4)", budget)
    try:
        return Subsystem(_tables(data, order, budget), cells, "", budget)
    except ModelError as error:
        return Subsystem(None, [], f"the file's table of objects is corrupt: {error}", budget)


def _tables(data: bytes, order: str, budget: limits.Budget) -> Tables:
    head = [int(n) for n in np.frombuffer(data, order + "u4", 10)]
    count, offsets = head[1], head[2:]
    if not all(a <= b for a, b in pairwise([40, *offsets[:5], len(data)])):
        raise ModelError(f"its regions begin at {offsets[:5]} in {len(data)} bytes")
    names = data[40 : offsets[0]].split(b"\0", count)[:count]
    if len(names) < count:
        raise ModelError(f"{len(names)} of {count} names")
    budget.take_elements(count, "the table of names")
    regions = [np.frombuffer(data[a : a + (b - a) // 4 * 4], order + "u4") for a, b in pairwise(offsets[:5])]
    return Tables(
        [name.decode("utf-8", "replace") for name in names],
        _table(regions[0], 4),
        _property_lists(regions[1], budget),
        _table(regions[2], 6),
        _property_lists(regions[3], budget),
    )


def _table(words: np.ndarray, width: int) -> np.ndarray:
    return words[: words.size // width * width].reshape(-1, width)


def _property_lists(words: np.ndarray, budget: limits.Budget) -> list[Properties]:
    """A count and that many triples, padded to an even number of words, one list after the other."""
    lists: list[Properties] = []
    numbers = [int(n) for n in words]
    budget.take_elements(len(numbers), "the table of properties")
    position = 0
    while position < len(numbers):
        end = position + 1 + 3 * numbers[position]
        if end > len(numbers):
            raise ModelError(f"property list {len(lists)} has {numbers[position]} entries")
        triples = numbers[position + 1 : end]
        lists.append(list(zip(triples[::3], triples[1::3], triples[2::3], strict=True)))
        position = end + end % 2
    return lists
