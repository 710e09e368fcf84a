"""From the file's `population:` and `arrives_on:` of the cohort to a kind of patients, and what these come on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from protocolsim.component import Component, Parameter
from protocolsim.disease.base import Disease, PatientPopulation, PopulationValue
from protocolsim.drug.base import Drug
from protocolsim.errors import unknown
from protocolsim.scenario.build.cast.components import disease_names, load_shipped
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.models import NOTHING
from protocolsim.scenario.file.schema import CohortPart
from protocolsim.scenario.file.yaml_reader import Address

POPULATION: Address = ("cohort", "population")
ARRIVES_ON: Address = ("cohort", "arrives_on")


@dataclass(frozen=True)
class Arriving:
    """The patients as they come.

    `population`: theirs, None where the disease has none. `chosen`: the file names it. `drug`: the component that they
    take when they come, "" for none. `said`: the cohort says what that is.
    """

    population: PatientPopulation | None
    chosen: bool
    drug: str
    said: bool

    @property
    def name(self) -> str:
        """The name of their population, "" where there is none."""
        return "" if self.population is None else self.population.name

    def parameters(self, component: Component) -> tuple[Parameter, ...]:
        """The parameters of a disease or drug as they are in this population."""
        given = self.given(component)
        return tuple(_in_population(p, given.get(p.name)) for p in component.parameters)

    def given(self, component: Component) -> Mapping[str, PopulationValue]:
        """What the population says of a disease or drug, by parameter."""
        if self.population is None:
            return {}
        return self.population.values_of(component.name if isinstance(component, Drug) else "")

    def told(self, component: Component) -> dict[str, float]:
        """What a drug's `constants` are told besides its parameters: whether patients arrive on it."""
        if not isinstance(component, Drug) or not component.on_arrival:
            return {}
        return {component.on_arrival: float(component.name == self.drug)}

    def silent(self, drugs: Sequence[Drug], disease: Disease) -> Iterator[tuple[Address, str]]:
        """What a reader is told where patients take something throughout that the file does not name."""
        if self.drug and self.drug not in {d.name for d in drugs}:
            who = f"population '{self.name}' of {disease.name}" if self.name else disease.name
            said = (
                f"the patients ({who}) arrive on {self.drug}, which nothing here names: they are simulated as staying "
                f"on it throughout. Name it in the states where it is taken, say `arrives_on: {self.drug}` (it stops "
                f"in the first state that does not name it), or `arrives_on: {NOTHING}`"
            )
            yield POPULATION if self.chosen else ("cohort", "disease"), said


def _in_population(parameter: Parameter, given: PopulationValue | None) -> Parameter:
    if given is None:
        return parameter
    return replace(parameter, value=given.value, low=given.low, high=given.high, mark=given.mark, source=given.source)


def arriving(part: CohortPart, q: Expressions, disease: Disease | None, drugs: Mapping[str, Drug]) -> Arriving:
    """Who comes to the trial; faults go to `q.faults`. `drugs`: the trial's, by the name that the file gives them."""
    known = {} if disease is None else {p.name: p for p in disease.populations}
    population = next(iter(known.values()), None)
    if part.population is not None and disease is not None:
        population = known.get(part.population)
        if population is None:
            q.faults.append(POPULATION, _unknown(part.population, disease, known))
    said = part.arrives_on
    if said is None:
        drug = "" if population is None else population.arrives_on
    else:
        drug = "" if said == NOTHING else _kind(said, drugs, q)
    return Arriving(population, part.population is not None, drug, said is not None)


def _kind(said: str, drugs: Mapping[str, Drug], q: Expressions) -> str:
    """The component that patients arrive on; "" with a fault where nothing is known of such patients."""
    drug = drugs.get(said) or next((d for d in drugs.values() if d.name == said), None)
    if drug is None:
        return ""  # it could not be loaded, which is a fault already
    if not drug.on_arrival:
        q.faults.append(
            ARRIVES_ON, f"nothing is known of patients who arrive on '{said}'; expected {NOTHING}, or a drug that says"
            " what is lost when it stops, such as interferon_beta",
        )  # fmt: skip
        return ""
    return drug.name


def _unknown(word: str, disease: Disease, known: Mapping[str, PatientPopulation]) -> str:
    """The sentence for a population that this disease does not have."""
    for name in disease_names():
        other = load_shipped("disease", name)
        if name != disease.name and isinstance(other, Disease) and word in {p.name for p in other.populations}:
            own = ", ".join(known) or "none"
            return f"'{word}' is a population of {name}; those of {disease.name}: {own}"
    if not known:
        return f"'{disease.name}' has no populations; take this key away"
    return unknown("population", word, known)
