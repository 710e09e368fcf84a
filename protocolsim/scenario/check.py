"""Everything that can be said of a scenario before anybody is simulated: faults of the file, then proofs.

This never raises for a bad scenario: what the reader refuses becomes findings too, each with its line and column, so
that an editor can show them as one types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from protocolsim.errors import ScenarioError
from protocolsim.proof.base import Case, Severity
from protocolsim.proof.paths import Route, Routes
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.checks.lapsing import said
from protocolsim.scenario.checks.quotes import companions_of
from protocolsim.scenario.file.extends import extended
from protocolsim.scenario.file.templates import expanded
from protocolsim.scenario.file.yaml_reader import parse, spell
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import MINUTES_PER_WEEK

SEVERITIES: tuple[Severity, ...] = ("fault", "warning", "note")


@dataclass(frozen=True)
class CheckFinding:
    """One thing found: its place in the file (line 0: none), the path there, what kind, how bad, in which words.

    `patient` holds the numbers of a counterexample (internal units; None: undefined). `possible`: loops or missed
    visits are known only roughly, so that the patient may not exist.
    """

    line: int
    column: int
    path: str
    severity: Severity
    kind: str
    message: str
    patient: Mapping[str, float | None] = field(default_factory=dict)
    possible: bool = False


@dataclass(frozen=True)
class Checked:
    """The findings in file order, what could not be decided, and every path (None where the file does not load)."""

    source: str
    findings: tuple[CheckFinding, ...]
    given_up: tuple[str, ...] = ()
    case: Case | None = None
    routes: Routes | None = None

    def count(self, severity: Severity) -> int:
        """How many findings are so bad."""
        return sum(f.severity == severity for f in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain data, for machines."""
        paths = [_route(self.case, r) for r in self.routes.found] if self.case and self.routes else []
        return {
            "scenario": self.source,
            "counts": {severity: self.count(severity) for severity in SEVERITIES},
            "findings": [
                {
                    "line": f.line,
                    "column": f.column,
                    "path": f.path,
                    "severity": f.severity,
                    "kind": f.kind,
                    "message": f.message,
                    "patient": dict(f.patient),
                    "possible": f.possible,
                }
                for f in self.findings
            ],
            "given_up": list(self.given_up),
            "paths": paths,
            "paths_complete": bool(self.routes and self.routes.whole),
            "paths_left_out": self.routes.why if self.routes else "",
        }


def check(name_or_path: str, *, set: Mapping[str, Any] | None = None, allow_plugins: bool = False) -> Checked:
    """Look at a scenario by name or path. Raises UsageError only, for what cannot be found or set."""
    try:
        scenario = load(name_or_path, set=set, allow_plugins=allow_plugins)
    except ScenarioError as error:
        return refused(error)
    return check_scenario(scenario)


def check_text(text: str, source: str = "scenario", *, allow_plugins: bool = False) -> Checked:
    """Look at the text of a scenario, which may extend shipped ones and stand beside them; no other file is read."""
    try:
        scenario = build(extended(parse(text, source)), allow_plugins=allow_plugins)
    except ScenarioError as error:
        return refused(error)
    return check_scenario(scenario, files=False)


def check_scenario(scenario: Scenario, *, files: bool = True) -> Checked:
    """Look at a scenario that loads; `files`: at companions that are files, too."""
    from protocolsim.proof.examine import examine  # z3, which takes its time to load
    from protocolsim.proof.populations import excluded
    from protocolsim.scenario.checks.looks import look_findings

    case = case_of(scenario.trial, scenario.named)
    examined = examine(case)
    document = expanded(scenario.document)
    placed = {*(said(*lapse) for lapse in scenario.lapsing), *(message for _, message in scenario.assumed)}
    result = [CheckFinding(0, 0, "", "warning", "as loaded", w) for w in scenario.warnings if w not in placed]
    for kind, told in (("never takes place", scenario.lapsing), ("treatment not named", scenario.assumed)):
        for path, message in told:
            fault = document.fault(path, message, at_key=True)
            result.append(CheckFinding(fault.line, fault.column, fault.path, "warning", kind, message))
    looks, undecided = look_findings(scenario, examined.routes)
    for f in (*examined.findings, *excluded(case, scenario.populations), *looks):
        fault = document.fault(f.path, f.message, at_key="transitions" not in f.path)
        result.append(
            CheckFinding(
                fault.line, fault.column, spell(f.path), f.severity, f.kind, fault.message, f.patient, f.possible
            )
        )
    result += [CheckFinding(f.line, f.column, f.path, "fault", "beside", f.message)
              for f in companions_of(scenario, files=files)[1]]  # fmt: skip
    result.sort(key=lambda f: (SEVERITIES.index(f.severity), f.line, f.column))
    return Checked(document.source, tuple(result), (*examined.given_up, *undecided), case, examined.routes)


def refused(error: ScenarioError) -> Checked:
    """What the reader refused, as findings."""
    result = [CheckFinding(f.line, f.column, f.path, "fault", "refused", f.message) for f in error.faults]
    return Checked(error.source, tuple(result))


def _route(case: Case, route: Route) -> dict[str, Any]:
    given: dict[str, dict[str, Any]] = {}
    for dose in route.doses:
        unit = (case.protocol.dose_units[dose.drug] or "").replace("/", "_per_")
        drug = given.setdefault(case.drugs[dose.drug], {"doses": 0, **({unit: 0.0} if unit else {})})
        drug["doses"] += 1
        if unit and drug[unit] is not None:
            # What depends on the patient has no number here.
            drug[unit] = drug[unit] + dose.amount if dose.amount == dose.least else None
    return {
        "states": [case.protocol.states[n].name for n in route.states],
        "weeks": [m / MINUTES_PER_WEEK for m in route.minutes],
        "visits": route.visits,
        "assessments": {case.assessments[k]: n for k, n in enumerate(route.assessments) if n},
        "given": given,
        "left_by_event": route.by_event,
    }
