"""A study's folder: finished chunks as they come, whole results at the end, and going on where it was stopped.

A new study is made in the wanted folder itself: `manifest.json` says what it is, `chunks/` holds what is finished, and
`summary.json` comes last, so a folder with a manifest and no summary is an unfinished study. Where the folder
holds earlier results, the new ones are made beside it, in NAME.unfinished, and take its place when they are whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocolsim.endpoint.base import Endpoint
from protocolsim.errors import ProtocolsimError, StudyStopped, UsageError, WorkerError
from protocolsim.records import TABLES
from protocolsim.study.chunk import Chunk, Done, Span, Tallied
from protocolsim.study.chunk_files import (
    PARTIAL,
    chunk_name,
    encoded_chunk,
    flush_folder,
    spans_in,
    tallied_in,
    write_durably,
)
from protocolsim.study.encoded import Encoded
from protocolsim.study.manifest import Manifest, read_manifest
from protocolsim.study.store import (
    CHUNKS,
    MANIFEST,
    PARTS,
    RESULTS,
    SUMMARY,
    UNFINISHED,
    held_in,
    made_on_the_way,
    put_in_place,
    target_of,
)


@dataclass
class StudyFolder:
    """Where a study is kept while it grows. `path` is where it stands, `target` where its results belong.

    `shown` is what to call `path` to the user. `earlier` is a folder of finished results that this study goes on from.
    """

    path: Path
    target: Path
    manifest: Manifest
    shown: str
    earlier: Path | None = None
    planned: int = 0
    done: list[Span] = field(default_factory=list)

    @property
    def chunks(self) -> Path:
        """Where the chunks are."""
        return self.path / CHUNKS

    @property
    def finished(self) -> int:
        """How many chunks are there, by what is on the disk: an interruption may come right after one was written."""
        return len(list(self.chunks.glob("[0-9]*.parquet")))

    def put(self, chunk: Chunk, done: Done) -> None:
        """Keep a finished chunk; its tables first, so that a chunk whose file is there is whole."""
        first = done.tallied[0].span
        for table, piece in (done.tables or {}).items():
            write_durably(self._part(table, first, "parquet"), piece.parquet)
            write_durably(self._part(table, first, "csv"), piece.csv)
        endpoints: list[Mapping[str, Endpoint]] = [{}] * len(self.manifest.points)
        for part in chunk.parts:
            endpoints[part.span.point] = part.recipe.scenario.reported
        write_durably(self.chunks / chunk_name(first), encoded_chunk(done.tallied, self.manifest, endpoints))
        self.done += [t.span for t in done.tallied]

    def tallied(self) -> Iterator[Tallied]:
        """What is finished, in the order of the study."""
        for path in sorted(self.chunks.glob("*.parquet")):
            yield from tallied_in(path)

    def tables(self) -> Iterator[dict[str, Encoded]]:
        """The tables of the chunks that were made since the earlier results, in order."""
        earlier = 0 if self.earlier is None else _read(self.earlier, self.earlier).replicates
        for path in sorted((self.path / PARTS).glob(f"{TABLES[0]}-*.parquet")):
            first = Span(0, int(path.stem.rpartition("-")[2]), 0)
            if first.first < earlier:
                continue
            found = {t: [self._part(t, first, kind).read_bytes() for kind in ("parquet", "csv")] for t in TABLES}
            yield {table: Encoded(parquet, csv) for table, (parquet, csv) in found.items()}

    def _part(self, table: str, first: Span, kind: str) -> Path:
        return self.path / PARTS / f"{table}-{first.first:09d}.{kind}"

    @contextmanager
    def results(self) -> Iterator[Path]:
        """A folder to write the final results into; they appear when all of them are whole, the summary last."""
        partial = self.path / RESULTS
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            yield partial
            _flush(partial)
            for file in sorted(partial.iterdir(), key=lambda p: p.name == SUMMARY):
                file.replace(self.path / file.name)
            flush_folder(self.path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self._settle()

    def _settle(self) -> None:
        shutil.rmtree(self.path / PARTS, ignore_errors=True)
        if self.path != self.target:
            put_in_place(self.path, self.target)
            self.path = self.target

    # Opening -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take up what is there, and write down what is wanted now."""
        for folder in (self.chunks, self.path / PARTS):
            folder.mkdir(exist_ok=True)
            for stray in folder.glob(f".*{PARTIAL}"):
                stray.unlink()
        shutil.rmtree(self.path / RESULTS, ignore_errors=True)
        if self.earlier is not None:
            self._take_over(self.earlier)
        for path in sorted(self.chunks.glob("*.parquet")):
            try:
                self.done += [span for span, _ in spans_in(path)]
            except (OSError, ValueError):
                path.unlink()  # damaged since it was written; what it held is simulated again
        write_durably(self.path / MANIFEST, self.manifest.as_json().encode())

    def _take_over(self, earlier: Path) -> None:
        """The chunks of finished results, without copying where the system can do that."""
        for path in (earlier / CHUNKS).glob("*.parquet"):
            mine = self.chunks / path.name
            if not mine.exists():
                try:
                    os.link(path, mine)
                except OSError:
                    write_durably(mine, path.read_bytes())

    def kept(self) -> str:
        """What is kept of the study so far, in words; empty for nothing."""
        finished = self.finished
        whole = max(self.planned, finished)
        return f"{finished} of {whole} parts are kept in {self.shown}" if finished else ""


@contextmanager
def study_folder(
    out: Path, manifest: Manifest, *, overwrite: bool = False, resume: bool = False
) -> Iterator[StudyFolder]:
    """The folder of a study, which keeps what is finished whatever stops it.

    Raises UsageError before anything is computed where `out` cannot be made, holds something else, or an unfinished or
    finished study that is not to be gone on with (`resume`) nor to be replaced (`overwrite`), or another one than this;
    StudyStopped where writing fails or workers die, with what was kept.
    """
    if overwrite and resume:
        raise UsageError("--resume goes on with what --overwrite would replace; give one of them")
    target = target_of(out, overwrite=overwrite, resume=resume)
    folder = _opened(out, target, manifest, overwrite=overwrite, resume=resume)
    new = not folder.path.exists() or not any(folder.path.iterdir())
    made = not folder.path.exists()
    with made_on_the_way(out, folder.path):
        try:
            folder.path.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"--out {out}: cannot write there: {error.strerror or error}") from None
        with _locked(out, folder.path):
            try:
                folder.begin()
                yield folder
            except (OSError, WorkerError) as error:
                raise _stopped(out, folder, error) from None
            except KeyboardInterrupt as error:
                error.args = (folder.kept(),)
                raise
            except ProtocolsimError:
                # What cannot be simulated now can never be; only what was there before stays.
                if new:
                    _remove(folder.path, made)
                raise
            finally:
                if new and not folder.finished:
                    _remove(folder.path, made)


def _stopped(out: Path, folder: StudyFolder, error: Exception) -> ProtocolsimError:
    why = str(error)
    if isinstance(error, OSError):
        why = f"--out {out}: writing failed: {error.strerror or error}"
    kept = folder.kept()
    return StudyStopped(f"{why}; {kept}") if kept else UsageError(f"{why}; nothing was left there")


def _opened(out: Path, target: Path, manifest: Manifest, *, overwrite: bool, resume: bool) -> StudyFolder:
    """Which folder the study is made in, and what it goes on from."""
    beside = target.with_name(target.name + UNFINISHED)
    finished = (target / SUMMARY).exists()
    if not overwrite and not resume and beside.exists():
        raise UsageError(
            f"--out {out}: an unfinished study stands beside it, in {beside.name}; add --resume to go on with it, or "
            "--overwrite to begin anew"
        )
    there = StudyFolder(target, target, manifest, str(out))
    next_to_it = StudyFolder(beside, target, manifest, f"{out}{UNFINISHED}")
    if overwrite:
        _clear(out, beside)
        if not finished and target.exists():
            _clear(out, target)
        return next_to_it if finished else there
    if not resume:
        return there
    if (beside / SUMMARY).exists():
        put_in_place(beside, target)  # whole, and stopped just before it took its place
        finished = True
    if (beside / MANIFEST).exists():
        manifest.goes_on(_read(out, beside), f"the unfinished study in {next_to_it.shown}")
        next_to_it.earlier = target if finished and _same(out, target, manifest) else None
        return next_to_it
    if not target.exists() or not any(target.iterdir()):
        return there
    manifest.goes_on(_read(out, target), f"--out {out}")
    next_to_it.earlier = target
    return next_to_it if finished else there


def _same(out: Path, target: Path, manifest: Manifest) -> bool:
    """Whether finished results are of the same study, with fewer replicates."""
    if not (target / MANIFEST).exists():
        return False
    try:
        manifest.goes_on(_read(out, target), "")
    except UsageError:
        return False
    return True


def _read(out: Path, folder: Path) -> Manifest:
    try:
        return read_manifest((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"--out {out}: it has no {MANIFEST}, so there is nothing to go on from") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--out {out}: cannot read {folder / MANIFEST}: {error}") from None


def _clear(out: Path, folder: Path) -> None:
    """Take away an unfinished study that is to be replaced."""
    if folder.exists():
        others = held_in(folder).others
        if others:
            raise UsageError(f"--out {out}: {folder} holds '{others[0]}'; move it away, or it would be lost")
        shutil.rmtree(folder)


def _remove(folder: Path, made: bool) -> None:
    """Take away what a study wrote that came to nothing, and its folder too if it was made for it."""
    for name in (CHUNKS, PARTS, RESULTS):
        shutil.rmtree(folder / name, ignore_errors=True)
    with suppress(OSError):
        (folder / MANIFEST).unlink(missing_ok=True)
        if made:
            folder.rmdir()


def _flush(folder: Path) -> None:
    """Flush files to the disk before they are given their places."""
    for path in folder.iterdir():
        at = os.open(path, os.O_RDWR)
        try:
            os.fsync(at)
        finally:
            os.close(at)


@contextmanager
def _locked(out: Path, folder: Path) -> Iterator[None]:
    """Nobody else works on the folder meanwhile. Raises UsageError where somebody does."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        yield
        return
    at: Any = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"--out {out}: another process is at work in {folder}") from None
        yield
    finally:
        with suppress(OSError):
            os.close(at)
