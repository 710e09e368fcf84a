"""Carrying out a study: the only loop that knows workers, the folder of finished chunks, and progress.

Points are simulated and folded in chunks by whoever is there; what the folder has already is not simulated again; the
results of a point are merged in the order of its replicates, so that no bit depends on who did what, or when.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol

from protocolsim.engine.base import Progress
from protocolsim.executor.base import Executor
from protocolsim.executor.choose import executor_for
from protocolsim.study.execution.chunks import Accumulator, Chunk, Local, Out, Piece, Point, Span, Work, carried_out

Workers = int | str | Executor


class Finished(Protocol[Out]):
    """The finished chunks of a study, kept on disk."""

    def prepared(self, work: Work[Any, Out], *, same_disk: bool) -> Work[Any, Out]:
        """The work as it is to be done for this folder; `same_disk`: workers see the same files."""

    def taken_up(self, work: Work[Any, Out]) -> list[Span]:
        """The spans that are there. What is of no use to this study is dropped."""

    def results(self, spans: Sequence[Span]) -> Iterator[tuple[Span, Out]]:
        """What is kept of these spans."""

    def expect(self, chunks: int) -> None:
        """So many chunks will follow."""

    def put(self, chunk: Chunk[Any, Out], results: Sequence[Out]) -> Sequence[Out]:
        """Keep a finished chunk. Returns what of its results is still needed in memory."""


@contextmanager
def opened(workers: Workers) -> Iterator[Executor]:
    """The executor for these workers; one that was handed in stays open."""
    if isinstance(workers, Executor):
        yield workers
        return
    with executor_for(workers) as executor:
        yield executor


def conduct(
    points: Sequence[Point[Piece, Out]],
    workers: Workers = 1,
    finished: Finished[Out] | None = None,
    progress: Progress | None = None,
    *,
    seen: Callable[[Piece], None] | None = None,
    together: int | None = None,
) -> Iterator[Out]:
    """The result of each point, in their order, each as soon as it is whole.

    `finished` keeps each chunk before it is counted, and has what need not be simulated. `progress` is told of
    finished replicates. `seen` is shown the pieces of the first point that are simulated in this process. `together`:
    chunks are of so many whole points. Raises SimulationError with the number of the point that failed.
    """
    with opened(workers) as executor:
        work = Work(tuple(points), together)
        if finished is not None:
            work = finished.prepared(work, same_disk=executor.same_disk)
        merged = _Merged(work)
        for span, result in _results(work, executor, finished, Local(progress, seen)):
            yield from merged.add(span, result)


def _results(
    work: Work[Piece, Out], executor: Executor, finished: Finished[Out] | None, local: Local
) -> Iterator[tuple[Span, Out]]:
    """The result of every span: first those that are there, then the others as they are done."""
    done = [] if finished is None else finished.taken_up(work)
    chunks = work.chunks(done, local)
    if finished is not None:
        finished.expect(len(chunks))
        for span, result in finished.results(done):
            if local.progress is not None:
                local.progress(len(span.replicates))
            yield span, result
    for chunk, made in executor.results(carried_out, chunks):
        results: Sequence[Out] = made.results if finished is None else finished.put(chunk, made.results)
        if local.progress is not None and not made.progress_reported:
            local.progress(chunk.trials)
        yield from zip((p.span for p in chunk.parts), results, strict=True)


class _Merged(Generic[Piece, Out]):
    """Results of spans that come in any order, merged in the order of the study."""

    def __init__(self, work: Work[Piece, Out]) -> None:
        self._points = work.points
        self._expected = deque(work.spans())
        self._waiting: dict[Span, Out] = {}
        self._open: Accumulator[Piece, Out] | None = None

    def add(self, span: Span, result: Out) -> Iterator[Out]:
        """Count in a span: the results of the points that are whole with it."""
        self._waiting[span] = result
        while self._expected and self._expected[0] in self._waiting:
            following = self._expected.popleft()
            yield from self._follow(following, self._waiting.pop(following))

    def _follow(self, span: Span, result: Out) -> Iterator[Out]:
        wanted = self._points[span.point].replicates
        if span.replicates == wanted:
            yield result  # a point of one span needs no merging
            return
        if self._open is None:
            self._open = self._points[span.point].accumulator(Span(span.point, wanted.start, wanted.stop))
        self._open.merge(result)
        if span.stop == wanted.stop:
            whole, self._open = self._open.result(), None
            yield whole
