"""A study as points whose simulations are folded (reduced), and its partition into chunks for executors.

A point is some trials of one scenario: of a grid, of a random stream, on both branches of a decision. An accumulator
folds its simulations. The result of a chunk is a pure function of the chunk. The partition depends on the study alone,
not on the executor or the number of workers, and no number depends on the partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from protocolsim.engine.base import Progress
from protocolsim.errors import SimulationError
from protocolsim.records import SUBJECTS_TOGETHER
from protocolsim.scenario.scenario import Scenario

# Subjects per chunk: enough for a few tenths of a second of work, few enough that an interruption loses little.
_SUBJECTS = {"batch": 2 * SUBJECTS_TOGETHER, "des": 256}

Piece = TypeVar("Piece")
PieceAdded = TypeVar("PieceAdded", contravariant=True)  # noqa: PLC0105 - its place says it
Out = TypeVar("Out")


@dataclass(frozen=True, order=True)
class Span:
    """A half-open range of replicates, `first` to `stop`, of one point of a study."""

    point: int
    first: int
    stop: int

    @property
    def name(self) -> str:
        """The name of the chunk that begins with this span; lexicographic order is the order of the study."""
        return f"{self.point:05d}-{self.first:09d}-{self.stop:09d}"

    @property
    def replicates(self) -> range:
        """The same as a range."""
        return range(self.first, self.stop)


class Accumulator(Protocol[PieceAdded, Out]):
    """A reduction over pieces of records in order, with a `merge` of partial results (a monoid).

    Folding replicates in parts and merging these in order gives the same result as folding all at once, bit for bit.
    """

    def add(self, piece: PieceAdded) -> None:
        """Fold the next piece: records, or those of both branches of a decision."""

    def merge(self, later: Out) -> None:
        """Merge the result of the replicates that follow."""

    def result(self) -> Out:
        """The folded result, a picklable value."""


class Point(Protocol[Piece, Out]):
    """The simulation at one point of a study, and its accumulator. A picklable value, sent to worker processes."""

    @property
    def scenario(self) -> Scenario:
        """The scenario, whose size determines the partition into chunks."""

    @property
    def engine(self) -> str:
        """The name of the engine."""

    @property
    def replicates(self) -> range:
        """Which replicates are wanted."""

    def pieces(self, replicates: range, progress: Progress | None = None) -> Iterator[Piece]:
        """Simulate some of the replicates. Raises SimulationError if a cohort cannot be filled."""

    def accumulator(self, span: Span) -> Accumulator[Piece, Out]:
        """A new accumulator for these replicates of the point."""


@dataclass(frozen=True)
class Local:
    """In-process callbacks, which are dropped on pickling; `seen` is called with the pieces of point 0."""

    progress: Progress | None = None
    seen: Callable[[Any], None] | None = None

    def __reduce__(self) -> tuple[type[Local], tuple[()]]:
        """Pickle without the callbacks, which cannot be called from another process."""
        return Local, ()


@dataclass(frozen=True)
class ChunkPart(Generic[Piece, Out]):
    """Some replicates of a point."""

    span: Span
    point: Point[Piece, Out]


@dataclass(frozen=True)
class Chunk(Generic[Piece, Out]):
    """The unit of execution, storage and loss: parts of one or several points, at most one of each."""

    parts: tuple[ChunkPart[Piece, Out], ...]
    local: Local = field(default=Local(), compare=False)

    @property
    def name(self) -> str:
        """Its name in a folder."""
        return self.parts[0].span.name

    @property
    def trials(self) -> int:
        """How many replicates it has."""
        return sum(len(p.span.replicates) for p in self.parts)


@dataclass(frozen=True)
class Done(Generic[Out]):
    """The results of a chunk's parts; `progress_reported`: True if the worker has reported its replicates already."""

    results: tuple[Out, ...]
    progress_reported: bool


def carried_out(chunk: Chunk[Piece, Out]) -> Done[Out]:
    """Simulate a chunk. Raises SimulationError, with the number of the point, if a cohort cannot be filled."""
    results = []
    local = chunk.local
    for part in chunk.parts:
        accumulator = part.point.accumulator(part.span)
        try:
            for piece in part.point.pieces(part.span.replicates, local.progress):
                accumulator.add(piece)
                if local.seen is not None and part.span.point == 0:
                    local.seen(piece)
        except SimulationError as error:
            error.point = part.span.point
            raise
        results.append(accumulator.result())
    return Done(tuple(results), progress_reported=local.progress is not None)


# Cutting -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work(Generic[Piece, Out]):
    """A study to be partitioned. `together`: whole points per chunk; otherwise by numbers of subjects."""

    points: Sequence[Point[Piece, Out]]
    together: int | None = None

    def spans(self) -> list[Span]:
        """All spans of the study, independent of what is done already."""
        return [span for number in range(len(self.points)) for span in self._cut(number)]

    def _cut(self, number: int) -> Iterator[Span]:
        point = self.points[number]
        start, stop = point.replicates.start, point.replicates.stop
        size = max(1, _SUBJECTS[point.engine] // point.scenario.trial.cohort.size) if self.together is None else stop
        for first in range(start, stop, max(1, size)):
            yield Span(number, first, min(stop, first + size))

    def chunks(self, done: Iterable[Span] = (), local: Local = Local()) -> list[Chunk[Piece, Out]]:
        """The chunks left to simulate."""
        there = set(done)
        missing = [span for span in self.spans() if span not in there]
        return [
            Chunk(tuple(ChunkPart(span, self.points[span.point]) for span in spans), local)
            for spans in self._packed(missing)
        ]

    def _packed(self, missing: Sequence[Span]) -> Iterator[list[Span]]:
        """Small spans of several points share a chunk."""
        packed: list[Span] = []
        used = 0.0
        for span in missing:
            if packed and (self._apart(packed, span) or used + self._share(span) > 1.0):
                yield packed
                packed, used = [], 0.0
            packed.append(span)
            used += self._share(span)
        if packed:
            yield packed

    def _apart(self, packed: Sequence[Span], span: Span) -> bool:
        if self.together is None:
            return packed[-1].point == span.point
        return packed[0].point // self.together != span.point // self.together

    def _share(self, span: Span) -> float:
        """The fraction of a chunk's capacity that a span takes."""
        if self.together is not None:
            return 0.0
        point = self.points[span.point]
        return len(span.replicates) * point.scenario.trial.cohort.size / _SUBJECTS[point.engine]
