"""Carrying out a study: what its folder has already, then what is missing, by whoever is to do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from protocolsim.executor.base import Executor, Found, in_order
from protocolsim.executor.choose import executor_for
from protocolsim.records import Records
from protocolsim.study.engines import Progress
from protocolsim.study.execution.chunks import Local, Tallied, Work, carried_out, is_large
from protocolsim.study.storage import chunk_files
from protocolsim.study.storage.study_folder import StudyFolder

Workers = int | str | Executor


@contextmanager
def opened(workers: Workers) -> Iterator[Executor]:
    """The executor for these workers; one that was handed in stays open."""
    if isinstance(workers, Executor):
        yield workers
        return
    with executor_for(workers) as executor:
        yield executor


def conducted(
    work: Work,
    workers: Workers = 1,
    folder: StudyFolder | None = None,
    progress: Progress | None = None,
    seen: Callable[[Records], None] | None = None,
) -> Iterator[Tallied]:
    """The sums of every span of a study, in any order; each is kept in the folder before it is handed on.

    `progress` is told of finished trials, `seen` is shown the records of what is simulated in this process.
    """
    with opened(workers) as executor:
        if not executor.same_disk and any(map(is_large, work.scenarios)):
            work = replace(work, tables=False)  # they are written afterwards, here
        done = [] if folder is None else chunk_files.taken_up(folder, work.spans(), tables=work.tables)
        chunks = work.chunks(done, Local(progress, seen), None if folder is None else folder.parts)
        if folder is not None:
            folder.planned = folder.finished + len(chunks)
            for tallied in chunk_files.kept_sums(folder, done):
                if progress is not None:
                    progress(len(tallied.span.replicates))
                yield tallied
        for chunk, made in executor.results(carried_out, chunks):
            if folder is not None:
                chunk_files.put(folder, chunk, made)
            if progress is not None and not made.told:
                progress(chunk.trials)
            yield from made.tallied


class Stretch(Protocol):
    """Some replicates that are carried out as one, and who waits for them."""

    @property
    def replicates(self) -> range:
        """Which ones."""
        ...

    @property
    def local(self) -> Local:
        """What is told of them in this process."""
        ...


Some = TypeVar("Some", bound=Stretch)


def in_turn(
    function: Callable[[Some], Found], stretches: Sequence[Some], workers: Workers = 1
) -> Iterator[tuple[Some, Found]]:
    """Each stretch with what the function makes of it, in their order; who waits is told of replicates done."""
    with opened(workers) as executor:
        results = in_order(executor)(partial(_telling, function), stretches)
        for stretch, (found, told) in zip(stretches, results, strict=True):
            if stretch.local.progress is not None and not told:
                stretch.local.progress(len(stretch.replicates))
            yield stretch, found


def _telling(function: Callable[[Some], Found], stretch: Some) -> tuple[Found, bool]:
    """Also whether the function could tell who waits: not in another process."""
    return function(stretch), stretch.local.progress is not None
