"""What a whole suite comes to: how many results lie inside, by role, and what the ranges cost on average.

A datum that is said in two ways counts once: it is inside where all its rows are, and its score is their mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from protocolsim.endpoint.base import Role
from protocolsim.study.estimation.estimate import nan_as_none
from protocolsim.study.suite.row import ROLES, SuiteRow
from protocolsim.study.suite.scores import LEVEL, ScoredRange
from protocolsim.study.suite.suite import Suite
from protocolsim.study.validation import as_json


@dataclass(frozen=True)
class Total:
    """Of some data: how many (`data`), how many inside, and inside what the others say of them (of `predicted`).

    `score` and `naive` are the mean interval scores of the model and of the naive reference over the `scored` data that
    have both, `width` the mean width of the model's ranges among those; None where there is no such datum. `alone` is
    the mean score over all data that have one, `of_alone` how many they are.
    """

    data: int
    inside: int
    predicted: int
    inside_without_it: int
    scored: int
    width: float | None
    score: float | None
    naive: float | None
    of_alone: int
    alone: float | None

    @property
    def coverage(self) -> float | None:
        """The share inside."""
        return self.inside / self.data if self.data else None


def by_datum(rows: Iterable[SuiteRow]) -> list[list[SuiteRow]]:
    """The rows of each datum, in their order; those without a verdict are left out."""
    groups: dict[str, list[SuiteRow]] = {}
    for row in rows:
        if row.inside is not None:
            groups.setdefault(row.datum, []).append(row)
    return list(groups.values())


def role_of(datum: Sequence[SuiteRow]) -> Role:
    """The role of a datum: where its rows have several, the one that is worth least as evidence."""
    roles = {row.compared.published.role for row in datum}
    return next(role for role in reversed(ROLES) if role in roles)


def total(data: Sequence[Sequence[SuiteRow]]) -> Total:
    """What these data come to."""
    predicted = [d for d in data if any(r.left_out is not None for r in d)]
    both = [d for d in data if any(r.own is not None and r.naive is not None for r in d)]
    alone = [d for d in data if any(r.own is not None for r in d)]
    return Total(
        data=len(data),
        inside=sum(all(r.inside for r in d) for d in data),
        predicted=len(predicted),
        inside_without_it=sum(all(r.inside_without_it is not False for r in d) for d in predicted),
        scored=len(both),
        width=_mean([_of(d, "own").width for d in both]),
        score=_mean([_of(d, "own").score for d in both]),
        naive=_mean([_of(d, "naive").score for d in both]),
        of_alone=len(alone),
        alone=_mean([_of(d, "own").score for d in alone]),
    )


def totals(suite: Suite) -> dict[str, Total]:
    """Of each role that some datum has, and of all."""
    data = by_datum(suite.rows)
    of_role = {role: [d for d in data if role_of(d) == role] for role in ROLES}
    return {**{role: total(d) for role, d in of_role.items() if d}, "all": total(data)}


def _of(datum: Sequence[SuiteRow], what: str) -> ScoredRange:
    """The mean width and score of a datum's rows."""
    found = [getattr(r, what) for r in datum if getattr(r, what) is not None]
    width, score = (sum(getattr(f, part) for f in found) / len(found) for part in ("width", "score"))
    return ScoredRange(found[0].lo, found[0].hi, width, score, found[0].inside)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def summary(suite: Suite) -> dict[str, Any]:
    """Everything, as `protocolsim validate --all --json` prints it; None for undefined."""
    from importlib.metadata import version

    return {
        "suite": suite.plan.source,
        "version": version("protocolsim"),
        "engine": suite.plan.engine,
        "parameters": suite.plan.parameters,
        "nominal_coverage": LEVEL,
        "scenarios": {name: dict(of) for name, of in suite.members.items()},
        "totals": {name: {**vars(t), "coverage": t.coverage} for name, t in totals(suite).items()},
        "rows": [row_as_json(row) for row in suite.rows],
    }


def row_as_json(row: SuiteRow) -> dict[str, Any]:
    """One row, with all that `validate` says of it."""
    own, naive, left = row.own, row.naive, row.left_out
    known = {
        "scenario": row.scenario,
        "endpoint": row.compared.estimate.name,
        "title": row.title,
        "datum": row.datum,
        **as_json(row.compared),
        "median": nan_as_none(row.compared.estimate.median),
        "scale": row.scale,
    }
    fixed, value = row.compared.fixed, row.compared.published.value
    known["fixed_verdict"] = None if fixed is None else "inside" if fixed.inside(value) else "outside"
    known |= {"width_on_scale": own and own.width, "score": own and own.score}
    known |= {"naive_lo": naive and naive.lo, "naive_hi": naive and naive.hi, "naive_score": naive and naive.score}
    without = ("lo", "median", "hi", "percentile", "by", "draws", "beyond")
    known |= {f"without_it_{part}": None if left is None else getattr(left, part) for part in without}
    return known | {"without_it_inside": row.inside_without_it}
