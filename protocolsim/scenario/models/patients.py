"""Patients from a file: rows of data that become traits which the clinic knows, each row drawn by key."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from protocolsim.arrays import Floats, Integers
from protocolsim.errors import unknown
from protocolsim.model.programs import StartProgram
from protocolsim.names import readable
from protocolsim.randomness import keys_of_use, uniforms
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.model_schema import PatientColumn, PatientsPart
from protocolsim.scenario.file.models import MOST_BYTES
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.models.draws import Streams
from protocolsim.scenario.models.scope import Scope, unit_dimension
from protocolsim.units import NONE, Dimension, unit_product

MOST_ROWS = 200_000
_MOST_FAULTS = 5
WITH_REPLACEMENT, IN_ORDER = "with replacement", "in order"


@dataclass(frozen=True)
class FileTrait:
    """A trait from a column of the file, in internal units: its name, values by row, dimension and how it is shown."""

    name: str
    values: Floats
    dimension: Dimension
    meaning: str


@dataclass(frozen=True, eq=False)
class PatientsStart:
    """Starts patients from rows of a table (`StartKernel`), then draws what else they bring.

    `table` is [rows, columns]; column c goes to the component's own field `fields[c]`. `stream` draws the row, or is -1
    where subjects take the rows in their order, again from the first after the last.
    """

    table: Floats
    fields: tuple[int, ...]
    stream: int
    then: StartProgram

    def __call__(
        self, body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers, /
    ) -> None:
        """Fill the columns of these subjects."""
        if self.stream < 0:
            chosen = who[rows, 1] % len(self.table)
        else:
            u = uniforms(seed, keys_of_use(who, rows, 0), self.stream)
            chosen = np.minimum((u * len(self.table)).astype(np.int64), len(self.table) - 1)
        for column, place in enumerate(self.fields):
            body[rows, int(links[0]) + place] = self.table[chosen, column]
        self.then(body, rows, links, constants, seed, who)


class PatientsReader:
    """Reads the patients of one model; every fault goes to the scope's faults."""

    def __init__(self, scope: Scope, streams: Streams, part: PatientsPart) -> None:
        self.scope, self.part = scope, part
        self.address: Address = (*scope.address, "patients")
        self.stream = -1
        if part.draw == WITH_REPLACEMENT:
            self.stream = streams.stream(self.address, "patients", part.stream)

    def traits(self, content: bytes | None) -> list[FileTrait]:
        """The traits that the file gives; none where something is at fault."""
        with self.scope.faults.watch() as here:
            found = self._traits(content)
        if not here.ok:
            self.scope.broken |= set(self.part.columns)
        return found if here.ok else []

    def _traits(self, content: bytes | None) -> list[FileTrait]:
        faults, place = self.scope.faults, (*self.address, "from")
        if content is None:
            faults.append(place, f"'{self.part.source}' is not there: the file is looked for beside this one")
            return []
        if len(content) > MOST_BYTES:
            faults.append(place, f"larger than {MOST_BYTES // 1024 // 1024} MB; at most so much is read")
            return []
        if self.part.sha256 not in (None, found := sha256(content).hexdigest()):
            faults.append((*self.address, "sha256"), f"'{self.part.source}' is another file: its hash is {found}")
            return []
        if not self.part.columns:
            faults.append((*self.address, "columns"), "no column stands here", at_key=True)
            return []
        columns = {
            name: c.column or name if isinstance(c, PatientColumn) else c for name, c in self.part.columns.items()
        }
        parquet = self.part.source.lower().endswith((".parquet", ".pq"))
        with faults.watch() as here:
            read = _of_parquet if parquet else _of_csv
            values = read(content, columns, faults, self.address)
        if values is None or not here.ok:
            return []
        return [t for name in columns if (t := self._trait(name, values[name])) is not None]

    def _trait(self, name: str, values: Floats) -> FileTrait | None:
        address: Address = (*self.address, "columns", name)
        given = self.part.columns[name]
        unit = given.unit if isinstance(given, PatientColumn) else None
        meaning = given.meaning if isinstance(given, PatientColumn) and given.meaning else readable(name)
        dimension = unit_dimension(self.scope.faults, (*address, "unit"), unit, NONE)
        if dimension is None or not self.scope.declare(address, name, "column"):
            return None
        factor = unit_product(unit).value if unit and dimension != NONE else 1.0
        values = values * factor
        self.scope.add(name, dimension, (float(values.min()), float(values.max())))
        return FileTrait(name, values, dimension, meaning)


def _of_csv(
    content: bytes, columns: Mapping[str, str], faults: Faults, address: Address
) -> dict[str, Floats] | None:  # fmt: skip
    """The columns of a CSV file as numbers."""
    place = (*address, "from")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        faults.append(place, f"not UTF-8 text: byte {error.start}; save the file as UTF-8")
        return None
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(lines, [])
        known = _places(head, columns, faults, address)
        if known is None:
            return None
        values: dict[str, list[float]] = {name: [] for name in columns}
        wrong = 0
        for number, row in enumerate(lines, 2):
            if not row:
                continue
            if number > MOST_ROWS + 1:
                faults.append(place, f"more than {MOST_ROWS:,} rows; at most so many are read")
                return None
            for name, at in known.items():
                cell = row[at].strip() if at < len(row) else ""
                value = _number(cell)
                if value is None:
                    wrong += 1
                    if wrong <= _MOST_FAULTS:
                        found = f"'{cell[:40]}'" if cell else "nothing"
                        said = f"row {number}, column '{columns[name]}': expected a number, found {found}"
                        faults.append((*address, "columns", name), said)
                    value = 0.0
                values[name].append(value)
    except csv.Error as error:
        faults.append(place, f"line {lines.line_num}: {error}")
        return None
    if wrong > _MOST_FAULTS:
        faults.append(place, f"{wrong - _MOST_FAULTS:,} more cells are no numbers")
    if not next(iter(values.values())):
        faults.append(place, "no rows stand below the names of the columns")
        return None
    return {name: np.array(column) for name, column in values.items()} if not wrong else None


def _of_parquet(
    content: bytes, columns: Mapping[str, str], faults: Faults, address: Address
) -> dict[str, Floats] | None:  # fmt: skip
    """The columns of a parquet file as numbers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = (*address, "from")
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        rows = file.metadata.num_rows
        known = _places(file.schema_arrow.names, columns, faults, address)
        if known is None:
            return None
        if not 0 < rows <= MOST_ROWS:
            said = "it has no rows" if rows == 0 else f"{rows:,} rows; at most {MOST_ROWS:,} are read"
            faults.append(place, said)
            return None
        table = file.read(columns=list(dict.fromkeys(columns.values())))
    except (pa.ArrowException, OSError) as error:
        faults.append(place, f"it cannot be read as parquet: {str(error).splitlines()[0][:200]}")
        return None
    values = {}
    for name, column in columns.items():
        held = table[column]
        try:
            numbers = np.asarray(held.cast(pa.float64()).to_numpy(), dtype=np.float64)
        except (pa.ArrowException, ValueError):
            faults.append((*address, "columns", name), f"column '{column}' holds {held.type}; expected numbers")
            continue
        bad = np.flatnonzero(~np.isfinite(numbers))
        if len(bad):
            said = f"row {int(bad[0]) + 1}, column '{column}': expected a number, found nothing"
            faults.append((*address, "columns", name), said)
        values[name] = numbers
    return values if len(values) == len(columns) else None


def _places(
    head: Sequence[str], columns: Mapping[str, str], faults: Faults, address: Address
) -> dict[str, int] | None:  # fmt: skip
    """Where each column stands; None, with faults noted, where one does not."""
    names = [n.strip() for n in head]
    if not any(names):
        faults.append((*address, "from"), "the first row must name the columns; found nothing")
        return None
    places = {}
    for name, column in columns.items():
        if column not in names:
            faults.append((*address, "columns", name), unknown("column", column, names))
        elif names.count(column) > 1:
            faults.append((*address, "columns", name), f"two columns are called '{column}'")
        else:
            places[name] = names.index(column)
    return places if len(places) == len(columns) else None


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    # Python reads 1_000 too, which no other program does.
    return value if abs(value) < float("inf") and "_" not in cell else None
