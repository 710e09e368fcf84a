"""Relapsing MS: laws of the lesion counts and of the EDSS chain, and published numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm

from protocolsim.disease.relapsing_ms import COMPONENT as RELAPSING_MS
from protocolsim.disease.relapsing_ms import EDSS_RATES
from protocolsim.drug.daclizumab import COMPONENT as DACLIZUMAB
from protocolsim.drug.interferon_beta import COMPONENT as INTERFERON_BETA
from tests.support.bodies import Bodies

NAME = "relapsing_ms"
STEADY = {"activity_sd": 0.0, "referral_excess": 0.0}  # a constant rate of each patient's own
FIXED = {**STEADY, "new_lesion_rate_log_sd": 0.0}  # the same constant rate for everybody
N = 40_000

# The annual matrix of the British Columbia cohort as printed (Palace 2014), EDSS 0..9.
PRINTED = """
.6954 .2029 .0725 .0217 .0042 .0014 .0018 .0001 .0000 .0000
.0583 .6950 .1578 .0609 .0164 .0046 .0064 .0005 .0001 .0000
.0159 .1213 .6079 .1680 .0446 .0185 .0216 .0017 .0005 .0000
.0059 .0496 .1201 .5442 .0911 .0585 .1165 .0103 .0036 .0003
.0017 .0221 .0666 .1152 .4894 .1039 .1681 .0258 .0067 .0006
.0005 .0053 .0294 .0587 .0874 .4869 .2731 .0388 .0188 .0010
.0001 .0013 .0044 .0250 .0307 .0408 .7407 .1090 .0438 .0042
.0000 .0002 .0005 .0025 .0073 .0039 .1168 .6927 .1606 .0156
.0000 .0000 .0000 .0003 .0006 .0005 .0188 .0557 .9034 .0207
.0000 .0000 .0000 .0000 .0000 .0000 .0018 .0057 .1741 .8183
"""
ANNUAL = np.array([float(x) for x in PRINTED.split()]).reshape(10, 10)
YEAR = 365.25 / 7  # weeks


def _bodies(count: int, values: Mapping[str, float] | None = None, signal: float = 0.0, seed: int = 2009) -> Bodies:
    return Bodies(
        [RELAPSING_MS], count, values={NAME: values or {}}, signals={"log_new_lesion_rate": signal}, seed=seed
    )


def _scans(bodies: Bodies, weeks: Sequence[float], first: int = 1) -> dict[str, Any]:
    """Scans of everybody at these weeks: arrays [scan, subject]."""
    seen: dict[str, list[Any]] = {"cel": [], "new_cel": [], "truth_cel": [], "truth_new_cel": []}
    for index, week in enumerate(weeks, start=first):
        bodies.advance(week)
        value, truth = bodies.observe("mri", index)
        for name in value:
            seen[name].append(value[name])
            seen[f"truth_{name}"].append(truth[name])
    return {name: np.array(rows) for name, rows in seen.items()}


def test_new_lesions_are_poisson_at_a_constant_rate():
    """With activity and referral off, new lesions at monthly scans have mean and variance equal to the rate."""
    new = _scans(_bodies(N, FIXED), [0, 4, 8])["new_cel"]
    for scan in new:
        assert scan.mean() == pytest.approx(1.2, abs=4 * np.sqrt(1.2 / N))
        assert scan.var() == pytest.approx(1.2, rel=0.04)
    assert np.corrcoef(new)[0, 1] == pytest.approx(0.0, abs=4 / np.sqrt(N))


@pytest.mark.parametrize("weeks", [(0, 2), (0, 4), (0, 12), (0, 1, 1.5)])
def test_the_total_count_is_stationary_at_any_spacing(weeks: Sequence[float]):
    """Total enhancing lesions stay Poisson with mean rate / (1 - p), however far apart the scans."""
    last = _scans(_bodies(N, FIXED), weeks)["cel"][-1]
    mean = 1.2 / 0.8
    assert last.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / N))
    assert last.var() == pytest.approx(mean, rel=0.04)
    assert (last == 0).mean() == pytest.approx(np.exp(-mean), abs=0.01)


def test_most_lesions_are_seen_once():
    """The share of new lesions gone at the next monthly scan is 1 - p: 86 % at the published p of 14 %."""
    counts = _scans(_bodies(N, {**FIXED, "lesion_persistence": 14.0}), [0, 4])
    persisting = counts["cel"][1] - counts["new_cel"][1]
    assert persisting.sum() / counts["cel"][0].sum() == pytest.approx(0.14, abs=0.006)


@pytest.mark.parametrize("values", [STEADY, {}])
def test_a_missed_scan_does_not_change_the_next_one(values: Mapping[str, float]):
    """P(no lesion at week 22) is the same with and without the scan of week 18, on daclizumab."""
    zero = []
    for weeks in ((0, 14, 18, 22), (0, 14, 22)):
        bodies = Bodies([RELAPSING_MS, DACLIZUMAB], N, values={NAME: values})
        for week in range(0, 23, 2):
            bodies.advance(week)
            if week in weeks:
                cel = bodies.observe("mri", week + 1)[0]["cel"]
            if week in (0, 2, 6, 10, 14, 18):
                bodies.give("daclizumab", 1.0)
        zero.append((cel == 0).astype(float))
    difference = zero[0] - zero[1]
    # Within Monte Carlo error; with wandering activity the gap's rate is that of its end: a little more is allowed.
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(N) + (0.0 if values else 0.004)
    assert 0.5 < zero[0].mean() < 0.8


SCANS = (0, 4, 8, 12, 14, 18, 22, 26, 30, 34)  # four at baseline, infusions from week 12, the decision on the last
OTHERWISE = {
    "missed": tuple(w for w in SCANS if w != 30),
    "slipped": (*SCANS[:-2], 31, 34),
    "both missed": tuple(w for w in SCANS if w not in (26, 30)),
}


@pytest.mark.parametrize("values", [STEADY, {}])
@pytest.mark.parametrize("scans", OTHERWISE.values(), ids=OTHERWISE)
def test_a_missed_or_slipped_scan_does_not_change_who_would_pass(scans: Sequence[float], values: Mapping[str, float]):
    """The share whose last scan is below a quarter of the baseline's mean is the same, whatever was scanned between."""
    passed = []
    for weeks in (SCANS, scans):
        bodies = Bodies([RELAPSING_MS, DACLIZUMAB], N, values={NAME: values})
        baseline = np.zeros(N)
        for week in range(35):
            bodies.advance(week)
            if week in weeks:
                cel = bodies.observe("mri", week + 1)[0]["cel"]
                baseline += cel / 4.0 if week <= 12 else 0.0
            if week in (12, 14, 18, 22, 26, 30):
                bodies.give("daclizumab", 1.0)
        passed.append((baseline > 0) & (cel < 0.25 * baseline))
    difference = passed[0].astype(float) - passed[1]
    assert difference.std() > 0.0
    # Steady activity: to Monte Carlo error. Else a longer gap takes the rate of its end for all of it.
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(N) + (0.0 if values else 0.004)
    assert 0.4 < passed[0].mean() < 0.8


def test_truth_is_what_is_expected():
    """Observed minus truth averages to nothing, for new and total counts, in the full model."""
    seen = _scans(_bodies(N), [0, 4, 6, 20])
    for name in ("cel", "new_cel"):
        error = seen[name] - seen[f"truth_{name}"]
        assert (np.abs(error.mean(axis=1)) < 4 * error.std(axis=1) / np.sqrt(N)).all()


def test_screened_patients_have_the_stated_mean():
    """Referral aside, candidates have 1.2 new lesions per 4 weeks on average, with log-SD 1.0 between them."""
    bodies = _bodies(N, {"referral_excess": 0.0})
    log_rate = np.log(bodies.trait(NAME, "new_lesion_rate"))
    assert log_rate.std() == pytest.approx(1.0, rel=0.015)
    assert log_rate.mean() == pytest.approx(np.log(1.2) - 0.5, abs=4 / np.sqrt(N))
    new = _scans(bodies, [0, 4, 8, 12])["new_cel"]
    assert new.mean() == pytest.approx(1.2, abs=4 * new.mean(axis=0).std() / np.sqrt(N))


def test_counts_are_overdispersed_within_a_patient_as_published():
    """At the untreated mean of 3.26 a month the variance-to-mean ratio of new lesions is about 1.9."""
    new = _scans(_bodies(N, {"new_lesion_rate": 3.26, "new_lesion_rate_log_sd": 0.0, "referral_excess": 0.0}), [0, 4])
    ratio = new["new_cel"].var(axis=1) / new["new_cel"].mean(axis=1)
    assert ratio == pytest.approx(1 + 3.26 * (np.exp(0.25) - 1), rel=0.04)
    assert ratio == pytest.approx(1.9, abs=0.12)


@pytest.mark.parametrize("gap", [2, 4, 8])
def test_activity_forgets_with_time(gap: int):
    """Log activity keeps SD 0.5 and correlates with itself 4 weeks later by 0.6, by rho^(dt/4 weeks) in general."""
    bodies = _bodies(N)
    _scans(bodies, [0])
    before = bodies.field(NAME, "activity").copy()
    _scans(bodies, [gap], first=2)
    after = bodies.field(NAME, "activity")
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(0.6 ** (gap / 4), abs=0.015)
    assert after.std() == pytest.approx(0.5, rel=0.02)


def test_referral_excess_halves_every_16_weeks_from_the_first_scan():
    """New lesions stand 30 % above the long run at the first scan, 15 % at the scan 16 weeks later."""
    for begin in (0, 40):
        values = {**FIXED, "referral_excess": 30.0}
        truth = _scans(_bodies(2, values), [begin, begin + 16])["truth_new_cel"][:, 0]
        kept = 0.2**4
        assert truth == pytest.approx([1.2 * 1.3, 1.2 * 1.15 * (1 - kept) / 0.8], rel=1e-12)


def test_drugs_act_through_the_sum_of_their_signals():
    """A log rate of -0.7 from one drug and the loss of another multiply the expected new lesions."""
    plain, treated = (_scans(_bodies(50, signal=s), [0])["truth_new_cel"] for s in (0.0, -0.7))
    assert treated == pytest.approx(plain * np.exp(-0.7), rel=1e-12)
    bodies = Bodies([RELAPSING_MS, DACLIZUMAB, INTERFERON_BETA], 50)
    bodies.field("daclizumab", "log_rate_ratio")[:] = -1.0
    bodies.field("interferon_beta", "log_rate_change")[:] = 0.3
    both = bodies.observe("mri", 1)[1]["new_cel"]
    assert both == pytest.approx(plain[0] * np.exp(-0.7), rel=1e-12)


def test_a_scan_repeated_at_once_shows_the_same_lesions():
    """With no time in between nothing is new and nothing has gone."""
    counts = _scans(_bodies(500), [4, 4])
    assert (counts["new_cel"][1] == 0).all()
    assert (counts["cel"][1] == counts["cel"][0]).all()


def test_two_thirds_of_candidates_have_enough_lesions():
    """A sum of at least 2 lesions over three monthly scans admits about two thirds, who show 2.6 lesions a scan."""
    cel = _scans(_bodies(N), [0, 4, 8, 12])["cel"]
    enough = cel[:3].sum(axis=0) >= 2
    assert enough.mean() == pytest.approx(2 / 3, abs=0.03)
    assert cel[:, enough].mean() == pytest.approx(2.6, abs=0.1)


def test_edss_rates_give_the_annual_matrix_back():
    """The exponential of the rates is the printed annual matrix, to within its own rounding."""
    rates = np.array(EDSS_RATES)
    assert (rates >= 0).all()
    assert (np.diag(rates) == 0).all()
    assert expm(rates - np.diag(rates.sum(axis=1))) == pytest.approx(ANNUAL, abs=2.5e-4)


@pytest.mark.parametrize("visits", [(2.3 * YEAR,), (0.3 * YEAR, 0.31 * YEAR, 1.7 * YEAR, 2.3 * YEAR)])
def test_edss_moves_by_its_chain_whenever_anybody_looks(visits: Sequence[float]):
    """Shares of levels after 2.3 years are the exponential of 2.3 years of the rates, at any spacing of visits."""
    count = 80_000
    bodies = _bodies(count)
    entry = bodies.trait(NAME, "edss_at_entry").astype(int).copy()
    for index, week in enumerate(visits, start=1):
        bodies.advance(week)
        _, truth = bodies.observe("edss", index)
    rates = np.array(EDSS_RATES)
    expected = expm(2.3 * (rates - np.diag(rates.sum(axis=1))))
    for level in range(1, 7):
        here = truth["edss"][entry == level].astype(int)
        shares = np.bincount(here, minlength=10) / len(here)
        error = np.sqrt(expected[level] * (1 - expected[level]) / len(here))
        assert (np.abs(shares - expected[level]) < 4.5 * error + 1 / len(here)).all(), level


def test_looking_does_not_move_the_edss():
    """The true level at two years is the same, subject by subject, whatever was looked at on the way."""
    often, once = _bodies(2000), _bodies(2000)
    for index, week in enumerate(range(0, 104, 4), start=1):
        often.advance(week)
        often.observe("edss", index)
    for bodies in (often, once):
        bodies.advance(104)
    first, second = often.observe("edss", 27), once.observe("edss", 27)
    assert (first[1]["edss"] == second[1]["edss"]).all()
    assert (first[0]["edss"] == second[0]["edss"]).all()


def test_no_worsening_means_no_worsening():
    """With the multiplier of upward rates at 0 nobody's true level rises, and some fall."""
    bodies = _bodies(2000, {"edss_worsening": 0.0})
    bodies.advance(5 * YEAR)
    _, truth = bodies.observe("edss", 1)
    assert (truth["edss"] <= bodies.trait(NAME, "edss_at_entry")).all()
    assert (truth["edss"] < bodies.trait(NAME, "edss_at_entry")).any()


def test_edss_ratings_stand_on_the_scale():
    """Ratings are 0 or 1 to 10 in halves, with the published agreement between two raters (69 %; 92 % in a step)."""
    bodies = _bodies(N)
    bodies.advance(1)
    (one, _), (two, _) = bodies.observe("edss", 1), bodies.observe("edss", 2)
    assert set(np.unique(one["edss"])) <= {0.0, *np.arange(1.0, 10.5, 0.5)}
    assert set(np.unique(one["edss"])) >= {0.0, *np.arange(1.0, 6.5, 0.5)}
    # Two SDs of the error part a true 1 from the midpoint, 0.5, below which the nearest score is 0.
    _, truth = bodies.observe("edss", 3)
    assert (one["edss"][truth["edss"] == 1.0] == 0.0).mean() == pytest.approx(0.0228, abs=0.012)
    apart = np.abs(one["edss"] - two["edss"])
    assert (apart <= 0.5).mean() > 0.92
    assert 0.4 < (apart == 0.0).mean() < 0.75


def test_few_candidates_fall_outside_the_edss_range():
    """At entry between 1 and 6 % are rated outside EDSS 1 to 6.5."""
    rated = _bodies(N).observe("edss", 1)[0]["edss"]
    outside = ((rated < 1) | (rated > 6.5)).mean()
    assert 0.01 < outside < 0.06


def test_weight_and_age_are_as_stated():
    """Weights are lognormal about 72 kg with a CV of 21 %; ages are triangular on 18 to 65 with mode 36."""
    bodies = _bodies(N)
    weight, age = bodies.trait(NAME, "weight"), bodies.trait(NAME, "age")
    assert np.median(weight) == pytest.approx(72, rel=0.01)
    assert weight.std() / weight.mean() == pytest.approx(0.21, rel=0.02)
    assert 18 < age.min() < 20
    assert 63 < age.max() < 65
    assert age.mean() == pytest.approx((18 + 36 + 65) / 3, abs=0.2)
    assert (age < 36).mean() == pytest.approx(18 / 47, abs=0.01)
