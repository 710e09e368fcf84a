"""Every boundary at once: equal to runs with each, exact where enumeration knows the answer, calibrated to an error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from protocolsim.errors import UsageError
from protocolsim.report.boundaries.console import print_boundaries
from protocolsim.report.boundaries.figures import points, trade_off
from protocolsim.report.boundaries.page import boundaries_page
from protocolsim.scenario.equal_arms import equal_arms
from protocolsim.scenario.load import load, load_text
from protocolsim.sequential.exact.two_arm import two_arm
from protocolsim.study.boundaries import tried as working
from protocolsim.study.boundaries.boundaries import Boundaries, boundaries, without_effect
from protocolsim.study.boundaries.sets import usual_sets
from protocolsim.study.boundaries.tried import sums_of, tried
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.run import run, run_manifest
from protocolsim.study.storage.study_folder import study_folder
from protocolsim.units import MINUTES_PER_WEEK
from tests.support.looks import FOUR_LOOKS, OBRIEN_FLEMING, exact_two_arms, two_arms

NAN = float("nan")
# Bounds of success at each look, and of futility at each but the last.
TRIED = (
    ((4.0, 2.8, 2.3, 2.0), (0.0, 0.2, 0.4)),
    ((1.0, 1.2, 1.4, 1.6), (-1.0, NAN, 0.9)),
    ((NAN, 2.2, NAN, 1.9), (NAN, NAN, NAN)),
    ((9.0, 9.0, 9.0, 9.0), (2.0, 2.0, 2.0)),
)
UNHELD = """\
interim:
  of: arm
  control: old
  statistics: {z: {z of: better}, on_new: {value of: succeed_on_new}}
  boundaries: {efficacy: {values: [2, 2, 2]}, futility: {values: [0, 0]}}
  looks:
    early: {when: {enrolled: 30}}
    many: {when: {members of: succeeded, number: 34}}
    final: {when: {followed: 80, for: 3 weeks}}
  rules:
    - {stop: efficacy, when: z >= efficacy}
    - {stop: futility, when: z < futility}
    - {at: last, conclude: no effect, otherwise: true}
"""
"""A look that some trials never hold, since too few succeed."""


@cache
def tried_once(replicates: int = 150) -> Boundaries:
    """The trial of four looks with the usual sets of boundaries."""
    return boundaries(two_arms(), replicates=replicates)


def with_values(interim: str, efficacy: tuple[float, ...], futility: tuple[float, ...]) -> str:
    """The same looks with these bounds as values."""
    said = [", ".join("null" if np.isnan(v) else repr(v) for v in values) for values in (efficacy, futility)]
    new = {"efficacy": f"    efficacy: {{values: [{said[0]}]}}", "futility": f"    futility: {{values: [{said[1]}]}}"}
    return "\n".join(new.get(line.strip().partition(":")[0], line) for line in interim.splitlines()) + "\n"


class TestEqualToRuns:
    """What is found of a boundary is what a run with it reports."""

    @pytest.mark.parametrize(("efficacy", "futility"), TRIED)
    def test_to_the_last_bit(self, efficacy: tuple[float, ...], futility: tuple[float, ...]) -> None:
        """Every number is that of the run with the boundary as `values:`, and its error is the jackknife's."""
        found = tried_once().trying([{"efficacy": efficacy, "futility": futility}])
        told = run(two_arms(with_values(FOUR_LOOKS, efficacy, futility)), replicates=150).estimates
        _same(found, told, 1)

    def test_where_looks_are_not_held(self) -> None:
        """Also where a look is never triggered in some trials, and no rule holds at it."""
        scenario = two_arms(UNHELD)
        found, told = boundaries(scenario, sets=[], replicates=150), run(scenario, replicates=150)
        held = told.looks.groupby("look", observed=True)["held"].mean()
        assert 0.0 < held["many"] < held["early"]
        _same(found, told.estimates, 0)

    def test_where_the_decision_comes_last(self) -> None:
        """Also where patients finish long before a look is decided upon, and a conclusion waits for no later one."""
        efficacy, futility = TRIED[0]
        late = FOUR_LOOKS.replace("decided_after: 1 week", "decided_after: 60 weeks")
        scenario = two_arms(with_values(late, efficacy, futility))
        found, told = boundaries(scenario, sets=[], replicates=150), run(scenario, replicates=150)
        ended = told.trials["conclusion"].value_counts()
        assert ended["settled"] > 0
        assert ended["efficacy"] > 0
        assert told.estimates["trial[duration]"].value > told.trials["last_minute"].mean() / MINUTES_PER_WEEK
        _same(found, told.estimates, 0)

    def test_of_the_trial_without_an_effect(self) -> None:
        """The pass without an effect is the run of the scenario of equal arms."""
        told = run(equal_arms(two_arms()), replicates=150).estimates
        null = tried_once().null
        assert null is not None
        for name, values in null.values.items():
            assert values[0] == pytest.approx(told[name].value, rel=0, abs=0, nan_ok=True), name

    def test_a_stop_that_patients_hear_of(self) -> None:
        """Where patients leave upon a stop, the size is that of a run, and when the last one ends is not known."""
        scenario = two_arms(upon="    - {from: on study, to: failure, upon: stopped for futility}\n")
        found, told = boundaries(scenario, sets=[], replicates=60), run(scenario, replicates=60).estimates
        assert np.isnan(found.effect.values["trial[duration]"][0])
        _same(found, told, 0, but=("trial[duration]",))

    def test_where_candidates_hear_of_it(self) -> None:
        """Where a stop is told to those who are still screened, the size is not known either."""
        scenario = two_arms(upon="    - {from: any, to: failure, upon: stopped for futility}\n")
        found = boundaries(scenario, sets=[], replicates=20)
        assert np.isnan(found.frame["expected_enrolled"]).all()
        assert not np.isnan(found.frame["power"]).any()
        with pytest.raises(UsageError, match="nothing to draw"):
            trade_off(found)

    def test_no_number_depends_on_what_is_worked_on_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One boundary at a time, in small products, gives the same bits."""
        bounds = {"efficacy": np.array([e for e, _ in TRIED]), "futility": np.array([(*f, NAN) for _, f in TRIED])}
        whole = tried(tried_once().passes.effect, bounds)
        monkeypatch.setattr(working, "_AT_ONCE", 1)
        monkeypatch.setattr(working, "_ONE_THREAD", 64)
        alone = tried(tried_once().passes.effect, bounds)
        for name, values in whole.values.items():
            assert values.tobytes() == alone.values[name].tobytes(), name

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_sums_over_trials(self, data: st.DataObject) -> None:
        """Sums of whole numbers are exact, in whatever pieces they are added."""
        rows, trials, width = (data.draw(st.integers(1, n)) for n in (5, 40, 6))
        rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
        mask = rng.random((rows, trials)) < 0.5
        columns = rng.integers(-(10**9), 10**9, (trials, width)).astype(np.float64)
        whole = np.array([[sum(int(v) for v in column[row]) for column in columns.T] for row in mask])
        assert np.array_equal(sums_of(mask, columns), whole)


def _same(found: Boundaries, told: Mapping[str, Estimate], row: int, but: tuple[str, ...] = ()) -> None:
    assert {"trial[claims_effect]", "trial[enrolled]", "trial[weeks_to_decision]"} <= found.effect.values.keys()
    for name, values in found.effect.values.items():
        if name in but:
            continue
        if name not in told:  # no rule can hold there, with these bounds
            assert values[row] == 0.0 or np.isnan(values[row]), name
            continue
        assert np.array_equal(values[row], told[name].value, equal_nan=True), name
        if name in found.effect.errors:
            assert found.effect.errors[name][row] == pytest.approx(told[name].mcse, rel=1e-9, abs=1e-12), name


class TestExact:
    """A two-arm binary design against the enumeration of all its outcomes, and against figures found elsewhere."""

    @pytest.mark.parametrize(
        ("new", "stops", "rejects"), [("50 %", (0.09193, 0.45679), 0.54872), ("30 %", None, 0.02580)]
    )
    def test_two_looks(self, new: str, stops: tuple[float, float] | None, rejects: float) -> None:
        """Stops at each look, rejections and expected size lie within four Monte Carlo errors of the exact ones."""
        exact = two_arm([25, 50], [25, 50], [NAN, NAN], [2.7965, 1.9774], float(new[:2]) / 100.0, 0.3)
        assert exact.efficacy.sum() == pytest.approx(rejects, abs=1e-5)
        assert stops is None or exact.efficacy == pytest.approx(stops, abs=1e-5)
        told = run(exact_two_arms(new, "30 %"), replicates=2000).estimates
        size = 50.0 * exact.efficacy[0] + 100.0 * (1.0 - exact.efficacy[0])
        expected = {
            "ended[efficacy][look_1]": exact.efficacy[0], "ended[efficacy][look_2]": exact.efficacy[1],
            "trial[claims_effect]": rejects, "trial[enrolled]": size,
            "trial[looks_held]": 2.0 - exact.efficacy[0], "ended[no effect]": 1.0 - exact.efficacy.sum(),
        }  # fmt: skip
        for name, value in expected.items():
            assert abs(told[name].value - value) < 4.0 * told[name].mcse, name

    def test_equal_arms_are_the_null(self) -> None:
        """The trial without an effect has the chance of success of the control arm in both, and is simulated so."""
        other, words = without_effect(exact_two_arms("50 %", "30 %"))
        assert other is not None
        assert words == "equal arms"
        told = run(other, replicates=2000).estimates["trial[claims_effect]"]
        assert abs(told.value - 0.02580) < 4.0 * told.mcse


class TestEqualArms:
    """The protocol in which every other arm is a copy of the control arm."""

    def test_z_is_standard_normal(self) -> None:
        """Between identical arms Z at the last look has mean 0 and standard deviation 1, as far as trials can tell."""
        scenario = equal_arms(two_arms(FOUR_LOOKS.replace("20, every: 20, to: 80", "75, every: 75, to: 300"), size=300))
        z = run(scenario, replicates=600).trials["full_z"]
        assert abs(z.mean()) < 4.0 / np.sqrt(len(z))
        assert abs(z.std() - 1.0) < 4.0 / np.sqrt(2.0 * len(z))

    @pytest.mark.parametrize(("name", "randomisation", "control"), [
        ("ms_randomised", "arm", "placebo"), ("hcv_advance", "arm", "alone_first"),
        ("amd_treat_and_extend", "arm", "monthly"), ("ms_smart", "partial_responders", "combination_continued"),
    ])  # fmt: skip
    def test_a_course_is_the_same_in_every_arm(self, name: str, randomisation: str, control: str) -> None:
        """Whoever is randomised otherwise has the same course, number by number, but for the arm's name."""
        alike = equal_arms(load(name, set={"cohort.size": 24}), randomisation, control)
        between = alike.document.data["protocol"]["randomisations"][randomisation]["between"]
        others = [a for a in between if a != control]
        path = f"protocol.randomisations.{randomisation}"
        swapped = load_text(alike.resolved, "alike.yaml", set={
            f"{path}.between.{control}": 5, f"{path}.block": 5 + sum(between[a] for a in others)
        })  # fmt: skip
        mine, theirs = (run(s, replicates=3).records for s in (alike, swapped))
        code = mine.labels.states.index(control)
        copies = [mine.labels.states.index(a) for a in others]
        moved = mine["subjects"][randomisation] != theirs["subjects"][randomisation]
        assert moved.any()
        for table, columns in (("observations", ("subject", "state", "minute", "value", "truth")),
                               ("doses", ("subject", "minute", "dose", "amount")),
                               ("moves", ("subject", "minute", "from_state")),
                               ("subjects", ("subject", "end_minute", "final_state"))):  # fmt: skip
            for column in columns:
                one, other = (_renamed(r[table][column], column, copies, code) for r in (mine, theirs))
                assert one.tobytes() == other.tobytes(), (table, column)

    def test_what_cannot_be_copied_is_refused(self) -> None:
        """An arm or a randomisation that is not there, and a rule that asks when the control arm was entered."""
        scenario = two_arms()
        with pytest.raises(UsageError, match="did you mean 'old'"):
            equal_arms(scenario, "arm", "olt")
        with pytest.raises(UsageError, match="randomisation 'arms'"):
            equal_arms(scenario, "arms", "old")
        with pytest.raises(UsageError, match="need a randomisation"):
            equal_arms(load("ms_randomised"))


def _renamed(values: np.ndarray, column: str, copies: list[int], code: int) -> np.ndarray:
    return np.where(np.isin(values, copies), code, values) if column.endswith("state") else values


class TestTried:
    """Properties of boundaries on the same trials."""

    @given(st.lists(st.floats(0.5, 4.0), min_size=4, max_size=4), st.floats(0.0, 1.5))
    @settings(max_examples=30, deadline=None)
    def test_a_stricter_bound_never_claims_more(self, bounds: list[float], more: float) -> None:
        """Without futility a bound that is higher everywhere claims an effect in fewer of the same trials."""
        passes = _plain()
        upper = np.array([bounds[:2], [b + more for b in bounds[:2]]])
        found = tried(passes.passes.effect, {"efficacy": upper}).values
        assert found["trial[claims_effect]"][1] <= found["trial[claims_effect]"][0]
        assert found["trial[looks_held]"][1] >= found["trial[looks_held]"][0]

    def test_the_usual_sets(self) -> None:
        """The design's own come first and once; families spend the same error; futility goes from none upwards."""
        design = two_arms().interim
        assert design is not None
        sets = usual_sets(design)
        own = [k for k, one in enumerate(sets) if one.family == one.futility == "as declared"]
        assert own == [0]
        assert len(sets) > 100
        declared = {b.name: b.values for b in design.boundaries}
        assert np.array_equal(sets[0].values["efficacy"], declared["efficacy"])
        same = next(s for s in sets if s.family == "obrien_fleming" and s.futility == "as declared")
        assert np.allclose(same.values["efficacy"], declared["efficacy"], atol=1e-6)
        assert all(np.isnan(s.values["futility"]).all() for s in sets if s.futility == "none")

    def test_calibrated(self) -> None:
        """The scaled boundary's error is at most the target, a run has it, and one a little nearer exceeds it."""
        found = boundaries(two_arms(), calibrate=0.1, replicates=400)
        scaled, null = found.calibrated, found.passes.null
        assert scaled is not None
        assert null is not None
        assert scaled.ignoring
        assert 0.09 < scaled.error <= 0.1
        assert found.frame["type_i_error_ignoring_futility"].iloc[-1] == scaled.error
        told = run(equal_arms(two_arms(with_values(FOUR_LOOKS, scaled.values, (0.0, 0.2, 0.4)))), replicates=400)
        assert told.estimates["trial[claims_effect_ignoring_futility]"].value == scaled.error
        nearer = np.array([scaled.values]) * (1.0 - 1e-5)
        above = tried(null, {"efficacy": nearer}).values["trial[claims_effect_ignoring_futility]"][0]
        assert above > 0.1

    def test_refusals(self) -> None:
        """What cannot be tried is said in one sentence, before anything is simulated."""
        with pytest.raises(UsageError, match="no looks at the accumulating data"):
            boundaries(load("ms_randomised"))
        without = FOUR_LOOKS.replace("z >= efficacy", "z >= 2").replace("z < futility", "z < 0")
        without = "\n".join(k for k in without.splitlines() if k.split(":")[0].strip() not in
                            ("boundaries", "efficacy", "futility")) + "\n"  # fmt: skip
        with pytest.raises(UsageError, match="no boundary is declared"):
            boundaries(two_arms(without))
        with pytest.raises(UsageError, match="did you mean 'efficacy'"):
            boundaries(two_arms(), sets=[{"eficacy": [2.0]}])
        with pytest.raises(UsageError, match="2 bounds stand here, and there are 4 looks"):
            boundaries(two_arms(), sets=[{"efficacy": [2.0, 2.0]}])
        with pytest.raises(UsageError, match="not between 0 and 100 %"):
            boundaries(two_arms(), calibrate=1.5)
        alone = two_arms(FOUR_LOOKS.replace("  of: arm\n  control: old\n", ""))
        with pytest.raises(UsageError, match="does not say what the trial without an effect is"):
            boundaries(alone, calibrate=0.025)
        assert boundaries(alone, sets=[], replicates=10).null is None


@cache
def _plain() -> Boundaries:
    return boundaries(two_arms(OBRIEN_FLEMING, size=100), sets=[], replicates=100)


class TestKept:
    """Workers and folders."""

    def test_workers_change_nothing(self) -> None:
        """Two processes give the same table, bit for bit."""
        alone, both = (boundaries(two_arms(), sets=[], replicates=500, workers=n).frame for n in (1, 2))
        assert alone.to_csv() == both.to_csv()

    def test_an_interrupted_study_goes_on(self, tmp_path: Path) -> None:
        """What was finished is not simulated again, and the result is that of a study that was not interrupted."""
        scenario = two_arms()
        manifest = run_manifest(scenario, 500, None, "auto", kind="boundaries")
        done: list[int] = []

        def stop(number: int) -> None:
            done.append(number)
            if sum(done) > 500:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), study_folder(tmp_path / "out", manifest) as folder:
            boundaries(scenario, sets=[], replicates=500, folder=folder, progress=stop)
        again: list[int] = []
        with study_folder(tmp_path / "out", manifest, resume=True) as folder:
            kept = folder.finished
            found = boundaries(scenario, sets=[], replicates=500, folder=folder, progress=again.append)
        assert kept > 0
        assert found.frame.to_csv() == boundaries(scenario, sets=[], replicates=500).frame.to_csv()


class TestShown:
    """Figure, terminal, page and JSON."""

    def test_the_figure_marks_the_design(self) -> None:
        """A point for each set; the design's own is marked, at its numbers."""
        drawn = points(tried_once())
        assert len(drawn) == len(tried_once().sets)
        assert list(drawn["mark"][:2]) == ["the design's own", ""]
        assert drawn["size"][0] == tried_once().effect.values["trial[enrolled]"][0]
        assert "ringed" in trade_off(tried_once()).to_dict()["usermeta"]["caption"]

    def test_terminal_page_and_json(self) -> None:
        """They say the design's own numbers, and how the trial without an effect is made."""
        found = boundaries(two_arms(), calibrate=0.1, replicates=150)
        assert found.calibrated is not None
        console = Console(record=True, width=120)
        print_boundaries(found, console)
        text = " ".join(console.export_text().split())
        assert "Without an effect: equal arms" in text
        assert "* as declared; futility as declared" in text
        assert f"'efficacy' times {found.calibrated.factor:.4f}" in text
        page = boundaries_page(found)
        assert all(words in page for words in ("What each boundary costs and saves", "equal arms"))
        summary = json.loads(json.dumps(found.summary()))
        assert summary["boundaries"][0]["chosen"]
        assert summary["calibrated"]["target"] == 0.1
        assert summary["boundaries"][0]["power"] == found.frame["power"][0]
