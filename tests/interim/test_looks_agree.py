"""Both engines hold the same looks, decide the same, and give the same records, to the last bit.

One holds them on finished trials, the other while a trial goes on, which cannot see what comes later.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from protocolsim.engine.base import Engine
from protocolsim.engine.batch.engine import ENGINE as BATCH
from protocolsim.engine.des.engine import ENGINE as DES
from protocolsim.errors import SimulationError, UsageError
from protocolsim.records import TABLES, Records, concatenate
from protocolsim.scenario.scenario import Scenario
from tests.support.designs import designs, with_design
from tests.support.protocols import drafts, runnable

SEEDS = st.sampled_from([1, 2, 2**40 + 1])
REPLICATES = st.integers(0, 3).flatmap(lambda first: st.integers(1, 4).map(lambda n: range(first, first + n)))
# As in `tests/engine/test_engines_agree.py`: a draft is large, and the first that fails is told as it stands.
drawn = partial(settings, phases=[Phase.explicit, Phase.generate], suppress_health_check=[*HealthCheck])


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


class TestDrawn:
    """Anything the language can say, looked at in any way."""

    @drawn(max_examples=150)
    @given(drafts(), st.data(), SEEDS, REPLICATES)
    def test_all_seven_tables_are_equal(self, draft: Any, data: Any, seed: int, replicates: range) -> None:
        """To the last bit, whatever is looked at, decided, and told."""
        scenario = runnable(draft)
        assert_agree(with_design(scenario, data.draw(designs(scenario))), seed, replicates)
