"""Declared models that a scenario names: found in files, and put into its document as if they stood in it.

A model is a file of its own name in the folder `models/` beside the scenario, or a shipped one. In the document it
stands under `models:`, each part with the place where it was written. So one document says all of a trial.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from protocolsim.scenario.file.library import is_path, model_file
from protocolsim.scenario.file.yaml_reader import Document, read

FOLDER = "models"
_ENDINGS = (".yaml", ".yml")


def with_models(document: Document, path: Path | None) -> Document:
    """The document with each model that it names and that stands in a file; `path` is the scenario's own file.

    Raises ScenarioError for a file that cannot be read.
    """
    here = document.data.get(FOLDER)
    declared = dict(here) if isinstance(here, dict) else {}
    places = dict(document.places)
    for name in dict.fromkeys(named(document.data)):
        if name in declared or (here is not None and not isinstance(here, dict)):
            continue
        found = _file(name, path)
        if found is None:
            continue
        shown = str(Path(document.source).parent / FOLDER / found.name) if is_path(document.source) else str(found.name)
        model = read(found, shown)
        declared[name] = model.data
        places |= {(FOLDER, name, *address): place for address, place in model.places.items()}
        places.setdefault((FOLDER,), model.places[()])
    if not declared:
        return document
    return replace(document, data={**document.data, FOLDER: declared}, places=places)


def _file(name: str, path: Path | None) -> Path | None:
    """The file of a model of this name: beside the scenario, or shipped."""
    beside = [] if path is None else [path.parent / FOLDER / f"{name}{ending}" for ending in _ENDINGS]
    return next((p for p in beside if p.is_file()), None) or model_file(name)


def named(data: Mapping[str, Any]) -> Iterator[str]:
    """The diseases and drugs that a document names."""
    disease = _mapping(data, "cohort").get("disease")
    if isinstance(disease, str):
        yield disease
    drugs = dict.fromkeys(_mapping(data, "drugs"))
    for state in _mapping(data, "protocol", "states").values():
        drugs |= dict.fromkeys(_mapping(state, "treatment"))
    for drug in drugs:
        yield str(_mapping(data, "drugs", drug).get("kind", drug))


def _mapping(data: Any, *keys: str) -> Mapping[str, Any]:
    here = data
    for key in keys:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}
