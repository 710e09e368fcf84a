"""Laws of hazards that are each patient's own: closed forms, visits that change nothing, engines that agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import protocolsim
from protocolsim.arithmetic import kernel
from protocolsim.component import Baseline, Hazard, PiecewiseConstant, Weibull
from protocolsim.engine.baselines import END, FIRST, KIND, OwnHazards, cumulative, time_of
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.engine.hazard_clocks import Clocks
from protocolsim.errors import ProtocolsimError, ScenarioError
from protocolsim.randomness import exponential_quantile, uniform
from protocolsim.records import Records, concatenate
from protocolsim.report.documentation.model_page import _couplings
from protocolsim.report.patient.story import trace
from protocolsim.study.decision.replay import life
from tests.engine.test_engines_agree import assert_agree, drawn
from tests.report.test_trace import same_rows
from tests.support import patients, protocols
from tests.support.patients import (
    DEATH_STREAM,
    DYING,
    RELAPSE_STREAM,
    ailing,
    by_day,
    by_enrolment,
    by_exposure,
    by_frailty,
    by_tablet,
    course,
    death,
    ends,
    records_of,
)
from tests.support.protocols import Draft, drafts, runnable
from tests.support.toys import DAY, rows

MANY = 6000
WEIBULL = Weibull(60.0 * DAY, 1.7)
PIECES = PiecewiseConstant((5.0 * DAY, 25.0 * DAY, 40.0 * DAY), (0.03 / DAY, 0.0, 0.05 / DAY, 0.002 / DAY))


def of(baseline: Baseline, days: Any) -> Any:
    """The cumulative hazard of a baseline after so many days, by another way than the engine's."""
    if isinstance(baseline, Weibull):
        return (np.asarray(days) * DAY / baseline.scale) ** baseline.shape
    cuts = np.array([0.0, *baseline.cuts, np.inf])
    spent = np.clip(np.asarray(days)[..., None] * DAY, cuts[:-1], cuts[1:]) - cuts[:-1]
    return (spent * np.array(baseline.rates)).sum(axis=-1)


def exposed(days: Any) -> Any:
    """Days on the tablet, which is taken from day 20 to 30."""
    return np.clip(np.asarray(days) - 20.0, 0.0, 10.0)


def stepped(daily: Callable[[Any], Any], days: Any) -> Any:
    """The sum of a daily hazard, found out at midnight and in force for a day."""
    whole = np.arange(100)
    return (daily(whole) * np.clip(np.asarray(days)[..., None] - whole, 0.0, 1.0)).sum(axis=-1)


def frail(hazard: Any) -> Any:
    """Survival where the hazard is multiplied by an exponential frailty of mean 1."""
    return 1.0 / (1.0 + hazard)


def alike(hazard: Any) -> Any:
    """Survival where everybody is alike."""
    return np.exp(-hazard)


@kernel
def _endless(body: Any, rows: Any, links: Any, constants: Any, now: Any, out: Any) -> None:
    """More than any number until the first grid minute."""
    for k in range(rows.shape[0]):
        out[k] = np.inf if now[rows[k]] == 0 else 0.0


DAILY = {"changing": True}
LAWS: dict[str, tuple[Hazard, Callable[[Any], Any]]] = {
    "a rate": (death(rate=0.02 / DAY), lambda t: alike(0.02 * t)),
    "a rate since enrolment": (
        death(rate=0.02 / DAY, since="enrolment"),
        lambda t: alike(0.02 * np.clip(t - 10.0, 0.0, None)),
    ),
    "Weibull": (death(rate=1.0, baseline=lambda c: WEIBULL), lambda t: alike(of(WEIBULL, t))),
    "piecewise": (death(rate=2.0, baseline=lambda c: PIECES), lambda t: alike(2.0 * of(PIECES, t))),
    "Weibull with frailty": (death(by_frailty, baseline=lambda c: WEIBULL), lambda t: frail(of(WEIBULL, t))),
    "piecewise with frailty since enrolment": (
        death(by_frailty, baseline=lambda c: PIECES, since="enrolment"),
        lambda t: frail(of(PIECES, np.clip(t - 10.0, 0.0, None))),
    ),
    "by what is taken": (death(by_tablet), lambda t: alike(0.02 * t + 0.18 * exposed(t))),
    "changing from day to day": (death(by_day, **DAILY), lambda t: alike(stepped(lambda d: 0.01 * d, t))),
    "changing with exposure": (death(by_exposure, **DAILY), lambda t: alike(stepped(lambda d: 0.02 * exposed(d), t))),
    "changing since enrolment": (
        death(by_enrolment, **DAILY),
        lambda t: alike(stepped(lambda d: 0.01 * np.clip(d - 10.0, 0.0, None), t)),
    ),
    "changing, of a Weibull": (
        death(by_enrolment, baseline=lambda c: Weibull(DAY / 60.0, 1.0), **DAILY),
        lambda t: alike(60.0 / DAY * stepped(lambda d: 0.01 * np.clip(d - 10.0, 0.0, None), t)),
    ),
}  # fmt: skip
TIMES = np.array([4.0, 9.5, 13.0, 21.0, 29.0, 37.0, 55.0, 80.0, 99.0])


class TestSurvival:
    """The share of patients alive at any time is that of the closed form."""

    @pytest.mark.parametrize("name", LAWS)
    def test_is_that_of_the_law(self, monkeypatch, name):
        """At nine times, within four standard errors."""
        hazard, law = LAWS[name]
        days, dead = ends(course(monkeypatch, ailing(hazard, step=DAY), size=MANY))
        died = np.where(dead, days, np.inf)
        everybody = len(days)
        expected = law(TIMES)
        alive = (died[:, None] > TIMES).mean(axis=0)
        error = np.sqrt(expected * (1.0 - expected) / everybody) + 1e-9
        assert (np.abs(alive - expected) < 4.0 * error).all(), (alive, expected)

    @pytest.mark.parametrize("name", ["Weibull with frailty", "piecewise"])
    def test_by_kaplan_meier_where_many_drop_out(self, monkeypatch, name):
        """Censored by dropout, the product-limit estimate is still the law's, within four of Greenwood's errors."""
        hazard, law = LAWS[name]
        more = DYING + "    - {from: on study, to: done, upon: dropout}\n"
        scenario = course(monkeypatch, ailing(hazard), size=MANY, cohort=", dropout: 2 % / 1 day", more=more)
        days, dead = ends(scenario)
        assert (~dead & (days < 100)).sum() > MANY / 4
        order = np.argsort(days, kind="stable")
        at_risk = np.arange(len(days), 0, -1)
        factors = np.where(dead[order], 1.0 - 1.0 / at_risk, 1.0)
        terms = np.where(dead[order], 1.0 / (at_risk * np.maximum(at_risk - 1.0, 1.0)), 0.0)
        for time in TIMES[:-1]:
            past = days[order] <= time
            estimate = factors[past].prod()
            assert abs(estimate - law(time)) < 4.0 * estimate * np.sqrt(terms[past].sum()) + 1e-9

    def test_causes_compete(self, monkeypatch):
        """A frail patient's relapses and death share a frailty; who dies of what is as their hazards are."""
        more = DYING + "    - {from: [before, first, second, third], to: done, upon: relapse}\n"
        relapse = Hazard("relapse", RELAPSE_STREAM, multiplier=by_frailty, baseline=lambda c: Weibull(120 * DAY, 1.7))
        disease = ailing(death(by_frailty, baseline=lambda c: WEIBULL), relapse)
        _, dead = ends(course(monkeypatch, disease, size=MANY, more=more))
        both = frail(2.0 * 0.0 + of(WEIBULL, 100.0) * (1.0 + 2.0**-1.7))
        share = 1.0 / (1.0 + 2.0**-1.7)
        # Some relapse before enrolment and are replaced; all are counted.
        assert abs(dead.mean() - (1.0 - both) * share) < 4.0 * np.sqrt(0.25 / MANY)


class TestWhatComesAgain:
    """Recurrent events, and those that come once."""

    def test_as_a_poisson_process_of_the_baseline(self, monkeypatch):
        """The number until any time is Poisson with the cumulative hazard as its mean, in each part of the time."""
        baseline = Weibull(20.0 * DAY, 1.5)
        disease = ailing(Hazard("relapse", RELAPSE_STREAM, lambda c, level: 1.0, baseline=lambda c: baseline))
        records = records_of(course(monkeypatch, disease, size=3000, more=""))
        minute, subject = records["events"]["minute"], records["events"]["subject"]
        for since, until in pairwise((0.0, 10.0, 20.0, 30.0, 100.0)):
            here = (minute > since * DAY) & (minute <= until * DAY)
            counts = np.bincount(subject[here], minlength=3000)
            mean = of(baseline, until) - of(baseline, since)
            assert abs(counts.mean() - mean) < 4.0 * np.sqrt(mean / 3000)
            assert abs(counts.var() - mean) < 4.0 * np.sqrt((mean + 2.0 * mean**2) / 3000)

    def test_once_is_the_first_of_them(self, monkeypatch):
        """What comes once comes when the first of what comes again would come, and to nobody twice."""
        again = Hazard("relapse", RELAPSE_STREAM, multiplier=by_frailty, baseline=lambda c: PIECES)
        found = []
        for hazard in (again, replace(again, once=True)):
            events = records_of(course(monkeypatch, ailing(hazard), size=2000, more=""))["events"]
            first = np.unique(events["subject"], return_index=True)[1]
            found.append({k: v[first] for k, v in events.items()})
            many = len(events["subject"]) > len(first)
        assert not many
        assert len(found[0]["minute"]) > 500
        for column, values in found[0].items():
            assert (values == found[1][column]).all(), column

    def test_however_large_the_hazard_is_time_passes(self, monkeypatch):
        """An infinite rate brings an event each minute, not all of them in one."""
        disease = ailing(Hazard("relapse", RELAPSE_STREAM, multiplier=_endless, changing=True), step=10)
        records = assert_agree(course(monkeypatch, disease, more=""), 1, range(1))
        assert isinstance(records, Records)
        assert records["events"]["minute"].tolist() == list(range(1, 11))

    @pytest.mark.parametrize("baseline", [None, WEIBULL, PIECES, Weibull(0.5, 300.0)])
    def test_the_next_event_is_on_a_later_minute(self, baseline):
        """However little hazard is needed: less than the last bit of what there has been."""
        streams, who, rows_ = np.array([71], dtype=np.int64), np.array([[0, 0], [0, 1]]), np.arange(2)
        clocks, one, hazards = (
            Clocks.initialised(streams, 11, who),
            np.array([True]),
            OwnHazards.of([(baseline, False, False)]),
        )
        now, enrolled, cause = np.array([50, 6001]), np.full(2, -1), np.zeros(2, dtype=np.int64)
        clocks.set_own_rates(rows_, np.full((1, 2), np.inf), one, one, now, enrolled, hazards)
        assert (clocks.next_due >= now).all()
        for _ in range(5):
            now = clocks.next_due.copy()
            clocks.record_own_event(rows_, cause, streams, one, 11, who, now, enrolled, hazards)
            assert (clocks.next_due == now + 1).all()


@pytest.mark.parametrize("step", [None, DAY, 1000])
def test_a_visit_more_or_less_changes_no_event(monkeypatch, step):
    """Whatever the hazards read, events fall at the same minutes with visits and without, awaited or not."""
    kinds: list[dict[str, Any]] = [
        {"multiplier": by_frailty, "baseline": lambda c: WEIBULL},
        {"multiplier": by_exposure, "changing": step is not None},
        {
            "multiplier": by_enrolment, "changing": step is not None, "since": "enrolment",
            "baseline": lambda c: PiecewiseConstant((30.0 * DAY,), (10.0, 3.0)),
        },
        {"rate": lambda c, level: 0.05 / DAY},
    ]  # fmt: skip
    hazards = [Hazard(f"event {k}", DEATH_STREAM + k, **kind) for k, kind in enumerate(kinds)]
    for more in ("", "    - {from: second, to: third, upon: event 0}\n    - {from: third, to: dead, upon: event 3}\n"):
        found = [
            records_of(course(monkeypatch, ailing(*hazards, step=step), size=200, visits=visits, more=more))
            for visits in ("", "{every: 7 hours}", "{days: [0, 3, 4, 10]}")
        ]
        assert len(found[0]["events"]["minute"]) > 500
        assert len(set(found[0]["events"]["event"])) == 4
        for table in ("events", "moves"):
            for column, values in found[0][table].items():
                assert all((other[table][column] == values).all() for other in found[1:]), (table, column)


# Engines agree -------------------------------------------------------------------------------------------------------

STEPS = (None, DAY, 2160, 1000)


@st.composite
def hazards(draw: Any, step: int | None) -> list[Hazard]:
    """Up to four hazards of a disease, of any form; dropout among them."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        changing = step is not None and draw(st.booleans())
        baseline = draw(st.sampled_from(patients.BASELINES))
        form: dict[str, Any] = {"baseline": lambda constants, b=baseline: b}
        form["multiplier"] = draw(st.sampled_from(patients.MULTIPLIERS))
        if draw(st.integers(0, 3)) == 0 and not changing:
            form = {"rate": lambda constants, level: 0.1 / DAY}
        found.append(
            Hazard(
                draw(st.sampled_from(["fever", "death", "relapse", "dropout"])),
                protocols.DRIFT_STREAM + 20 + number,
                **form,
                since=draw(st.sampled_from(["entry", "enrolment"])),
                once=draw(st.booleans()),
                changing=changing,
            )
        )
    return found


@st.composite
def drawn_trials(draw: Any) -> tuple[Draft, list[Hazard], int | None]:
    """A protocol with events of a disease, awaited or not."""
    draft = draw(drafts())
    draft["cohort"]["disease"] = "tests.support.patients:Odd"
    step = draw(st.sampled_from(STEPS))
    brought = draw(hazards(step))
    protocol = draft["protocol"]
    names = {h.event for h in brought}
    ways = [t for t in protocol["transitions"] if t.get("upon") not in ("fever", "dropout")]
    ways += [
        {"from": "on study", "to": "out", "upon": event}
        for event in sorted(names | {"dropout"})
        if event == "dropout" or draw(st.booleans())
    ]
    protocol["transitions"] = ways
    protocol["states"]["out"] = {"final": "out"}
    if draw(st.booleans()):
        draft["drugs"]["depot"]["kind"] = "tests.support.patients:Keeping"
    return draft, brought, step


def _agrees(monkeypatch: Any, drawn_trial: tuple[Draft, list[Hazard], int | None], seed: int) -> Records | str | None:
    draft, brought, step = drawn_trial
    disease = replace(patients.Waning, hazards=tuple(brought), step=step)
    monkeypatch.setattr("tests.support.patients.Odd", disease, raising=False)
    scenario = runnable(draft)
    if batch.unsupported(scenario.trial) is not None:
        return None
    return assert_agree(scenario, seed, range(1))


class TestEnginesAgree:
    """To the bit, whatever the hazards and the protocol."""

    def test_on_drawn_trials(self, monkeypatch):
        """Weibull, piecewise, once, recurrent, changing, since enrolment, several causes, of a disease and a drug."""
        events = changing = 0

        @drawn(max_examples=25)
        @given(drawn_trials(), st.integers(1, 5))
        def agree(trial: tuple[Draft, list[Hazard], int | None], seed: int) -> None:
            nonlocal events, changing
            records = _agrees(monkeypatch, trial, seed)
            if isinstance(records, Records):
                events += len(records["events"]["minute"]) > 0
                changing += any(h.changing for h in trial[1])

        agree()
        assert events >= 8
        assert changing >= 5

    @pytest.mark.long
    def test_on_many_more(self, monkeypatch):
        """The same law, for longer."""

        @drawn(max_examples=2500)
        @given(drawn_trials(), st.integers(1, 5))
        def agree(trial: tuple[Draft, list[Hazard], int | None], seed: int) -> None:
            _agrees(monkeypatch, trial, seed)

        agree()

    @pytest.mark.parametrize("name", LAWS)
    def test_on_each_law(self, monkeypatch, name):
        """Also where subjects see more than one part of every baseline."""
        scenario = course(monkeypatch, ailing(LAWS[name][0], step=DAY), size=12, visits="{every: 50 hours}")
        records = assert_agree(scenario, 3, range(1))
        assert isinstance(records, Records)
        assert len(records["events"]["minute"]) > 0

    def test_waiting_in_a_queue_changes_no_event(self, monkeypatch):
        """The grid goes on while visits are open, and what they slip by is nothing to the patient."""
        relapse = Hazard("relapse", RELAPSE_STREAM, multiplier=by_day, changing=True)
        disease = ailing(death(by_exposure, changing=True), relapse, step=1000)
        found = []
        for cohort in ("", ", capacity: {room: {serves: look}}"):
            scenario = course(monkeypatch, disease, size=12, visits="{days: [1, 1.5, 4]}", cohort=cohort)
            found.append(concatenate(list(des.pieces(scenario.trial, 2, range(1)))))
        free, queued = found
        assert (queued["observations"]["minute"] > queued["observations"]["planned_minute"]).sum() > 20
        assert len(free["events"]["minute"]) > 60
        assert (free["subjects"]["final_state"] == free.labels.states.index("dead")).any()
        for column, values in free["events"].items():
            assert values.tolist() == queued["events"][column].tolist(), column


# The arithmetic ------------------------------------------------------------------------------------------------------


@kernel
def both_ways(form: Any, numbers: Any, times: Any, hazards: Any, found: Any) -> None:
    """The cumulative hazard at each time, and the time of each hazard."""
    for k in range(times.shape[0]):
        found[0, k] = cumulative(form[0, KIND], numbers, form[0, FIRST], form[0, END], times[k])
        found[1, k] = time_of(form[0, KIND], numbers, form[0, FIRST], form[0, END], hazards[k])


def both(baseline: Baseline | None, times: Any, hazards: Any) -> Any:
    own = OwnHazards.of([(baseline, False, False)])
    found = np.empty((2, len(times)))
    both_ways(own.form, own.numbers, np.asarray(times, dtype=float), np.asarray(hazards, dtype=float), found)
    return found


POSITIVE = st.floats(0.05, 20.0)
BASELINES = st.builds(Weibull, st.floats(10.0, 1e6), POSITIVE.filter(lambda x: x < 6.0)) | st.lists(
    st.tuples(st.floats(1.0, 1e5), st.just(0.0) | st.floats(1e-7, 1e-2)), max_size=4
).map(
    lambda pieces: PiecewiseConstant(
        tuple(np.cumsum([length for length, _ in pieces]).tolist()), (*(rate for _, rate in pieces), 1e-4)
    )
)


class TestBaselines:
    """Cumulative hazards and their inverse."""

    @settings(max_examples=80)
    @given(BASELINES, st.lists(st.floats(0.0, 1e6), min_size=1, max_size=6))
    def test_are_what_they_say_and_inverse_to_each_other(self, baseline, times):
        """The hazard is that computed otherwise; the time of a hazard is the first at which there is that much."""
        expected = of(baseline, np.array(times) / DAY)
        hazard, _ = both(baseline, times, times)
        np.testing.assert_allclose(hazard, expected, rtol=1e-9, atol=1e-300)
        again, back = both(baseline, times, hazard)
        reached = of(baseline, back / DAY)
        np.testing.assert_allclose(reached, hazard, rtol=1e-8, atol=1e-12)
        assert (back <= np.array(times) * (1 + 1e-8) + 1e-6).all()
        assert (again == hazard).all()

    def test_what_is_never_reached(self):
        """Where the hazard stays at 0 from some time on, there is no time for more; a plateau begins when it does."""
        ending = PiecewiseConstant((100.0, 200.0, 300.0), (0.01, 0.0, 0.01, 0.0))
        _, found = both(ending, np.zeros(6), [0.0, 0.5, 1.0, 1.5, 2.0, 2.1])
        assert found.tolist() == [0.0, 50.0, 100.0, 250.0, 300.0, np.inf]

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            (lambda: Weibull(0.0, 1.0), "both are above 0"),
            (lambda: Weibull(5.0, float("nan")), "both are above 0"),
            (lambda: PiecewiseConstant((1.0,), (1.0,)), "one rate more"),
            (lambda: PiecewiseConstant((2.0, 2.0), (1.0, 1.0, 1.0)), "do not increase from above 0"),
            (lambda: PiecewiseConstant((0.0,), (1.0, 1.0)), "do not increase from above 0"),
            (lambda: PiecewiseConstant((), (-1.0,)), "a number from 0 on"),
            (lambda: PiecewiseConstant((), (float("nan"),)), "a number from 0 on"),
        ],
    )
    def test_what_is_no_baseline_is_refused(self, wrong, said):
        """A size that is not positive, cuts that do not increase, a rate below 0."""
        with pytest.raises(ValueError, match=said):
            wrong()

    def test_a_cause_without_one_has_the_bits_of_a_plain_clock(self):
        """Rates that change, and events, fall on the same minutes by either way of keeping the clocks."""
        streams, rng, many = np.array([71, 72], dtype=np.int64), np.random.default_rng(1), 300
        who = np.stack([np.zeros(many, dtype=np.int64), np.arange(many)], axis=1)
        plain, own = (Clocks.initialised(streams, 11, who) for _ in range(2))
        hazards = OwnHazards.of([(None, False, False), (None, False, False)])
        everybody, both_ = np.arange(many), np.array([True, True])
        now, enrolled = np.zeros(many, dtype=np.int64), np.full(many, -1)
        for _ in range(30):
            rates = rng.choice([0.0, 1e-4, 3.7e-3], size=2)
            plain.set_rates(everybody, rates, both_, now)
            own.set_own_rates(everybody, np.repeat(rates[:, None], many, 1), both_, both_, now, enrolled, hazards)
            now = now + rng.integers(0, 500, many)
            struck = np.flatnonzero(plain.next_due <= now)
            which = (struck, plain.next_cause, streams, both_, 11, who, plain.next_due)
            own.record_own_event(*which, enrolled, hazards)
            plain.record_event(*which)
            assert (plain.due == own.due).all()
            assert plain.spent.tobytes() == own.spent.tobytes()
        assert plain.occurrence.max() > 3


# Fates ---------------------------------------------------------------------------------------------------------------


class TestEventsOfADisease:
    """They are events as those of a drug are."""

    def test_a_fatal_disease_kills(self, monkeypatch):
        """At the minute that its threshold says; nothing happens to the dead."""
        scenario = course(monkeypatch, ailing(death(rate=0.5 / DAY)), size=20, visits="{every: 1 day}")
        records = assert_agree(scenario, 1, range(1))
        assert isinstance(records, Records)
        ended = dict(rows(records, "subjects", "subject", "end_minute"))
        for subject, end in ended.items():
            threshold = exponential_quantile(uniform(1, 0, subject, DEATH_STREAM, 1))
            assert end == int(np.ceil(threshold / (0.5 / DAY)))
        assert all(minute < ended[subject] for subject, minute in rows(records, "observations", "subject", "minute"))

    def test_what_nothing_waits_for_is_recorded(self, monkeypatch):
        """Every state has its events in the table; the course goes on."""
        records = records_of(course(monkeypatch, ailing(death(rate=0.5 / DAY)), size=20, more=""))
        assert set(rows(records, "events", "state")) == {"before", "first", "second", "third"}
        assert set(rows(records, "subjects", "end_minute")) == {100 * DAY}

    def test_nothing_comes_in_final_states_and_dropout_on_study_only(self, monkeypatch):
        """A disease's dropout is a cause of the trial's own event: not before enrolment."""
        leaving = Hazard("dropout", RELAPSE_STREAM, multiplier=by_frailty, baseline=lambda c: Weibull(20 * DAY, 1.0))
        more = "    - {from: on study, to: done, upon: dropout}\n"
        scenario = course(monkeypatch, ailing(leaving), size=300, more=more)
        assert scenario.trial.labels.events == ("rash", "dropout")
        records = assert_agree(scenario, 1, range(1))
        assert isinstance(records, Records)
        days = np.array(rows(records, "events", "minute", event="dropout")) / DAY
        assert days.min() > 10
        expected = frail(1.0 * np.array(5.0 / 20.0))
        assert abs((days < 15).mean() * len(days) / 300 - (1 - expected)) < 4 * np.sqrt(expected * (1 - expected) / 300)

    def test_both_kinds_of_dropout_add_up(self, monkeypatch):
        """The cohort's and the disease's are causes of one event."""
        leaving = Hazard("dropout", RELAPSE_STREAM, lambda c, level: 0.03 / DAY)
        more = "    - {from: on study, to: done, upon: dropout}\n"
        scenario = course(monkeypatch, ailing(leaving), size=4000, cohort=", dropout: 2 % / 1 day", more=more)
        days = np.array(rows(records_of(scenario), "events", "minute", event="dropout")) / DAY - 10.0
        law = scipy.stats.truncexpon(b=90 * 0.05, scale=1 / 0.05)
        assert scipy.stats.kstest(days, law.cdf).pvalue > 0.01

    def test_dropout_that_no_transition_takes_is_a_fault(self, monkeypatch):
        """As where the cohort brings it, though no key of the file says so."""
        with pytest.raises(ScenarioError, match="no transition is taken upon dropout from 'first'"):
            course(monkeypatch, ailing(Hazard("dropout", RELAPSE_STREAM, multiplier=by_frailty)), more="")

    def test_the_price_of_a_stop_of_the_patients_own_is_refused(self, monkeypatch):
        """A decision counts it by the rate of the state, which there is not."""
        text = """
decisions:
  going_on:
    threshold: bound
    responder: {trait: frailty, below: 0.5}
    horizon: 10 days
    loss: {count: cuts, stop: death, stop_weight: 1, drug: pill, dose_weight: 1}
parameters: {bound: {value: 3, range: [0, 9], meaning: a bound}}
"""
        more = DYING + "  summaries: {seen: {last of: cuts}}\n" + text
        with pytest.raises(ScenarioError, match="'death' comes is not set by the state alone"):
            course(
                monkeypatch, ailing(death(by_frailty)), visits="{days: [0]}", more="    - {from: first, to: dead, "
                "after: look, when: seen > bound}\n" + more,
            )  # fmt: skip

    def test_a_baseline_that_is_none_is_a_fault_of_the_scenario(self, monkeypatch):
        """Said where the disease is, as what fails in `constants` is."""
        with pytest.raises(ScenarioError, match=r"failed at these parameters: .*scale -1") as caught:
            course(monkeypatch, ailing(death(rate=1.0, baseline=lambda c: Weibull(-1.0, 1.0))))
        assert [f.path for f in caught.value.faults] == ["cohort"]


class TestWhatReadsThem:
    """Checks, stories and pages know events of a disease as they know a drug's."""

    WARD = DYING.replace("dead, upon", "ward, upon") + "    - {from: ward, to: done}\n"

    def test_a_state_that_only_such_an_event_leads_to_is_planned(self, monkeypatch):
        """What takes place there is not said never to; without the hazard it is."""
        text = patients.COURSE.replace("FATE", "    ward: {assessments: {look: {days: [0]}}, lasts: 1 day}\n")
        monkeypatch.setattr(patients, "COURSE", text)
        assert course(monkeypatch, ailing(death(by_frailty)), more=self.WARD).lapsing == ()
        never = death(rate=0.0)
        ((address, said),) = course(monkeypatch, ailing(never), more=self.WARD).lapsing
        assert address == ("protocol", "states", "ward")
        assert "nobody ever gets here" in said

    def test_rules_after_them_are_checked(self, monkeypatch):
        """A gap of the rules upon such an event is found as any other."""
        more = (
            DYING.replace("upon: death", "upon: death, when: 1 / seen > 0") + "  summaries: {seen: {count of: cuts}}\n"
        )
        scenario = course(monkeypatch, ailing(death(by_frailty)), visits="{days: [3]}", more=more)
        (found,) = protocolsim.check(scenario).findings
        assert (found.kind, found.path) == ("division by zero", "protocol.transitions[4].when")

    @drawn(max_examples=10)
    @given(drawn_trials(), st.integers(0, 2))
    def test_a_patient_is_played_again_to_the_bit(self, trial, subject):
        """The story of a patient whose hazards change holds the rows of the run."""
        draft, brought, step = trial
        with pytest.MonkeyPatch.context() as patch:
            disease = replace(patients.Waning, hazards=tuple(brought), step=step)
            patch.setattr("tests.support.patients.Odd", disease, raising=False)
            scenario = runnable(draft)
            if scenario.trial.limited:
                return
            try:
                whole = life(scenario, subject, engine="des")
            except ProtocolsimError:
                return  # as in test_trace.py
            same_rows(whole)

    def test_the_cause_that_is_due_is_played_again(self, monkeypatch):
        """Where two events are waited for and the hazard of one of them changes, the story has the one that came."""
        crisis = Hazard("crisis", RELAPSE_STREAM, multiplier=by_day, changing=True)
        disease = ailing(death(by_tablet), crisis, step=DAY)
        more = DYING + "    - {from: [before, first, second, third], to: dead, upon: crisis}\n"
        scenario = course(monkeypatch, disease, size=6, visits="{days: [0, 5]}", more=more)
        came: set[int] = set()
        for subject in range(6):
            same_rows(whole := life(scenario, subject))
            came |= set(whole.records["events"]["event"].tolist())
        assert len(came) == 2

    def test_a_story_tells_them(self, monkeypatch):
        """With its day, whichever engine lived it; and what a visit showed."""
        scenario = course(monkeypatch, ailing(death(by_exposure, changing=True), step=1000), visits="{days: [0, 5]}")
        told = [trace(scenario, 0, engine=engine, truth=True).text for engine in ("des", "batch")]
        assert told[0] == told[1]
        assert "death" in told[0]

    def test_a_model_page_says_how_often(self):
        """In words, beside the signals that the engine writes."""
        hazard = death(by_frailty, baseline=lambda c: WEIBULL, since="enrolment", once=True, changing=True)
        said = "\n".join(_couplings("disease", ailing(hazard, death(rate=1.0), step=DAY)))
        assert "brings the event `death`, by a clock of its own; its rate is each patient's own and changes as" in said
        assert "; it depends on the time since enrolment; it comes once" in said
        assert "reads the treatment in force with `tablet`" in said
        assert "reads the time of enrolment" in said
        assert "`death`, by a clock of its own\n" in f"{said}\n"

    def test_the_level_of_a_drug_that_the_trial_does_not_have_is_none(self, monkeypatch):
        """A disease may ask for a drug that this trial does not use: the signal has no column."""
        text = patients.COURSE.replace("  tablet: {kind", "  other: {kind").replace(
            "tablet: standard", "other: standard"
        )
        monkeypatch.setattr(patients, "COURSE", text.replace("support.protocols:Tablet", "support.toys:Idle"))
        trial = course(monkeypatch, ailing(death(by_tablet))).trial
        assert trial.disease.links.tolist() == [0, 0, 1, trial.enrolment]
        assert trial.enrolment is not None
        assert trial.width == trial.enrolment + 1
