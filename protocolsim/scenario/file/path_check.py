"""Why a path is no file that could be read."""

from __future__ import annotations

import stat
from pathlib import Path

from protocolsim.errors import nearest


def why_unreadable(path: Path) -> str | None:
    """Why this path is no file that could be read, or None where it is one."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return _missing(path)
    except (OSError, ValueError) as error:
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if stat.S_ISDIR(mode):
        return "is a folder, not a scenario file"
    return None if stat.S_ISREG(mode) else "is not a regular file"


def _missing(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no such file, and no folder '{path.parent}'"
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        beside = []
    close = nearest(path.name, beside)
    return "there is no such file" + (f"; did you mean '{path.with_name(close)}'?" if close else "")
