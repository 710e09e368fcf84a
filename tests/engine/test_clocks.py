"""Laws of the clocks: exponential times, piecewise rates, causes that compete, events that come again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from protocolsim.engine.hazard_clocks import NEVER, Clocks
from protocolsim.randomness import exponential_quantile, uniform
from tests.support.toys import DAY, rows, run

SEED, STREAMS = 11, np.array([71, 72], dtype=np.int64)
BOTH_AWAITED = np.array([True, True])


def wound(subjects: int) -> tuple[Clocks, NDArray[np.int64], NDArray[np.int64]]:
    """Clocks of two causes for so many subjects, their rows, and who they are."""
    who = np.stack([np.zeros(subjects, dtype=np.int64), np.arange(subjects)], axis=1)
    return Clocks.initialised(STREAMS, SEED, who), np.arange(subjects), who


def at(minute: int, subjects: int) -> NDArray[np.int64]:
    return np.full(subjects, minute, dtype=np.int64)


class TestOneClock:
    """The arithmetic of a threshold, a hazard spent, and a minute that is due."""

    def test_an_event_falls_where_the_hazard_reaches_the_threshold_rounded_up(self):
        """Minute m is the first whole one with rate x m >= threshold."""
        clocks, everybody, _ = wound(2000)
        clocks.set_rates(everybody, np.array([0.013, 2.5]), BOTH_AWAITED, at(0, 2000))
        for cause, rate in enumerate((0.013, 2.5)):
            due, threshold = clocks.due[:, cause], clocks.threshold[:, cause]
            assert (rate * due >= threshold * (1 - 1e-12)).all()
            assert (rate * (due - 1) < threshold).all()

    def test_nothing_is_due_at_a_rate_of_zero(self):
        """Neither at first, nor when a rate falls back to zero, nor at a rate too small to matter."""
        clocks, everybody, _ = wound(5)
        assert (clocks.due == NEVER).all()
        clocks.set_rates(everybody, np.array([0.1, 1e-300]), BOTH_AWAITED, at(0, 5))
        assert (clocks.due[:, 0] < NEVER).all()
        assert (clocks.due[:, 1] == NEVER).all()
        clocks.set_rates(everybody, np.array([0.0, 0.0]), BOTH_AWAITED, at(1, 5))
        assert (clocks.due == NEVER).all()

    def test_hazard_adds_up_over_the_rates(self):
        """After a minutes at one rate and b at none, what is left of the threshold is used up at the third rate."""
        clocks, everybody, _ = wound(500)
        for minute, rate in ((0, 1e-3), (100, 0.0), (1000, 4e-3)):
            clocks.set_rates(everybody, np.array([rate, 0.0]), BOTH_AWAITED, at(minute, 500))
        threshold = clocks.threshold[:, 0]
        late = threshold > 0.1
        expected = 1000 + np.ceil((threshold - 0.1) / 4e-3)
        assert late.sum() > 400
        assert (np.abs(clocks.due[late, 0] - expected[late]) <= 1).all()
        assert (clocks.due[~late, 0] == 1000).all()

    def test_setting_the_same_rate_again_changes_nothing(self):
        """However often it is set, the event falls on the same minute."""
        clocks, everybody, _ = wound(50)
        rates = np.array([1e-3, 2e-3])
        clocks.set_rates(everybody, rates, BOTH_AWAITED, at(0, 50))
        due = clocks.due.copy()
        for minute in range(1, 40):
            clocks.set_rates(everybody, rates, BOTH_AWAITED, at(minute, 50))
        assert (clocks.due == due).all()

    def test_a_strike_winds_one_clock_of_one_subject(self):
        """The next threshold is that of the next occurrence, counted from now; nothing else moves."""
        clocks, everybody, who = wound(4)
        clocks.set_rates(everybody, np.array([1e-3, 2e-3]), BOTH_AWAITED, at(0, 4))
        due = clocks.due.copy()
        clocks.record_event(np.array([2]), at(1, 4), STREAMS, BOTH_AWAITED, SEED, who, at(500, 4))
        threshold = exponential_quantile(uniform(SEED, 0, 2, 72, 2))
        assert clocks.due[2, 1] == 500 + int(np.ceil(threshold / 2e-3))
        clocks.due[2, 1] = due[2, 1]
        assert (clocks.due == due).all()

    @pytest.mark.parametrize("awaited", [(True, True), (True, False), (False, True), (False, False)])
    def test_those_awaited_and_the_others_have_a_first_each(self, awaited):
        """The earliest of either kind and its cause; none where there is no cause of the kind; after a strike too."""
        clocks, everybody, who = wound(300)
        marks, rates = np.array(awaited), np.array([1e-3, 2e-3])
        clocks.set_rates(everybody, rates, marks, at(0, 300))
        for _ in range(2):
            kinds = ((True, clocks.next_due, clocks.next_cause), (False, clocks.other_due, clocks.other_cause))
            for kind, due, cause in kinds:
                mine = np.where(marks == kind, clocks.due, NEVER)
                assert (due == mine.min(axis=1)).all()
                assert (cause == mine.argmin(axis=1)).all()
            clocks.record_event(everybody, clocks.due.argmin(axis=1), STREAMS, marks, SEED, who, clocks.due.min(axis=1))

    def test_thresholds_belong_to_the_key(self):
        """A subject's thresholds are the same in any column of subjects."""
        all_, _, who = wound(9)
        some = Clocks.initialised(STREAMS, SEED, who[[7, 3]])
        assert (some.threshold == all_.threshold[[7, 3]]).all()


TWO_STATES = """
states:
  treated:
    enrolled: true
    treatment: {TREATMENT}
    lasts: 10 days
  more: {treatment: {pill: standard}, lasts: 6 days}
  off: {lasts: 20 days}
  ill: {final: ill}
  done: {final: done}
transitions:
  - {from: treated, to: more}
  - {from: more, to: off}
  - {from: off, to: done}
  - {from: on study, to: ill, upon: rash}
  - {from: on study, to: ill, upon: fever}
  - {from: on study, to: ill, upon: dropout}
"""
INFUSION, BOTH = "infusion: {dose: 1 mg/kg, days: [0]}", "infusion: {dose: 1 mg/kg, days: [0]}, pill: standard"
MANY = "size: 1500\n"


def ended(records: Any) -> NDArray[np.float64]:
    """Days at which those who fell ill fell ill."""
    return np.array(rows(records, "subjects", "end_minute", final_state="ill")) / DAY


class TestTheLawOfTimes:
    """Pooled over subjects, the times of events have the law that their rates say."""

    def test_a_constant_rate_gives_exponential_times(self):
        """Truncated to the ten days of the state."""
        rate = 0.15
        records = run(TWO_STATES.replace("TREATMENT", INFUSION), cohort=MANY, infusion=f"fever: {rate} / 1 day")
        days = ended(records)
        assert days.max() <= 10
        law = scipy.stats.truncexpon(b=10 * rate, scale=1 / rate)
        assert scipy.stats.kstest(days, law.cdf).pvalue > 0.01
        expected = 1 - np.exp(-10 * rate)
        assert scipy.stats.binomtest(len(days), 1500, expected).pvalue > 0.01

    def test_rates_that_change_with_the_state(self):
        """Ten days at one rate, six at another, none after: the share of each is that of the piecewise law."""
        protocol = TWO_STATES.replace("TREATMENT", INFUSION)
        records = run(protocol, cohort=MANY, infusion="rash: 0.03 / 1 day", pill="rash: 0.2 / 1 day")
        days = ended(records)
        first, second = 1 - np.exp(-0.3), np.exp(-0.3) * (1 - np.exp(-1.2))
        assert scipy.stats.binomtest(int((days <= 10).sum()), 1500, first).pvalue > 0.01
        assert scipy.stats.binomtest(int(((days > 10) & (days <= 16)).sum()), 1500, second).pvalue > 0.01
        assert (days <= 16).all()

    def test_causes_compete(self):
        """Of two causes the first to fall comes; each has its share of the hazard, and the time is that of the sum."""
        protocol = TWO_STATES.replace("TREATMENT", BOTH)
        records = run(protocol, cohort=MANY, infusion="fever: 0.12 / 1 day", pill="rash: 0.06 / 1 day")
        first = rows(records, "events", "minute", "event", state="treated")
        days = np.array([minute for minute, _ in first]) / DAY
        assert scipy.stats.kstest(days, scipy.stats.truncexpon(b=1.8, scale=1 / 0.18).cdf).pvalue > 0.01
        fevers = sum(event == "fever" for _, event in first)
        assert scipy.stats.binomtest(fevers, len(first), 2 / 3).pvalue > 0.01

    def test_events_that_move_nobody_come_as_a_poisson_process(self):
        """Their number in ten days is Poisson, mean and variance alike; the times within are uniform."""
        protocol = TWO_STATES.replace("TREATMENT", INFUSION).replace("  - {from: on study, to: ill, upon: fever}\n", "")
        records = run(protocol, cohort="size: 800\n", infusion="fever: 0.4 / 1 day")
        subjects = np.array(rows(records, "events", "subject"))
        counts = np.bincount(subjects, minlength=800)
        assert abs(counts.mean() - 4) < 3 * np.sqrt(4 / 800)
        assert abs(counts.var() - 4) < 0.7
        days = np.array(rows(records, "events", "minute")) / DAY
        assert scipy.stats.kstest(days, scipy.stats.uniform(0, 10).cdf).pvalue > 0.01

    def test_dropout_comes_only_on_study(self):
        """Not before enrolment, not after the end; on study at its rate."""
        protocol = """
states:
  screening: {lasts: 30 days}
  treated: {enrolled: true, lasts: 10 days}
  ill: {final: ill}
  done: {final: done}
transitions:
  - {from: screening, to: treated}
  - {from: treated, to: done}
  - {from: on study, to: ill, upon: dropout}
"""
        records = run(protocol, cohort=MANY + "dropout: 10 % / 1 day")
        assert set(rows(records, "events", "state", "event")) == {("treated", "dropout")}
        days = ended(records)
        assert days.min() > 30
        assert scipy.stats.kstest(days - 30, scipy.stats.truncexpon(b=1, scale=10).cdf).pvalue > 0.01

    @pytest.mark.parametrize("rate", ["0 / 1 day", "0.2 / 1 day"])
    def test_without_a_rate_nothing_happens(self, rate):
        """A cause of rate 0 never comes, whatever the others do."""
        protocol = TWO_STATES.replace("TREATMENT", INFUSION)
        records = run(protocol, cohort="size: 100", infusion=f"fever: {rate}")
        assert set(rows(records, "events", "event")) == (set() if rate.startswith("0 ") else {"fever"})
