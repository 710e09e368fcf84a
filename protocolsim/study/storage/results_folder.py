"""The files of finished results: tables, summary, the scenario as it was run, and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from protocolsim.scenario.build.companions import with_companions_at
from protocolsim.scenario.file.models import FOLDER
from protocolsim.scenario.file.yaml_reader import Document
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.execution import encoded_tables
from protocolsim.study.result import Result
from protocolsim.study.storage import ours
from protocolsim.study.storage.chunk_files import parts_of
from protocolsim.study.storage.csv_files import csv_of, write_frame
from protocolsim.study.storage.study_folder import StudyFolder


def write_run(result: Result, place: Path, folder: StudyFolder | None = None, *, csv: bool = False) -> None:
    """The tables, the summary, the scenario and its provenance.

    Tables are joined from the parts that the folder of the study keeps, whose rows are not read again; without them
    they are simulated once more, piece by piece. `csv`: as CSV too.
    """
    if folder is None or not _joined(folder, place):
        encoded_tables.write_streaming(result.pieces(), place)
    if csv:
        for table in sorted(place.glob("*.parquet")):
            csv_of(table)
    _write_draws(result, place)
    write_facts(place, result.summary(), result.scenario, result.provenance, result.asked)


def _write_draws(result: Result, place: Path) -> None:
    """The values of the parameters in each trial for which they were drawn."""
    if result.drawn is not None:
        write_frame(result.draws_frame, place, "draws")


def _joined(folder: StudyFolder, place: Path) -> bool:
    """Whether the tables could be put together from the parts that are kept."""
    trial = [entry for entry in folder.entries.values() if any(span[0] == 0 for span in entry.told["spans"])]
    if not trial or any("groups" not in entry.told for entry in trial):
        return False
    try:
        encoded_tables.join(parts_of(folder), place)
    except ValueError:  # parts of another version of Arrow, which puts the same columns otherwise
        return False
    return True


def write_validation(place: Path, summary: Mapping[str, Any], result: Result) -> None:
    """Published beside simulated as a table, one row for each published result, and what every result has."""
    import pandas as pd

    frame = pd.DataFrame([{"estimate": name, **row} for name, row in summary["rows"].items()])
    write_frame(frame, place, "validation")
    _write_draws(result, place)
    write_facts(place, summary, result.scenario, result.provenance, result.asked)


def write_facts(
    place: Path,
    summary: Mapping[str, Any],
    scenario: Scenario,
    provenance: Mapping[str, str],
    asked: Mapping[str, Any] | None = None,
) -> None:
    """What every result has: its summary, the scenario it came from, and what is needed to get it again.

    `asked` is what was asked for in place of the scenario's own seed and replicates. Files that the scenario names
    beside itself go with it, so that the saved one runs wherever the folder is taken.
    """
    (place / ours.SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    data = {**with_attached(scenario.document, place), **(asked or {})}
    names: dict[str, str] = {}
    for name, document in scenario.companion_files.items():
        names[name] = f"{ours.COMPANIONS}/{len(names) + 1}_{Path(name).stem}.yaml"
        target = place / names[name]
        target.parent.mkdir(exist_ok=True)
        target.write_text(as_yaml(with_attached(document, place, beside=True)), encoding="utf-8")
    (place / ours.SCENARIO).write_text(as_yaml(with_companions_at(data, names)), encoding="utf-8")
    (place / ours.PROVENANCE).write_text(json.dumps(dict(provenance), indent=2) + "\n", encoding="utf-8")


def with_attached(document: Document, place: Path, *, beside: bool = False) -> dict[str, Any]:
    """A document's data, whose files of patients now stand in a folder of results, among what goes with it.

    The same content is written once, under a name of its own. `beside`: the document's text goes there too.
    """
    models: dict[str, Any] = dict(document.data.get(FOLDER) or {})
    for name, content in document.attached.items():
        patients = models[name]["patients"]
        file = f"{sha256(content).hexdigest()[:16]}{Path(patients['from']).suffix or '.csv'}"
        (place / ours.COMPANIONS).mkdir(exist_ok=True)
        (place / ours.COMPANIONS / file).write_bytes(content)
        path = file if beside else f"{ours.COMPANIONS}/{file}"
        models[name] = {**models[name], "patients": {**patients, "from": path}}
    return {**document.data, **({FOLDER: models} if document.attached else {})}
