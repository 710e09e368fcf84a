"""What a reader is told of a sound file: what does nothing, what was set from outside, what an analysis assumes."""

from __future__ import annotations

from collections.abc import Mapping

from protocolsim.analysis.base import Analysis
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.file.extends import SET
from protocolsim.scenario.file.models import cast_of
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.file.yaml_reader import Document, spell


def cautions_of(part: ScenarioPart, names: Names, document: Document, analyses: Mapping[str, Analysis]) -> list[str]:
    """What a reader is told of the file itself."""
    cautions = [f"analysis '{a.name}': {a.caution}" for a in analyses.values() if a.caution]
    return [*_idle(part, names, document), *_set_from_outside(document), *cautions]


def _idle(part: ScenarioPart, names: Names, document: Document) -> list[str]:
    """What is declared and does nothing: changing it would change no result."""
    named = [t.randomise for t in part.protocol.transitions]
    used = {kind for _, _, kind, _ in cast_of(document.data)}
    return [
        *(f"the parameter '{name}' is used nowhere" for name in part.parameters if ("name", name) not in names.used),
        *(
            f"no transition uses the randomisation '{name}'"
            for name in part.protocol.randomisations
            if name not in named
        ),
        *(f"the model '{name}' is used nowhere" for name in part.models if name not in used),
    ]


def _set_from_outside(document: Document) -> list[str]:
    """What was changed after the file was written: its published results were not fitted with that."""
    places = [spell(address) for address, place in document.places.items() if place.source == SET and address]
    changed = sorted(p for p in places if p.removeprefix("parameters.") not in ("seed", "replicates"))
    if not changed:
        return []
    return [f"set from outside: {', '.join(changed)}; what is 'fitted' was fitted without that"]
