"""One trial's looks in plain sentences, with every number as its tables have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocolsim.interim.design import COUNTED, TrialRule
from protocolsim.protocol.conduct import NO_RULE
from protocolsim.records import NEVER
from protocolsim.report.looks.wording import action, condition, done, filled, spoken, trigger, valued, week
from protocolsim.report.protocol.text import listed
from protocolsim.report.style import numbers
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.engines import AUTO
from protocolsim.study.trial_looks import HeldLook, TrialLooks, trial_looks
from protocolsim.units import MINUTES_PER_WEEK, duration

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TriedRule:
    """A rule of a look: what it would do, its condition, the same with numbers, and whether it held."""

    action: str
    condition: str
    numbers: str
    held: bool

    @property
    def text(self) -> str:
        """In one line."""
        if self.condition == self.numbers:
            return f"{self.action}, {self.condition}: {'holds' if self.held else 'does not hold'}"
        return f"{self.action}, when {self.condition}: {self.numbers} {'holds' if self.held else 'does not hold'}"


@dataclass(frozen=True)
class LookLines:
    """One look in sentences: `why` it was held then, what was `known`, what its rules `read`, `tried` and `decided`."""

    heading: str
    why: str
    known: tuple[str, ...]
    read: str
    tried: tuple[TriedRule, ...]
    decided: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them, in order."""
        rules = tuple(t.text for t in self.tried)
        return tuple(line for line in (self.why, *self.known, self.read, *rules, *self.decided) if line)


@dataclass(frozen=True)
class LooksStory:
    """One trial's looks as a story. `of` holds the same as data.

    `looks` are those that were held, in order; `after` what became of the trial once it was decided; `if_not` what
    would have come at the later looks had it gone on.
    """

    of: TrialLooks
    heading: str
    lead: tuple[str, ...]
    looks: tuple[LookLines, ...]
    after: tuple[str, ...]
    if_not: tuple[str, ...]
    note: str

    @property
    def text(self) -> str:
        """The whole story, a line for each sentence."""
        lines = [self.heading, *self.lead]
        for look in self.looks:
            lines += ["", look.heading, *(f"  {line}" for line in look.lines)]
        for heading, said in (("After the decision", self.after), ("Had the trial gone on", self.if_not)):
            lines += ["", heading, *(f"  {line}" for line in said)] if said else []
        return "\n".join([*lines, *(["", self.note] if self.note else [])]) + "\n"

    @property
    def table(self) -> pd.DataFrame:
        """One row for each planned look: as it was held, or (`as_if`) as it would have come; values by name.

        Weeks of the trial's calendar; `conclusion` is "" where no rule held.
        """
        import pandas as pd

        looks = (*self.of.looks, *(look for look in self.of.as_if if not self.of.looks[look.number].held))
        return pd.DataFrame([_row(self.of, look) for look in looks if look.held])

    def summary(self) -> dict[str, Any]:
        """The story as `protocolsim looks --json` prints it; weeks of the trial's calendar, null for undefined."""
        trial = self.of
        return {
            "scenario": trial.scenario.name,
            "seed": trial.seed,
            "replicate": trial.replicate,
            "engine": trial.engine,
            "stopped_early": trial.stopped_early,
            "looks": [
                {**_plain(trial, trial.looks[k]), "story": list(lines.lines)} for k, lines in _paired(trial, self.looks)
            ],
            "overrun_analysis": None
            if trial.again is None
            else _plain(trial, trial.again) | {"flipped": trial.flipped},
            "had_it_gone_on": [_plain(trial, look) for look in _later(trial)],
            "after": list(self.after),
            "if_not": list(self.if_not),
        }


def looks(
    scenario: Scenario, replicate: int | None = None, *, seed: int | None = None, engine: str = AUTO
) -> LooksStory:
    """One trial's looks; see `trial_looks` for which trial, and what is refused."""
    return told(trial_looks(scenario, replicate, seed=seed, engine=engine))


def told(trial: TrialLooks) -> LooksStory:
    """The story of a trial's looks."""
    teller = _LooksTeller(trial)
    later = teller.later()
    return LooksStory(
        trial,
        f"The looks of trial {trial.replicate}: {trial.scenario.title}",
        teller.lead(),
        tuple(teller.look(look) for look in trial.looks if look.held),
        teller.after(),
        later,
        "What would have come is the same simulated patients with the same random numbers; no real trial can show it."
        if later
        else "",
    )


class _LooksTeller:
    """Puts a trial's looks into words."""

    def __init__(self, trial: TrialLooks) -> None:
        self.trial, self.design, self.scenario = trial, trial.design, trial.scenario

    def lead(self) -> tuple[str, ...]:
        """How many looks were planned and held, and what the calendar is."""
        planned, ended = len(self.trial.looks), self.trial.ended
        held = sum(look.held for look in self.trial.looks)
        said = f"{numbers.count(planned, 'look')} planned, {held} held."
        if ended is not None:
            rule = self.trial.rule(ended.rule)
            assert rule is not None
            said += f" At {spoken(ended.name)} {done(rule)}."
        lag, after = self.design.data_lag, self.design.decided_after
        known = f" An observation is in the database {duration(lag)} after it was made." if lag else ""
        later = f" A decision comes {duration(after)} after its cut-off." if after else ""
        return said, f"Weeks are counted from the trial's first day.{known}{later}"

    def look(self, look: HeldLook) -> LookLines:
        """Everything about one look that was held."""
        title = spoken(look.name)
        return LookLines(
            f"{title[0].upper()}{title[1:]}, {week(look.cutoff)}", self._why(look), self._known(look),
            self._read(look.number, look.values), self._tried(look), self._decided(look),
        )  # fmt: skip

    def _why(self, look: HeldLook) -> str:
        of = self.design.looks[look.number].trigger
        asked = trigger(of, self.scenario)
        if look.trigger == NEVER:
            return f"Held when every patient had finished; what it waited for never came: {asked}."
        if look.trigger < look.cutoff:
            behind = "at the decision of the look before"
            return f"Due in {week(look.trigger)}, once {asked}; held {behind}."
        if of.at_the_latest is not None and look.cutoff == of.at_the_latest:
            return f"Held in {week(look.cutoff)}, its latest: {asked}."
        return f"Held once {asked}."

    def _known(self, look: HeldLook) -> tuple[str, ...]:
        count = self.design.looks[look.number].trigger.count or self.design.information.count
        known = f"Known: {look.screened} screened, {look.enrolled} enrolled"
        if count.of == "event":
            known += f", {look.values['followed']:.0f} with the event counted"
        elif count.followed or count.of == "entered":
            for_ = f" {duration(count.followed)}" if count.followed else ""
            known += f", {look.values['followed']:.0f} followed{for_}"
        if look.in_screening:
            known += f"; {look.in_screening} still in screening"
        waits = "not yet followed so long" if count.followed else "still in the trial"
        said = [f"{known}. In the pipeline: {look.pipeline} enrolled and {waits}."]
        if look.lagging:
            lag = duration(self.design.data_lag)
            said.append(f"{numbers.count(look.lagging, 'observation')} of the last {lag} not in the database yet.")
        return tuple(said)

    def _read(self, number: int, values: Mapping[str, float], *, planned: bool = True) -> str:
        statistics = [
            f"{name} {valued(self.design, name, value)}" for name, value in values.items() if name not in COUNTED
        ]
        at_plan = self.design.looks[number].planned
        found = valued(self.design, "information", values["information"])
        of = f" (planned {100 * at_plan:.4g} %)" if planned and at_plan == at_plan else ""
        here = {b.name: b.values[number] for b in self.design.boundaries}
        bounds = [f"{name} {value:.4g}" for name, value in here.items() if value == value]
        at = f"; boundaries here: {', '.join(bounds)}" if bounds else ""
        return f"Read: {', '.join([*statistics, f'information {found}{of}'])}{at}."

    def _tried(self, look: HeldLook) -> tuple[TriedRule, ...]:
        """The rules in file order up to the one that held."""
        tried = []
        for rule in (r for r in self.design.rules if look.number in r.at):
            held = rule.number == look.rule
            numbers_in = filled(self.design, self.scenario, rule, look.number, look.values)
            tried.append(TriedRule(action(rule), condition(rule), numbers_in, held))
            if held:
                break
        return tuple(tried)

    def _decided(self, look: HeldLook) -> tuple[str, ...]:
        when = f"Decision in {week(look.decision)}"
        rule = self.trial.rule(look.rule)
        last = look.number == len(self.design.looks) - 1
        goes_on = f"no rule holds, {'and no further look is planned' if last else 'so that the trial goes on'}"
        said = [f"{when}: {goes_on if rule is None else done(rule)}."]
        if look.decision > look.cutoff:
            said.append(
                f"Between cut-off and decision {numbers.count(look.enrolled_meanwhile, 'more patient')} enrolled, "
                f"{look.ended_meanwhile} ended."
            )
        return tuple(said)

    def after(self) -> tuple[str, ...]:
        """What became of those in the trial at the decision, and the overrun analysis."""
        ended = self.trial.ended
        rule = None if ended is None else self.trial.rule(ended.rule)
        if ended is None or rule is None:
            return ()
        there = self.trial.there_at_decision
        finished = f"The last of them finished in {week(self.trial.last_minute)}."
        if rule.action == "conclude":
            open_ = "No further look is held; enrolment, where it is still open, and follow-up go on as planned."
            return (open_, f"The last patient finished in {week(self.trial.last_minute)}.")
        said = [f"No arriving candidate is screened any more. {self._fate(rule)}"]
        if there.any():
            ends = Counter(self._end(int(code)) for code in self.trial.final["subjects"]["final_state"][there])
            how = listed([f"{number} {end}" for end, number in ends.most_common()])
            said.append(f"{numbers.count(int(there.sum()), 'subject')} in the trial at the decision ended so: {how}.")
            said.append(finished)
        return (*said, *self._overrun(rule))

    def _fate(self, rule: TrialRule) -> str:
        if rule.reason in self.design.events:
            return f"Every subject in the trial is told 'stopped for {rule.reason}', as the protocol says."
        return "Those in the trial go on as the protocol says: nothing in it waits for the stop."

    def _end(self, code: int) -> str:
        state = self.scenario.trial.protocol.states[code]
        return state.outcome or state.label

    def _overrun(self, rule: TrialRule) -> tuple[str, ...]:
        again = self.trial.again
        if again is None:
            return ()
        values = self._read(again.number, again.values, planned=False).removeprefix("Read: ")
        held = self.trial.rule(again.rule)
        came = "no rule holds" if held is None else f"{action(held)} holds"
        verdict = f"the stop for {rule.reason} is {'contradicted (flipped)' if self.trial.flipped else 'confirmed'}"
        enrolled = self.trial.final["trials"]["enrolled"][0]
        once = f"Overrun analysis of all {enrolled} enrolled, once they had finished in {week(again.cutoff)}"
        return (f"{once}: {values} Now {came}: {verdict}.",)

    def later(self) -> tuple[str, ...]:
        """What would have come at the looks after the one that ended the trial."""
        said = []
        for look in _later(self.trial):
            rule = self.trial.rule(look.rule)
            name = spoken(look.name)
            would = "no rule would have held" if rule is None else f"{_would(rule)}"
            read = self._read(look.number, look.values).removeprefix("Read: ").rstrip(".")
            at = f"{name[0].upper()}{name[1:]} in {week(look.cutoff)}"
            said.append(f"{at}, {look.enrolled} enrolled: {read}; {would}.")
        return tuple(said)


def _would(rule: TrialRule) -> str:
    return (
        f"it would have stopped for {rule.reason}"
        if rule.action == "stop"
        else f"it would have concluded '{rule.reason}'"
    )


def _later(trial: TrialLooks) -> tuple[HeldLook, ...]:
    """The looks behind the one that ended the trial, as they would have come."""
    ended = trial.ended
    return () if ended is None else tuple(look for look in trial.as_if[ended.number + 1 :] if look.held)


def _paired(trial: TrialLooks, lines: tuple[LookLines, ...]) -> list[tuple[int, LookLines]]:
    return list(zip([look.number for look in trial.looks if look.held], lines, strict=True))


def _row(trial: TrialLooks, look: HeldLook) -> dict[str, Any]:
    """One look in plain values; weeks of the calendar."""
    bounds = {b.name: b.values[look.number] for b in trial.design.boundaries}
    return {
        "look": look.name,
        "as_if": not trial.looks[look.number].held,
        "trigger_week": _weeks(look.trigger), "cutoff_week": _weeks(look.cutoff),
        "decision_week": _weeks(look.decision),
        "screened": look.screened, "enrolled": look.enrolled, "in_screening": look.in_screening,
        "pipeline": look.pipeline, "data_lag": look.lagging,
        **{f"value_{name}": value for name, value in look.values.items()},
        **{f"boundary_{name}": value for name, value in bounds.items()},
        "conclusion": "" if look.rule == NO_RULE else trial.conclusion(look.rule),
    }  # fmt: skip


def _weeks(minute: int) -> float:
    return float("nan") if minute == NEVER else minute / MINUTES_PER_WEEK


def _plain(trial: TrialLooks, look: HeldLook) -> dict[str, Any]:
    """The same for JSON: null for what is undefined."""
    row = _row(trial, look)
    row.pop("as_if")
    return {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}
