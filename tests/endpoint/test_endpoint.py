from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import typing
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim.endpoint.base import (
    NO_KEY,
    DrugName,
    Endpoint,
    EventNames,
    Minutes,
    Number,
    StateNames,
    Text,
    VariableName,
)  # fmt: skip
from protocolsim.endpoint.catalogue import kinds
from protocolsim.endpoint.change import Change
from protocolsim.endpoint.contrast import OfEndpoint
from protocolsim.endpoint.dose_total import DoseTotal
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.share_of_values import ShareOfValues
from protocolsim.endpoint.subjects.population import Population, populations
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.endpoint.visits import Visits
from protocolsim.engine.des import simulation
from protocolsim.errors import UsageError
from protocolsim.records import MADE, MISSED, NEVER, TABLES, Labels, Records, concatenate, table_from_rows
from protocolsim.scenario.file.schema import endpoint_fields
from protocolsim.scenario.load import load_text
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import MINUTES_PER_WEEK

WEEK = MINUTES_PER_WEEK
LABELS = Labels(
    states=("baseline", "treated", "rescued", "completed", "withdrawn", "screen_failure"),
    outcomes=("", "", "", "completed", "stopped", "not enrolled"),
    assessments=("scan",),
    variables=("count", "score"),
    drugs=("study drug", "other drug"),
    events=("harm",),
    sites=("site",),
)
STATE = LABELS.states.index


@dataclasses.dataclass(frozen=True)
class Course:
    """One subject: states with the week of entry, then what was seen (None: missed), given and suffered."""

    path: tuple[tuple[str, float], ...] = (("baseline", 0), ("treated", 12), ("completed", 52))
    seen: tuple[tuple[str, float, float | None], ...] = ()
    given: tuple[tuple[str, float, float | None], ...] = ()
    harmed: float | None = None
    variable: str = "count"
    drug: str = "study drug"

    @property
    def enrolled(self) -> float | None:
        """Week of entering treatment, if ever."""
        return next((week for state, week in self.path if state == "treated"), None)


def minutes(week: float) -> int:
    return round(week * WEEK)


def made_records(trials: list[list[Course]], first_replicate: int = 0) -> Records:
    """Records of these trials, as an engine would leave them."""
    rows: dict[str, list[tuple[Any, ...]]] = {t: [] for t in ("subjects", "observations", "doses", "moves", "events")}
    for replicate, trial in enumerate(trials, first_replicate):
        for subject, one in enumerate(trial, 1):
            who = (replicate, subject)
            enrolled = NEVER if one.enrolled is None else minutes(one.enrolled)
            final, end = one.path[-1]
            rows["subjects"].append((*who, 0, 0.0, enrolled != NEVER, enrolled, STATE(final), minutes(end)))
            for (old, _), (new, week) in zip(one.path, one.path[1:], strict=False):
                rows["moves"].append((*who, minutes(week), STATE(old), STATE(new), 0))
            variable, drug = LABELS.variables.index(one.variable), LABELS.drugs.index(one.drug)
            for index, (state, week, value) in enumerate(one.seen):
                status, shown = (MISSED, math.nan) if value is None else (MADE, value)
                at = minutes(week)
                rows["observations"].append((*who, STATE(state), 0, variable, index, at, at, status, shown, shown))
            for index, (state, week, dose) in enumerate(one.given):
                status, shown = (MISSED, 7.0) if dose is None else (MADE, dose)
                at = minutes(week)
                rows["doses"].append((*who, STATE(state), drug, index, at, at, status, shown, shown * 70.0))
            if one.harmed is not None:
                rows["events"].append((*who, minutes(one.harmed), STATE("treated"), 0))
    tables = {name: table_from_rows(name, LABELS, found) for name, found in rows.items()}
    return Records(LABELS, tables, first_replicate, len(trials))


def value_of(endpoint: Endpoint, records: Records, declared: dict[str, Population] | None = None) -> float:
    sums = endpoint.sums(records, populations(records, declared or {}))
    assert sums.dtype == np.float64
    assert len(sums) == records.replicates
    return float(endpoint.value(sums.sum(axis=0)))


def scans(baseline: list[float | None], treated: list[float | None], gap: float = 4) -> Course:
    """Baseline scans at weeks 0, 4, 8, ..., treatment scans every `gap` weeks after week 12."""
    early = tuple(("baseline", 4.0 * k, value) for k, value in enumerate(baseline))
    late = tuple(("treated", 12.0 + gap * (k + 1), value) for k, value in enumerate(treated))
    return Course(seen=early + late)


CHANGE = Change(name="c", label="C", variable="count", baseline=("baseline",), during=("treated",))
REDUCTION = Reduction(name="r", label="R", variable="count", baseline=("baseline",), during=("treated",))


def random_course(rng: np.random.Generator) -> Course:
    """A course with any ending, gaps in its scans, and values that are not whole numbers."""
    if rng.random() < 0.2:
        return Course(path=(("baseline", 0), ("screen_failure", 8)), seen=(("baseline", 0, 1.0),))
    stop = float(rng.integers(14, 40))
    end = ("completed", "withdrawn")[int(rng.integers(2))]
    path: tuple[tuple[str, float], ...] = (("baseline", 0), ("treated", 12), (end, stop))
    if rng.random() < 0.3:
        path = (*path[:2], ("rescued", stop), (end, stop + 10))
    early = tuple(("baseline", 4.0 * k, float(rng.gamma(1.0, 3.0))) for k in range(3))
    late = tuple(
        ("treated", week, None if rng.random() < 0.2 else float(rng.gamma(1.0, 1.0)))
        for week in np.arange(14.0, stop, 4.0).tolist()
    )
    doses = tuple(("treated", week, 1.0 + float(rng.random())) for week in np.arange(12.0, stop, 4.0).tolist())
    return Course(path, early + late, doses, 20.0 if rng.random() < 0.3 else None)


def random_trials(seed: int, number: int, size: int = 7) -> list[list[Course]]:
    rng = np.random.default_rng(seed)
    return [[random_course(rng) for _ in range(size)] for _ in range(number)]


@cache
def of_kind(name: str) -> tuple[Scenario, list[Endpoint]]:
    """The trial of a kind's own example, and the example's endpoints of that kind, with every choice they have."""
    kind = kinds()[name]
    scenario = load_text(kind.EXAMPLE, f"{name}.yaml", set={"cohort.size": 6})
    endpoints = [e for e in scenario.endpoints.values() if type(e) is kind]
    choices = {f: given for f, (what, given) in endpoint_fields(kind).items() if what == "choice"}
    chosen = list(endpoints)
    for endpoint, picked in itertools.product(endpoints, itertools.product(*choices.values())):
        with contextlib.suppress(UsageError):  # not every choice goes with every other key
            chosen.append(dataclasses.replace(endpoint, **dict(zip(choices, picked, strict=True))))
    return scenario, chosen


@cache
def simulated(name: str, first: int, replicates: int) -> Records:
    """Some replicates of that trial."""
    return simulation.simulate(of_kind(name)[0].trial, 1, range(first, first + replicates))


every = pytest.mark.parametrize("name", kinds())


@every
def test_every_file_is_a_kind_with_its_words(name: str) -> None:
    """Each kind that is found says what it is, who is in the denominator, and what its fields refer to."""
    allowed: set[Any] = {StateNames, VariableName, DrugName, EventNames, Minutes, Minutes | None, Number, Number | None}
    allowed |= {OfEndpoint, Text}
    own = {f.name for f in dataclasses.fields(Endpoint)}
    kind = kinds()[name]
    assert kind.kind == name
    assert kind.meaning
    assert kind.__doc__ is not None
    assert "enominator" in kind.__doc__
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in dataclasses.fields(kind):
        if field.name not in own and NO_KEY not in field.metadata:
            hint = hints[field.name]
            assert hint in allowed or typing.get_origin(hint) is typing.Literal
    assert all(e.counting for e in of_kind(name)[1])


@every
def test_splitting_into_replicates_changes_no_bit(name: str) -> None:
    """The sums of a block of replicates are those of its replicates one by one, to the last bit."""
    scenario, endpoints = of_kind(name)
    together, alone = simulated(name, 0, 4), [simulated(name, k, 1) for k in range(4)]
    assert concatenate(alone).equal(together)
    for endpoint in endpoints:
        whole = endpoint.sums(together, populations(together, scenario.populations))
        parts = np.concatenate([endpoint.sums(r, populations(r, scenario.populations)) for r in alone])
        assert whole.tobytes() == parts.tobytes()


@every
def test_nobody_counted_is_undefined(name: str) -> None:
    """Where nobody is in the denominator the value is nan, not zero and not an error."""
    scenario, endpoints = of_kind(name)
    records = simulated(name, 0, 2)
    nobody = {table: {column: values[:0] for column, values in records[table].items()} for table in TABLES}
    empty = Records(records.labels, nobody, 0, 2)
    for endpoint in endpoints:
        sums = endpoint.sums(empty, populations(empty, scenario.populations))
        assert len(sums) == 2
        assert np.isnan(endpoint.value(sums)).all()


@every
def test_a_value_exists_where_somebody_counts(name: str) -> None:
    """Of the trial that a kind shows itself with, one reading at least is a number, and no percentage exceeds 1."""
    scenario, endpoints = of_kind(name)
    records = simulated(name, 0, 4)
    sums = [e.sums(records, populations(records, scenario.populations)).sum(axis=0) for e in endpoints]
    values = [float(e.value(s)) for e, s in zip(endpoints, sums, strict=True)]
    assert not np.isnan(values).all()
    assert all(math.isnan(v) or v <= 1.0 for v, e in zip(values, endpoints, strict=True) if e.unit == "%")


def test_populations_follow_their_chain_in_any_order() -> None:
    """A population declared before the one it is part of is still its intersection."""
    records = made_records(random_trials(2, 3))
    declared = {
        "stayed": Population(of="treated", not_ended_in=("withdrawn",)),
        "treated": Population(of="enrolled", entered=("treated",), not_entered=("rescued",)),
    }
    known = populations(records, declared)
    path = [{state for state, _ in one.path} for trial in random_trials(2, 3) for one in trial]

    assert known["screened"].all()
    expected = [("treated" in p) and not p & {"rescued", "withdrawn"} for p in path]
    assert known["stayed"].tolist() == expected
    assert 0 < known["stayed"].sum() < known["treated"].sum() < known["enrolled"].sum()


def test_everybody_entered_the_first_state() -> None:
    """Nobody moves into the first state, and yet everybody has been in it."""
    records = made_records([[Course(), Course(path=(("baseline", 0),)), Course(path=(("rescued", 0),))]])
    known = populations(records, {"b": Population(entered=("baseline",)), "not": Population(not_entered=("baseline",))})

    assert known["b"].tolist() == [True, True, False]
    assert known["not"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"a": Population(of="b"), "b": Population(of="a")}, "part of itself: a of b of a"),
        ({"a": Population(of="enroled")}, "did you mean 'enrolled'"),
        ({"enrolled": Population()}, "built in"),
        ({"a": Population(entered=("treatd",))}, "unknown state 'treatd'; did you mean 'treated'?"),
    ],
)
def test_impossible_populations_are_refused(declared: dict[str, Population], said: str) -> None:
    """A circle, an unknown name and a second declaration are refused in words."""
    with pytest.raises(UsageError, match=said):
        populations(made_records([[Course()]]), declared)


def test_unknown_names_of_an_endpoint_are_refused() -> None:
    """An endpoint over a population or a variable that does not exist says the nearest right word."""
    records = made_records([[Course()]])
    known = populations(records, {})
    with pytest.raises(UsageError, match=r"endpoint 's': unknown population 'enroled'; did you mean 'enrolled'\?"):
        Share(name="s", label="S", among="enroled", ended_in=("completed",)).sums(records, known)
    with pytest.raises(UsageError, match=r"did you mean 'count'\?"):
        dataclasses.replace(REDUCTION, variable="cuont").sums(records, known)


def test_a_share_needs_a_condition() -> None:
    """A share that asks nothing would always be 100 %, so it is refused."""
    with pytest.raises(UsageError, match="always 100 %"):
        Share(name="s", label="S")


def test_share_counts_those_who_meet_every_condition() -> None:
    """Names of one field are alternatives, fields are all required, and leavers stay in the denominator."""
    rescued = (("baseline", 0.0), ("treated", 12.0), ("rescued", 20.0), ("completed", 30.0))
    withdrawn = (("baseline", 0.0), ("treated", 12.0), ("withdrawn", 20.0))
    failed = Course(path=(("baseline", 0), ("screen_failure", 8)))
    records = made_records([[Course(), Course(path=rescued, harmed=15), Course(path=withdrawn), failed]])

    def share(**asked: Any) -> float:
        return value_of(Share(name="s", label="S", **asked), records)

    assert share(ended_in=("completed",)) == 2 / 3
    assert share(ended_in=("completed",), not_entered=("rescued",)) == 1 / 3
    assert share(ended_in=("completed", "withdrawn")) == 1.0
    assert share(not_ended_in=("completed",)) == 1 / 3
    assert share(with_event=("harm",)) == 1 / 3
    assert share(with_event=("harm",), not_entered=("rescued",)) == 0.0
    assert share(among="screened", entered=("screen_failure",)) == 1 / 4


def test_share_of_values_asks_each_subjects_own_statistic() -> None:
    """Every reading is numpy's of the made values, bounds are inclusive, and who was never seen is not counted."""
    values: list[list[float | None]] = [[4, None, 1, 3], [2, 2], [9, 0], [None]]
    records = made_records([[scans([4], v) for v in values]])
    statistic: dict[str, Any] = {
        "mean": np.mean,
        "last": lambda v: v[-1],
        "first": lambda v: v[0],
        "smallest": min,
        "largest": max,
    }
    for reading, of in statistic.items():
        own = np.array([of([x for x in v if x is not None]) for v in values[:3]])
        for bound in (0.0, 1.0, 2.0, 8 / 3, 4.0):
            asked = ShareOfValues(
                name="v", label="V", variable="count", during=("treated",), reading=typing.cast("Any", reading),
                at_most=bound,
            )  # fmt: skip
            assert value_of(asked, records) == pytest.approx((own <= bound + 1e-9).mean())
            above = dataclasses.replace(asked, at_most=None, at_least=bound)
            assert value_of(above, records) == pytest.approx((own >= bound - 1e-9).mean())
            change = dataclasses.replace(asked, baseline=("baseline",), times=0.5, at_most=bound)
            assert value_of(change, records) == pytest.approx((0.5 * (own - 4) <= bound + 1e-9).mean())


def test_a_share_of_values_needs_a_bound() -> None:
    """Without a bound everybody is within, so it is refused."""
    with pytest.raises(UsageError, match="always 100 %"):
        ShareOfValues(name="v", label="V", variable="count", during=("treated",))


def test_reduction_pooled_is_a_ratio_of_rates() -> None:
    """Pooled per scan: one minus (20 in 4 scans over 80 in 4 scans), whoever they belong to."""
    records = made_records([[scans([60, 10], [15, 3]), scans([6, 4], [2, 0])]])

    assert value_of(dataclasses.replace(REDUCTION, per="scan"), records) == 1 - 20 / 80


def test_readings_of_the_patients_own_reductions() -> None:
    """Mean and median take each patient's own reduction, and leave out who had none at baseline."""
    records = made_records([[scans([4, 4], [2, 2]), scans([10, 10], [1, 1]), scans([1], [1]), scans([0, 0], [3, 3])]])
    mean = dataclasses.replace(REDUCTION, per="scan", reading="mean of patients")
    median = dataclasses.replace(REDUCTION, per="scan", reading="median of patients")

    assert value_of(mean, records) == pytest.approx((0.5 + 0.9 + 0.0) / 3, abs=1e-7)  # sums round to 2^-24
    assert value_of(median, records) == 0.5


@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_median_of_each_trial_is_numpys(counts: list[list[int]]) -> None:
    """The one-trial value is the median of that trial's patients, for odd, even and no patients."""
    trials = [[scans([5], [c]) for c in trial] for trial in counts]
    records = made_records(trials)
    endpoint = dataclasses.replace(REDUCTION, per="scan", reading="median of patients")
    found = endpoint.value(endpoint.sums(records, populations(records, {})))

    for value, trial in zip(found, counts, strict=True):
        expected = float(np.median([1 - c / 5 for c in trial])) if trial else math.nan
        assert value == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(st.lists(st.booleans(), min_size=4, max_size=12).filter(any))
@settings(max_examples=40, deadline=None)
def test_missed_scans_do_not_bend_a_rate_over_time(made: list[bool]) -> None:
    """A steady one per week counts as the same rate however many scans are missed: gaps lengthen instead."""
    last, seen = 8, []
    for week, there in zip(range(12, 12 + 2 * len(made), 2), made, strict=True):
        seen.append(("treated", float(week), float(week - last) if there else None))
        last = week if there else last
    course = Course(seen=(("baseline", 0, 8.0), ("baseline", 4, 8.0), ("baseline", 8, 8.0), *seen))

    assert value_of(REDUCTION, made_records([[course]])) == pytest.approx(0.5, abs=1e-12)


def test_first_gap_is_taken_as_declared() -> None:
    """The first assessment has no gap before it and counts over `first_gap`."""
    records = made_records([[Course(seen=(("baseline", 0, 6.0), ("treated", 4, 2.0)))]])

    assert value_of(REDUCTION, records) == pytest.approx(1 - 2 / 6)
    assert value_of(dataclasses.replace(REDUCTION, first_gap=8 * WEEK), records) == pytest.approx(1 - 2 / 3)


def test_scan_of_the_day_of_enrolment_belongs_to_its_state() -> None:
    """A baseline scan made at the minute of enrolment counts as baseline, not as treatment."""
    course = Course(seen=(("baseline", 12, 8.0), ("treated", 16, 2.0)))

    assert value_of(REDUCTION, made_records([[course]])) == 0.75


def test_window_bounds_only_the_treatment() -> None:
    """`after` is inclusive, `before` exclusive, both since enrolment, and neither touches the baseline."""
    course = Course(seen=(("baseline", 0, 8.0), ("treated", 16, 6.0), ("treated", 20, 2.0), ("treated", 24, 4.0)))
    records = made_records([[course]])
    whole = dataclasses.replace(REDUCTION, per="scan")
    after = dataclasses.replace(whole, after=8 * WEEK)

    assert value_of(after, records) == 1 - 3 / 8
    assert value_of(dataclasses.replace(after, before=12 * WEEK), records) == 1 - 2 / 8
    assert value_of(dataclasses.replace(whole, before=8 * WEEK), records) == 1 - 6 / 8


def test_patients_without_both_sides_do_not_enter_a_reduction() -> None:
    """Who left before the first treatment scan does not colour the baseline of the others."""
    alone = scans([8], [2])
    left = Course(path=(("baseline", 0), ("treated", 12), ("withdrawn", 13)), seen=(("baseline", 0, 90.0),))

    endpoint = dataclasses.replace(REDUCTION, per="scan")

    assert value_of(endpoint, made_records([[alone, left]])) == value_of(endpoint, made_records([[alone]])) == 0.75


def test_only_the_named_variable_counts() -> None:
    """Another variable's rows change neither a rate nor its gaps."""
    other = dataclasses.replace(scans([50, 50], [50]), variable="score")
    records = made_records([[scans([8, 8], [4]), other]])

    assert value_of(dataclasses.replace(REDUCTION, per="scan"), records) == 0.5


def test_change_is_last_against_mean_baseline() -> None:
    """Difference and ratio use the last made value and the mean of the baseline ones."""
    records = made_records([[scans([2, 4], [9, 6, None]), scans([1, 1], [3]), scans([1], [None]), scans([0], [5])]])

    assert value_of(CHANGE, records) == pytest.approx((3 + 2 + 5) / 3)
    assert value_of(dataclasses.replace(CHANGE, reading="ratio"), records) == pytest.approx((2 + 3) / 2)


def test_a_change_is_in_what_its_variable_is_counted_in() -> None:
    """Points unless the file says otherwise; a ratio is how many times, whatever is counted."""
    assert CHANGE.unit == "points"
    assert dataclasses.replace(CHANGE, counted_in="letters").unit == "letters"
    assert dataclasses.replace(CHANGE, counted_in="letters", reading="ratio").unit == "times"


def test_doses_add_up_and_missed_ones_do_not() -> None:
    """The mean total counts given doses of that drug alone, and a subject without one as zero."""
    one = Course(given=(("treated", 12, 1.0), ("treated", 14, None), ("rescued", 18, 2.0)))
    other = Course(given=(("treated", 12, 40.0),), drug="other drug")
    records = made_records([[one, other]])

    assert value_of(DoseTotal(name="d", label="D", drug="study drug"), records) == 1.5
    assert value_of(DoseTotal(name="d", label="D", drug="study drug", during=("treated",)), records) == 0.5


def test_visits_that_were_missed_or_late() -> None:
    """Missed over planned, and days late over made, by state, by time of plan since enrolment, of one variable."""
    records = made_records(
        [[scans([4, None], [2, None, None, 5]), dataclasses.replace(scans([1], []), variable="score")]]
    )
    late = dict(records["observations"])
    late["minute"] = late["planned_minute"] + np.array([0, 0, 2, 0, 0, 4, 9]) * 1440
    records = dataclasses.replace(records, tables={**records.tables, "observations": late})
    missed = Visits(name="n", label="N", variable="count")
    delay = dataclasses.replace(missed, reading="lateness")

    assert value_of(missed, records) == 3 / 6
    assert value_of(dataclasses.replace(missed, during=("treated",)), records) == 2 / 4
    assert value_of(dataclasses.replace(missed, after=12 * WEEK), records) == 1 / 2
    assert value_of(delay, records) == pytest.approx((0 + 2 + 4) / 3)
    assert value_of(dataclasses.replace(delay, during=("treated",), after=16 * WEEK), records) == 4
    assert value_of(dataclasses.replace(missed, variable="score"), records) == 0


def test_rate_and_mean_of_time_to_a_state() -> None:
    """The rate divides entries by all weeks at risk; the mean looks only at those who got there."""
    path = (("baseline", 0.0), ("treated", 12.0), ("rescued", 22.0), ("treated", 30.0), ("rescued", 31.0))
    rescued = Course(path=(*path, ("completed", 40.0)))
    left = Course(path=(("baseline", 0), ("treated", 12), ("withdrawn", 28)))
    records = made_records([[rescued, left, Course(path=(("baseline", 0), ("screen_failure", 8)))]])
    rate = TimeTo(name="t", label="T", start=("treated",), to=("rescued",))

    assert value_of(rate, records) == pytest.approx(52 * 1 / (10 + 16))
    assert value_of(dataclasses.replace(rate, reading="mean"), records) == 10
    assert value_of(dataclasses.replace(rate, start=("baseline",), reading="mean"), records) == 22
    again = dataclasses.replace(rate, start=("rescued",), to=("rescued",), reading="mean")
    assert value_of(again, records) == 9


def test_entries_at_the_same_minute_keep_their_order() -> None:
    """A state entered in the minute after which one starts, but before it, is not a way there."""
    path = (("baseline", 0.0), ("rescued", 12.0), ("treated", 12.0), ("completed", 22.0))
    records = made_records([[Course(path=path)]])
    rate = TimeTo(name="t", label="T", start=("treated",), to=("rescued",))

    assert value_of(rate, records) == 0.0


def test_time_to_counts_only_those_among() -> None:
    """Who is not in the population adds neither an entry nor weeks; nor does a member who never entered `start`.

    Of four subjects two are in the population `harmless` (they never were rescued): 10 weeks to withdrawal, 20 without.
    """
    left = Course(path=(("baseline", 0), ("treated", 12), ("withdrawn", 22)))
    stayed = Course(path=(("baseline", 0), ("treated", 12), ("completed", 32)))
    outside = Course(path=(("baseline", 0), ("treated", 12), ("rescued", 13), ("withdrawn", 20)))
    never = Course(path=(("baseline", 0), ("screen_failure", 8)))
    records = made_records([[left, stayed, outside, never]])
    declared = {"harmless": Population(of="screened", not_entered=("rescued",))}
    rate = TimeTo(name="t", label="T", start=("treated",), to=("withdrawn",), among="harmless")

    assert value_of(rate, records, declared) == pytest.approx(52 * 1 / (10 + 20))
    assert value_of(dataclasses.replace(rate, reading="mean"), records, declared) == 10
    assert value_of(dataclasses.replace(rate, among="screened"), records) == pytest.approx(52 * 2 / (10 + 20 + 8))
