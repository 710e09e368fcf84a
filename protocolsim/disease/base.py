"""A disease: what happens to a subject whether or not anybody looks, and what looking shows."""

from __future__ import annotations

from dataclasses import dataclass

from protocolsim.component import Component, Mark


@dataclass(frozen=True)
class PopulationValue:
    """What a parameter is in one population, and how that is known.

    `parameter` is one of the disease's, or of a drug's as `DRUG.parameter`. `value`, and `low` to `high`, what is
    plausible in this population, are in the parameter's own unit.
    """

    parameter: str
    value: float
    low: float
    high: float
    mark: Mark
    source: str


@dataclass(frozen=True)
class PatientPopulation:
    """People who have the disease, as a kind of trial finds them: values of parameters, each with its evidence.

    `arrives_on` is the drug (a component's name) that they take when they come, "" for none; rates of the disease hold
    on it. `values` stand before the parameters' own; those of a drug count where the trial has that drug.
    """

    name: str
    meaning: str
    arrives_on: str = ""
    values: tuple[PopulationValue, ...] = ()

    def values_of(self, drug: str = "") -> dict[str, PopulationValue]:
        """Its values of the disease's parameters, or of a drug's, by the parameter's own name."""
        split = ((v.parameter.rpartition("."), v) for v in self.values)
        return {name: value for (owner, _, name), value in split if owner == drug}


@dataclass(frozen=True, kw_only=True, eq=False)
class Disease(Component):
    """A disease model, and the people who have it.

    A disease provides the subjects' traits that drugs may need (`weight`, kg), reads the signals
    that drugs write (such as `log_new_lesion_rate`, summed over drugs), and offers assessments.

    `populations`: kinds of people who have it. The first is that of a trial that names none: it has no values, since
    the parameters' own are its. Where there are none, nobody arrives on any treatment.
    """

    populations: tuple[PatientPopulation, ...] = ()
