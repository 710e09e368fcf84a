"""Atomic, durable file writes (temporary file, fsync, rename), and checksums to detect damage."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

PARTIAL = ".partial"


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that is whole or absent, and flush its name too."""
    write_whole(path, content)
    flush_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, then give it its name. OSError leaves nothing.

    The name itself is on the disk when its folder is flushed, which may be done once for many.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        with partial.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def flush_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can do that."""
    if os.name == "nt":
        return
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def flush_file(path: Path) -> None:
    """Flush a file's content to the disk."""
    at = os.open(path, os.O_RDWR)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def checksum(path: Path) -> str | None:
    """SHA-256 of a file's bytes, in hexadecimal digits; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def checksum_of(content: bytes) -> str:
    """The same of bytes in memory."""
    return hashlib.sha256(content).hexdigest()


def move_new(source: Path, target: Path) -> None:
    """Give a file its name without ever replacing another. Raises FileExistsError where there is one.

    A file that has both names already (something stopped the last attempt between them) keeps the new one.
    """
    if target.exists() and source.samefile(target):
        source.unlink()
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links: check, then rename, with a small race between the two.
        if target.exists() or target.is_symlink():
            raise FileExistsError(target) from None
        source.rename(target)
        return
    source.unlink()


def link_or_copy(source: Path, target: Path) -> None:
    """The same file under a second name, without copying where the system can do that."""
    try:
        os.link(source, target)
    except OSError:
        partial = target.with_name(f".{target.name}{PARTIAL}")
        shutil.copyfile(source, partial)
        flush_file(partial)
        partial.replace(target)
