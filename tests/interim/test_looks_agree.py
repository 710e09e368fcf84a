"""Both engines hold the same looks, decide the same, and give the same records, to the last bit.

One holds them on finished trials, the other while a trial goes on, which cannot see what comes later.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

import protocolsim
from protocolsim.engine.base import Engine
from protocolsim.engine.batch import looks as batch_looks
from protocolsim.engine.batch import simulation
from protocolsim.engine.batch.engine import ENGINE as BATCH
from protocolsim.engine.des.engine import ENGINE as DES
from protocolsim.engine.looks import hold_all, obeyed
from protocolsim.engine.snapshot import as_of, until_stopped
from protocolsim.errors import SimulationError, UsageError
from protocolsim.records import NEVER, TABLES, Records, concatenate
from protocolsim.scenario.scenario import Scenario
from tests.support.designs import DAY, Total, design, designs, enrolled, looks_when, with_design
from tests.support.paused import calendar, unlike
from tests.support.protocols import drafts, runnable
from tests.support.random_models import trials

SEEDS = st.sampled_from([1, 2, 2**40 + 1])
REPLICATES = st.integers(0, 3).flatmap(lambda first: st.integers(1, 4).map(lambda n: range(first, first + n)))
# As in `tests/engine/test_engines_agree.py`: a draft is large, and the first that fails is told as it stands.
drawn = partial(settings, phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])

LIMITS = st.sampled_from([
    None,
    {"room": {"serves": "scan", "slot": "10 hours"}},
    {"room": {"serves": ["scan", "depot"], "slot": "90 minutes", "units": 2}, "chair": {"serves": "blood"}},
])  # fmt: skip


def outcome(engine: Engine, scenario: Scenario, seed: int, replicates: range) -> Records | str:
    """All records, or what the engine says where the cohort cannot be filled."""
    try:
        return concatenate(list(engine.pieces(scenario.trial, seed, replicates)))
    except SimulationError as error:
        return str(error)


def difference(mine: Records | str, theirs: Records | str) -> str:
    """Where two outcomes differ first; nothing where they are the same to the last bit."""
    if isinstance(mine, str) or isinstance(theirs, str):
        return "" if mine == theirs else f"{mine} | {theirs}"
    for table in (*mine.trial_tables, *TABLES):
        for name, column in mine[table].items():
            other = theirs[table][name]
            if column.dtype != other.dtype or column.tobytes() != other.tobytes():
                return f"{table}.{name}: {column.dtype} {column.tolist()} | {other.dtype} {other.tolist()}"
    return "" if mine.equal(theirs) else "other columns"


def assert_agree(scenario: Scenario, seed: int, replicates: range) -> Records:
    """Both engines come to the same; returns what it is. Where only one can, the other says so."""
    found = outcome(DES, scenario, seed, replicates)
    if BATCH.unsupported(scenario.trial) is None:
        assert difference(outcome(BATCH, scenario, seed, replicates), found) == ""
    else:
        with pytest.raises(UsageError, match="des engine can do that"):
            list(BATCH.pieces(scenario.trial, seed, replicates))
    if isinstance(found, str):
        reject()
    return found


def assert_laws(scenario: Scenario, seed: int, replicate: int, found: Records) -> bool:
    """What a look may do to one replicate, against the same trial at full length. Whether it was stopped early."""
    conduct = scenario.trial.conduct
    assert conduct is not None
    full = calendar(scenario.trial, seed, replicate).finish()
    held = obeyed(hold_all(conduct, full))
    looks, trials = found["looks"], found["trials"]
    # Looks on the finished trial are those that were held while it went on; none is held after one that ended it.
    for name, there in (("trigger", "trigger_minute"), ("cutoff", "cutoff_minute"), ("decision", "decision_minute")):
        assert looks[there].tolist() == getattr(held, name)[0].tolist()
    assert looks["rule"].tolist() == held.rule[0].tolist()
    for k, name in enumerate(conduct.values):
        assert looks[f"value_{name}"].tobytes() == np.ascontiguousarray(held.values[0, :, k]).tobytes()
    ended = int(trials["ended_at"][0])
    if ended == NEVER:
        assert unlike(found, full) == []
        return False
    assert not looks["held"][ended + 1 :].any()
    # Nothing up to the decision changes because of it.
    decision = looks["decision_minute"][[ended]]
    assert unlike(as_of(found, decision), as_of(full, decision)) == []
    rules = held.rule[:, ended]
    if not conduct.stops(rules)[0]:
        assert unlike(found, full) == []
        return False
    assert (found.begins() <= decision).all()
    event = int(conduct.told(rules)[0])
    going_on = found.begins() + full["subjects"]["end_minute"][: len(found.begins())] > decision
    if event == NEVER:
        if not scenario.trial.limited:
            assert unlike(found, until_stopped(full, decision)) == []
        return bool(trials["stopped_early"][0])
    # Who is there is told, once, as the first thing of the minute after the decision, and nobody else.
    rows, events = found.subject_rows("events"), found["events"]
    here = (events["event"] == event) & (found.begins()[rows] + events["minute"] == decision + 1)
    assert sorted(set(rows[here].tolist())) == np.flatnonzero(going_on).tolist()
    return bool(trials["stopped_early"][0])


def assert_drawn_laws(draft: Any, data: Any, limits: Any, seed: int) -> None:
    """The laws for one drawn protocol and design."""
    if limits is not None:
        draft["cohort"]["capacity"] = limits
    looked = runnable(draft)
    looked = with_design(looked, data.draw(designs(looked)))
    found = outcome(DES, looked, seed, range(2, 3))
    if isinstance(found, str):
        reject()
    assert_laws(looked, seed, 2, found)


class TestDrawn:
    """Anything the language can say, looked at in any way."""

    @drawn(max_examples=40)
    @given(drafts(), st.data(), SEEDS, REPLICATES)
    def test_all_seven_tables_are_equal(self, draft: Any, data: Any, seed: int, replicates: range) -> None:
        """To the last bit, whatever is looked at, decided, and told."""
        scenario = runnable(draft)
        assert_agree(with_design(scenario, data.draw(designs(scenario))), seed, replicates)

    @drawn(max_examples=6)
    @given(trials(), st.data(), SEEDS)
    def test_with_any_models(self, draft: Any, data: Any, seed: int) -> None:
        """With hazards that are each subject's own, and components that move on the grid."""
        scenario = runnable(draft)
        assert_agree(with_design(scenario, data.draw(designs(scenario))), seed, range(2))

    @drawn(max_examples=30)
    @given(drafts(), st.data(), LIMITS, SEEDS)
    def test_what_a_look_may_do(self, draft: Any, data: Any, limits: Any, seed: int) -> None:
        """With queues, too: the past stays, nobody is screened after a stop, and who is there is told of it."""
        assert_drawn_laws(draft, data, limits, seed)

    @pytest.mark.long
    @drawn(max_examples=4000)
    @given(drafts(), st.data(), SEEDS, REPLICATES)
    def test_thousands(self, draft: Any, data: Any, seed: int, replicates: range) -> None:
        """The first law, for longer."""
        scenario = runnable(draft)
        assert_agree(with_design(scenario, data.draw(designs(scenario))), seed, replicates)

    @pytest.mark.long
    @drawn(max_examples=1500)
    @given(drafts(), st.data(), LIMITS, SEEDS)
    def test_thousands_in_queues(self, draft: Any, data: Any, limits: Any, seed: int) -> None:
        """The third law, for longer."""
        assert_drawn_laws(draft, data, limits, seed)


class TestShipped:
    """Shipped trials, a few dozen subjects of each."""

    @pytest.mark.parametrize("name", ["ms_randomised", "ms_smart", "maa_daclizumab"])
    def test_stopped_on_the_way(self, name: str) -> None:
        """Some replicates are stopped, with and without an event that living subjects are told of."""
        scenario = protocolsim.load(name, set={"cohort.size": 12})
        weeks = 7 * DAY
        for told in ({}, {"futility": 0}):
            made = design(
                looks_when(enrolled(5, followed=9 * weeks), enrolled(9, followed=2 * weeks), enrolled(12)),
                [("stop", "futility", "moves", 20.0, {"at": [0]}), ("conclude", "effect", "moves", 40.0, {})],
                [Total(name="moves", table="moves", followed_for=weeks)],
                data_lag=2 * weeks, decided_after=weeks, events=told,
            )  # fmt: skip
            assert_agree(with_design(scenario, made), 3, range(6))


@pytest.mark.parametrize("name", [n for n in protocolsim.scenarios() if protocolsim.load(n).trial.conduct is not None])
def test_shipped_designs(name: str) -> None:
    """What their files say of looks, one replicate of each."""
    scenario = protocolsim.load(name)
    found = assert_agree(scenario, 5, range(1, 2))
    assert_laws(scenario, 5, 1, found)


def test_a_group_of_replicates_is_cut_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many replicates are simulated together, each is the same; also one that is larger than a group."""
    scenario = protocolsim.load("ms_randomised", set={"cohort.size": 30})
    made = design(
        looks_when(enrolled(12), enrolled(20), enrolled(30)),
        [("stop", "futility", "moves", 30.0, {"below": True})],
        [Total(name="moves", table="moves")],
        events={"futility": 0},
    )
    looked = with_design(scenario, made)
    whole = outcome(BATCH, looked, 1, range(9))
    assert isinstance(whole, Records)
    assert 0 < whole["trials"]["stopped_early"].sum() < 9
    for rows in (1, 100, 250):
        monkeypatch.setattr(simulation, "_ROWS", rows)
        pieces = list(BATCH.pieces(looked.trial, 1, range(9)))
        assert all(piece.whole for piece in pieces)
        assert difference(concatenate(pieces), whole) == ""


def test_a_trial_too_large_for_one_piece_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is said, and what can do it."""
    looked = with_design(protocolsim.load("ms_daclizumab"), design(looks_when(enrolled(5))))
    assert BATCH.unsupported(looked.trial) is None
    monkeypatch.setattr(batch_looks, "MOST_SUBJECTS", 14)
    assert "more than 14 subjects is simulated in parts; the des engine can do that" in str(
        BATCH.unsupported(looked.trial)
    )
