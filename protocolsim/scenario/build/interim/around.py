"""What an `interim:` stands in: the rest of the scenario, as far as it could be built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocolsim.analysis.base import Analysis
from protocolsim.cohort.cohort import Cohort
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.subjects.population import Population
from protocolsim.protocol.states import Protocol
from protocolsim.scenario.build.endpoints import EndpointsBuilder
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.settable import SettableParameter


@dataclass(frozen=True)
class Around:
    """The rest of the scenario. `protocol` and `cohort` are None where they have faults; `hidden` are hidden traits.

    `reader` reads what endpoints, analyses and statistics share; `rows` are the parameters of disease and drugs.
    """

    part: ScenarioPart
    q: Expressions
    words: Vocabulary
    reader: EndpointsBuilder
    protocol: Protocol | None
    cohort: Cohort | None
    populations: Mapping[str, Population]
    endpoints: Mapping[str, Endpoint]
    analyses: Mapping[str, Analysis]
    hidden: Sequence[str]
    rows: Sequence[SettableParameter]
