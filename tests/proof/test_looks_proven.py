"""What `check` says of looks: each thing that is wrong on purpose is found, and nothing in a sound design."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim.proof.base import Domain
from protocolsim.proof.looks import LookRule, LooksCase, judge_looks
from protocolsim.proof.symbolic.budget import Budget
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import parse
from protocolsim.scenario.check import CheckFinding, check_text
from tests.scenario.test_interim_refused import SOUND

LAST = "    - {at: last, conclude: no effect, otherwise: true}\n"
Z = "{z of: passed_between_arms}"
FOLLOWED = "followed: [30, 60, 90, 120], for: 26 weeks"


def found(text: str) -> list[CheckFinding]:
    """What is said of the looks."""
    return [f for f in check_text(text, "trial.yaml").findings if f.path.startswith("interim")]


def said(text: str) -> list[tuple[str, str, str]]:
    return [(f.severity, f.kind, f.path.removeprefix("interim.")) for f in found(text)]


def test_a_sound_design_holds_by_construction():
    """Spending on a score test with futility that does not bind: the error follows from how it is built."""
    (only,) = found(SOUND)
    assert (only.severity, only.kind, only.line) == ("note", "by construction", 10)
    assert only.message.startswith(
        "the type I error is at most 2.5 % by construction, whether futility is obeyed or not"
    )


CASES = [
    # What can never hold, for the domain of what it reads.
    ("z < futility", "z < futility and look > 4", ("fault", "never true", "rules[1].when")),
    ("z < futility", "information > 1.5", ("fault", "never true", "rules[1].when")),
    ("z < futility", "enrolled > 130", ("fault", "never true", "rules[1].when")),
    ("stop: futility", "at: last, stop: futility", ("fault", "never true", "rules[1].when")),
    # What stands behind a rule that holds wherever it does.
    ("z < futility", "z >= efficacy + 1", ("fault", "hidden", "rules[1].when")),
    ("z < futility", "z > 5", ("fault", "hidden", "rules[1].when")),
    # The end of the trial.
    (LAST, "", ("warning", "no conclusion", "rules")),
    (LAST, "    - {at: last, conclude: no effect, when: z < 1.9}\n", ("warning", "no conclusion", "rules")),
    (LAST, "    - {at: last, conclude: no effect, when: z < efficacy}\n", ("note", "no conclusion", "rules")),
    # Bounds.
    ("values: [0, 0, 0]", "values: [0, 3, 0]", ("fault", "bounds cross", "rules[0]")),
    ("z < futility", "z < 0", ("warning", "not read", "boundaries.futility")),
    (Z, "{value of: passed_the_rule}", ("warning", "scale", "rules[0].when")),
    # What is read of whom, and when.
    (FOLLOWED, "followed: [30, 60, 90, 120], for: 10 weeks", ("warning", "pipeline", "statistics.z")),
    (Z, "{z of: passed_between_arms, followed for: 0 weeks}", ("warning", "pipeline", "statistics.z")),
    ("stop: futility", "conclude: futility", ("warning", "early conclusion", "rules[1]")),
    # Which claims rest on what.
    ("spends: 2.5 %, as: obrien_fleming", "values: [3, 3, 3, 2]", ("note", "simulated", "rules")),
    ("stop: efficacy", "stop: enough", ("note", "no claim", "rules")),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), CASES, ids=lambda v: str(v)[:50])
def test_each_thing_that_is_wrong_is_found(old, new, expected):
    """One thing made wrong in the sound design: that is found, at its place."""
    assert SOUND.count(old) == 1
    assert expected in said(SOUND.replace(old, new))


def test_error_that_is_spent_twice():
    """Two boundaries that claim an effect spend together, whatever each declares."""
    text = SOUND.replace("boundaries:\n", "boundaries:\n    other: {spends: 2 %, as: pocock}\n")
    text = text.replace("    - {stop: futility", "    - {stop: superiority, when: z >= other}\n    - {stop: futility")
    (overspent,) = [f for f in found(text) if f.kind == "overspent"]
    assert overspent.message == "'efficacy' and 'other' each spend on a claim of an effect: together up to 4.5 %"
    assert "at most 4.5 %" in next(f.message for f in found(text) if f.kind == "by construction")


def test_ranks_and_posteriors_are_only_simulated():
    """No construction bounds the error of what has no independent increments."""
    for statistic, why in (
        ("{z of: before_after_test}", "'z' (before_after) has no independent increments"),
        ("{probability that: passed_the_rule, is above: 20 %}", "'z' is no z"),
    ):
        (only,) = [f for f in found(SOUND.replace(Z, statistic)) if f.kind == "simulated"]
        assert why in only.message


def test_counts_are_bounded_by_what_a_look_waits_for():
    """More successes than people whom the look waits for: not impossible, but not meant."""
    text = (
        "extends: ms_randomised\ninterim:\n  statistics: {passed: {number of: decided}}\n"
        "  looks: {when: {followed: [10, 21], for: 26 weeks}}\n"
        "  rules: [{at: first, stop: futility, when: passed > 12}]\n"
    )
    assert ("warning", "never true", "rules[0].when") in said(text)
    assert ("warning", "never true", "rules[0].when") not in said(text.replace("> 12", "> 9"))


# Against all points --------------------------------------------------------------------------------------------------

NUMBERS = st.sampled_from([-1, 0, 1, 2, 3])
ATOMS = st.builds(
    lambda a, op, b: f"{a} {op} {b}", st.sampled_from("xy"), st.sampled_from(["<", "<=", ">", ">="]), NUMBERS
)
RULES = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds(lambda a, op, b: f"({a} {op} {b})", inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=3,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(RULES, min_size=1, max_size=3))
def test_proofs_agree_with_trying_every_value(rules):
    """Of whole numbers every pair is tried: proven never to hold, or to be hidden, is what never holds, or is taken."""
    domain = Domain(-2.0, 4.0, whole=True)
    case = LooksCase(
        looks=("only",), domains=({"x": domain, "y": domain},), defined=frozenset("xy"), formulas={}, known=({},),
        expected=({},), rules=tuple(LookRule(frozenset({0}), words, f"r{k}") for k, words in enumerate(rules)),
    )  # fmt: skip
    findings, given_up = judge_looks(case, Budget())
    assert not given_up
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(-2.0, 5.0), np.arange(-2.0, 5.0)))
    left = np.ones(len(x), dtype=bool)
    for k, words in enumerate(rules):
        holds = np.broadcast_to(compiled(parse(words), {}, {"x": 0, "y": 1})([x, y]), x.shape)
        kinds = {f.kind for f in findings if f.path == ("interim", "rules", k, "when")}
        assert kinds == ({"never true"} if not holds.any() else {"hidden"} if not (holds & left).any() else set())
        left &= ~holds
    assert any(f.kind == "no conclusion" for f in findings) == left.any()
