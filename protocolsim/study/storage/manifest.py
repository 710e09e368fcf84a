"""The manifest by which a study is resumed: its scenario, the version that began it, and its plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.storage import ours
from protocolsim.study.storage.write import checksum_of

FORMAT = 2
# The plan says both; a file that says something else is the same scenario.
_OF_THE_PLAN = ("seed", "replicates")
_SHOWN = 5


@dataclass(frozen=True)
class Manifest:
    """A study as its folder remembers it.

    `axes` are the names of what is varied, `points` its values by point (None where the scenario's own is no number);
    the first point is the scenario itself. `data` is the scenario with everything merged in. `plan` is what else the
    command was asked for. `files` are the checksums of the results once they are whole.
    """

    kind: str
    scenario: str
    scenario_sha256: str
    seed: int
    replicates: int
    engine: str
    axes: tuple[str, ...] = ()
    points: tuple[tuple[float | None, ...], ...] = ((),)
    version: str = field(default_factory=lambda: version("protocolsim"))
    plan: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)

    def as_json(self) -> str:
        """The text of the file; it ends in its own checksum."""
        content = {"format": FORMAT, **vars(self)}
        return json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n"

    def with_files(self, files: Mapping[str, str]) -> Manifest:
        """The same of a finished study, with the checksums of its results."""
        return replace(self, files=dict(sorted(files.items())))

    @property
    def identity(self) -> str:
        """The identity (hash) that its ledger entries carry, to distinguish them from those of another study."""
        apart = ("replicates", "scenario", "scenario_sha256", "data", "files")
        same = {key: value for key, value in self.data.items() if key not in _OF_THE_PLAN} or self.scenario_sha256
        return _checksum({**{k: v for k, v in vars(self).items() if k not in apart}, "trial": same})[:32]

    def goes_on(self, earlier: Manifest, where: str) -> None:
        """Raises UsageError, saying why, where an earlier study is another one or has more replicates than wanted."""
        different = list(_differences(self._compared(earlier), earlier._compared(self)))
        if different:
            more = f", and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
            raise UsageError(f"{where} cannot be gone on with: {'; '.join(different[:_SHOWN])}{more}")
        if self.replicates < earlier.replicates:
            raise UsageError(
                f"{where} has {earlier.replicates} replicates already; --replicates {self.replicates} would take some "
                "away: ask for as many or more"
            )

    def _compared(self, other: Manifest) -> dict[str, Any]:
        shown = {"version": self.version, "command": self.kind, "seed": self.seed, "engine": self.engine}
        if self.version != other.version:
            return {"version": self.version}  # whatever else differs may come from that
        if "title" in self.data and self.data["title"] != other.data.get("title"):
            return {"trial": self.data.get("title")}  # mostly another one, of which everything differs
        data = {key: value for key, value in self.data.items() if key not in _OF_THE_PLAN}
        varied = dict(zip(self.axes, zip(*self.points, strict=True), strict=True)) if self.axes else {}
        asked = {**self.plan, **{f"--vary {name}": [*values] for name, values in varied.items()}}
        return {**shown, **asked, **(data or {"scenario": self.scenario_sha256})}


def manifest_of(
    kind: str, scenario: Scenario, seed: int, replicates: int, engine: str, plan: Mapping[str, Any] | None = None
) -> Manifest:
    """The manifest of a study of this scenario."""
    data = _plain(scenario.document.data)
    return Manifest(kind, scenario.name, scenario.sha256, seed, replicates, engine, plan=plan or {}, data=data)


def content_of(scenario: Scenario) -> str:
    """A checksum of all that another scenario of a study says, by which a change of it is noticed."""
    return _checksum(_plain(scenario.document.data))[:16]


def read_manifest(text: str) -> Manifest:
    """The manifest in this text. Raises ValueError for what is none."""
    try:
        loads = json.loads(text)
        if loads.get("format") != FORMAT:
            raise ValueError("it was written by another version of protocolsim")
        if loads.pop("checksum") != _checksum(loads):
            raise ValueError("it was damaged, or edited")
        del loads["format"]
        loads["axes"] = tuple(loads["axes"])
        loads["points"] = tuple(tuple(p) for p in loads["points"])
        return Manifest(**loads)
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(str(error)) from None


def _checksum(content: Mapping[str, Any]) -> str:
    return checksum_of(json.dumps(content, sort_keys=True).encode())


def _plain(value: Any) -> Any:
    """The value after a round trip through JSON."""
    return json.loads(json.dumps(value))


def _differences(now: Any, then: Any, path: str = "") -> Iterator[str]:
    """Every place where two values differ, in words."""
    if isinstance(now, dict) and isinstance(then, dict):
        for key in dict.fromkeys([*then, *now]):
            yield from _differences(now.get(key), then.get(key), f"{path}.{key}".lstrip("."))
    elif now != then:
        yield f"{path} was {_said(then)} and is {_said(now)} now"


def _said(value: Any) -> str:
    text = "absent" if value is None else json.dumps(value, ensure_ascii=False).strip('"')
    return text if len(text) <= 60 else f"{text[:57]}..."


def manifest_path(folder: Path, pieces: str) -> Path:
    """Where the manifest stands: that of a calibration beside its reference table."""
    return folder / ours.REFERENCE / ours.PLAN if pieces == ours.REFERENCE else folder / ours.MANIFEST


def manifest_in(out: Path, folder: Path, pieces: str) -> Manifest:
    """The manifest of the study in a folder. Raises UsageError where there is none, or where it is damaged."""
    place = manifest_path(folder, pieces)
    try:
        return read_manifest(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"--out {out}: it has no {place.name}, so there is nothing to go on from") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"--out {out}: cannot read {place}: {error}; --overwrite begins anew") from None
