"""Who is enrolled, when, and where: the declarations. Arrival and capacity stand in their own files."""

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
    """How many subjects, from where, and how reliably they come.

    `size` subjects are enrolled; candidates are screened in the order of their numbers until then, but at most
    `max_candidates`. `dropout` is a rate per minute on study, `no_show` the probability that a subject does not come
    to a planned visit. `capacity` lists what is limited; without any, subjects never wait for each other.
    """

    size: int
    max_candidates: int
    sites: tuple[Site, ...]
    dropout: float
    no_show: float
    capacity: tuple[Resource, ...] = ()
