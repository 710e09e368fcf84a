"""The value of an endpoint at a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.share_of_values import ShareOfValues
from protocolsim.endpoint.subjects.population import Population
from protocolsim.interim.base import KEY, LookAt, OfCounts, OfEndpoint, Statistic
from protocolsim.records import Records


@dataclass(frozen=True, kw_only=True)
class ValueOf(Statistic):
    """The value of an endpoint from what is known at the cut-off; of an analysis 1 where it rejects, else 0.

    Denominator: that of the endpoint, as far as its members have been followed for long enough. Withdrawal, rescue and
    missed assessments count as they do there. Undefined where nobody is in the denominator.
    """

    key: ClassVar[str] = "value of"
    meaning: ClassVar[str] = "an endpoint's value from what is known at the look"
    EXAMPLE: ClassVar[str] = """\
extends: ms_randomised
interim:
  statistics: {passed: {value of: passed_the_rule}}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {at: first, stop: futility, when: passed < 10 %}
"""

    of: OfEndpoint = field(metadata={KEY: "value of", "meaning": "the endpoint or analysis"})

    @property
    def limits(self) -> tuple[float, float]:
        """A share lies between 0 and 1, and so does a verdict."""
        return (0.0, 1.0) if self.of.decides or isinstance(self.of, Share | ShareOfValues) else self.domain

    def values(self, known: Records, populations: Mapping[str, Mask], at: LookAt) -> Floats:  # noqa: ARG002
        """See Statistic."""
        return self.of.value(self.of.sums(known, populations))

    def of_counts(self, declared: Mapping[str, Population]) -> OfCounts | None:
        """See Statistic; of shares."""
        criteria = self.of.criteria(declared) if isinstance(self.of, Share) else None
        return None if criteria is None else OfCounts(criteria, lambda n, *_: self.of.value(n.T))


KIND = ValueOf
