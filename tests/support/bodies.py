"""Columns of patients for the tests of diseases and drugs: components laid side by side, with no protocol.

The layout of `links` follows protocolsim/component.py; tests of the engines check that the engines build the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.component import Component
from protocolsim.units import MINUTES_PER_WEEK

Values = Mapping[str, Mapping[str, float]]


class Bodies:
    """Subjects number `first` and following, started; minute 0 of their own clocks.

    `values` overrides parameters by component and name. Traits and signals that no component of the list offers
    are extra columns, set with `traits` and `signals` (a number, or one per subject).
    """

    def __init__(
        self,
        components: Sequence[Component],
        count: int,
        *,
        values: Values | None = None,
        traits: Mapping[str, Any] | None = None,
        signals: Mapping[str, Any] | None = None,
        first: int = 1,
        seed: int = 2009,
    ) -> None:
        self.components = {c.name: c for c in components}
        self.seed, self.count = seed, count
        self.rows = np.arange(count, dtype=np.int64)
        self.who = np.stack([np.zeros(count, dtype=np.int64), np.arange(first, first + count)], axis=1)
        self.minute = np.zeros(count, dtype=np.int64)
        self.at: dict[str, int] = {}
        width = 0
        for c in components:
            self.at[c.name], width = width, width + len(c.fields)
        extra = {**(traits or {}), **(signals or {})}
        columns = {name: width + k for k, name in enumerate(extra)}
        self.body = np.zeros((count, width + len(extra)))
        for name, column in columns.items():
            self.body[:, column] = extra[name]
        offered = {t.name: self.at[c.name] + t.field for c in components for t in c.traits}
        self.links, self.constants = {}, {}
        for c in components:
            links = [self.at[c.name], *({**offered, **columns}[need] for need in c.needs)]
            for signal in c.reads:
                writers = [self.at[w.name] + w.writes[signal] for w in components if signal in w.writes]
                writers += [columns[signal]] if signal in (signals or {}) else []
                links += [len(writers), *writers]
            self.links[c.name] = np.array(links, dtype=np.int64)
            self.constants[c.name] = c.constants({**c.defaults(), **(values or {}).get(c.name, {})})
        for c in components:
            c.start(self.body, self.rows, self.links[c.name], self.constants[c.name], seed, self.who)

    def field(self, component: str, name: str) -> NDArray[np.float64]:
        """One column of a component, writable."""
        column: NDArray[np.float64] = self.body[:, self.at[component] + self.components[component].fields.index(name)]
        return column

    def trait(self, component: str, name: str) -> NDArray[np.float64]:
        """One trait of a component."""
        (trait,) = (t for t in self.components[component].traits if t.name == name)
        column: NDArray[np.float64] = self.body[:, self.at[component] + trait.field]
        return column

    def advance(self, weeks: Any) -> None:
        """Everything moves on to this week (one, or one per subject): what writes signals before what reads them."""
        until = np.full(self.count, np.round(np.multiply(weeks, MINUTES_PER_WEEK)), dtype=np.int64)
        for c in sorted(self.components.values(), key=lambda c: len(c.reads)):
            if c.advance is not None:
                c.advance(self.body, self.rows, self.links[c.name], self.constants[c.name], self.minute, until)
        self.minute = until

    def give(self, drug: str, dose: float, *, per_weight: bool = True) -> NDArray[np.float64]:
        """A dose to everybody, now; the amounts given."""
        component: Any = self.components[drug]
        given, doses = np.full(len(self.rows), np.nan), np.full(len(self.rows), dose)
        component.give(self.body, self.rows, self.links[drug], self.constants[drug], doses, per_weight, given)
        return self._by_subject(given)

    def _by_subject(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """What kernels leave for the subjects in `rows`, at the subjects' own places; nan for the others."""
        placed = np.full((self.count, *found.shape[1:]), np.nan)
        placed[self.rows] = found
        return placed

    def observe(self, assessment: str, index: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """One assessment of everybody, now: what is seen, and the truth behind it, by variable."""
        for c in self.components.values():
            for a in c.assessments:
                if a.name == assessment:
                    value = np.full((len(self.rows), len(a.variables)), np.nan)
                    truth = value.copy()
                    a.observe(
                        self.body, self.rows, self.links[c.name], self.constants[c.name], self.seed, self.who,
                        np.full(self.count, index, dtype=np.int64), self.minute, value, truth,
                    )  # fmt: skip
                    names = [v.name for v in a.variables]
                    seen, behind = self._by_subject(value), self._by_subject(truth)
                    return dict(zip(names, seen.T, strict=True)), dict(zip(names, behind.T, strict=True))
        raise AssertionError(f"nobody offers {assessment}")
