"""When candidates arrive, and at which site.

Candidates arrive as a Poisson process whose rate is that of the sites open at the time: candidate k comes when the
sum of the unit-exponential gaps 1..k has been used up. Gaps and sites are keyed by the candidate's number, so
arrival never touches a subject's own course.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocolsim.cohort.cohort import Site
from protocolsim.randomness import ARRIVAL, SITE, exponential_quantile, uniform


def arrivals(sites: Sequence[Site], seed: int, replicate: int) -> Iterator[tuple[float, int]]:
    """(minute of the trial's calendar, site number) of each candidate, without end, in the order of their numbers."""
    openings = sorted({s.opens for s in sites})
    minute, period, subject = float(openings[0]), 0, 0
    while True:
        used = exponential_quantile(uniform(seed, replicate, subject, ARRIVAL, 0))
        while True:
            rate = _rate(sites, openings[period])
            last = period + 1 >= len(openings)
            if last or minute + used / rate <= openings[period + 1]:
                minute += used / rate
                break
            used -= (openings[period + 1] - minute) * rate
            period += 1
            minute = float(openings[period])
        yield minute, _site(sites, openings[period], uniform(seed, replicate, subject, SITE, 0))
        subject += 1


def _rate(sites: Sequence[Site], opened: int) -> float:
    total = 0.0
    for site in sites:
        if site.opens <= opened:
            total += site.rate
    return total


def _site(sites: Sequence[Site], opened: int, u: float) -> int:
    wanted, total, chosen = u * _rate(sites, opened), 0.0, 0
    for number, site in enumerate(sites):
        if site.opens <= opened:
            chosen = number
            total += site.rate
            if wanted <= total:
                break
    return chosen
