"""A protocol of sixty states and two hundred transitions: answered in full, and given up with a message where not."""

from __future__ import annotations

from protocolsim.proof.symbolic import budget
from protocolsim.scenario.check import Checked, check_text
from protocolsim.scenario.file.yaml_reader import parse

STATES, FEWEST = 60, 200


def large() -> str:
    """A chain of states with ways ahead, each on rules over fresh scans and the baseline."""
    lines = [
        "title: A large one",
        "cohort: {size: 20, disease: relapsing_ms, arrives_on: nothing}",
        "protocol:",
        "  summaries:",
        "    base: {mean of: cel, during: s0}",
        "    now: {last of: cel, within: 8 weeks}",
        "    two: {mean of: cel, last: 2}",
        "    fall: 1 - now / base",
        "    disability: {last of: edss}",
        "  states:",
    ]
    last = STATES - 3
    for k in range(last + 1):
        more = "enrolled: true, " if k == 1 else ""
        visits = "{mri: {every: 4 weeks}, edss: {weeks: [0]}}"
        dose = "{daclizumab: {dose: 1 mg/kg, every: 4 weeks}}"
        lines.append(f"    s{k}: {{{more}assessments: {visits}, treatment: {dose}, lasts: 12 weeks}}")
    lines += ["    done: {final: done}", "    gone: {final: gone}", "  transitions:"]
    lines += ["    - {from: s0, to: s1, when: base >= 1}", "    - {from: s0, to: gone, otherwise: true}"]
    for k in range(1, last):
        far = min(k + 2 + k % 3, last)
        lines.append(f"    - {{from: s{k}, to: s{k + 1}, when: fall > {10 + k} %}}")
        lines.append(f"    - {{from: s{k}, to: s{far}, when: two < {1 + k % 7} and disability >= {1 + k % 5}}}")
        lines.append(f"    - {{from: s{k}, to: s{far}, after: mri, when: now > {3 + k % 4} * base}}")
        if k == last // 2:  # planted: whoever falls by 90 % has fallen by 39 %
            lines.append(f"    - {{from: s{k}, to: gone, when: fall > 90 %}}")
        lines.append(f"    - {{from: s{k}, to: s{k + 1}, otherwise: true}}")
    lines += [f"    - {{from: s{last}, to: done}}", "    - {from: on study, to: gone, upon: severe adverse event}"]
    return "\n".join(lines) + "\n"


def _checked() -> Checked:
    return check_text(large(), "large.yaml")


def test_it_is_as_large_as_it_says():
    """Sixty states and two hundred transitions or more."""
    protocol = parse(large(), "large.yaml").data["protocol"]

    assert len(protocol["states"]) == STATES
    assert len(protocol["transitions"]) >= FEWEST


def test_every_question_is_answered_within_the_budget():
    """The one planted fault is found, nothing else is called a fault, and no question is given up."""
    checked = _checked()

    assert checked.given_up == ()
    (fault,) = [f for f in checked.findings if f.severity != "note"]
    assert (fault.severity, fault.kind) == ("fault", "hidden")
    assert "fall > 90 %" in large().splitlines()[fault.line - 1]
    assert checked.routes is not None
    assert not checked.routes.whole
    assert "more than 2,000 paths" in checked.routes.why


def test_beyond_the_budget_it_stops_and_says_so(monkeypatch):
    """With next to no budget the questions are given up by name; what was not decided is not called a fault."""
    monkeypatch.setattr(budget, "STEPS_IN_ALL", 20_000)

    checked = _checked()

    assert checked.given_up
    assert all("from 's" in what for what in checked.given_up)
    assert checked.count("fault") == 0


def test_the_budget_is_counted_in_steps(monkeypatch):
    """The same budget gives the same answer, question by question, every time: it is no matter of seconds."""
    monkeypatch.setattr(budget, "STEPS_IN_ALL", 100_000)

    first, again = _checked(), _checked()

    assert first.given_up
    assert (first.findings, first.given_up) == (again.findings, again.given_up)
