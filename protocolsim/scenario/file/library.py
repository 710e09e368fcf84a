"""The scenarios that come with the package, found by name wherever it is installed.

A wheel carries them in `protocolsim/scenario/shipped/`; a checkout (an editable install) has them in `scenarios/`.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from protocolsim.errors import UsageError, unknown

_ENDINGS = (".yaml", ".yml")
_TARGETS = "targets"


def names() -> list[str]:
    """The shipped scenarios' names, sorted."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def is_path(name_or_path: str) -> bool:
    """Whether the words mean a file: they have a separator, or end in .yaml or .yml."""
    separators = {os.sep, os.altsep or os.sep, "/"}
    return any(s in name_or_path for s in separators) or name_or_path.lower().endswith(_ENDINGS)


def find(name_or_path: str) -> Path:
    """The file meant: a path as it stands (the reader says if nothing is there), else the shipped scenario.

    Raises UsageError for a name that no shipped scenario has.
    """
    known = names()
    if is_path(name_or_path):
        path = Path(name_or_path)
        shipped = path.name == name_or_path and not os.path.lexists(path) and path.stem in known
        return _folder() / f"{path.stem}.yaml" if shipped else path
    if name_or_path in known:
        return _folder() / f"{name_or_path}.yaml"
    message = unknown("scenario", name_or_path, known, limit=len(known))
    if known and "known here" not in message:
        message += f" Shipped: {', '.join(known)}"
    if os.path.lexists(name_or_path):
        message += f"; to mean what stands in this folder write './{name_or_path}'"
    raise UsageError(message)


def targets() -> list[str]:
    """The names of the shipped files of targets, sorted; each is that of its scenario."""
    return sorted(path.stem for path in (_folder() / _TARGETS).glob("*.yaml"))


def find_targets(name_or_path: str) -> Path:
    """The file of targets meant: a path as it stands, else the shipped one of that name.

    Raises UsageError for a name that no shipped targets have.
    """
    if is_path(name_or_path):
        return Path(name_or_path)
    known = targets()
    if name_or_path not in known:
        raise UsageError(f"{unknown('targets', name_or_path, known)}; or give the path of a file")
    return _folder() / _TARGETS / f"{name_or_path}.yaml"


def _folder() -> Path:
    package = Path(str(resources.files("protocolsim.scenario")))
    installed = package / "shipped"
    checkout = package.parents[1]
    # Beside an installed package `scenarios` would be somebody else's folder; only a checkout has the build file too.
    if not installed.is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / "scenarios"
    return installed
