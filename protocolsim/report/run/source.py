"""What a report is drawn from: the results of a study, as this room sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol

from protocolsim.records import Records
from protocolsim.study.estimation.estimate import Estimate

# A line of a table: a mapping, or a dataclass with the same names (the scenario's own rows).
Row = Any


def row(one: Row) -> dict[str, Any]:
    """A line of a table by column name."""
    return asdict(one) if is_dataclass(one) and not isinstance(one, type) else dict(one)


class Beside(Protocol):
    """Another study, shown beside the one that is reported."""

    @property
    def title(self) -> str:
        """The scenario's title."""

    @property
    def question(self) -> str:
        """What the scenario asks, in a sentence."""

    @property
    def estimates(self) -> Mapping[str, Estimate]:
        """Each endpoint by name."""


class Source(Protocol):
    """The results of a study. Everything is read, nothing is changed."""

    @property
    def name(self) -> str:
        """The scenario's short name."""

    @property
    def title(self) -> str:
        """The scenario's title."""

    @property
    def question(self) -> str:
        """What the scenario asks, in a sentence."""

    @property
    def description(self) -> str:
        """What a reader should know before the numbers."""

    @property
    def sources(self) -> Sequence[str]:
        """Where the trial is published."""

    @property
    def shown(self) -> Records:
        """What happened, or as much of it as can be drawn."""

    @property
    def estimates(self) -> Mapping[str, Estimate]:
        """Each endpoint by name."""

    @property
    def seed(self) -> int:
        """Random seed."""

    @property
    def replicates(self) -> int:
        """How many trials were simulated."""

    @property
    def engine(self) -> str:
        """Which engine ran them."""

    @property
    def version(self) -> str:
        """The version of the package that did."""

    @property
    def provenance(self) -> Mapping[str, str]:
        """What else is needed to run it again; `run time` is shown in the terminal too."""

    @property
    def parameters(self) -> Sequence[Row]:
        """component, name, value, default, unit, low, high, mark, source, meaning, changed."""

    @property
    def own_parameters(self) -> Sequence[Row]:
        """name, value, range, meaning, mark, source."""

    @property
    def design(self) -> Sequence[Row]:
        """The states: name, label, outcome, lasts, treatment, assessments, ways_out (a list of sentences)."""

    @property
    def follow_meaning(self) -> str:
        """What that variable is, in words."""

    @property
    def follow(self) -> str | None:
        """The variable to draw for each patient, if any."""

    @property
    def resolved(self) -> str:
        """The whole scenario as YAML, every default filled in."""

    @property
    def notes(self) -> Sequence[str]:
        """Caveats in words."""

    @property
    def findings(self) -> Sequence[str]:
        """What the numbers say, with {endpoint} or {scenario.endpoint} where they stand."""

    @property
    def beside(self) -> Mapping[str, Beside]:
        """What is shown beside it, by name."""

    @property
    def warnings(self) -> Sequence[str]:
        """What the run itself found amiss."""
