"""One published result of the validation suite, with its range, its scores, and what the others say of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocolsim.arrays import Floats
from protocolsim.endpoint.base import Role
from protocolsim.study.suite.leave_one_out import LeftOut
from protocolsim.study.suite.scores import Scale, ScoredRange
from protocolsim.study.validation import PublishedComparison

ROLES: tuple[Role, ...] = ("checked", "not independent", "fitted")


@dataclass(frozen=True)
class SuiteRow:
    """One published result of the suite.

    `scenario` is its name, `compared` the row as `validate` has it, `trials` what it is in each trial that it is judged
    among: with parameters drawn where that was asked for. `scale` is that of its scores, None where it has none. `own`
    is the simulated range, `naive` that of the naive reference, each with its score; None where there is none. `datum`
    is the name of the row whose datum it is. `left_out` is what the other rows say of it, None where parameters were
    not drawn or no other row says anything.
    """

    scenario: str
    title: str
    compared: PublishedComparison
    datum: str
    trials: Floats = field(repr=False, compare=False)
    scale: Scale | None = None
    own: ScoredRange | None = None
    naive: ScoredRange | None = None
    left_out: LeftOut | None = None

    @property
    def name(self) -> str:
        """Its name in the whole suite: scenario and endpoint."""
        return f"{self.scenario}.{self.compared.estimate.name}"

    @property
    def inside(self) -> bool | None:
        """Whether it lies inside; None where that is not defined."""
        return None if self.compared.verdict == "undefined" else self.compared.verdict == "inside"

    @property
    def inside_without_it(self) -> bool | None:
        """Whether it lies in what the other rows say of it."""
        if self.left_out is None:
            return None
        return self.left_out.lo - 1e-9 <= self.compared.published.value <= self.left_out.hi + 1e-9
