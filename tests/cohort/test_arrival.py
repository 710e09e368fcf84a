"""Laws of arrival: a Poisson process at the rate of the sites that are open."""

from __future__ import annotations

from itertools import islice

import numpy as np
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.cohort.arrival import arrivals, next_midnight
from protocolsim.cohort.cohort import Site
from protocolsim.randomness import ARRIVAL, exponential_quantile, uniform
from tests.support.toys import DAY, rows, run

NORTH, SOUTH, EAST = Site("north", 2 / DAY, 0), Site("south", 1 / DAY, 0), Site("east", 3 / DAY, 200 * DAY)

sites = st.lists(st.builds(Site, st.just("s"), st.floats(1e-5, 1e-1), st.integers(0, 100_000)), min_size=1, max_size=4)


def first(count: int, clinics: list[Site], seed: int = 5, replicate: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Minutes and sites of the first candidates."""
    found = list(islice(arrivals(clinics, seed, replicate), count))
    return np.array([m for m, _ in found]), np.array([s for _, s in found])


class TestTheProcess:
    def test_gaps_are_exponential(self):
        """At one site the gaps between candidates are independent exponentials of its rate."""
        minutes, _ = first(3000, [NORTH])
        gaps = np.diff(minutes, prepend=0.0)
        assert scipy.stats.kstest(gaps, scipy.stats.expon(scale=DAY / 2).cdf).pvalue > 0.01
        assert abs(scipy.stats.pearsonr(gaps[:-1], gaps[1:]).statistic) < 0.06

    def test_the_rate_of_several_sites_is_their_sum(self):
        """And each candidate comes to a site in proportion to its rate."""
        minutes, sites = first(3000, [NORTH, SOUTH])
        gaps = np.diff(minutes, prepend=0.0)
        assert scipy.stats.kstest(gaps, scipy.stats.expon(scale=DAY / 3).cdf).pvalue > 0.01
        assert scipy.stats.binomtest(int((sites == 0).sum()), 3000, 2 / 3).pvalue > 0.01

    def test_a_site_that_opens_later_adds_its_rate_from_then_on(self):
        """Before it opens nobody comes there; after it, at the higher rate, in proportion."""
        minutes, sites = first(3000, [NORTH, SOUTH, EAST])
        before = minutes <= 200 * DAY
        assert (sites[before] < 2).all()
        assert abs(before.sum() - 600) < 4 * np.sqrt(600)
        after = np.diff(minutes[~before])
        assert scipy.stats.kstest(after, scipy.stats.expon(scale=DAY / 6).cdf).pvalue > 0.01
        shares = np.bincount(sites[~before], minlength=3)
        assert scipy.stats.chisquare(shares, shares.sum() * np.array([2, 1, 3]) / 6).pvalue > 0.01

    @given(sites, st.integers(0, 2**31), st.integers(0, 50))
    def test_candidates_come_in_order_to_sites_that_are_open(self, clinics, seed, replicate):
        """Minutes never decrease, none is before the first opening, and every site named is open by then."""
        minutes, numbers = first(80, clinics, seed, replicate)
        assert (np.diff(minutes) >= 0).all()
        assert minutes[0] >= min(s.opens for s in clinics)
        assert all(clinics[n].opens <= m for m, n in zip(minutes, numbers, strict=True))

    @given(sites, st.integers(0, 1000))
    def test_the_hazard_up_to_a_candidate_is_the_sum_of_the_keyed_gaps(self, clinics, seed):
        """Rates integrated over the calendar up to candidate k come to unit gaps 1 to k, across any openings."""
        minutes, _ = first(40, clinics, seed)
        gaps = [exponential_quantile(uniform(seed, 0, k, ARRIVAL, 0)) for k in range(40)]
        hazard = sum(s.rate * np.maximum(0.0, minutes - s.opens) for s in clinics)
        np.testing.assert_allclose(hazard, np.cumsum(gaps), rtol=1e-9)

    def test_replicates_and_seeds_have_arrivals_of_their_own(self):
        """The same key the same minutes, another key others."""
        one, again, other, later = (first(10, [NORTH], *key)[0] for key in ((5, 0), (5, 0), (6, 0), (5, 1)))
        assert (one == again).all()
        assert (one != other).all()
        assert (one != later).all()


TRIAL = """
summaries: {lucky: {last of: chance}}
states:
  screening: {assessments: {scan: {days: [0]}}, lasts: 3 days}
  treated: {enrolled: true, treatment: {pill: standard}, assessments: {scan: {every: 2 days}}, lasts: 9 days}
  out: {final: out}
transitions:
  - {from: screening, to: treated, when: lucky > 0.3}
  - {from: screening, to: out, otherwise: true}
  - {from: treated, to: out}
"""
PLACES = "size: 30\nsites: {north: {arrivals: 1 / 1 day}, south: {arrivals: 2 / 1 day, opens: OPENS}}"


class TestInATrial:
    def test_arrival_never_touches_a_subjects_own_course(self):
        """When a site opens, and at what rate, changes days and sites; every other table stays as it is."""
        clinics = [PLACES.replace("OPENS", opens) for opens in ("0 days", "9 days")]
        early, late = (run(TRIAL, cohort=text, pill="rash: 0.2 / 1 day") for text in clinics)
        assert rows(early, "subjects", "arrival_day") != rows(late, "subjects", "arrival_day")
        assert rows(early, "subjects", "site") != rows(late, "subjects", "site")
        for table in ("observations", "doses", "moves", "events"):
            for column, values in early[table].items():
                assert values.tobytes() == late[table][column].tobytes()

    @given(st.floats(0.0, 1e9) | st.integers(0, 10**6).map(lambda day: day * DAY + 0.25))
    def test_the_midnight_from_a_minute_on(self, minute):
        """The first whole day that does not begin before the minute; of a midnight it is the midnight itself."""
        midnight = int(next_midnight(minute))
        assert midnight % DAY == 0
        assert midnight - DAY < minute <= midnight
        assert next_midnight(midnight) == midnight
        assert next_midnight(np.array([minute, midnight])).tolist() == [midnight, midnight]

    def test_everybody_begins_at_the_midnight_after_arrival(self):
        """The day in the table is the first whole day from the keyed minute on."""
        records = run(TRIAL, seed=5, cohort="size: 30\narrivals: 2 / 1 day")
        days = rows(records, "subjects", "arrival_day")
        minutes, _ = first(len(days), [NORTH])
        assert days == np.ceil(minutes / DAY).tolist()
