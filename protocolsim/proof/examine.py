"""The entry point of verification: all findings about a case, and every path through it."""

from __future__ import annotations

from dataclasses import dataclass

from protocolsim.proof.base import Case, Finding
from protocolsim.proof.bounds import bounds
from protocolsim.proof.decisions import Judge
from protocolsim.proof.paths import Routes, routes


@dataclass(frozen=True)
class Examined:
    """The result: findings, questions undecided within the budget, and the paths."""

    findings: tuple[Finding, ...]
    given_up: tuple[str, ...]
    routes: Routes


def examine(case: Case) -> Examined:
    """Prove what can be proven. The budget is counted in z3's steps, so that the answer is the same everywhere."""
    judge = Judge(case)
    judge.judge()
    paths = routes(case, frozenset(judge.inquiry.dead))
    return Examined((*judge.findings, *bounds(case, paths)), tuple(judge.inquiry.given_up), paths)
