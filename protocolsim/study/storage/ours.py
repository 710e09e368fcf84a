"""Recognition of the files that protocolsim wrote in a folder; all others are the user's, never replaced or deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from protocolsim.errors import UsageError
from protocolsim.records import TABLES, TRIAL_TABLES
from protocolsim.study.storage.ledger import LEDGER
from protocolsim.study.storage.write import PARTIAL

SUMMARY = "summary.json"
REPORT = "report.html"
SCENARIO = "scenario.yaml"
PROVENANCE = "provenance.json"
MANIFEST = "manifest.json"
CHUNKS = "chunks"
PARTS = "parts"
RESULTS = ".results"
PUBLISHING = ".publishing"
REFERENCE = "reference"
PLAN = "plan.json"
COMPANIONS = "beside"
COMPARED = "compared.yaml"

_OF_RUNS = (*TABLES, *TRIAL_TABLES)
_FRAMES = (
    *("sweep", "curve", "definitions", "cuts", "regret", "posterior"),
    *("validation", "comparison", "boundaries", "draws"),
)
_TABLE = r"\.(parquet|csv|csv\.gz)"
_FIGURE = r"\.(png|svg|html)"
_RESULT = re.compile(
    "|".join(
        [
            *map(re.escape, (SUMMARY, REPORT, SCENARIO, PROVENANCE, COMPARED, "targets.yaml", "posterior.json")),
            rf"({'|'.join([*_OF_RUNS, *_FRAMES])}){_TABLE}",
            rf"(sweep|curves|roc|loss|what_follows|definitions|definitions_roc|regret|boundaries){_FIGURE}",
        ]
    )
)
# What stands in the folders of a study; what begins with a dot was being written when something stopped it.
_CHUNK = r"[0-9]{5}-[0-9]{9}-[0-9]{9}"
_IN_FOLDERS = {
    CHUNKS: re.compile(rf"\.?{_CHUNK}\.parquet(\{PARTIAL})?"),
    PARTS: re.compile(rf"\.?{_CHUNK}\.({'|'.join(_OF_RUNS)})\.(parquet|spool)(\{PARTIAL})?"),
    REFERENCE: re.compile(rf"\.?(chunk_[0-9]{{5}}\.npz|{re.escape(PLAN)})(\{PARTIAL})?"),
    COMPANIONS: re.compile(r"[^/]+\.(yaml|yml|json|csv|parquet)"),
    RESULTS: re.compile(".*"),
    PUBLISHING: re.compile(".*"),
}
_BARELY_BEGUN = (f".{MANIFEST}{PARTIAL}", f"{REFERENCE}/.{PLAN}{PARTIAL}")
_ALONE = re.compile(rf"\.?({re.escape(MANIFEST)}|{re.escape(LEDGER)})(\{PARTIAL})?")


@dataclass(frozen=True)
class Held:
    """What a folder holds: names that are not ours; whether it has finished results, or an unfinished study."""

    others: tuple[str, ...]
    finished: bool
    unfinished: bool

    @property
    def free(self) -> bool:
        """Whether the folder is empty, or holds only the remains of a study without finished chunks."""
        return not (self.others or self.finished or self.unfinished)


def held_in(folder: Path) -> Held:
    """What stands in a folder. Raises OSError where one cannot look."""
    files = list(_looked_at(folder))
    finished = (folder / SUMMARY).exists()
    if not (finished or has_manifest(folder)):
        # Without a manifest or results, files of the same names are the user's; except for the temporary file of a
        # process that was killed while it wrote its manifest.
        return Held(tuple(n for n, _ in files if n not in _BARELY_BEGUN), finished=False, unfinished=False)
    begun = (folder / PUBLISHING).exists() or bool(_chunks(folder))
    return Held(tuple(n for n, ours in files if not ours), finished, begun and not finished)


def has_manifest(folder: Path) -> bool:
    """Whether a study was begun here."""
    return (folder / MANIFEST).exists() or (folder / REFERENCE / PLAN).exists()


def _chunks(folder: Path) -> list[Path]:
    return [*(folder / CHUNKS).glob("[0-9]*.parquet"), *(folder / REFERENCE).glob("chunk_*.npz")]


def _looked_at(folder: Path) -> Iterator[tuple[str, bool]]:
    """Every file, by its name from the folder on, and whether it is ours."""
    for here in sorted(folder.iterdir()):
        inside = _IN_FOLDERS.get(here.name)
        if inside is not None and here.is_dir() and not here.is_symlink():
            for file in sorted(here.iterdir()):
                yield f"{here.name}/{file.name}", bool(inside.fullmatch(file.name)) and not file.is_dir()
        else:
            known = _RESULT.fullmatch(here.name) or _ALONE.fullmatch(here.name)
            yield here.name, known is not None and (here.is_file() or here.is_symlink())


Inventory = dict[str, tuple[int, int, int]]


def inventory(folder: Path) -> Inventory:
    """What is ours in a folder now, each file as it can be known again."""
    return {name: _known_by(folder / name) for name, ours in _looked_at(folder) if ours}


def _known_by(path: Path) -> tuple[int, int, int]:
    seen = path.lstat()
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def clear(folder: Path, only: Inventory | None = None) -> list[str]:
    """Take away all of ours in a folder, which itself stays; the names of what is left.

    `only`: those that were there then and have not changed since, whatever else is called like ours.
    """
    left = []
    for name, ours in list(_looked_at(folder)) if folder.is_dir() else []:
        if ours and (only is None or only.get(name) == _known_by(folder / name)):
            (folder / name).unlink(missing_ok=True)
        else:
            left.append(name)
    for name in _IN_FOLDERS:
        with suppress(OSError):
            (folder / name).rmdir()
    return left


def clear_inside(folder: Path, inside: str, but: AbstractSet[str] = frozenset()) -> None:
    """Take away what is ours in a folder of a study, but for some, by name from the study's folder on.

    The folder goes with it where nothing is left.
    """
    for name in list(inventory(folder)):
        if name.startswith(f"{inside}/") and name not in but:
            (folder / name).unlink(missing_ok=True)
    if not but:
        with suppress(OSError):
            (folder / inside).rmdir()


def remove(folder: Path, only: Inventory | None = None) -> list[str]:
    """Take away all of ours, and the folder with it where nothing else is there; the names of what is left."""
    left = clear(folder, only)
    with suppress(OSError):
        folder.rmdir()
    return left


def refuse_others(out: Path, folder: Path) -> None:
    """Raises UsageError where a folder that is to be replaced holds what is not ours."""
    others = held_in(folder).others
    if others:
        shown = out if folder.name == out.name else folder
        raise UsageError(
            f"--out {out}: {'it' if shown is out else shown} holds '{others[0]}' beside earlier results; move it away, "
            "or it would be lost"
        )
