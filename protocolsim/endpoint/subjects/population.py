"""Populations: whom an endpoint counts, by the course of each subject and what their chart says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from protocolsim.arrays import Mask
from protocolsim.endpoint.base import BUILT_IN, ENROLLED, SCREENED, StateNames
from protocolsim.endpoint.subjects.rows import course_mask
from protocolsim.errors import UsageError, unknown
from protocolsim.records import Records


@dataclass(frozen=True)
class Population:
    """Who counts: the members of another population that meet every condition given.

    A tuple of states means any of them: `entered` any, `not_entered` none, `ended_in` one, `not_ended_in` none.
    `where`: a condition on each subject's chart, one truth value per row of `subjects`.
    """

    of: str | None = None
    entered: StateNames = ()
    not_entered: StateNames = ()
    ended_in: StateNames = ()
    not_ended_in: StateNames = ()
    where: Callable[[Records], Mask] | None = None

    def members(self, records: Records, known: Mapping[str, Mask]) -> Mask:
        """One truth value per row of `subjects`; `known` holds the population that this one is part of."""
        within = known[self.of] if self.of is not None else known[SCREENED]
        within = within & course_mask(records, self.entered, self.not_entered, self.ended_in, self.not_ended_in)
        return within if self.where is None else within & self.where(records)


def populations(
    records: Records, declared: Mapping[str, Population], wanted: Iterable[str] | None = None
) -> dict[str, Mask]:
    """Every population by name: `screened`, `enrolled` and the declared ones, in any order of declaration.

    wanted: only these, and those that they are part of.
    Raises UsageError for a name that is not declared, is declared twice, or is part of itself.
    """
    subjects = records["subjects"]
    known: dict[str, Mask] = {
        SCREENED: np.ones(len(subjects["subject"]), dtype=np.bool_),
        ENROLLED: subjects["enrolled"].astype(np.bool_),
    }
    for name in declared:
        if name in BUILT_IN:
            raise UsageError(f"the population '{name}' is built in and cannot be declared again")
    for name in declared if wanted is None else wanted:
        _resolve(name, declared, records, known, ())
    return known


@dataclass(frozen=True, eq=False)
class LazyPopulations(Mapping[str, Mask]):
    """The same, each found when it is first asked for; of declarations that the builder has checked.

    `narrowed` leaves out who is not in it, of all of them.
    """

    records: Records
    declared: Mapping[str, Population]
    narrowed: Mask | None = None
    found: dict[str, Mask] = field(default_factory=dict)

    def within(self, mask: Mask) -> LazyPopulations:
        """All of them without those who are not in the mask."""
        return LazyPopulations(self.records, self.declared, mask, self.found)

    def __getitem__(self, name: str) -> Mask:
        if name not in self:
            raise KeyError(name)
        if not self.found:
            self.found.update(populations(self.records, {}))
        _resolve(name, self.declared, self.records, self.found, ())
        return self.found[name] if self.narrowed is None else self.found[name] & self.narrowed

    def __contains__(self, name: object) -> bool:
        return name in BUILT_IN or name in self.declared

    def __iter__(self) -> Iterator[str]:
        return iter((*BUILT_IN, *self.declared))

    def __len__(self) -> int:
        return len(BUILT_IN) + len(self.declared)


def _resolve(
    name: str, declared: Mapping[str, Population], records: Records, known: dict[str, Mask], above: tuple[str, ...]
) -> None:
    if name in known:
        return
    if name in above:
        raise UsageError(f"the population '{name}' is part of itself: {' of '.join((*above, name))}")
    if name not in declared:
        raise UsageError(unknown("population", name, (*BUILT_IN, *declared)))
    part_of = declared[name].of
    if part_of is not None:
        _resolve(part_of, declared, records, known, (*above, name))
    known[name] = declared[name].members(records, known)
