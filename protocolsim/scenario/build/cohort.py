"""From the file's `cohort:` to a Cohort: how many, from which sites, and what they may have to wait for."""

from __future__ import annotations

from collections.abc import Sequence

from protocolsim.cohort.capacity import Resource
from protocolsim.cohort.cohort import Cohort, Site
from protocolsim.randomness import TRIAL_LEVEL
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import CohortPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import MINUTES_PER_DAY, NONE, RATE, TIME

_MOST_SUBJECTS = 100_000_000
_MOST_CANDIDATES = TRIAL_LEVEL - 1  # from there on, numbers belong to the trial itself
_ARRIVALS = "1 / 4 weeks"
_FEWEST = 1e-12  # a minute: one in two million years


def cohort_of(part: CohortPart, q: Expressions, words: Vocabulary) -> Cohort | None:
    """The cohort, or None where something of it is at fault."""
    size = q.whole(("cohort", "size"), part.size, least=1, most=_MOST_SUBJECTS, what="subjects")
    most = part.max_candidates
    limit = (
        q.whole(("cohort", "max_candidates"), most, least=1, most=_MOST_CANDIDATES, what="candidates")
        if most is not None
        else None
    )
    if size is not None and limit is not None and limit < size:
        q.faults.append(
            ("cohort", "max_candidates"), f"{most} is below cohort.size, {part.size}: the cohort could never be filled"
        )
    dropout = q.number(("cohort", "dropout"), part.dropout, RATE, least=0.0, what="rate of dropout")
    no_show = q.number(("cohort", "no_show"), part.no_show, NONE, least=0.0, most=1.0, what="probability")
    sites = _sites(part, q)
    capacity = _capacity(part, q, words, [s.name for s in sites or ()])
    if size is None or dropout is None or no_show is None or sites is None or capacity is None:
        return None
    # Enough for an entry rule that one in a hundred passes.
    return Cohort(
        size,
        limit if limit is not None else min(100 * size + 1000, _MOST_CANDIDATES),
        sites,
        dropout,
        no_show,
        capacity,
    )


def _sites(part: CohortPart, q: Expressions) -> tuple[Site, ...] | None:
    if part.sites is None:
        text = part.arrivals if part.arrivals is not None else _ARRIVALS
        rate = _arrivals(("cohort", "arrivals"), text, q)
        return None if rate is None else (Site("site", rate, 0),)
    if part.arrivals is not None:
        q.faults.append(("cohort", "arrivals"), "with sites, each site says its own arrivals", at_key=True)
    if not part.sites:
        q.faults.append(("cohort", "sites"), "no site stands here", at_key=True)
    sites = []
    for name, site in part.sites.items():
        address: Address = ("cohort", "sites", name)
        rate = _arrivals((*address, "arrivals"), site.arrivals, q)
        opens = q.minutes((*address, "opens"), site.opens)
        if rate is not None and opens is not None:
            sites.append(Site(name, rate, opens))
    return tuple(sites) if len(sites) == len(part.sites) and sites else None


def _arrivals(address: Address, text: str | float, q: Expressions) -> float | None:
    """How often candidates come; a place where nobody ever does is at fault."""
    rate = q.number(address, text, RATE, least=0.0, what="candidates per time")
    if rate is not None and rate < _FEWEST:
        q.faults.append(address, f"{text}: nobody would ever come; say how often candidates do, such as {_ARRIVALS}")
        return None
    return rate


def _capacity(part: CohortPart, q: Expressions, words: Vocabulary, sites: Sequence[str]) -> tuple[Resource, ...] | None:
    capacity = []
    served: set[str] = set()
    with q.faults.watch() as here:
        for name, resource in (part.capacity or {}).items():
            address: Address = ("cohort", "capacity", name)
            serves = (resource.serves,) if isinstance(resource.serves, str) else tuple(resource.serves)
            at = sites if resource.at is None else [resource.at] if isinstance(resource.at, str) else resource.at
            for key, words_ in (("serves", serves), ("at", at)):
                if not words_:
                    q.faults.append((*address, key), "no name stands here")
            for word in serves:
                q.names.known((*address, "serves"), "assessment or drug", word, (*words.assessments, *words.drug_names))
                if word in served:
                    how = "stands there twice" if serves.count(word) > 1 else "is already served by something else"
                    q.faults.append((*address, "serves"), f"'{word}' {how}")
                served.add(word)
            for word in at:
                q.names.known((*address, "at"), "site", word, sites)
            slot = q.minutes((*address, "slot"), resource.slot, least=1.0, what="slot")
            opens = _time_of_day((*address, "opens_at"), resource.opens_at, q)
            closes = _time_of_day((*address, "closes_at"), resource.closes_at, q)
            for key, number, most in (("units", resource.units, 10_000), ("weekdays", resource.weekdays, 7)):
                if not 1 <= number <= most:
                    q.faults.append((*address, key), f"{number} is not between 1 and {most}")
            if opens is not None and closes is not None and opens >= closes:
                said = f"it closes at {resource.closes_at}, no later than it opens, at {resource.opens_at}"
                q.faults.append((*address, "closes_at"), said, at_key=True)
            elif slot is not None and opens is not None and closes is not None and opens + slot > closes:
                q.faults.append((*address, "slot"), f"one use takes {resource.slot}, longer than the opening hours")
            if here.ok and slot is not None and opens is not None and closes is not None:
                numbers = tuple(sites.index(s) for s in at)
                capacity.append(Resource(name, serves, numbers, resource.units, slot, opens, closes, resource.weekdays))
    return tuple(capacity) if here.ok else None


def _time_of_day(address: Address, text: str | float, q: Expressions) -> int | None:
    value = q.number(address, text, TIME, least=0.0, most=MINUTES_PER_DAY)
    return None if value is None else q.whole_minutes(address, text, value)
