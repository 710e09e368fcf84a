"""What an `interim:` means: looks, triggers, bounds, rules, and what settings, expressions and `extends` do to them."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protocolsim
from protocolsim.interim.design import Design
from protocolsim.protocol.conduct import Count
from protocolsim.scenario.file.schema import ScenarioPart
from protocolsim.scenario.load import load_text
from protocolsim.units import MINUTES_PER_WEEK
from tests.scenario.test_interim_refused import SOUND, loaded

WEEK = MINUTES_PER_WEEK
OF_LOOKS = "followed: [30, 60, 90, 120], for: 26 weeks"


def design(text: str, **settings_: Any) -> Design:
    """The design of a text, with these settings."""
    found = load_text(text, "trial.yaml", set=settings_).interim
    assert found is not None
    return found


def looks(written: str) -> Design:
    """A design of nothing but looks."""
    return design(f"extends: ms_randomised\ninterim:\n  looks: {written}\n")


def numbers(built: Design) -> list[int]:
    return [look.trigger.number for look in built.looks]


class TestBounds:
    def test_are_those_of_the_books(self):
        """O'Brien-Fleming spending at quarters, one-sided 2.5 %: 4.333, 2.963, 2.359, 2.014 (Lan & DeMets)."""
        efficacy = design(SOUND).boundaries[0]
        assert np.allclose(efficacy.values, (4.33263, 2.96313, 2.35904, 2.01409), atol=2e-5)
        assert all(v == round(v, 6) for v in efficacy.values)

    @pytest.mark.parametrize(
        ("shape", "expected"),
        [
            ("wang_tsiatis(0)", (4.04859, 2.86279, 2.33746, 2.02430)),  # O'Brien & Fleming 1979
            ("wang_tsiatis(0.5)", (2.36129, 2.36129, 2.36129, 2.36129)),  # Pocock 1977
        ],
    )
    def test_of_classical_designs(self, shape, expected):
        """Four equal looks, one-sided 2.5 %: the constants of Jennison and Turnbull's tables 2.1 and 2.3."""
        efficacy = design(SOUND.replace("obrien_fleming", shape)).boundaries[0]
        assert np.allclose(efficacy.values, expected, atol=5e-4)

    def test_given_values_may_leave_out_the_last_look_or_any(self):
        """One bound fewer than looks: none at the last; null: none there."""
        (_, futility) = design(SOUND.replace("[0, 0, 0]", "[0, null, 0.5]")).boundaries
        assert str(futility.values) == str((0.0, math.nan, 0.5, math.nan))

    def test_non_binding_futility_leaves_efficacy_as_it_is_and_binding_lowers_it(self):
        """Futility meets efficacy at the last look; only where it is binding efficacy becomes easier."""
        alone = design(SOUND).boundaries[0].values
        below = "spends: 10 %, as: obrien_fleming, below: efficacy"
        upper, lower = design(SOUND.replace("values: [0, 0, 0]", below)).boundaries
        assert upper.values == alone
        assert lower.values[-1] == upper.values[-1]
        assert all(a < b for a, b in zip(lower.values[:-1], upper.values[:-1], strict=True))
        upper, lower = design(SOUND.replace("values: [0, 0, 0]", f"{below}, binding: true")).boundaries
        assert upper.values[-1] < alone[-1]
        assert (lower.below, lower.binding, upper.binding) == ("efficacy", True, False)

    @settings(max_examples=20, deadline=None)
    @given(st.floats(0.1, 20.0))
    def test_its_error_is_a_number_that_can_be_set(self, percent):
        """A boundary made from a parameter, or set by its path, is that of the file that says the number."""
        text = f"{percent:.3f} %"
        said = design(SOUND.replace("2.5 %", text)).boundaries
        assert design(SOUND, **{"interim.boundaries.efficacy.spends": text}).boundaries[0].values == said[0].values
        named = "parameters:\n  alpha: {value: 1 %, meaning: the error}\n" + SOUND.replace("2.5 %", "2 * alpha")
        assert design(named, alpha=f"{percent:.3f} / 2 * 1 %").boundaries[0].values == pytest.approx(said[0].values)


class TestLooks:
    def test_a_list_and_a_series_are_the_same(self):
        """{from, every, to} is the list of its numbers."""
        text = SOUND.replace("[30, 60, 90, 120]", "{from: 30, every: 30, to: 120}")
        assert design(text).looks == design(SOUND).looks
        assert [look.name for look in design(text).looks] == ["look_1", "look_2", "look_3", "look_4"]

    def test_shares_of_the_information_are_numbers_of_what_it_is_counted_in(self):
        """A share waits for so many people, rounded up; the share is what is planned."""
        built = design(
            "extends: ms_randomised\ninterim:\n  information: {followed: 110, for: 26 weeks}\n"
            "  looks: {when: {information: [25 %, 50 %, 100 %]}}\n"
        )
        assert numbers(built) == [28, 55, 110]
        assert [look.planned for look in built.looks] == [0.25, 0.5, 1.0]
        assert {look.trigger.count for look in built.looks} == {Count("enrolled", followed=26 * WEEK)}

    def test_information_is_what_the_last_look_counts(self):
        """Where it is not said; the enrolled, where the last look waits for a time."""
        assert looks("{when: {followed: [30, 90], for: 26 weeks}}").information.maximum == 90.0
        built = looks("{when: {enrolled: 30}, end: {when: {weeks: 90}}}")
        assert (built.information.count, built.information.maximum) == (Count("enrolled"), 120.0)
        assert built.looks[1].trigger.minute == 90 * WEEK
        assert built.looks[0].planned == 0.25
        assert math.isnan(built.looks[1].planned)

    def test_weeks_are_a_number_or_a_time(self):
        """`weeks: 40` is 40 weeks."""
        built = looks("{when: {weeks: [40, 41 weeks, 294 days]}}")
        assert [look.trigger.minute for look in built.looks] == [40 * WEEK, 41 * WEEK, 42 * WEEK]

    def test_bounds_in_time_hold_for_each_look_of_a_list(self):
        """One for all, or a list of as many."""
        built = looks("{when: {enrolled: [30, 60]}, not_before: [10 weeks, 20 weeks], after_previous: 4 weeks}")
        assert [(look.trigger.not_before, look.trigger.after_previous) for look in built.looks] == [
            (10 * WEEK, 4 * WEEK), (20 * WEEK, 4 * WEEK),
        ]  # fmt: skip

    def test_members_are_counted_by_the_states_that_they_enter(self):
        """A population of a population: its states, where one can only get there through those of the other."""
        scenario = load_text(
            "extends: ms_randomised\ninterim:\n  looks: {when: {members of: decided_on_placebo, number: 30}}\n", "t"
        )
        assert scenario.interim is not None
        (look,) = scenario.interim.looks
        assert look.trigger.count is not None
        names = [scenario.trial.labels.states[k] for k in sorted(look.trigger.count.states)]
        assert sorted(names) == ["placebo_not_passed", "placebo_passed"]

    def test_events_are_counted_by_their_code(self):
        """Of the events of disease and drugs."""
        scenario = load_text(
            "extends: ms_randomised\ninterim:\n"
            "  looks: {when: {events of: severe adverse event, number: [5, 10]}, at_the_latest: 300 weeks}\n", "t"
        )  # fmt: skip
        assert scenario.interim is not None
        count = scenario.interim.looks[0].trigger.count
        assert count is not None
        assert scenario.trial.labels.events[count.event] == "severe adverse event"


class TestWhoCounts:
    def test_those_whom_the_looks_wait_for(self):
        """Without `followed for` those count who are followed as long as the looks say; 0 weeks: all."""
        assert design(SOUND).statistics[0].followed_for == 26 * WEEK
        every = SOUND.replace("passed_between_arms}", "passed_between_arms, followed for: 0 weeks}")
        assert design(every).statistics[0].followed_for is None
        other = SOUND.replace("passed_between_arms}", "passed_between_arms, followed for: 30 weeks}")
        assert design(other).statistics[0].followed_for == 30 * WEEK
        assert design(SOUND.replace(OF_LOOKS, "enrolled: [30, 60, 90, 120]")).statistics[0].followed_for is None


class TestRules:
    def test_each_stands_at_its_looks(self):
        """`first` and `last` are looks, and names are; every look without `at`."""
        rules = (
            "  rules:\n    - {at: [first, look_3], stop: futility, when: z < 0}\n"
            "    - {conclude: effect, when: z >= efficacy and look == 4}\n"
            "    - {at: last, conclude: none, otherwise: true}\n"
        )
        built = design(SOUND.split("  rules:")[0] + rules)
        assert [sorted(r.at) for r in built.rules] == [[0, 2], [0, 1, 2, 3], [3]]
        assert built.conclusions == ("futility", "effect", "none")
        assert built.success == frozenset({"effect"})
        assert built.futility == frozenset({"futility"})

    def test_are_decided_on_what_stands_in_their_slots(self):
        """Rules read statistics, formulas over them, bounds of their look and its number, each at its own place."""
        text = SOUND.replace("{z of: passed_between_arms}", "{z of: passed_between_arms}\n    twice: 2 * z + look")
        built = design(text.replace("z >= efficacy", "twice - look >= 2 * efficacy"))
        names = built.values
        values = np.full((3, len(names)), np.nan)
        for row, z in enumerate((5.0, 0.5, -0.5)):
            for look in (0, 1):
                values[row, names.index("z")] = z
                values[row, names.index("twice")] = 2 * z + look + 1
                wanted = {5.0: 0, 0.5: -1, -0.5: 1}[z]
                assert built.decide(look, values)[row] == wanted
        assert built.slots()["look"] == len(names) + 2

    def test_events_are_those_that_transitions_wait_for(self):
        """Only a stop that a transition waits for is an event of the trial, and its code stands behind all others."""
        assert "stopped for futility" not in loaded(SOUND).trial.labels.events
        way = "protocol:\n  states:\n    closed: {final: closed}\n  transitions:\n" + "".join(
            f"    - {line}\n"
            for line in (
                "{from: baseline, randomise: arm}",
                "{from: combination, to: monotherapy, when: cel_reduction > response_threshold}",
                "{from: combination, to: dose_doubled, otherwise: true}",
                "{from: placebo, to: placebo_passed, when: cel_reduction > response_threshold}",
                "{from: placebo, to: placebo_not_passed, otherwise: true}",
                "{from: monotherapy, to: rescued, after: mri, when: recent_cel > rescue_level * baseline_cel}",
                "{from: [monotherapy, dose_doubled, rescued, placebo_passed, placebo_not_passed], to: completed}",
                "{from: baseline, to: screen_failure, upon: severe adverse event}",
                "{from: on study, to: withdrawn, upon: severe adverse event}",
                "{from: on study, to: closed, upon: stopped for futility}",
            )
        )
        scenario = loaded(SOUND + way)
        assert scenario.interim is not None
        code = scenario.trial.labels.events.index("stopped for futility")
        assert code == len(scenario.trial.labels.events) - 1
        assert scenario.interim.events == {"futility": code}
        assert scenario.interim.touches_patients
        assert [int(c) for c in scenario.interim.told(np.array([0, 1, 2, -1]))] == [-1, code, -1, -1]
        assert code in scenario.trial.protocol.state("combination").upon


class TestDocument:
    def test_null_takes_looks_away_and_keys_merge(self, tmp_path):
        """`extends` works on `interim:` as on other mappings."""
        (tmp_path / "base.yaml").write_text(SOUND)
        over = tmp_path / "over.yaml"
        over.write_text("extends: ./base.yaml\ninterim: null\n")
        assert protocolsim.load(over).interim is None
        over.write_text("extends: ./base.yaml\ninterim: {data_lag: null, boundaries: {efficacy: {spends: 5 %}}}\n")
        merged = protocolsim.load(over).interim
        assert merged is not None
        assert merged.data_lag == 0
        assert str(merged.boundaries) == str(design(SOUND.replace("2.5 %", "5 %")).boundaries)

    def test_it_travels_and_reads_back(self):
        """A scenario with looks, written out or sent to another process, has the same design."""
        scenario = loaded(SOUND)
        again = load_text(scenario.resolved, "again.yaml")
        sent = pickle.loads(pickle.dumps(scenario))  # noqa: S301 - made here
        for other in (again, sent, copy.deepcopy(scenario)):
            assert other.interim is not None
            assert scenario.interim is not None
            assert other.interim.looks == scenario.interim.looks
            assert str(other.interim.boundaries) == str(scenario.interim.boundaries)
            assert other.trial.conduct is other.interim
            assert other.trial.labels.looks == scenario.trial.labels.looks

    def test_without_looks_nothing_changes(self):
        """A scenario without `interim:` has no conduct, and no label of a look."""
        scenario = protocolsim.load("ms_randomised")
        assert scenario.interim is None
        assert scenario.trial.conduct is None
        assert scenario.trial.labels.looks == scenario.trial.labels.conclusions == ()
        assert ScenarioPart.model_fields["interim"].default is None


def test_the_trial_without_an_effect():
    """Equal arms where arms and a control are given; settings where they are; nothing otherwise."""
    assert design(SOUND).null is None
    assert design(SOUND.replace("  of: arm\n  control: placebo\n", "")).null == {}
    text = SOUND.replace("data_lag: 2 weeks", "without_effect: {daclizumab.median_rate_ratio: 1}")
    assert design(text).null == {"daclizumab.median_rate_ratio": 1}
