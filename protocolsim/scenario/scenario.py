"""A scenario: one trial, read, checked and ready to run."""

from __future__ import annotations

import hashlib
import pickle
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from protocolsim.analysis.base import Analysis
from protocolsim.disease.base import PatientPopulation
from protocolsim.endpoint.base import Endpoint, Reported
from protocolsim.endpoint.between_arms.repeated import beside
from protocolsim.endpoint.subjects.population import Population
from protocolsim.engine.base import Trial
from protocolsim.proof.planned.reachable import Planned
from protocolsim.protocol.rules import Evaluator
from protocolsim.protocol.summaries import Summary
from protocolsim.scenario.build.values.parameters import ParameterValue
from protocolsim.scenario.build.values.spoken import SpokenNames
from protocolsim.scenario.checks.lapsing import reachable_in
from protocolsim.scenario.file.library import is_path
from protocolsim.scenario.file.yaml_reader import Address, Document
from protocolsim.scenario.settable import SettableParameter, number_at, text_at
from protocolsim.scenario.setting_names import settings
from protocolsim.scenario.story import StoryStep
from protocolsim.units import in_unit, quantity

if TYPE_CHECKING:
    from protocolsim.interim.design import Design


@dataclass(frozen=True)
class StateRow:
    """One state in the words of the file."""

    name: str
    label: str
    outcome: str
    lasts: str
    treatment: str
    assessments: str
    ways_out: tuple[str, ...]


@dataclass(frozen=True)
class Definition:
    """Another definition of what a rule compares: an expression over the decision's summaries, those that it `reads`.

    `label` and `words` are the file's own.
    """

    name: str
    label: str
    words: str
    evaluate: Evaluator
    reads: tuple[int, ...]


@dataclass(frozen=True)
class DecisionWorth:
    """What a decision rule is held against, and what it costs; the scenario's `decisions:`.

    A true responder has the hidden trait (a column of the table of subjects; `meaning` in words) below `cut`. The loss
    over `horizon` minutes is the expected number of `count`, plus stop_weight x P(stop), plus dose_weight x mg/kg of
    `drug`.
    `summaries` are the protocol's and after them those that only `definitions` use; `label` is what a reader calls the
    measure that the rule itself uses.
    """

    name: str
    threshold: str
    trait: str
    meaning: str
    cut: float
    horizon: int
    count: str
    stop: str
    stop_weight: float
    drug: str
    dose_weight: float
    label: str
    summaries: tuple[Summary, ...]
    definitions: Mapping[str, Definition]


@dataclass(frozen=True)
class Effect:
    """What the treatment does, as one parameter worth moving from `low` to `high` (in the file's words).

    `none` is what to set, by name, so that the treatment does nothing.
    """

    parameter: str
    low: str
    high: str
    none: Mapping[str, int | float | str]


def usual_replicates(subjects: int, *, waiting: bool) -> int:
    """How many trials of so many subjects are simulated where nothing is said: about as many as a second allows.

    That is 2,000, or of larger trials as many as have 30,000 subjects (1,500 where they wait for each other, which only
    the reference engine carries out), and never fewer than 50. It goes by the size alone, so that it is the same on
    every machine.
    """
    together = 1_500 if waiting else 30_000
    return max(50, min(2_000, together // subjects))


@dataclass(frozen=True)
class Scenario:
    """A checked scenario, which `load` returns. Immutable: to change anything, load it again with `set`.

    Attributes
    ----------
    name, title, question, description : str
        What it is called and asks.
    sources, notes, warnings : tuple of str
        Where its facts come from, what a reader must be told, and what is unusual.
    beside : tuple of str
        The scenarios shown beside it.
    findings : tuple of str
        Sentences that quote numbers, as {endpoint} or as {scenario.endpoint} of one that stands beside.
    story : tuple of StoryStep
        The steps of its guided story.
    seed, replicates : int
        What it is simulated with unless a call says otherwise; `usual_replicates` where the file does not say.
    follow : str or None
        The variable that is drawn for each patient.
    trial : Trial
        What an engine simulates: `cohort`, `disease`, `drugs`, `protocol`, `assessments`.
    populations, endpoints, analyses, decisions : mapping of str
        By name, as the file declares them.
    effect : Effect or None
        What the treatment does, as one parameter.
    interim : Design or None
        The looks at the accumulating data, what they read, and the rules that may end the trial at them.
    named : mapping of str to ParameterValue
        The scenario's own parameters in internal units (a share is 0 to 1, a time in minutes).
    own_parameters, parameters, design : tuple
        The scenario's own parameters, those of disease and drugs, and the states, in words for a reader.
    population : PatientPopulation or None
        Whose patients they are; None where the disease has no populations.
    arrives_on : str
        The drug that they take when they come, "" for none.
    assumed : tuple
        What they are assumed to take that the file names nowhere, with its place (it stands among the warnings too).
    lapsing : tuple
        What is planned and never takes place, with its place in the file (it stands among the warnings too).
    document : Document
        The file with everything that it extends and every setting.
    builder : callable
        What made it of its document, and makes it again in another process.
    allow_plugins : bool
        Whether it may load code that it names.
    resolved : str
        The scenario as YAML with everything merged in: that text gives the same trial.
    sha256 : str
        The hash of the resolved scenario.

    Examples
    --------
    >>> scenario = protocolsim.load("ms_daclizumab")
    >>> scenario.name, scenario.trial.cohort.size
    ('ms_daclizumab', 15)
    """

    name: str
    title: str
    question: str
    description: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    beside: tuple[str, ...]
    findings: tuple[str, ...]
    story: tuple[StoryStep, ...]
    warnings: tuple[str, ...]
    seed: int
    replicates: int
    follow: str | None
    trial: Trial
    populations: Mapping[str, Population]
    endpoints: Mapping[str, Endpoint]
    analyses: Mapping[str, Analysis]
    decisions: Mapping[str, DecisionWorth]
    effect: Effect | None
    interim: Design | None
    named: Mapping[str, ParameterValue]
    own_parameters: tuple[SettableParameter, ...]
    parameters: tuple[SettableParameter, ...]
    design: tuple[StateRow, ...]
    population: PatientPopulation | None
    arrives_on: str
    assumed: tuple[tuple[Address, str], ...]
    lapsing: tuple[tuple[Address, str], ...]
    document: Document
    builder: Callable[..., Scenario] = field(repr=False, compare=False)
    allow_plugins: bool = False

    @property
    def says_replicates(self) -> bool:
        """Whether the number of replicates is the scenario's own, or the usual one."""
        return self.document.data.get("replicates") is not None

    @cached_property
    def planned(self) -> Planned:
        """By state, the visits that can take place; what is described is these."""
        return reachable_in(self.trial).visits

    @cached_property
    def companion_files(self) -> Mapping[str, Document]:
        """The document of each companion that is a file of the user, as it is when this is first asked for.

        Raises UsageError or ScenarioError where one cannot be read.
        """
        from protocolsim.scenario.build.companions import companion_document

        return {name: companion_document(self.document, name) for name in self.beside if is_path(name)}

    def __reduce__(self) -> tuple[Callable[..., Scenario], tuple[Callable[..., Scenario], bytes, bool, dict[str, Any]]]:
        """It travels between processes as its document, of which it is built anew: it holds compiled rules.

        What was replaced since it was built is kept where it is plain: texts, numbers, and who is enrolled.
        """
        plain = {name: getattr(self, name) for name in _PLAIN}
        return _received, (self.builder, self._packed, self.allow_plugins, plain | {"cohort": self.trial.cohort})

    @cached_property
    def _packed(self) -> bytes:
        """The document as bytes: a third of the size, and packed once for all the tasks of a study."""
        return zlib.compress(pickle.dumps(self.document), 1)

    def __copy__(self) -> Scenario:
        return self

    def __deepcopy__(self, _: object) -> Scenario:
        return self  # nothing in it changes

    @cached_property
    def spoken(self) -> SpokenNames:
        """What readers are told that its parameters, summaries, variables, assessments and drugs are called."""
        return SpokenNames(self.document.data, self.trial, self.named, self.follow)

    @property
    def follow_meaning(self) -> str:
        """What the variable that is drawn for each patient is, in words."""
        shown = (v for measured in self.trial.assessments for v in measured.assessment.variables)
        return next((v.meaning for v in shown if v.name == self.follow), "")

    @property
    def settables(self) -> tuple[SettableParameter, ...]:
        """Every parameter that can be set: the scenario's own, then those of its disease and drugs."""
        return (*self.own_parameters, *self.parameters)

    def settable(self, name: str) -> SettableParameter:
        """What `--set` sets by this name. Another place of the file than a parameter's has no range and no unit.

        Raises UsageError for a name that means nothing here, or several things.
        """
        (path,) = settings(self.document, {name: 0}, self.allow_plugins)
        for parameter in self.settables:
            if parameter.path == path:
                return parameter
        text = text_at(self.document.data, path)
        value = number_at(self.document.data, path, "")
        said = "" if text is None else str(text)
        return SettableParameter(name, name, path, "", "", value, None, None, path, text=said)

    def written_at(self, parameter: SettableParameter, unit: str) -> float | None:
        """What the scenario itself says of a parameter, as a number in this unit; None where that is no such number."""
        if text_at(self.document.data, parameter.path) is None and parameter.value is not None:
            return in_unit(quantity(parameter.write(parameter.value)), unit)
        return number_at(self.document.data, parameter.path, unit)

    @cached_property
    def of_looks(self) -> Mapping[str, Reported]:
        """The operating characteristics of the looks, by name; none where no looks are declared."""
        if self.interim is None:
            return {}
        from protocolsim.interim.estimates.made import characteristics_of  # few trials have looks

        return characteristics_of(self.interim)

    @cached_property
    def of_contrasts(self) -> Mapping[str, Reported]:
        """Coverage and bias of every contrast between arms, by name."""
        return beside(self.endpoints.values())

    @property
    def reported(self) -> dict[str, Reported]:
        """All that trials yield a number of: endpoints, analyses, how contrasts do, and what looks bring about."""
        return {**self.endpoints, **self.analyses, **self.of_contrasts, **self.of_looks}

    @cached_property
    def resolved(self) -> str:
        """The scenario as YAML with everything it extends and every setting merged in: that text gives the same trial.

        Written when it is asked for: it takes longer than all the rest of building a scenario.
        """
        from protocolsim.scenario.file.yaml_writer import as_yaml

        return as_yaml(self.document.data)

    @property
    def sha256(self) -> str:
        """The hash of the resolved scenario, which names it in provenance."""
        return hashlib.sha256(self.resolved.encode()).hexdigest()


_PLAIN = tuple(f.name for f in fields(Scenario) if f.type in ("str", "int", "str | None", "tuple[str, ...]"))


def _received(builder: Callable[..., Scenario], packed: bytes, allow_plugins: bool, plain: dict[str, Any]) -> Scenario:
    """A scenario that has travelled."""
    built = _built_anew(builder, packed, allow_plugins)
    cohort = plain.pop("cohort")
    changed: dict[str, Any] = {name: value for name, value in plain.items() if value != getattr(built, name)}
    if cohort != built.trial.cohort:
        changed["trial"] = replace(built.trial, cohort=cohort)
    return replace(built, **changed) if changed else built


@lru_cache(maxsize=8)
def _built_anew(builder: Callable[..., Scenario], packed: bytes, allow_plugins: bool) -> Scenario:
    """The scenario of a packed document. The last few are kept: many tasks of a study in a row are of the same."""
    return builder(pickle.loads(zlib.decompress(packed)), allow_plugins=allow_plugins)  # noqa: S301 - `_packed` wrote it
