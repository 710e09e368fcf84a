"""The scenarios that come with the package or with installed ones, found by name wherever they are installed.

A wheel carries its own in `protocolsim/scenario/shipped/`; a checkout (an editable install) has them in `scenarios/`.
Another package names each of its scenarios by an entry point of the group `protocolsim.scenarios`, whose value is the
package that `NAME.yaml` lies in. Where two have one name, the shipped one is meant.
"""

from __future__ import annotations

import os
from functools import lru_cache
from importlib import resources
from pathlib import Path

from protocolsim.errors import ProtocolsimError, UsageError, nearest, unknown
from protocolsim.plugins import plugins
from protocolsim.scenario.file.yaml_reader import read

_ENDINGS = (".yaml", ".yml")
_TARGETS, _MODELS, _VALIDATION = "targets", "models", "validation"


def names() -> list[str]:
    """The names of the scenarios that come with the package, and of those of installed packages, sorted."""
    return sorted({*_shipped(), *plugins("scenario")})


def validation() -> list[str]:
    """The names of the scenarios of the validation suite, sorted: one published result each, or one trial's."""
    return _stems(_folder() / _VALIDATION)


def _shipped() -> list[str]:
    return _stems(_folder())


def _stems(folder: Path) -> list[str]:
    """The names of the files of a folder, sorted; asked for with each scenario of a grid, so they are kept."""
    try:
        return list(_stems_at(folder, folder.stat().st_mtime_ns))
    except OSError:
        return []  # an installed package may have no such folder


@lru_cache(maxsize=16)
def _stems_at(folder: Path, _changed: int) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def _place(name: str) -> Path:
    """The file of a scenario of that name. Raises UsageError where an installed package promises it and has none."""
    if name in _shipped():
        return _folder() / f"{name}.yaml"
    if name in validation():
        return _folder() / _VALIDATION / f"{name}.yaml"
    plugin = plugins("scenario")[name]
    path = plugin.folder() / f"{name}.yaml"
    if not path.is_file():
        raise UsageError(f"{plugin}: there is no file {name}.yaml in the package {plugin.value}")
    return path


def title_of(name: str) -> str:
    """The title that a scenario's own file has, by the scenario's name; the name where there is none to be read."""
    try:
        return str(read(_place(name)).data.get("title", name))
    except ProtocolsimError:
        return name


def is_path(name_or_path: str) -> bool:
    """Whether the words mean a file: they have a separator, or end in .yaml or .yml."""
    separators = {os.sep, os.altsep or os.sep, "/"}
    return any(s in name_or_path for s in separators) or name_or_path.lower().endswith(_ENDINGS)


def find(name_or_path: str) -> Path:
    """The file meant: a path as it stands (the reader says if nothing is there), else the shipped scenario.

    Raises UsageError for a name that no shipped scenario has.
    """
    known = [*names(), *validation()]
    if is_path(name_or_path):
        path = Path(name_or_path)
        shipped = path.name == name_or_path and not os.path.lexists(path) and path.stem in known
        return _place(path.stem) if shipped else path
    if name_or_path in known:
        return _place(name_or_path)
    # Of those of the validation suite only one that is near is named: they are many, and listed apart.
    listed = known if nearest(name_or_path, known) is not None else names()
    message = unknown("scenario", name_or_path, listed, limit=len(listed))
    if known and "known here" not in message:
        message += f" Shipped: {', '.join(names())}"
    if os.path.lexists(name_or_path):
        message += f"; to mean what stands in this folder write './{name_or_path}'"
    raise UsageError(message)


def targets() -> list[str]:
    """The names of the shipped files of targets, sorted; each is that of its scenario."""
    return _stems(_folder() / _TARGETS)


def models() -> list[str]:
    """The names of the shipped declared models, sorted."""
    return _stems(_folder() / _MODELS)


def model_file(name: str) -> Path | None:
    """The file of a shipped declared model of that name; None where there is none."""
    return _folder() / _MODELS / f"{name}.yaml" if name in models() else None


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
