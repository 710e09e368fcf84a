"""The looks of one simulated trial: as they were held, and those that would have come had no rule been obeyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from protocolsim.arrays import Integers, Mask
from protocolsim.engine.looks import hold_all, overrun
from protocolsim.errors import UsageError
from protocolsim.interim.design import Design, TrialRule
from protocolsim.protocol.conduct import NO_RULE, Count, HeldLooks
from protocolsim.protocol.counting import dates, last_minute
from protocolsim.records import FAR, NEVER, READ, TABLES, Records, concatenate
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.arguments import replicates_and_seed
from protocolsim.study.engines import AUTO, chosen_engine, pieces

_FIRST, _TIMES = 8, 4  # trials looked through together for one that was stopped: 8, then 32, then 128 ...


@dataclass(frozen=True)
class HeldLook:
    """One look of one trial; minutes are those of the trial's calendar, NEVER where there is none.

    `values` are what its rules read, by name; `rule` is the number of the rule that held. At the cut-off `screened`
    candidates had begun, of whom `enrolled` were enrolled and `in_screening` were neither enrolled nor had ended;
    `pipeline` of the enrolled had not been followed for as long as the look counts; `lagging` observations had been
    made and were not in the database yet. `enrolled_meanwhile` and `ended_meanwhile` count the enrolled between the
    cut-off and the decision.
    """

    number: int
    name: str
    trigger: int
    cutoff: int
    decision: int
    values: Mapping[str, float]
    rule: int
    screened: int = 0
    enrolled: int = 0
    in_screening: int = 0
    pipeline: int = 0
    lagging: int = 0
    enrolled_meanwhile: int = 0
    ended_meanwhile: int = 0

    @property
    def held(self) -> bool:
        """Whether it took place."""
        return self.cutoff != NEVER


@dataclass(frozen=True)
class TrialLooks:
    """The looks of one trial. `final` are its records as it was, `full` those had no rule been obeyed.

    `looks` are those planned, as they were held; `as_if` the same had no rule been obeyed. `again` is the look that
    stopped the trial early, once more when every subject enrolled had finished (the overrun analysis); None elsewhere.
    """

    scenario: Scenario
    seed: int
    replicate: int
    engine: str
    final: Records
    full: Records
    looks: tuple[HeldLook, ...]
    as_if: tuple[HeldLook, ...]
    again: HeldLook | None

    @property
    def design(self) -> Design:
        """The looks, statistics, boundaries and rules of the scenario."""
        assert self.scenario.interim is not None
        return self.scenario.interim

    @property
    def ended(self) -> HeldLook | None:
        """The look at which a rule held; None where none did."""
        return next((one for one in self.looks if one.rule != NO_RULE), None)

    @property
    def last_held(self) -> HeldLook:
        """The last look that took place."""
        return next(one for one in reversed(self.looks) if one.held)

    @property
    def stopped_early(self) -> bool:
        """Whether a rule stopped it before its last look."""
        return bool(self.final["trials"]["stopped_early"][0])

    @property
    def flipped(self) -> bool:
        """Whether the overrun analysis contradicts the stop."""
        return bool(self.final["trials"]["flipped"][0])

    @property
    def last_minute(self) -> int:
        """The calendar minute by which every subject of the trial as it was had finished."""
        return int(last_minute(self.final)[0])

    def rule(self, number: int) -> TrialRule | None:
        """A rule of the design by its number."""
        return next((r for r in self.design.rules if r.number == number), None)

    def conclusion(self, number: int) -> str:
        """What a rule stops or concludes for, "" for none."""
        rule = self.rule(number)
        return "" if rule is None else rule.reason

    @cached_property
    def there_at_decision(self) -> Mask:
        """Which subjects of `final` had begun and not ended when the trial was decided upon; none where it was not."""
        subjects, begun = self.final["subjects"], self.final.begins()
        ended = self.ended
        if ended is None:
            return np.zeros(len(begun), dtype=np.bool_)
        there: Mask = (begun <= ended.decision) & (begun + subjects["end_minute"] > ended.decision)
        return there


def trial_looks(
    scenario: Scenario, replicate: int | None = None, *, seed: int | None = None, engine: str = AUTO
) -> TrialLooks:
    """The looks of one trial: of the first that was stopped early where no number is given, or else of the first.

    Raises UsageError where no looks are declared, and for a replicate that the scenario has not.
    """
    design = scenario.interim
    if design is None:
        raise UsageError(f"{scenario.name}: no looks at the accumulating data are declared (`interim:`)")
    replicates, seed = replicates_and_seed(scenario, None, seed)
    if replicate is not None and not 0 <= replicate < replicates:
        raise UsageError(f"replicate {replicate}: {scenario.name} has replicates 0 to {replicates - 1}")
    engine = chosen_engine(scenario, engine)
    if replicate is None:
        replicate = next(_stopped(scenario, seed, replicates, engine), 0)
    one = range(replicate, replicate + 1)
    unlooked = replace(scenario, trial=replace(scenario.trial, conduct=None))
    final = concatenate(list(pieces(scenario, seed, one, engine)))
    full = concatenate(list(pieces(unlooked, seed, one, chosen_engine(unlooked, AUTO))))
    every = hold_all(design, full)
    held = _held_in(final, design)
    again = overrun(design, held, final)
    stopped = bool(final["trials"]["stopped_early"][0])
    return TrialLooks(
        scenario, seed, replicate, engine, final, full,
        tuple(_look(design, k, held, final) for k in range(len(design.looks))),
        tuple(_look(design, k, every, full) for k in range(len(design.looks))),
        _look(design, int(held.ended_at[0]), again, final) if stopped else None,
    )  # fmt: skip


def tables_of_many(trial: TrialLooks, most: int) -> Records:
    """The looks of the first trials of the same study, at most so many: their tables of looks and trials alone."""
    replicates, seed = replicates_and_seed(trial.scenario, None, trial.seed)
    number = min(replicates, most if not trial.scenario.trial.limited else most // 10)
    parts = []
    for records in pieces(trial.scenario, seed, range(number), trial.engine):
        none = {table: {name: column[:0] for name, column in records[table].items()} for table in TABLES}
        parts.append(replace(records, tables=none))
    return concatenate(parts)


def _stopped(scenario: Scenario, seed: int, replicates: int, engine: str) -> Iterator[int]:
    """The replicates that were stopped early, in order."""
    first, size = 0, _FIRST
    while first < replicates:
        for records in pieces(scenario, seed, range(first, min(first + size, replicates)), engine):
            stopped = np.flatnonzero(records["trials"]["stopped_early"])
            yield from (stopped + records.first_replicate).tolist()
        first, size = first + size, size * _TIMES


def _held_in(records: Records, design: Design) -> HeldLooks:
    """The looks of one replicate, from its table."""
    looks = records["looks"]

    def row(name: str) -> Integers:
        return np.asarray(looks[name], dtype=np.int64)[None, :]

    values = np.stack([looks[f"{READ}{name}"] for name in design.values], axis=1)[None]
    return HeldLooks(row("trigger_minute"), row("cutoff_minute"), row("decision_minute"), values, row("rule"))


def _look(design: Design, number: int, held: HeldLooks, records: Records) -> HeldLook:
    trigger, cutoff, decision, rule = (
        int(column[0, number]) for column in (held.trigger, held.cutoff, held.decision, held.rule)
    )
    values = dict(zip(design.values, held.values[0, number].tolist(), strict=True))
    look = HeldLook(number, design.looks[number].name, trigger, cutoff, decision, values, rule)
    if not look.held:
        return look
    subjects, begun = records["subjects"], records.begins()
    ends = begun + subjects["end_minute"]
    enrols = np.where(subjects["enrolled"], begun + subjects["enrolled_minute"], FAR)
    screened, enrolled = begun <= cutoff, enrols <= cutoff
    followed = _followed(design, number)
    if followed is None:
        waiting = enrolled & (ends > cutoff)
        pipeline = int(waiting.sum())
    else:
        pipeline = int(enrolled.sum()) - int((dates(followed, records) <= cutoff).sum())
    until = max(decision, cutoff)
    return replace(
        look, screened=int(screened.sum()), enrolled=int(enrolled.sum()), pipeline=pipeline,
        in_screening=int((screened & ~enrolled & (ends > cutoff)).sum()),
        lagging=_lagging(records, cutoff, design.data_lag),
        enrolled_meanwhile=int(((enrols > cutoff) & (enrols <= until)).sum()),
        ended_meanwhile=int(((enrols < FAR) & (ends > cutoff) & (ends <= until)).sum()),
    )  # fmt: skip


def _followed(design: Design, number: int) -> Count | None:
    """What a look counts, if it counts people with follow-up; else what information is counted in, if that does."""
    counts = (design.looks[number].trigger.count, design.information.count)
    return next((c for c in counts if c is not None and c.of == "enrolled" and c.followed > 0), None)


def _lagging(records: Records, cutoff: int, data_lag: int) -> int:
    """How many observations were made by the cut-off that are not in the database yet."""
    made = records.begins()[records.subject_rows("observations")] + records["observations"]["minute"]
    return int(((made <= cutoff) & (made > cutoff - data_lag)).sum())
