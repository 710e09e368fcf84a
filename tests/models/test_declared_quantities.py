"""Quantities of declared models: they agree with closed forms and solvers, and not on when they are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from tests.support.models import Model, faults_of, looks, patients
from tests.support.toys import DAY

WEEK = 7 * DAY
# Looks at the end of days and in between, and twice as often; the first are among the second.
SELDOM = [0, 5 * DAY, 13 * DAY + 77, 20 * DAY, 60 * DAY]
OFTEN = sorted({*SELDOM, 1, 600, DAY, 5 * DAY + 1, 9 * DAY, 13 * DAY, 14 * DAY, 41 * DAY + 333, 59 * DAY + 1439})

TRAITS = {"own": {"lognormal": {"median": 1, "cv": "30 %"}}, "start": {"normal": {"mean": 5, "sd": 1}}}
ALONE: dict[str, Any] = {
    "constant": {"start": "start", "relaxes to": "9 * own", "half-life": "4 days"},
    "bounded": {"start": "start", "relaxes to": "9 * own", "half-life": "4 days", "at most": 7, "at least": 5.5},
    "growing": {"start": "start", "grows by": "own * 3 % / week"},
    "shrinking": {"start": "start", "grows by": "-own * 3 % / day", "at least": "1 * own"},
    "noise": {"autoregressive": {"sd": "own", "correlation": 0.5, "over": "3 days"}},
    "arrived": {"arrivals": "own * 40 % / day"},
    "level": {
        "steps": {
            "start": "if(start > 5, 1, 0)",
            "levels": {"a": "1 * own", "b": 3, "c": 4},
            "rates": {
                "a": {"b": "own * 20 % / day"},
                "b": {"c": "10 % / day", "a": "30 % / day"},
                "c": {"a": "1 / day"},
            },
        }
    },
}
DRIVEN: dict[str, Any] = {
    "moving": {"start": "start", "relaxes to": "9 * own / (1 + sum of(push)) + noise", "half-life": "4 days"},
    "slowing": {"start": 1, "relaxes to": 0, "half-life": "4 days * (1 + arrived)"},
    "grown": {"start": 1, "grows by": "(level - 2) * 3 % / week"},
    "counted": {"arrivals": "max(0 / day, moving * 10 % / day)"},
    "stepped": {
        "steps": {
            "start": 0,
            "levels": {"low": 0, "high": 1},
            "rates": {"low": {"high": "max(0 / day, moving * 5 % / day)"}, "high": {"low": "20 % / day"}},
        }
    },
    "prey": {"start": 1, "rate": "prey * (1 - hunter) * 30 % / day"},
    "hunter": {"start": 0.4, "rate": "hunter * (prey - own) * 30 % / day", "at least": 0},
    "recurring": {"start": 0, "becomes": "0.9 * recurring + counted"},
    "both": {"formula": "moving * exp(noise) + stepped"},
}
KINETIC: dict[str, Any] = {
    "one": {"doses enter": "one compartment", "half-life": "2 days / own", "available": "60 %"},
    "depot": {"doses enter": "one compartment", "half-life": "2 days", "absorption half-life": "9 hours"},
    "two": {
        "doses enter": "two compartments",
        "half-life": "2 days",
        "to periphery": "30 % / day",
        "from periphery": "12 % / day",
    },
    "three": {
        "doses enter": "two compartments",
        "half-life": "2 days",
        "to periphery": "30 % / day",
        "from periphery": "12 % / day",
        "absorption half-life": "9 hours",
    },
}


def model(quantities: Model) -> Model:
    """A disease with these, each shown as it is."""
    return {"traits": TRAITS, "quantities": quantities, "assessments": {"scan": looks_of(quantities)}}


def looks_of(quantities: Model) -> Model:
    """What shows each of these."""
    scan: Model = looks(**{f"seen_{name}": name for name in quantities})["scan"]
    return scan


def seen(made: Model, minutes: list[int], count: int = 40, **drugs: Model) -> dict[str, Any]:
    """What is shown at each of these minutes, [minutes, patients]."""
    them = patients(made, count, drugs=drugs)
    if drugs:
        them.field("drug", "level")[:] = np.arange(count) % 3
    shown = [them.go(m).shown(index=k + 1) for k, m in enumerate(minutes)]
    return {name: np.array([s[name] for s in shown]) for name in shown[0]}


class TestIndependenceOfLooks:
    """Nothing depends on when it is looked at."""

    @pytest.mark.parametrize("name", ALONE)
    def test_what_goes_on_by_itself(self, name):
        """To rounding where an interval is split; a path and what is counted to the bit."""
        once, twice = seen(model(ALONE), SELDOM), seen(model(ALONE), OFTEN)
        same = [OFTEN.index(m) for m in SELDOM]
        key = f"seen_{name}"
        if name in ("noise", "arrived", "level"):
            np.testing.assert_array_equal(once[key], twice[key][same])
        np.testing.assert_allclose(once[key], twice[key][same], rtol=1e-9)
        assert len(np.unique(once[key])) > 3

    def test_what_others_drive_is_the_same_to_the_bit(self):
        """It goes by steps of the grid, which a look does not cut."""
        drug = {"writes": {"push": "0.2 * dose + sin", "other": "dose"}, "quantities": {"sin": ALONE["noise"]}}
        drug["traits"] = {"own": TRAITS["own"]}
        quantities = {"noise": ALONE["noise"], "arrived": ALONE["arrived"], "level": ALONE["level"], **DRIVEN}
        once, twice = (seen(model(quantities), minutes, drug=drug) for minutes in (SELDOM, OFTEN))
        same = [OFTEN.index(m) for m in SELDOM]
        for key, values in once.items():
            if key == "seen_slowing":
                assert len(np.unique(values)) > 3
            np.testing.assert_array_equal(values, twice[key][same], err_msg=key)

    def test_what_is_driven_reads_what_goes_on_by_itself_at_the_end_of_the_step(self):
        """As it is there then: neither a step before, nor carried on twice."""
        quantities = {"constant": ALONE["constant"], "copy": {"start": 0, "becomes": "constant"}}
        found = seen(model(quantities), [DAY, 5 * DAY, 9 * DAY])
        np.testing.assert_array_equal(found["seen_copy"], found["seen_constant"])

    def test_a_look_of_no_time_changes_nothing(self):
        """To advance to the present minute is to do nothing, on the grid too."""
        them = patients(model({**ALONE, **DRIVEN}), 5).go(3 * DAY)
        before = them.body.copy()
        c = them.components["illness"]
        assert c.advance is not None
        c.advance(them.body, them.rows, them.links["illness"], them.constants["illness"], them.minute, them.minute)
        assert before.tobytes() == them.body.tobytes()

    def test_nobody_depends_on_the_others(self):
        """One patient alone, or a block of several hundred: the same bits."""
        made = model({**ALONE, **DRIVEN})
        many, few = patients(made, 300).go(10 * DAY + 7), patients(made, 1, first=290).go(10 * DAY + 7)
        assert many.body[289].tobytes() == few.body[0].tobytes()


class TestClosedForms:
    """Against the mathematics."""

    def test_relaxation_and_growth(self):
        """Half the way in each half-life; the exponential of the rate."""
        found = seen(model({k: ALONE[k] for k in ("constant", "bounded", "growing", "shrinking")}), SELDOM)
        them = patients(model({}) | {"assessments": looks(a="start")}, 40)
        own, start = them.trait("illness", "own"), them.trait("illness", "start")
        time = np.array(SELDOM)[:, None] / DAY
        way = 9 * own + (start - 9 * own) * 0.5 ** (time / 4)
        np.testing.assert_allclose(found["seen_constant"], way, rtol=1e-12)
        clipped = np.clip(9 * own + (np.clip(start, 5.5, 7) - 9 * own) * 0.5 ** (time / 4), 5.5, 7)
        np.testing.assert_allclose(found["seen_bounded"], clipped, rtol=1e-12)
        np.testing.assert_allclose(found["seen_growing"], start * np.exp(0.03 * own * time / 7), rtol=1e-12)
        shrunk = np.maximum(np.maximum(start, own) * np.exp(-0.03 * own * time), own)
        np.testing.assert_allclose(found["seen_shrinking"], shrunk, rtol=1e-12)

    @pytest.mark.parametrize("absorption", [9.0, 48.0, 48.0 * (1 + 1e-9), 48.0 * (1 + 1e-5), 200.0])
    @pytest.mark.parametrize("periphery", [None, (0.3, 0.12), (0.01, 3.0)])
    def test_kinetics(self, absorption, periphery):
        """The exponential of the matrix of rates, at once and looked at in between, equal rates included."""
        part: Model = {
            "doses enter": "one compartment",
            "half-life": "2 days",
            "absorption half-life": f"{absorption} hours",
        }
        out, absorbed = np.log(2) / 2, np.log(2) / absorption * 24
        matrix = np.array([[-absorbed, 0, 0], [absorbed, -out, 0], [0, 0, 0]])
        names = ["it (depot)", "it"]
        if periphery is not None:
            to, back = periphery
            part |= {
                "doses enter": "two compartments",
                "to periphery": f"{to} / day",
                "from periphery": f"{back} / day",
            }
            matrix += np.array([[0, 0, 0], [0, -to, back], [0, to, -back]])
            names.append("it (periphery)")
        first = np.array([3.0, 5.0, 7.0 if periphery else 0.0])
        for minutes in ([30 * DAY], [1, 600, DAY, 9 * DAY + 3, 30 * DAY]):
            them = patients({"traits": TRAITS}, 1, drugs={"drug": {"quantities": {"it": part}}})
            for name, amount in zip(names, first, strict=False):
                them.field("drug", name)[:] = amount
            for minute in minutes:
                them.go(minute)
                found = [them.field("drug", name)[0] for name in names]
                expected = expm(matrix * minute / DAY) @ first
                near = 1e-8 if periphery is None else 3e-6
                np.testing.assert_allclose(found, expected[: len(names)], rtol=near, atol=1e-13)

    def test_kinetics_do_not_depend_on_looks(self):
        """To a billionth, also where two rates are equal."""
        close = {**KINETIC["three"], "absorption half-life": "2 days"}
        equal = {**KINETIC["depot"], "absorption half-life": "2 days"}
        quantities = {**KINETIC, "close": close, "equal": equal}
        drug = {"quantities": quantities, "traits": {"own": TRAITS["own"]}}

        def after(minutes: list[int]) -> Any:
            them = patients({"traits": TRAITS}, 3, drugs={"drug": drug})
            for name in them.components["drug"].fields[2:]:
                them.field("drug", name)[:] = 1.0
            for minute in minutes:
                them.go(minute)
            return them.body

        np.testing.assert_allclose(after(SELDOM[1:]), after(OFTEN[1:]), rtol=2e-9)

    def test_differential_equations(self):
        """Fourth order: a step of a day as good as SciPy's solver to a thousandth; a sixteenth at half the step."""

        def lotka(_: float, y: Any) -> list[float]:
            return [y[0] * (1 - y[1]) * 0.3, y[1] * (y[0] - 0.8) * 0.3]

        expected = solve_ivp(lotka, (0, 60), [1, 0.4], rtol=1e-11, atol=1e-12).y[:, -1]
        wrong = []
        for step in (1440, 720):
            part = {
                "prey": {**DRIVEN["prey"], "step": f"{step} minutes"},
                "hunter": {"start": 0.4, "rate": "hunter * (prey - 0.8) * 30 % / day"},
            }
            found = seen(model(part), [60 * DAY], 1)
            wrong.append(np.abs([found["seen_prey"][0, 0], found["seen_hunter"][0, 0]] - expected).max())
        assert wrong[0] < 1e-3
        assert 12 < wrong[0] / wrong[1] < 20

    def test_a_moving_target_comes_near_to_its_equation(self):
        """Relaxation to what a drug moves: a step's error, halved with the step."""
        wrong = []
        for step in ("1 day", "6 hours"):
            made = {
                "step": step,
                "quantities": {
                    "x": {"start": 0, "relaxes to": "10 * (1 - exp(-time since entry / 5 days))", "half-life": "3 days"}
                },
                "assessments": looks(seen_x="x"),
            }
            k = np.log(2) / 3
            exact = 10 * (1 - np.exp(-k * 20) - k * (np.exp(-20 / 5) - np.exp(-k * 20)) / (k - 1 / 5))
            wrong.append(abs(patients(made, 1).seen_at([20 * DAY], "seen_x")[0, 0] - exact))
        assert wrong[0] < 0.2
        assert 3 < wrong[0] / wrong[1] < 5


class TestRandomPaths:
    """Against their laws, within Monte Carlo error; the draws are fixed, so that a test fails always or never."""

    def test_autoregressive_noise_has_its_covariance(self):
        """exp(-rate * lag) at lags of minutes, days and years, at any moment."""
        minutes = [0, 7, DAY, DAY + 600, 3 * DAY, 10 * DAY, 30 * DAY, 5000 * DAY, 5003 * DAY]
        made = {"quantities": {"noise": {"autoregressive": {"sd": 2, "correlation": 0.5, "over": "3 days"}}}}
        count = 20_000
        path = patients({**made, "assessments": looks(seen="noise")}, count).seen_at(minutes, "seen") / 2
        found = path @ path.T / count
        lag = np.abs(np.subtract.outer(minutes, minutes)) / DAY
        np.testing.assert_allclose(found, 0.5 ** (lag / 3), atol=4 * np.sqrt(2 / count))
        for row in path:
            assert stats.kstest(row, "norm").pvalue > 1e-4
        # Between looks too: what is left of a value after its neighbours is independent of them.
        rest = path[3] - path[2] * 0.5 ** (600 / DAY / 3)
        assert abs(np.corrcoef(rest, path[0])[0, 1]) < 4 / np.sqrt(count)

    def test_arrivals_are_a_poisson_process(self):
        """Counts of intervals are Poisson and independent."""
        made = {"quantities": {"n": {"arrivals": "40 % / day"}}, "assessments": looks(seen="n")}
        count = 20_000
        at = patients(made, count).seen_at([0, 5 * DAY, 7 * DAY, 27 * DAY], "seen")
        assert (at[0] == 0).all()
        gaps = np.diff(at, axis=0)
        for gap, days in zip(gaps, (5, 2, 20), strict=True):
            values = np.arange(int(stats.poisson.ppf(0.999, 0.4 * days)) + 1)
            expected = stats.poisson.pmf(values, 0.4 * days) * count
            observed = np.array([(gap == v).sum() for v in values])
            keep = expected > 5
            assert stats.chi2.sf((((observed - expected) ** 2 / expected)[keep]).sum(), keep.sum() - 1) > 1e-4
        assert np.abs(np.corrcoef(gaps) - np.eye(3)).max() < 4 / np.sqrt(count)

    def test_steps_have_the_probabilities_of_their_generator(self):
        """Those of the matrix exponential, from one look to the next."""
        q = np.array([[-0.2, 0.2, 0.0], [0.3, -0.4, 0.1], [1.0, 0.0, -1.0]])
        rates = {"a": {"b": "20 % / day"}, "b": {"c": "10 % / day", "a": "30 % / day"}, "c": {"a": "1 / day"}}
        steps = {"start": 1, "levels": {"a": 0, "b": 1, "c": 2}, "rates": rates}
        count = 20_000
        at = patients({"quantities": {"s": {"steps": steps}}, "assessments": looks(seen="s")}, count).seen_at(
            [0, DAY // 2, 4 * DAY], "seen"
        )
        assert (at[0] == 1).all()
        for row, days in zip(at[1:], (0.5, 4.0), strict=True):
            share = np.bincount(row.astype(int), minlength=3) / count
            np.testing.assert_allclose(share, expm(q * days)[1], atol=4 * 0.5 / np.sqrt(count))
        after = expm(q * 3.5)
        for before in range(3):
            those = at[2][at[1] == before].astype(int)
            share = np.bincount(those, minlength=3) / len(those)
            np.testing.assert_allclose(share, after[before], atol=4 * 0.5 / np.sqrt(len(those)))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"start": "sum of(push)", "grows by": "1 % / day"}, "of which there is nothing at entry"),
        ({"start": 1, "grows by": "1 day"}, "expected a rate"),
        ({"start": 1, "relaxes to": "1 day", "half-life": "1 day"}, "as the quantity at entry"),
        ({"start": 1, "relaxes to": 2}, "'half-life' is missing"),
        ({"arrivals": "own - 2 / day"}, "units do not fit"),
        ({"arrivals": "(own - 2) / 1 day"}, "can be negative"),
        ({"autoregressive": {"sd": 1, "correlation": 1, "over": "1 day"}}, "can be outside of 0 to 1"),
        ({"doses enter": "one compartment", "half-life": "1 day"}, "doses enter a drug"),
        ({"formula": "x + 1"}, "formulas go in a circle"),
        ({"start": 1, "rate": "1 / day", "step": "1 minute"}, "too fine"),
        ({"steps": {"start": 2, "levels": {"a": 1, "b": 2}, "rates": {}}}, "outside of 0 to 1"),
        ({"steps": {"start": 0, "levels": {"a": 1, "b": 2}, "rates": {"a": {"c": "1 / day"}}}}, "no level 'c'"),
    ],
)
def test_what_cannot_be_is_refused(part, said):
    """In its own words."""
    assert said in faults_of({"traits": TRAITS, "quantities": {"x": part}})
