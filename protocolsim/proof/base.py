"""The input and output of proofs: the case (a protocol with the domains of its numbers), and findings.

A case is a protocol with what its numbers can be. A proof holds for all of them at once: whatever is observed, within
the bounds that diseases and drugs declare. Numbers are taken as exact (the engines' floats differ from that by some
1e-16, far inside the tolerance of a comparison).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from protocolsim.protocol.rules import Node
from protocolsim.protocol.states import Protocol
from protocolsim.units import Dimension

Path = tuple[str | int, ...]
Severity = Literal["fault", "warning", "note"]


@dataclass(frozen=True)
class Domain:
    """The domain of a number: its bounds in internal units, and whether it is an integer."""

    least: float = -float("inf")
    most: float = float("inf")
    whole: bool = False


@dataclass(frozen=True)
class Setting:
    """A parameter of the scenario: its value, its range, and the expression over others that it is (or None)."""

    value: float
    domain: Domain
    dimension: Dimension
    node: Node | None = None


@dataclass(frozen=True)
class Case:
    """A protocol and what its numbers can be.

    variables, traits   domains by code, as in the chart
    names, assessments, drugs     of codes
    shows               the variables that each assessment shows
    settings            the scenario's parameters
    events              the events that can happen, by state
    once                of these events one comes at most once, to each patient: those of a stop of the trial
    may_miss            whether a planned visit may not be made
    late                by how many minutes a visit may be late
    """

    protocol: Protocol
    variables: tuple[Domain, ...]
    traits: tuple[Domain, ...]
    names: tuple[str, ...]
    assessments: tuple[str, ...]
    drugs: tuple[str, ...]
    shows: Mapping[int, tuple[int, ...]]
    settings: Mapping[str, Setting]
    events: Mapping[int, frozenset[int]]
    may_miss: bool = False
    late: int = 0
    once: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Finding:
    """One finding: its kind, severity, place in the scenario, message, and counterexample.

    `patient` holds the numbers of a counterexample by name (None: undefined). `possible`: the numbers obey all that
    was taken into account, but loops or missed visits are known only roughly, so that the patient may not exist.
    """

    kind: str
    severity: Severity
    path: Path
    message: str
    patient: Mapping[str, float | None] = field(default_factory=dict)
    possible: bool = False
