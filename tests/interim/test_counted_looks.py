"""What looks count from the dates of courses is, to the bit, what they would count in the records known at each."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from protocolsim.arrays import Floats, Integers
from protocolsim.endpoint.criteria.dated import Criteria, of_course, of_population
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import Population, populations
from protocolsim.engine.snapshot import as_of, until_stopped
from protocolsim.interim.catalogue import kinds
from protocolsim.interim.design import Design, Information
from protocolsim.interim.statistics.number_of import NumberOf
from protocolsim.interim.statistics.value_of import ValueOf
from protocolsim.interim.statistics.z_of import ZOf
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.protocol.counting import numbers_at
from protocolsim.records import NEVER, Records
from tests.analysis.test_analysis import OF, Enrolled
from tests.endpoint.test_endpoint import Course, made_records, minutes
from tests.interim.test_statistics import ANALYSES, some_of, some_trials

DECLARED = {
    "ended": Population(of="enrolled", ended_in=("completed", "withdrawn")),
    "going": Population(of="enrolled", not_ended_in=("completed", "withdrawn")),
    "spared": Population(not_entered=("rescued",)),
    "spared to the end": Population(of="spared", entered=("treated", "rescued"), ended_in=("completed",)),
    "chosen": Population(of="enrolled", where=lambda records: records["subjects"]["subject"] % 2 == 0),
    "under treatment": Population(of="enrolled", ended_in=("treated",)),
}
LOOKS = 5


def declared_share(**asked: Any) -> Share:
    return Share(name="s", label="S", **asked)


SHARES = [
    declared_share(ended_in=("completed",), among=among) for among in ("screened", *DECLARED)
] + [
    declared_share(entered=("rescued",), not_entered=("withdrawn",), among="screened"),
    declared_share(not_ended_in=("withdrawn",), among="spared"),
    declared_share(ended_in=("treated",)),
    declared_share(with_event=("harm",)),
]  # fmt: skip


def looked_at() -> tuple[Records, Integers]:
    """Trials whose subjects begin in different weeks, and some cut-offs of each; of a few looks none."""
    rng = np.random.default_rng(3)
    harmed: list[Course] = [dataclasses.replace(c, harmed=14.0 + k) for k, c in enumerate([Enrolled(), Course()] * 3)]
    records = made_records([*some_trials(4), harmed], first_replicate=5)
    records["subjects"]["arrival_day"][:] = rng.integers(0, 100, len(records["subjects"]["subject"]))
    cutoffs = rng.integers(0, minutes(60.0), (records.replicates, LOOKS))
    # The very minutes at which somebody enters an arm, and at which somebody ends.
    cutoffs[records.trials(), 1] = records.begins() + minutes(12.0)
    cutoffs[records.trials(), 3] = records.begins() + records["subjects"]["end_minute"]
    cutoffs[::3, 2] = NEVER
    return records, cutoffs


def each_way(design: Design, records: Records, cutoffs: Integers) -> tuple[Floats | None, Floats]:
    """What all looks read together from numbers, and what each reads in the records known at its cut-offs."""
    together = design.read_counts(cutoffs, numbers_at(design.counts, records, cutoffs))
    each = [
        design.read(look, as_of(records, at), at)
        for look, at in enumerate(np.ascontiguousarray(cutoffs.T))
    ]  # fmt: skip
    return together, np.stack(each, axis=1)


def a_design(*statistics: Any) -> Design:
    named = tuple(dataclasses.replace(s, name=f"s{k}") for k, s in enumerate(statistics))
    count = Count("entered", frozenset([1, 2]), followed=minutes(4.0))
    looks = tuple(Look(f"look_{k}", Trigger(count, number=k)) for k in range(LOOKS))
    return Design(looks, named, (), (), (), Information(Count("enrolled", followed=minutes(2.0)), 20.0), DECLARED)


@pytest.mark.parametrize("kind", kinds().values(), ids=[key.replace(" ", "_") for key in kinds()])
def test_every_kind(kind: Any) -> None:
    """Of every kind: the same bytes from numbers alone, with follow-up and without, of trials cut short too."""
    statistics = [s for s in some_of(kind) if s.of_counts(DECLARED) is not None][::3]
    assert statistics, "none of this kind is counted"
    design = a_design(*statistics, *(dataclasses.replace(s, followed_for=minutes(16.0)) for s in statistics))
    records, cutoffs = looked_at()
    fewer = until_stopped(records, np.full(records.replicates, minutes(7.0)))
    assert len(fewer["subjects"]["subject"]) < len(records["subjects"]["subject"])
    for of in (records, fewer):
        together, each = each_way(design, of, cutoffs)
        assert together is not None
        assert together.tobytes() == each.tobytes()


@pytest.mark.parametrize("share", SHARES, ids=lambda s: f"{s.among} {s.counting[:3]}")
def test_every_share_and_population(share: Share) -> None:
    """Whatever a share and its population ask: the same bytes; what dates do not tell is counted in the records."""
    analysis = next(a for a in ANALYSES if a.kind == "two_shares")
    design = a_design(
        ValueOf(name="v", of=share), ZOf(name="z", of=dataclasses.replace(analysis, of=share)),
        NumberOf(name="n", of=share.among, followed_for=minutes(3.0)),
    )  # fmt: skip
    records, cutoffs = looked_at()
    numbers = numbers_at(design.counts, records, cutoffs)
    together, each = each_way(design, records, cutoffs)
    counted = share.among not in ("chosen", "under treatment") and share.ended_in != ("treated",)
    assert (together is not None) == counted
    if together is not None:
        assert together.tobytes() == each.tobytes()
    for look in range(LOOKS):  # some of a look's numbers may be known, and some not
        at, some = np.ascontiguousarray(cutoffs[:, look]), {c: n[:, look] for c, n in numbers.items()}
        assert design.read(look, as_of(records, at), at, some).tobytes() == each[:, look].tobytes()


def test_members_of_a_population_by_date() -> None:
    """Who meets criteria from one date until another is who belongs to the population as it was known in between."""
    records, cutoffs = looked_at()
    trials = records.trials()
    for name in (n for n in DECLARED if n not in ("chosen", "under treatment")):
        criteria = of_population(name, DECLARED)
        assert criteria is not None
        since, until = criteria.dates(records)
        for at in np.ascontiguousarray(cutoffs.T):
            known = as_of(records, at)
            mine = (since <= at[trials]) & (at[trials] < until)
            begun = records.begins() <= at[trials]
            assert np.array_equal(mine[begun], populations(known, DECLARED)[name])
            assert not mine[~begun].any()


def test_criteria_of_both() -> None:
    """Criteria together ask for all that either asks, and for the longer follow-up."""
    one = Criteria(enrolled=True, followed_for=5) & of_course(entered=("treated",), not_ended_in=("withdrawn",))
    both = one & Criteria(followed_for=3) & of_course(entered=("rescued",))
    assert both == Criteria(
        enrolled=True, entered=(("treated",), ("rescued",)), not_ended_in=("withdrawn",), followed_for=5
    )
    assert OF["share"].criteria({}) == (Criteria(enrolled=True, ended_in=(("completed",),)), Criteria(enrolled=True))
