"""Exclusive locking of the output folder (`--out`), and its replacement without losing a user's own files.

Every command with `--out` uses this. The folder is created if missing, then locked, then inspected, so that two
commands cannot both find it free (no race between check and use). The lock is an advisory `flock` on the folder itself:
the kernel releases it when the process ends, and no lock file is left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from protocolsim.errors import UsageError
from protocolsim.study.storage.write import checksum_of

REPLACED = ".replaced"
# Bytes of a name, on every file system that is usual.
_LONGEST = 250


@dataclass(frozen=True)
class Claim:
    """An exclusively locked folder. `out` is the path that the user gave, `target` the resolved one."""

    out: Path
    target: Path
    _held: ExitStack
    _mine: set[tuple[int, int]]

    def lock(self, folder: Path) -> None:
        """Lock another folder too, until the claim ends. Raises UsageError if another process has it."""
        seen = folder.stat()
        if (seen.st_dev, seen.st_ino) not in self._mine:
            self._held.callback(os.close, _locked(self.out, folder))
            self._mine.add((seen.st_dev, seen.st_ino))


@contextmanager
def claimed(out: Path) -> Iterator[Claim]:
    """Lock the output folder exclusively, following links, for the duration of the context.

    What was made on the way goes again as far as it is empty at the end. Raises UsageError where it cannot be made, is
    the working directory, or another process is at work there.
    """
    target = _meant(out)
    with ExitStack() as held:
        held.enter_context(_parents(out, target))
        try:
            at, made = _taken(out, target)
        except (OSError, ValueError) as error:
            raise cannot_write(out, error) from None
        held.callback(os.close, at)
        if made:
            held.callback(_gone, target)
        yield Claim(out, target, held, set())


def next_to(target: Path, ending: str, before: str = "") -> Path:
    """A folder beside this one that belongs to it; of a long name a part and a checksum of the whole."""
    name = target.name
    if len(os.fsencode(before + name + ending)) > _LONGEST:
        name = f"{name[:40]}~{checksum_of(os.fsencode(name))[:16]}"
    return target.with_name(before + name + ending)


def cannot_write(out: Path, error: OSError | ValueError) -> UsageError:
    """The refusal of a place where nothing can be written."""
    return UsageError(f"--out {out}: cannot write there: {getattr(error, 'strerror', None) or error}")


def _meant(out: Path) -> Path:
    try:
        target = out.resolve()
        if target == Path.cwd() or target in Path.cwd().parents:
            where = "that is" if target == Path.cwd() else "it holds"
            raise UsageError(f"--out {out}: {where} the folder you are in; name a new one")
        if target.exists() and not target.is_dir():
            raise UsageError(f"--out {out}: there is a file of that name; name a folder")
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a circle of links; ValueError: a null byte
        raise UsageError(f"--out {out}: cannot look there: {getattr(error, 'strerror', None) or error}") from None
    return target


@contextmanager
def _parents(out: Path, target: Path) -> Iterator[None]:
    """The folders above the target; those made here go again as far as they are still empty at the end."""
    made: list[Path] = []
    try:
        try:
            for folder in reversed([p for p in target.parents if not p.exists()]):
                with suppress(FileExistsError):  # created by another process meanwhile
                    folder.mkdir()
                    made.append(folder)
        except (OSError, ValueError) as error:
            raise cannot_write(out, error) from None
        yield
    finally:
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()


def _taken(out: Path, target: Path) -> tuple[int, bool]:
    """A handle of the locked folder, and whether it was made here."""
    while True:
        made = False
        with parent_locked(target):
            _recover(target)
            try:
                target.mkdir()
                made = True
            except FileExistsError:
                pass
            at = _locked(out, target)
        # The previous owner may have replaced the folder before we got the lock: compare inodes.
        with suppress(OSError):
            if os.path.samestat(os.fstat(at), target.stat()):
                return at, made
        os.close(at)


def _locked(out: Path, folder: Path) -> int:
    """Open and lock the folder; returns the file descriptor. Raises UsageError if another process has it."""
    at = os.open(folder, os.O_RDONLY)
    try:
        _flock(at, wait=False)
    except BlockingIOError:
        os.close(at)
        raise UsageError(f"--out {out}: another process is at work in {folder}") from None
    except BaseException:
        os.close(at)
        raise
    return at


def _flock(at: int, *, wait: bool) -> None:
    try:
        import fcntl
    except ImportError:  # a system without such locks
        return
    try:
        fcntl.flock(at, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:  # a file system without them
        return


@contextmanager
def parent_locked(target: Path) -> Iterator[None]:
    """Hold a blocking lock of the parent folder, while a folder is created or renamed in it."""
    try:
        at = os.open(target.parent, os.O_RDONLY)
    except OSError:
        yield  # a folder without read permission cannot be locked
        return
    try:
        _flock(at, wait=True)
        yield
    finally:
        os.close(at)


def _gone(target: Path) -> None:
    """Remove a folder that was created here, if it is empty."""
    with suppress(OSError):
        target.rmdir()


def replaced(target: Path) -> Path:
    """The backup path of earlier results during their replacement."""
    return next_to(target, REPLACED, ".")


def put_in_place(new: Path, target: Path) -> Path:
    """Let a finished folder take the place of an earlier one, which stands in the folder returned afterwards.

    If that fails the earlier one is restored, at the latest when the folder is claimed again.
    """
    earlier = replaced(target)
    with parent_locked(target):
        target.rename(earlier)
        try:
            new.rename(target)
        except BaseException:
            earlier.rename(target)
            raise
    return earlier


def _recover(target: Path) -> None:
    """Roll back a replacement that was interrupted between its two renames."""
    earlier = replaced(target)
    if earlier.is_dir() and not target.exists():
        earlier.rename(target)
