"""A study as a list of chunks, each a pure function of a scenario, a seed and some replicates.

Where chunks begin and end depends on the study alone, never on who carries them out, and no number depends on that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from protocolsim.arrays import Floats
from protocolsim.errors import SimulationError
from protocolsim.records import SUBJECTS_TOGETHER, Records
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import Address, Document, Place
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.engines import Progress, pieces
from protocolsim.study.estimation.endpoint_sums import Tally
from protocolsim.study.execution.encoded_tables import Encoded, Encoder

# Subjects of a chunk: so many that a chunk takes a few tenths of a second or more, and few enough that little is lost.
_SUBJECTS = {"batch": 2 * SUBJECTS_TOGETHER, "des": 256}
# Tables of a larger replicate would not fit into memory: they are written to the disk where they are made.
MOST_SUBJECTS_IN_TABLES = 4 * SUBJECTS_TOGETHER


@dataclass(frozen=True)
class Recipe:
    """A scenario on its way to another process: it holds compiled closures, so its data travel and it is built anew."""

    scenario: Scenario

    def __reduce__(self) -> tuple[Callable[[str, str, bool], Recipe], tuple[str, str, bool]]:
        """As text, which holds every number of a scenario exactly."""
        document = self.scenario.document
        return _received, (document.source, json.dumps(document.data), self.scenario.allow_plugins)


@lru_cache(maxsize=8)
def _received(source: str, text: str, allow_plugins: bool) -> Recipe:
    """The scenario again; the last few are kept, as many chunks in a row are of the same."""
    places: dict[Address, Place] = {(): Place(source, 0, 0, 0, 0)}
    return Recipe(build(Document(source, json.loads(text), "", places), allow_plugins=allow_plugins))


@dataclass(frozen=True)
class Local:
    """What is told of a chunk while it is carried out in this process; it stays here when the chunk travels."""

    progress: Progress | None = None
    seen: Callable[[Records], None] | None = None

    def __reduce__(self) -> tuple[type[Local], tuple[()]]:
        """Nobody listens elsewhere."""
        return Local, ()


@dataclass(frozen=True, order=True)
class Span:
    """Some replicates of one of a study's scenarios: from `first` to before `stop`."""

    point: int
    first: int
    stop: int

    @property
    def name(self) -> str:
        """The name of a chunk that begins with it; in the order of names chunks are in the order of the study."""
        return f"{self.point:05d}-{self.first:09d}-{self.stop:09d}"

    @property
    def replicates(self) -> range:
        """The same as a range."""
        return range(self.first, self.stop)


@dataclass(frozen=True)
class Part:
    """A span with the scenario and the engine that it needs."""

    span: Span
    recipe: Recipe
    engine: str


@dataclass(frozen=True)
class Chunk:
    """What is carried out, stored and lost as one: the parts of one or several scenarios. `tables`: theirs too.

    `spool` is a folder for tables that are too large for memory.
    """

    parts: tuple[Part, ...]
    seed: int
    tables: bool = False
    spool: Path | None = None
    local: Local = field(default=Local(), compare=False)

    @property
    def trials(self) -> int:
        """How many replicates it has."""
        return sum(len(p.span.replicates) for p in self.parts)

    def encoder(self) -> Encoder | None:
        """What makes its tables, if any are wanted."""
        if not self.tables:
            return None
        large = any(is_large(p.recipe.scenario) for p in self.parts)
        return Encoder(self.spool if large else None, self.parts[0].span.name)


def is_large(scenario: Scenario) -> bool:
    """Whether the tables of one replicate are too large for memory."""
    return scenario.trial.cohort.size > MOST_SUBJECTS_IN_TABLES


@dataclass(frozen=True)
class Tallied:
    """The sums of a span: [replicates, k] by endpoint; `rows` is the size of the tables they came from."""

    span: Span
    sums: Mapping[str, Floats]
    rows: int


@dataclass(frozen=True)
class Done:
    """What a chunk comes to; `tables` where it was asked for them. `told`: whoever waits was told of its trials."""

    tallied: tuple[Tallied, ...]
    tables: Mapping[str, Encoded] | None
    told: bool


def carried_out(chunk: Chunk) -> Done:
    """Simulate a chunk. Raises SimulationError where a cohort cannot be filled."""
    tallied: list[Tallied] = []
    encoder = chunk.encoder()
    local = chunk.local
    for part in chunk.parts:
        scenario = part.recipe.scenario
        tally = Tally(scenario.reported, scenario.populations)
        try:
            for records in pieces(scenario, chunk.seed, part.span.replicates, part.engine, local.progress):
                tally.add(records)
                if encoder is not None:
                    encoder.add(records)
                records.derived.clear()
                if local.seen is not None:
                    local.seen(records)
        except SimulationError as error:
            error.point = part.span.point
            raise
        tallied.append(Tallied(part.span, tally.sums(), tally.rows))
    return Done(tuple(tallied), None if encoder is None else encoder.finish(), told=local.progress is not None)


# Planning ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """A study that can be cut into chunks: its scenarios, each with its engine, and their random numbers."""

    scenarios: Sequence[Scenario]
    engines: Sequence[str]
    seed: int
    replicates: int
    tables: bool = False

    def spans(self) -> list[Span]:
        """All spans of the study. Where they begin and end does not depend on what is done already."""
        return [span for point in range(len(self.scenarios)) for span in self._cut(point)]

    def _cut(self, point: int) -> Iterator[Span]:
        size = max(1, self._subjects(point) // self.scenarios[point].trial.cohort.size)
        for first in range(0, self.replicates, size):
            yield Span(point, first, min(self.replicates, first + size))

    def _subjects(self, point: int) -> int:
        return _SUBJECTS[self.engines[point]]

    def chunks(self, done: Iterable[Span] = (), local: Local = Local(), spool: Path | None = None) -> list[Chunk]:
        """What is left to do; small spans of several scenarios share a chunk."""
        there = set(done)
        found: list[Chunk] = []
        together: list[Part] = []
        used = 0.0
        recipes = [Recipe(s) for s in self.scenarios]
        for span in (s for s in self.spans() if s not in there):
            share = len(span.replicates) * self.scenarios[span.point].trial.cohort.size / self._subjects(span.point)
            if together and used + share > 1.0:
                found.append(Chunk(tuple(together), self.seed, self.tables, spool, local))
                together, used = [], 0.0
            together.append(Part(span, recipes[span.point], self.engines[span.point]))
            used += share
        if together:
            found.append(Chunk(tuple(together), self.seed, self.tables, spool, local))
        return found
