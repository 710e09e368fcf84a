"""A study's folder: checkpoints of finished chunks, final results, and resuming after an interruption.

A new study is made in the wanted folder itself: `manifest.json` says what it is, `chunks/` and `ledger.jsonl` hold what
is finished, and `summary.json` comes last, so a folder with finished pieces and no summary is an unfinished study.
Where the folder holds earlier results, the new ones are made beside it, in NAME.unfinished, and take its place when
they are whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocolsim.errors import ProtocolsimError, StudyStopped, UsageError, WorkerError
from protocolsim.study.storage import ours
from protocolsim.study.storage.claim import Claim, cannot_write, claimed, next_to, put_in_place, replaced
from protocolsim.study.storage.ledger import LedgerEntry, add_to_ledger, read_ledger, write_ledger
from protocolsim.study.storage.manifest import Manifest, manifest_in, manifest_path
from protocolsim.study.storage.table_parts import tables_taken_over
from protocolsim.study.storage.write import (
    checksum,
    checksum_of,
    flush_file,
    flush_folder,
    link_or_copy,
    move_new,
    write_durably,
    write_whole,
)

UNFINISHED = ".unfinished"
# Result files that depend on time and speed: never read back, and not in the manifest's checksums.
_TIMED = (ours.REPORT, ours.PROVENANCE)


@dataclass
class StudyFolder:
    """Where a study is kept while it grows. `path` is where it stands, `target` where its results belong.

    `shown` is what to call `path` to the user. `earlier` is a folder of finished results that this study goes on from,
    with its manifest. `pieces` is the folder of the finished pieces, `entries` what the ledger has of them, `lost` and
    `lost_earlier` the files of either that were damaged. `replacing` is what stands in `target` that may be deleted, as
    it was when this began. `notes` are messages for the user at the end. `concluded`: all is simulated, and
    results are being written.
    """

    path: Path
    target: Path
    manifest: Manifest
    shown: str
    pieces: str = ours.CHUNKS
    earlier: tuple[Path, Manifest] | None = None
    planned: int = 0
    entries: dict[str, LedgerEntry] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    lost_earlier: list[str] = field(default_factory=list)
    replacing: ours.Inventory = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list)
    concluded: bool = False

    @property
    def parts(self) -> Path:
        """Where the tables of the finished pieces wait to be joined."""
        return self.path / ours.PARTS

    @property
    def finished(self) -> int:
        """How many pieces are there, by what is on the disk: an interruption may come right after one was written."""
        return len(self.entries or read_ledger(self.path, self.manifest.identity))

    def keep(self, name: str, told: Mapping[str, Any], contents: Mapping[str, bytes | Path]) -> None:
        """Store a finished chunk: its files by name in this folder, then its line in the ledger.

        Files that are on the disk already are given their names. A piece that is in the ledger is whole: what it is
        made of, and the names of that, are on the disk before.
        """
        sums = {}
        for file, content in contents.items():
            place = self.path / file
            place.parent.mkdir(exist_ok=True)
            if isinstance(content, Path):
                flush_file(content)
                content.replace(place)
                sums[file] = str(checksum(place))
            else:
                write_whole(place, content)
                sums[file] = checksum_of(content)
        for parent in {(self.path / file).parent for file in sums}:
            flush_folder(parent)
        entry = LedgerEntry(name, told, sums)
        add_to_ledger(self.path, self.manifest.identity, entry)
        self.entries[entry.name] = entry

    def drop(self, name: str) -> None:
        """Forget a piece that this study has no use for; its files go."""
        for file in self.entries.pop(name).files:
            (self.path / file).unlink(missing_ok=True)

    def files_of(self, entry: LedgerEntry) -> list[Path]:
        """Where the files of a piece stand."""
        return [self.path / name for name in entry.files]

    @contextmanager
    def results(self) -> Iterator[Path]:
        """A folder to write the final results into; they appear when all of them are whole, the summary last."""
        staged = self.path / ours.RESULTS
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        self.concluded = True
        try:
            yield staged
            files = [p for p in sorted(staged.rglob("*")) if p.is_file()]
            for file in files:
                flush_file(file)
            self._finish(staged, {p.relative_to(staged).as_posix(): p for p in files})
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def _finish(self, staged: Path, files: Mapping[str, Path]) -> None:
        """Everything is there; from here on it is only given its names, which a later command can end."""
        sums = {name: str(checksum(path)) for name, path in files.items() if name not in _TIMED}
        write_durably(self._manifest_path, self.manifest.with_files(sums).as_json().encode())
        if self.entries:
            write_ledger(self.path, self.manifest.identity, self.entries.values())
        staged.rename(self.path / ours.PUBLISHING)
        flush_folder(self.path)
        publish(self.path, self.shown)
        if self.path != self.target:
            self.notes += replace_results(self.path, self.target, self.replacing)
            self.path = self.target

    @property
    def _manifest_path(self) -> Path:
        return manifest_path(self.path, self.pieces)

    # Opening -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take up what is there, and write down what is wanted now."""
        self._manifest_path.parent.mkdir(exist_ok=True)
        # Before anything else: it says whose the rest is.
        write_durably(self._manifest_path, self.manifest.as_json().encode())
        shutil.rmtree(self.path / ours.RESULTS, ignore_errors=True)
        if self.earlier is not None:
            self._take_over(*self.earlier)
        for name, entry in read_ledger(self.path, self.manifest.identity).items():
            if name in self.entries:  # taken over just now
                continue
            damaged = [file for file, sum_ in entry.files.items() if checksum(self.path / file) != sum_]
            if damaged:
                # What it held is done again. Parts are taken away at the end, so that they are missed only before.
                self.lost += [file for file in damaged if (self.path / file).exists()]
            else:
                self.entries[name] = entry
        known = {file for entry in self.entries.values() for file in entry.files}
        known.add(f"{ours.REFERENCE}/{ours.PLAN}")
        for folder in (self.pieces, ours.PARTS):
            ours.clear_inside(self.path, folder, but=known)

    def _take_over(self, earlier: Path, manifest: Manifest) -> None:
        """The pieces of finished results, linked where the system can do that, and their share of the tables."""
        for folder in (self.pieces, ours.PARTS):
            (self.path / folder).mkdir(exist_ok=True)
        there = read_ledger(self.path, self.manifest.identity)
        entries = read_ledger(earlier, manifest.identity)
        wanted = []
        for name, entry in entries.items():
            damaged = [f for f in self._own(entry) if checksum(earlier / f) != entry.files[f]]
            self.lost_earlier += damaged
            if name not in there and not damaged:
                wanted.append(name)
        for name, parts in tables_taken_over(earlier, manifest, entries, wanted, self.parts, self.lost_earlier).items():
            entry = entries[name]
            for file in self._own(entry):
                if not (self.path / file).exists():
                    link_or_copy(earlier / file, self.path / file)
            files = {**{file: entry.files[file] for file in self._own(entry)}, **parts}
            self.entries[name] = LedgerEntry(name, entry.told, files)
            add_to_ledger(self.path, self.manifest.identity, self.entries[name])

    @staticmethod
    def _own(entry: LedgerEntry) -> list[str]:
        """The files of a piece that stay when the tables are joined."""
        return [file for file in entry.files if not file.startswith(f"{ours.PARTS}/")]

    @property
    def damaged(self) -> list[str]:
        """What was found damaged, in words."""
        lost = ((self.shown, self.lost), (self.target.name, self.lost_earlier))
        return [
            f"'{name}' of {folder} was damaged; what it held is done again"
            for folder, names in lost
            for name in dict.fromkeys(names)
        ]

    def kept(self) -> str:
        """What is kept of the study so far, in words; empty for nothing."""
        finished = self.finished
        whole = max(self.planned, finished)
        return f"{finished} of {whole} parts are kept in {self.shown}" if finished else ""


class _OccupiedError(UsageError):
    """A user's file has the name of a result; all results are complete, but not renamed."""


def publish(folder: Path, shown: str) -> None:
    """Give finished results their names, the summary last. Nothing that stands there is ever replaced.

    Raises UsageError if a file of such a name has appeared there meanwhile.
    """
    waiting = folder / ours.PUBLISHING
    files = [p for p in sorted(waiting.rglob("*")) if p.is_file()]
    for file in sorted(files, key=lambda p: p.name == ours.SUMMARY):
        place = folder / file.relative_to(waiting)
        place.parent.mkdir(exist_ok=True)
        try:
            move_new(file, place)
        except FileExistsError:
            raise _OccupiedError(
                f"{shown}: '{place.relative_to(folder).as_posix()}' was put there meanwhile, by somebody else; nothing "
                "was replaced. Move it away and give the command again: the results wait beside it"
            ) from None
    shutil.rmtree(waiting, ignore_errors=True)
    ours.clear_inside(folder, ours.PARTS)
    flush_folder(folder)


def replace_results(new: Path, target: Path, only: ours.Inventory | None = None) -> list[str]:
    """Let new results take the place of earlier ones, of which only ours are deleted; what became of the rest."""
    earlier = put_in_place(new, target)
    return _given_back(earlier, target, only)


def _given_back(earlier: Path, target: Path, only: ours.Inventory | None = None) -> list[str]:
    """Move files that the user added to earlier results back, or beside them if the name is taken."""
    messages = []
    for name in ours.remove(earlier, only):
        place = target / name
        try:
            place.parent.mkdir(exist_ok=True)
            if place.exists():
                raise FileExistsError(place)
            (earlier / name).rename(place)
        except OSError:
            aside = next_to(target, f".{place.name}", ".meanwhile-")
            (earlier / name).rename(aside)
            messages.append(f"'{name}' was put into {target.name} meanwhile, by somebody else; it stands in {aside}")
    ours.remove(earlier, only)
    return messages


@contextmanager
def study_folder(
    out: Path,
    manifest: Manifest,
    *,
    overwrite: bool = False,
    resume: bool = False,
    pieces: str = ours.CHUNKS,
) -> Iterator[StudyFolder]:
    """The folder of a study, which keeps what is finished whatever stops it.

    Raises UsageError before anything is computed where `out` cannot be made, holds something else, or an unfinished or
    finished study that is not to be gone on with (`resume`) nor to be replaced (`overwrite`), or another one than this,
    or where another process is at work; StudyStopped where writing fails or workers die, with what was kept.
    """
    if overwrite and resume:
        raise UsageError("--resume goes on with what --overwrite would replace; give one of them")
    with claimed(out) as claim:
        try:
            folder = _opened(claim, manifest, pieces, overwrite=overwrite, resume=resume)
            new = not ours.held_in(folder.path).unfinished
        except (OSError, ValueError) as error:
            raise cannot_write(out, error) from None
        try:
            folder.begin()
            yield folder
        except (OSError, WorkerError) as error:
            raise _stopped(out, folder, error) from None
        except KeyboardInterrupt as error:
            error.args = (folder.kept(),)
            raise
        except (StudyStopped, _OccupiedError):
            raise
        except ProtocolsimError as error:
            if folder.concluded and folder.kept():
                raise StudyStopped(f"{error}; {folder.kept()}") from error
            # What cannot be simulated now can never be; only what was there before stays.
            if new:
                _taken_away(folder)
            raise
        finally:
            if new and folder.path.is_dir() and ours.held_in(folder.path).free:
                _taken_away(folder)


def _taken_away(folder: StudyFolder) -> None:
    """What a study wrote that came to nothing goes; the folder that the user named stays as it was claimed."""
    with suppress(OSError):
        (ours.clear if folder.path == folder.target else ours.remove)(folder.path)


def _stopped(out: Path, folder: StudyFolder, error: Exception) -> ProtocolsimError:
    why = str(error)
    if isinstance(error, OSError):
        why = f"--out {out}: writing failed: {error.strerror or error}"
    with suppress(OSError):
        kept = folder.kept()
        return StudyStopped(f"{why}; {kept}") if kept else UsageError(f"{why}; nothing was left there")
    return UsageError(why)


def _opened(claim: Claim, manifest: Manifest, pieces: str, *, overwrite: bool, resume: bool) -> StudyFolder:
    """Which folder the study is made in, and what it goes on from."""
    out, target = claim.out, claim.target
    beside = next_to(target, UNFINISHED)
    if beside.is_dir():
        claim.lock(beside)
    _complete(out, target, beside)
    held = ours.held_in(target)
    if held.others and not (held.finished or held.unfinished):
        raise UsageError(f"--out {out}: it holds other files ('{held.others[0]}'); name a new folder")
    there = StudyFolder(target, target, manifest, str(out), pieces)
    next_to_it = StudyFolder(beside, target, manifest, str(out.with_name(beside.name)), pieces)
    if held.finished:
        next_to_it.replacing = ours.inventory(target)
    if not resume:
        return _anew(claim, there, next_to_it, held, overwrite=overwrite)
    if held.others and held.finished:
        ours.refuse_others(out, target)
    finished = manifest_in(out, target, pieces) if held.finished else None
    if beside.is_dir() and ours.held_in(beside).unfinished:
        manifest.goes_on(manifest_in(out, beside, pieces), f"the unfinished study in {next_to_it.shown}")
    elif held.finished:
        assert finished is not None  # it was read because there are finished results
        manifest.goes_on(finished, f"--out {out}")
        beside.mkdir(exist_ok=True)
        claim.lock(beside)
    else:
        if held.unfinished:
            begun = manifest_in(out, target, pieces)
            manifest.goes_on(begun, f"--out {out}")
            # Results that were whole once, and lost their summary: they are written anew.
            for name in (*begun.files, *(_TIMED if begun.files else ())):
                (target / name).unlink(missing_ok=True)
        return there
    if finished is not None and finished.identity == manifest.identity:
        next_to_it.earlier = (target, finished)
    return next_to_it


def _anew(
    claim: Claim, there: StudyFolder, next_to_it: StudyFolder, held: ours.Held, *, overwrite: bool
) -> StudyFolder:
    """A study that begins: in the folder itself, or beside the results that it is to replace."""
    out, beside = claim.out, next_to_it.path
    if beside.is_dir():
        if not overwrite and ours.held_in(beside).unfinished:
            raise UsageError(
                f"--out {out}: an unfinished study stands beside it, in {beside.name}; add --resume to go on with it, "
                "or --overwrite to begin anew"
            )
        ours.refuse_others(out, beside)
    if held.others:
        ours.refuse_others(out, there.path)
    if held.finished and not overwrite:
        raise UsageError(f"--out {out}: it holds earlier results; add --overwrite to replace them")
    if held.unfinished and not overwrite:
        raise UsageError(
            f"--out {out}: it holds an unfinished study; add --resume to go on with it, or --overwrite to begin anew"
        )
    ours.remove(beside)
    if not held.finished:
        ours.clear(there.path)
        return there
    beside.mkdir(exist_ok=True)
    claim.lock(beside)
    return next_to_it


def _complete(out: Path, target: Path, beside: Path) -> None:
    """Finish the renames of results that were complete when the process was stopped."""
    for folder in (target, beside):
        if (folder / ours.PUBLISHING).is_dir():
            publish(folder, f"--out {out}")
    old = replaced(target)
    if old.is_dir():
        _given_back(old, target)
    if (beside / ours.SUMMARY).exists() and ours.has_manifest(beside):
        replace_results(beside, target)
