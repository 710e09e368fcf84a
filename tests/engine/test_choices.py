"""`choose:`: one of several states by chance, on keyed draws of its own; both engines; what is refused, and proven."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.errors import ScenarioError
from protocolsim.proof.examine import examine
from protocolsim.protocol.choices import Chance, Choice
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import parse
from protocolsim.randomness import uniform
from protocolsim.records import Records, concatenate
from protocolsim.scenario.build.proof_case import case_of
from protocolsim.scenario.build.protocol.choices import stream_of
from protocolsim.scenario.scenario import Scenario
from tests.support.toys import moves, rows, scenario

PROTOCOL = """
summaries:
  luckless: {{last of: chance}}
  rounds: {{entries of: asked}}
states:
  asked:
    enrolled: true
    assessments: {{scan: {{days: [0]}}}}
    lasts: 1 week
  surgery: {{final: surgery}}
  drug: {{final: drug}}
  neither: {{final: neither}}
transitions:
  - {choose}
  - {{from: asked, to: neither, upon: fever}}
  - {{from: asked, to: drug, upon: rash}}
  - {{from: asked, to: surgery, upon: dropout}}
"""
PLAIN = "{from: asked, choose: {surgery: 0.3, drug: 0.7}}"
CHART = "{from: asked, choose: {surgery: luckless / 2, drug: 0.25, neither: otherwise}}"


def toy(choose: str, size: int = 400) -> Scenario:
    """Subjects who are asked once."""
    return scenario(PROTOCOL.format(choose=choose), cohort=f"size: {size}")


def run(choose: str, size: int = 400) -> Records:
    """The records of one trial, which are those of either engine."""
    trial = toy(choose, size).trial
    slow, fast = (concatenate(list(engine.pieces(trial, 1, range(1)))) for engine in (des, batch))
    assert slow.equal(fast)
    return slow


def chosen(records: Records) -> list[str]:
    """Where every subject went, in order."""
    return [to for _, _, to in moves(records)]


def draws(name: str, size: int = 400, index: int = 1) -> np.ndarray:
    """The numbers that a choice of this name draws for each subject."""
    return np.array([uniform(1, 0, s, stream_of(name), index) for s in range(size)])


def test_each_goes_where_their_draw_says():
    """The draw is keyed by the subject and the choice's name, and compared with the probabilities in file order."""
    expected = np.where(draws("surgery or drug") < 0.3, "surgery", "drug").tolist()
    assert chosen(run(PLAIN)) == expected
    assert abs(expected.count("surgery") / 400 - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 400)


def test_a_probability_may_read_the_chart():
    """What was observed of this very subject; the rest goes to the last."""
    records = run(CHART)
    seen = np.array(rows(records, "observations", "value", variable="chance"))
    u = draws("surgery or drug or neither")
    expected = np.where(u < seen / 2, "surgery", np.where(u < np.minimum(seen / 2 + 0.25, 1), "drug", "neither"))
    assert chosen(records) == expected.tolist()


def test_another_choice_and_another_probability_change_nobody_else():
    """A name keeps its draws: whoever was below a probability is below a larger one; a further choice moves nobody."""
    named = "{name: accepts, from: asked, choose: {surgery: %s, drug: otherwise}}"
    few, many = chosen(run(named % "0.2")), chosen(run(named % "0.5"))
    assert {k for k, to in enumerate(few) if to == "surgery"} < {k for k, to in enumerate(many) if to == "surgery"}
    other = named % "0.5" + "\n  - {from: asked, after: scan, when: luckless < -1, choose: {neither: 0.5, drug: 0.5}}"
    assert chosen(run(other)) == many


def test_every_time_a_subject_comes_to_it_is_a_draw_of_its_own():
    """Indexed by how often."""
    loop = "{from: asked, choose: {asked: 0.5, drug: otherwise}}"
    records = run(loop, 200)
    name = "asked or drug"
    for subject in range(200):
        times = len([m for m in rows(records, "moves", "to_state", subject=subject) if m == "asked"])
        numbers = [uniform(1, 0, subject, stream_of(name), k) for k in range(1, times + 2)]
        assert [u < 0.5 for u in numbers] == [True] * times + [False]


def test_the_reason_names_the_probabilities():
    """Among the moves, with what was read."""
    (reason,) = set(rows(run(PLAIN), "moves", "reason"))
    assert reason == "always; chosen by chance: surgery 0.3, drug 0.7"
    assert re.search(
        r"surgery luckless / 2, drug 0.25, neither otherwise \| luckless = ", rows(run(CHART), "moves", "reason")[0]
    )


@given(
    st.lists(st.floats(-0.5, 1.5) | st.just(float("nan")), min_size=1, max_size=4),
    st.integers(0, 4),
    st.integers(0, 2**31),
)
def test_probabilities_are_cut(numbers, at, seed):
    """To 0 to 1 each, and to 1 in all; what is undefined is 0; the rest goes to the one that takes it."""
    chances = [Chance("p", compiled(parse(f"p{k}"), {}, {f"p{k}": k}), None) for k in range(len(numbers))]
    at = min(at, len(numbers))
    chances.insert(at, Chance("otherwise", None, None))
    choice = Choice("c", 0, tuple(range(len(chances))), tuple(chances), 1)
    u = np.array([uniform(seed, 0, s, 1, 1) for s in range(50)])
    sofar, edges = 0.0, []
    for p in numbers:
        sofar = min(1.0, sofar + (min(p, 1.0) if p > 0 else 0.0))
        edges.append(sofar)
    places = [k for k in range(len(chances)) if k != at]
    expected = [next((place for place, edge in zip(places, edges, strict=True) if x < edge), at) for x in u]
    assert choice.chosen(numbers, u).tolist() == expected
    columns = [np.full(50, p) for p in numbers]
    assert choice.chosen(columns, u).tolist() == expected


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        ("{surgery: 0.3, drug: 0.6}", "the probabilities come to 0.9; let one state take the rest"),
        ("{surgery: 0.5, drug: 0.6}", "the probabilities come to 1.1, more than 1"),
        ("{surgery: 0.5, drug: 0.6, neither: otherwise}", "the probabilities come to 1.1, more than 1"),
        ("{surgery: luckless, drug: 0.6}", "where a probability reads the chart, one state takes the rest"),
        ("{surgery: otherwise, drug: otherwise}", "one state can take the rest ('otherwise'), not 2"),
        ("{surgery: 1.5, drug: otherwise}", "1.5 is not between 0 and 100 %"),
        ("{surgery: -0.1, drug: otherwise}", "-0.1 is not between 0 and 100 %"),
        ("{surgery: 1 week, drug: otherwise}", "expected a probability"),
        ("{surgery: luckless > 0.5, drug: otherwise}", "expected a number, found a comparison"),
        ("{surgery: 1}", "a choice is between at least 2 states"),
        ("{surgry: 0.5, drug: otherwise}", "did you mean 'surgery'"),
        ("{surgery: luckles, drug: otherwise}", "did you mean 'luckless'"),
        ("{surgery: 0.5, drug: otherwise}, to: drug", "one of them"),
        (
            "{surgery: 0.5, drug: 0.5}}\n  - {from: asked, after: scan, choose: {surgery: 1, drug: 0}",
            "give this one a name",
        ),
    ],
)
def test_what_is_no_choice_is_a_fault_at_its_line(choose, said):
    """With what was expected."""
    with pytest.raises(ScenarioError, match="1 fault") as error:
        toy(f"{{from: asked, choose: {choose}}}")
    assert said in str(error.value)
    assert "transitions[" in str(error.value)


@pytest.mark.parametrize(
    ("choose", "reached"),
    [
        ("{surgery: 0.3, drug: 0.7}", {"surgery", "drug"}),
        ("{surgery: 0, drug: 1}", {"drug"}),
        ("{surgery: 1, drug: otherwise}", {"surgery"}),
        ("{surgery: luckless, drug: 0, neither: otherwise}", {"surgery", "neither"}),
    ],
)
def test_check_finds_every_branch_that_has_a_chance(choose, reached):
    """And none that has none, for anybody."""
    built = toy(f"{{from: asked, choose: {choose}}}")
    case = case_of(built.trial, built.named)
    names = [s.name for s in case.protocol.states]
    found = {names[route.states[-1]] for route in examine(case).routes.found}
    assert found == reached
    assert set(chosen(run(f"{{from: asked, choose: {choose}}}"))) == reached


@pytest.mark.parametrize(
    "broken", ["luckless: {{last of: nothing}}", "luckless: 1 +", "luckless: {{last of: chance, at: never}}"]
)
def test_a_fault_in_what_a_choice_reads_is_told_once(broken):
    """Where what a probability rests on has a fault, that is the only one."""
    text = PROTOCOL.replace("luckless: {{last of: chance}}", broken).format(choose=CHART)
    with pytest.raises(ScenarioError) as caught:
        scenario(text)
    assert [f.path.startswith("protocol.summaries.luckless") for f in caught.value.faults] == [True]
