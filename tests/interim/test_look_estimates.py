"""What looks bring about, against the tables of looks and trials counted by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from protocolsim.errors import ScenarioError, UsageError
from protocolsim.interim.estimates.made import characteristics_of, estimated
from protocolsim.scenario.load import load_text
from protocolsim.study.compare import compare
from protocolsim.study.execution.chunks import Span
from protocolsim.study.execution.trials import Trials
from protocolsim.study.result import Result
from protocolsim.study.run import run
from protocolsim.study.sweep.sweep import carry_out, plan
from tests.support.looks import FOUR_LOOKS, two_arms

DAY, WEEK = 1440, 7 * 1440
LOOKS = ("look_1", "look_2", "look_3", "look_4")


@cache
def result() -> Result:
    """Trials of four looks."""
    return run(two_arms(), replicates=160)


def value(name: str) -> float:
    """One estimate."""
    return result().estimates[name].value


class TestCounted:
    """Each number, counted again from the tables."""

    def test_how_trials_end(self) -> None:
        """Shares by conclusion and look add up to one; success and futility are what the design says they are."""
        trials = result().trials
        for reason in ("efficacy", "settled", "futility", "no effect"):
            mine = trials["conclusion"] == reason
            assert value(f"ended[{reason}]") == mine.mean()
            by_look = [f"ended[{reason}][{k}]" for k in LOOKS if f"ended[{reason}][{k}]" in result().estimates]
            assert sum(value(n) for n in by_look) == pytest.approx(value(f"ended[{reason}]"), abs=1e-12)
            for name in by_look:
                look = name.split("[")[2][:-1]
                assert value(name) == (mine & (trials["ended_at"] == look)).mean()
        assert sum(value(f"ended[{r}]") for r in ("efficacy", "settled", "futility", "no effect")) == pytest.approx(1.0)
        assert value("trial[claims_effect]") == value("ended[efficacy]")
        assert value("trial[claims_effect_ignoring_futility]") == (trials["ignoring_futility"] == "efficacy").mean()
        assert value("trial[claims_effect_ignoring_futility]") >= value("trial[claims_effect]")

    def test_only_what_can_occur_is_named(self) -> None:
        """A reason has no number at a look where none of its rules stands, or where its boundary is undefined."""
        names = result().estimates
        assert "ended[settled][look_2]" in names
        assert "ended[settled][look_1]" not in names
        assert "ended[futility][look_3]" in names
        assert "ended[futility][look_4]" not in names
        assert "ended[no effect][look_4]" in names
        assert "ended[no effect][look_3]" not in names

    def test_size_and_time(self) -> None:
        """Means of patients, looks and weeks, from subjects and minutes."""
        subjects, trials = result().subjects, result().trials
        per_trial = subjects.groupby("replicate")
        assert value("trial[screened]") == per_trial.size().mean()
        assert value("trial[enrolled]") == per_trial["enrolled"].sum().mean()
        ends = (subjects["arrival_day"] * DAY + subjects["end_minute"]).groupby(subjects["replicate"]).max()
        looks = result().looks
        held = looks[looks["held"]]
        assert value("trial[looks_held]") == held.groupby("replicate").size().mean()
        decided = held.groupby("replicate")["decision_minute"].max()
        assert value("trial[weeks_to_decision]") == pytest.approx(decided.mean() / WEEK)
        assert value("trial[duration]") == pytest.approx(np.maximum(ends, decided).mean() / WEEK)
        assert np.array_equal(trials["decision_week"], trials["decision_minute"] / WEEK)

    def test_a_decision_after_everybody_has_finished(self) -> None:
        """A study that is decided upon in 500 weeks lasts until then; when its patients finished is still said."""
        late = run(two_arms(FOUR_LOOKS.replace("decided_after: 1 week", "decided_after: 500 weeks")), replicates=20)
        assert late.estimates["trial[duration]"].value == late.estimates["trial[weeks_to_decision]"].value > 500
        assert (late.trials["last_minute"] < 500 * WEEK).all()

    def test_the_pipeline(self) -> None:
        """Enrolled by the decision and for less than the look's three weeks."""
        subjects = result().subjects
        entry = subjects["arrival_day"] * DAY + subjects["enrolled_minute"]
        decided = result().trials.set_index("replicate")["decision_minute"].reindex(subjects["replicate"]).to_numpy()
        waiting = subjects["enrolled"] & (entry <= decided) & (entry + 3 * WEEK > decided)
        assert value("trial[pipeline]") == pytest.approx(waiting.groupby(subjects["replicate"]).sum().mean())

    def test_information(self) -> None:
        """What is planned is what the file says, what is found is the number followed over the most there can be."""
        for k, name in enumerate(LOOKS):
            rows = result().looks.query("look == @name and held")
            assert value(f"information[{name}][planned]") == (k + 1) / 4
            found = (rows["value_followed"] / 80).clip(upper=1).mean()
            assert value(f"information[{name}][found]") == pytest.approx(found)

    def test_bias(self) -> None:
        """What was reported where trials ended minus what the same trials would have at full length."""
        trials = result().trials
        for name in ("on_new", "on_old", "difference"):
            found, full = trials[f"value_{name}"], trials[f"full_{name}"]
            assert value(f"bias[{name}]") == pytest.approx(found.mean() - full.mean(), abs=1e-7)
            for look in LOOKS:
                here = found[trials["ended_at"] == look]
                assert value(f"bias[{name}][{look}]") == pytest.approx(here.mean() - full.mean(), abs=1e-7)

    def test_overrun(self) -> None:
        """Of those stopped early, the share that the later analysis contradicts; its error is of those alone."""
        early = result().trials.query("stopped_early")
        flips = early["overrun_conclusion"].astype(object).fillna("") != early["conclusion"].astype(object)
        assert value("trial[flipped]") == flips.mean()
        assert result().estimates["trial[flipped]"].n_undefined == 160 - len(early)


class TestErrors:
    """Monte Carlo errors and denominators."""

    def test_the_error_of_a_share_and_of_a_mean(self) -> None:
        """The jackknife of a share of all trials is the binomial's, that of a mean the standard error of the mean."""
        one = result().estimates["trial[claims_effect]"]
        assert one.mcse == pytest.approx(np.sqrt(one.value * (1 - one.value) / 159))
        sizes = result().trials["enrolled"]
        assert result().estimates["trial[enrolled]"].mcse == pytest.approx(sizes.std() / np.sqrt(160))

    def test_shares_of_trials_have_no_range(self) -> None:
        """One trial ends so or does not; what is counted in patients has a range of single trials."""
        estimates = result().estimates
        assert estimates["trial[claims_effect]"].decides
        assert np.isnan(estimates["trial[claims_effect]"].lo)
        assert 0 < estimates["trial[enrolled]"].lo <= estimates["trial[enrolled]"].hi <= 80
        assert all(e.of_looks == ("[" in name) for name, e in estimates.items())

    def test_no_number_depends_on_how_trials_are_cut(self) -> None:
        """Many chunks and one give the same sums, bit for bit."""
        cut = run(two_arms(), replicates=450)
        point = Trials(two_arms(), "batch", cut.seed, range(450))
        whole = point.accumulator(Span(0, 0, 450))
        for piece in point.pieces(range(450)):
            whole.add(piece)
        for name, sums in whole.result().sums.items():
            assert sums.tobytes() == cut.sums[name].tobytes(), name


class TestShownEverywhere:
    """Sweeps, comparisons, JSON: the numbers are there without being asked for."""

    def test_compare_and_sweep(self) -> None:
        """Both show them, with paired differences."""
        scenario = two_arms()
        found = compare(scenario, two_arms(new="30 %"), replicates=60)
        pair = next(p for p in found.pairs if p.name == "trial[claims_effect]")
        assert pair.difference < 0.0
        assert pair.mcse > 0.0
        swept = carry_out(plan(scenario, {"p_new": ["30 %", "60 %"]}, replicates=60))
        powers = [o.estimates["trial[claims_effect]"].value for o in swept.outcomes]
        assert powers[0] == pair.b.value
        assert powers[0] < powers[1]
        assert "bias[difference]" in set(swept.frame["estimate"])

    def test_other_looks_at_a_point_are_refused(self) -> None:
        """A sweep over the number of looks compares nothing with nothing."""
        planned = plan(two_arms(), {"p_new": ["30 %"]}, replicates=5)
        other = two_arms(FOUR_LOOKS.replace("stop: futility", "stop: hopelessness"))
        points = tuple(replace(point, scenario=other) for point in planned.points)
        with pytest.raises(UsageError, match="there are other looks"):
            carry_out(replace(planned, points=points))

    def test_json(self) -> None:
        """The summary has a value and an error of each."""
        summary = result().summary()["estimates"]
        assert summary["trial[claims_effect]"]["value"] == value("trial[claims_effect]")
        assert summary["trial[claims_effect]"]["among"] == "trials"


class TestNames:
    """Names of ours do not meet names of users."""

    def test_no_user_can_say_them(self) -> None:
        """An endpoint of the name of a number of looks is refused, since it has brackets."""
        kind = "{kind: share, entered: monotherapy, label: Mine}"
        with pytest.raises(ScenarioError, match="stands between names"):
            load_text(f"extends: ms_daclizumab\nendpoints: {{'trial[enrolled]': {kind}}}\n", "mine.yaml")

    def test_every_name_once(self) -> None:
        """The characteristics of a design have as many names as there are, each with a bracket, label and sentence."""
        design = two_arms().interim
        assert design is not None
        made = characteristics_of(design)
        assert len({(e.label, type(e)) for e in made.values()}) == len(made)
        assert all("[" in name and name == e.name and e.counting for name, e in made.items())

    def test_what_is_an_estimate(self) -> None:
        """Values of endpoints and what is computed of them alone; a difference of shares is in their unit."""
        more = ("difference: on_new - on_old", "ratio: on_new / on_old", "mixed: on_new - z", "no: {value of: better}")
        design = two_arms(FOUR_LOOKS.replace(more[0], "\n    ".join(more))).interim
        assert design is not None
        units = {name: one.unit for name, one in estimated(design).items()}
        assert units == {"on_new": "%", "on_old": "%", "difference": "%", "ratio": ""}


def test_the_whole_trial_is_unbiased() -> None:
    """Without a rule that can hold before the last look, nothing is biased and every trial is of full size."""
    rules = FOUR_LOOKS[: FOUR_LOOKS.index("  rules:")] + "  rules:\n    - {at: last, conclude: done, otherwise: true}\n"
    found = run(two_arms(rules), replicates=60).estimates
    assert found["bias[difference]"].value == 0.0
    assert found["ended[done]"].value == 1.0
    assert found["trial[enrolled]"].value == 80.0
    assert found["trial[looks_held]"].value == 4.0
    assert not any(name.startswith("trial[claims") for name in found)
    assert "trial[flipped]" not in found
