"""From a state's `treatment:` and `assessments:` to visits: schedules become minutes from the state's start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocolsim.component import Trait, Variable
from protocolsim.drug.base import Drug
from protocolsim.protocol.states import Dose, Visit
from protocolsim.protocol.variables import Computed
from protocolsim.scenario.build.protocol.variables import ComputedNumbers
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import Regimen, Schedule, StatePart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK, NONE

_MOST_VISITS = 5000


@dataclass(frozen=True)
class Vocabulary:
    """The names a protocol may use that come from its disease, its drugs and its cohort."""

    drugs: tuple[Drug, ...]
    drug_names: tuple[str, ...]
    assessments: tuple[str, ...]
    variables: tuple[Variable, ...]
    events: tuple[str, ...]
    traits: tuple[Trait, ...]
    shows: tuple[tuple[int, ...], ...] = ()  # the variables that each assessment shows, by number
    stops: tuple[str, ...] = ()  # the events of all reasons for which a look may stop the trial

    def showing(self, variable: int) -> list[int]:
        """The assessments that show a variable."""
        return [a for a, shown in enumerate(self.shows) if variable in shown]

    @property
    def variable_names(self) -> tuple[str, ...]:
        """The names of the variables, in order of their codes."""
        return tuple(v.name for v in self.variables)


class VisitsBuilder:
    """Builds the visits of one state after another; every fault goes to `q.faults`."""

    def __init__(self, q: Expressions, words: Vocabulary, computed: ComputedNumbers) -> None:
        self.q, self.words, self.computed = q, words, computed

    def treatment(
        self, address: Address, part: StatePart, lasts: int | None
    ) -> tuple[tuple[float | Computed, ...], list[tuple[int, Dose, bool]]]:
        """The treatment in force by drug, and every dose: its minute, what it is, and whether it is given at the end.

        What is listed is, where it falls on the very end of the state, and what repeats `through: end`.
        """
        levels: list[float | Computed] = [0.0] * len(self.words.drugs)
        doses: list[tuple[int, Dose, bool]] = []
        for drug, given in part.treatment.items():
            place: Address = (*address, "treatment", drug)
            if not self.q.names.known(place, "drug", drug, self.words.drug_names, at_key=True):
                continue
            number = self.words.drug_names.index(drug)
            infused = self.words.drugs[number].give is not None
            if isinstance(given, Regimen) != infused:
                self.q.faults.append(place, f"'{drug}' is given in doses: {{dose: 1 mg/kg, every: 4 weeks}}" if infused
                             else f"'{drug}' is not given in doses here: say 'standard'")  # fmt: skip
                continue
            if not isinstance(given, Regimen):
                levels[number] = 1.0
                continue
            dose = self.computed.dose((*place, "dose"), given.dose, self.words.drugs[number])
            offsets = self._schedule(place, given, lasts)
            if dose is not None:
                levels[number] = dose.amount
                planned = Dose(number, dose.amount, dose.unit)
                doses += [(offset, planned, _closing(given)) for offset in offsets]
        return tuple(levels), doses

    def assessments(self, address: Address, part: StatePart, lasts: int | None) -> list[tuple[int, int, bool]]:
        """Every assessment: its minute, its number, and whether it is made at the very end of the state."""
        assessments: list[tuple[int, int, bool]] = []
        for name, schedule in part.assessments.items():
            place: Address = (*address, "assessments", name)
            if self.q.names.known(place, "assessment", name, self.words.assessments, at_key=True):
                number = self.words.assessments.index(name)
                assessments += [
                    (offset, number, _closing(schedule)) for offset in self._schedule(place, schedule, lasts)
                ]
        return assessments

    def _schedule(self, address: Address, schedule: Schedule, lasts: int | None) -> list[int]:
        """The minutes, from the start of the state, at which something is planned."""
        listed = [k for k in ("weeks", "days") if getattr(schedule, k) is not None]
        if len(listed) + (schedule.every is not None) != 1:
            self.q.faults.append(
                address, "say when: one of weeks: [0, 4, 8], days: [0, 7], every: 4 weeks", at_key=True
            )
            return []
        if schedule.every is None:
            for key in sorted({"start", "times", "through"} & schedule.model_fields_set):
                self.q.faults.append((*address, key), f"'{key}' belongs to 'every'", at_key=True)
            scale = MINUTES_PER_WEEK if listed == ["weeks"] else MINUTES_PER_DAY
            return self._listed((*address, listed[0]), getattr(schedule, listed[0]), scale)
        return self._repeated(address, schedule, lasts)

    def _listed(self, address: Address, values: Sequence[str | float], scale: int) -> list[int]:
        if not values:
            self.q.faults.append(address, "no time stands here")
        what = "from the start of the state"
        listed = [
            self.q.number((*address, k), v, NONE, least=0.0, most=520000.0 / 7, what=what) for k, v in enumerate(values)
        ]
        unit = "weeks" if scale == MINUTES_PER_WEEK else "days"
        exact = [
            self.q.whole_minutes((*address, k), f"{v} {unit}", f * scale)
            for k, (v, f) in enumerate(zip(values, listed, strict=True))
            if f is not None
        ]
        offsets = [e for e in exact if e is not None]
        if len(set(offsets)) < len(offsets):
            self.q.faults.append(address, "the same time stands there twice")
        return sorted(set(offsets))

    def _repeated(self, address: Address, schedule: Schedule, lasts: int | None) -> list[int]:
        every = self.q.minutes((*address, "every"), str(schedule.every), least=1.0, what="interval")
        start = self.q.minutes((*address, "start"), schedule.start)
        if every is None or start is None or lasts is None:
            return []
        # Half-open, unless asked: what falls on the very end belongs to the state that follows.
        offsets = range(start, lasts + (schedule.through is not None), every)
        if not offsets and lasts > 0:
            self.q.faults.append(
                (*address, "start"), f"'{schedule.start}' is not before the end of the state: nothing would be planned"
            )
        if schedule.times is not None and schedule.through is not None:
            self.q.faults.append((*address, "through"), "say 'times' or 'through', not both", at_key=True)
            return []
        if schedule.times is not None:
            times = self.q.whole((*address, "times"), schedule.times, least=1, most=10**9, what="times")
            if times is None:
                return []
            offsets = range(start, start + every * times, every)
        if len(offsets) > _MOST_VISITS:
            self.q.faults.append(
                (*address, "every"), f"that is {len(offsets)} times; at most {_MOST_VISITS} are possible"
            )
            return []
        return list(offsets)


def _closing(schedule: Schedule) -> bool:
    """Whether what is planned for the very end of a state is done there."""
    return schedule.every is None or schedule.through is not None


def visits(measured: Sequence[tuple[int, int, bool]], doses: Sequence[tuple[int, Dose, bool]]) -> tuple[Visit, ...]:
    """Everything planned for one moment is one visit; in file order. The flag: also at the end."""
    result = []
    for moment in sorted({offset for offset, _, _ in (*measured, *doses)}):
        assessments = [(a, also) for o, a, also in measured if o == moment]
        given = [(d, also) for o, d, also in doses if o == moment]
        closing = Visit(
            moment, tuple(a for a, also in assessments if also), tuple(d for d, also in given if also), None
        )
        result.append(
            Visit(
                moment,
                tuple(a for a, _ in assessments),
                tuple(d for d, _ in given),
                closing if closing.assessments or closing.doses else None,
            )
        )
    return tuple(result)
