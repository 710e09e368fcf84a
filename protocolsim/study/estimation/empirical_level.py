"""The level of a test: how often it rejects in simulated trials without an effect, against what it promises."""

from __future__ import annotations

from dataclasses import dataclass

from protocolsim.study.estimation.estimate import nan_as_none

BEYOND = 2.5
"""Standard errors by which a level exceeds its nominal one before that is said: 0.6 % of tests that keep theirs do."""


@dataclass(frozen=True)
class EmpiricalLevel:
    """How often a test rejects in trials without an effect.

    `nominal` is what it promises. `value` (nan where `reason` says why it is not known) is the share that rejects,
    `mcse` its Monte Carlo standard error, over so many `replicates` of trials that are without an effect as `of` says.
    `instead` says what to do where it rejects too often, "" where nothing is known.
    """

    nominal: float
    value: float = float("nan")
    mcse: float = float("nan")
    replicates: int = 0
    of: str = ""
    instead: str = ""
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a trial without an effect in which it was found out."""
        return not self.reason

    @property
    def above(self) -> bool:
        """Whether it rejects more often than it promises, beyond the Monte Carlo error."""
        return bool(self.value - self.nominal > BEYOND * self.mcse)

    def as_json(self) -> dict[str, float | int | str | None]:
        """Plain values for a file; None for what is not known."""
        return {
            "value": nan_as_none(self.value),
            "mcse": nan_as_none(self.mcse),
            "nominal": self.nominal,
            "replicates": self.replicates,
            "of": self.of or None,
            "not_known": self.reason or None,
        }
