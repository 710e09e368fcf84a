"""Declarations of a cohort: its size, sites, dropout and no-shows. For the processes see arrival and capacity."""

from __future__ import annotations

from dataclasses import dataclass

from protocolsim.cohort.capacity import Resource


@dataclass(frozen=True)
class Site:
    """One clinic: candidates arrive there at `rate` per minute from minute `opens` of the trial's calendar."""

    name: str
    rate: float
    opens: int


@dataclass(frozen=True)
class Cohort:
    """Size of the cohort, its sites, and the adherence of its subjects.

    `size` subjects are enrolled; candidates are screened in order of subject number until then, at most
    `max_candidates`. `dropout` is a hazard rate per minute on study, `no_show` the probability of missing a planned
    visit. `capacity` lists the limited resources; without any there are no queues.
    """

    size: int
    max_candidates: int
    sites: tuple[Site, ...]
    dropout: float
    no_show: float
    capacity: tuple[Resource, ...] = ()
