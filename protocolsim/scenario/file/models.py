"""Declared models that a scenario names: found in files, and put into its document as if they stood in it.

A model is a file of its own name in the folder `models/` beside the scenario, or a shipped one. In the document it
stands under `models:`, each part with the place where it was written. So one document says all of a trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from protocolsim.names import MOST_IN_NAME
from protocolsim.scenario.file.library import is_path, model_file
from protocolsim.scenario.file.path_check import why_unreadable
from protocolsim.scenario.file.templates import expanded_where_sound
from protocolsim.scenario.file.yaml_reader import Document, read

FOLDER = "models"
MOST_BYTES = 32 * 1024 * 1024
"""Of a file of patients."""
_ENDINGS = (".yaml", ".yml")
NOTHING = "nothing"
"""What `arrives_on` of a cohort says where patients come without treatment."""


def with_models(document: Document, path: Path | None) -> Document:
    """The document with each model that it names and that stands in a file; `path` is the scenario's own file.

    Raises ScenarioError for a file that cannot be read.
    """
    here = document.data.get(FOLDER)
    declared = dict(here) if isinstance(here, dict) else {}
    places, attached = dict(document.places), dict(document.attached)
    folders = dict.fromkeys(declared, None if path is None else path.parent)
    for name in dict.fromkeys(kind for _, _, kind, _ in cast_of(expanded_where_sound(document).data)):
        if name in declared or (here is not None and not isinstance(here, dict)):
            continue
        found = _file(name, path)
        if found is None:
            continue
        shown = str(Path(document.source).parent / FOLDER / found.name) if is_path(document.source) else str(found.name)
        model = read(found, shown)
        declared[name], folders[name] = model.data, found.parent
        places |= {(FOLDER, name, *address): place for address, place in model.places.items()}
        places.setdefault((FOLDER,), model.places[()])
    for name, folder in folders.items():
        content = _patients(declared[name], folder)
        if content is not None:
            patients = dict(declared[name]["patients"])
            patients.setdefault("sha256", sha256(content).hexdigest())
            attached[name], declared[name] = content, {**declared[name], "patients": patients}
    if not declared:
        return document
    return replace(document, data={**document.data, FOLDER: declared}, places=places, attached=attached)


def _patients(model: Any, folder: Path | None) -> bytes | None:
    """The file of patients that a model names; None where there is none. The builder says what is wrong with it."""
    source = mapping(model, "patients").get("from")
    if folder is None or not isinstance(source, str) or not source:
        return None
    path = folder / source
    if why_unreadable(path) is not None:
        return None
    try:
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError:
        return None


def _file(name: str, path: Path | None) -> Path | None:
    """The file of a model of this name: beside the scenario, or shipped.

    Only what can name a model is looked for: a disease may be called what no file can be, or what is another folder's.
    """
    if not (name.isascii() and name.isidentifier() and len(name) <= MOST_IN_NAME):
        return None
    beside = [] if path is None else [path.parent / FOLDER / f"{name}{ending}" for ending in _ENDINGS]
    return next((p for p in beside if p.is_file()), None) or model_file(name)


def cast_of(data: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(room, name, kind, path of its parameters) of the disease and of every drug that expanded data mention."""
    result = []
    disease = mapping(data, "cohort").get("disease")
    if isinstance(disease, str):
        result.append(("disease", disease, disease, "cohort"))
    drugs = dict.fromkeys(mapping(data, "drugs"))
    for state in mapping(data, "protocol", "states").values():
        drugs |= dict.fromkeys(mapping(state, "treatment"))
    kinds = {drug: str(mapping(data, "drugs", drug).get("kind", drug)) for drug in drugs}
    taken = arrives_on(mapping(data, "cohort").get("arrives_on"), kinds)
    kinds |= {} if taken is None else {taken: taken}
    return [*result, *(("drug", drug, kind, f"drugs.{drug}") for drug, kind in kinds.items())]


def arrives_on(said: Any, named: Mapping[str, str]) -> str | None:
    """The drug that a cohort says patients arrive on, where the file names it nowhere else.

    `named`: the kinds of the drugs that are named, by their names in the file.
    """
    taken = isinstance(said, str) and said != NOTHING and said not in {**named, **dict.fromkeys(named.values())}
    return said if taken else None


def mapping(data: Any, *keys: str) -> Mapping[str, Any]:
    """The mapping at these keys; an empty one where none stands there."""
    here = data
    for key in keys:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}
