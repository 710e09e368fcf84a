"""Finished chunks in a study's folder, whatever their results are: which of them a study can go on from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic

from protocolsim.study.execution.chunks import Out, Span, Work
from protocolsim.study.storage import ours
from protocolsim.study.storage.ledger import LedgerEntry

if TYPE_CHECKING:
    from pathlib import Path

    from protocolsim.study.storage.study_folder import StudyFolder


class KeptChunks(Generic[Out]):
    """The part of `conduct.Finished` that is the same for all results: a chunk's ledger entry says its spans."""

    def __init__(self, folder: StudyFolder) -> None:
        self.folder = folder

    def prepared(self, work: Work[Any, Out], *, same_disk: bool) -> Work[Any, Out]:  # noqa: ARG002
        """As it is: nothing is too large to travel."""
        return work

    def taken_up(self, work: Work[Any, Out]) -> list[Span]:
        """The spans that the folder has already, in the order of the study.

        What else it has (the end of a study that had fewer replicates) is dropped and done again.
        """
        missing, there = set(work.spans()), []
        for name, entry in sorted(self.folder.entries.items()):
            spans = [Span(*span[:3]) for span in entry.told["spans"]]
            useful = [span for span in spans if span in missing]
            if useful and self.usable(work, entry, spans, useful):
                missing -= set(useful)
                there += useful
            else:
                self.folder.drop(name)
        return there

    def usable(self, work: Work[Any, Out], entry: LedgerEntry, spans: Sequence[Span], useful: Sequence[Span]) -> bool:  # noqa: ARG002
        """Whether a chunk that has some useful spans can be taken up."""
        return True

    def expect(self, chunks: int) -> None:
        """So many chunks will follow."""
        self.folder.planned = self.folder.finished + chunks

    def file_of(self, name: str) -> Path:
        """Where the file of a chunk stands."""
        return self.folder.path / chunk_file(name)


def chunk_file(name: str) -> str:
    """The file of a chunk, from the folder of the study on."""
    return f"{ours.CHUNKS}/{name}.parquet"
