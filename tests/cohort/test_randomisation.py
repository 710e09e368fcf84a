"""Laws of randomisation: blocks that balance, lists that do not know of each other."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from protocolsim.cohort.randomisation import allocation
from tests.support.toys import rows, run

blocks = st.lists(st.integers(0, 3), min_size=2, max_size=8)
keys = st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1), st.integers(0, 5), st.integers(0, 4095))


Key = tuple[int, int, int, int]


def place_in(block: NDArray[np.int64], key: Key, place: int) -> int:
    """The arm at one place of a list."""
    return int(allocation(block, *key, place))


def listed(block: list[int], key: Key, places: int) -> list[int]:
    """The first places of one list."""
    unpermuted = np.array(block, dtype=np.int64)
    return [place_in(unpermuted, key, place) for place in range(places)]


class TestLists:
    @given(blocks, keys, st.integers(0, 40))
    def test_every_block_is_balanced(self, block, key, which):
        """Any whole block holds each arm exactly as often as it should."""
        size = len(block)
        assert sorted(listed(block, key, size * (which + 1))[which * size :]) == sorted(block)

    @given(blocks, keys)
    def test_a_place_is_a_function_of_its_key(self, block, key):
        """Asked again, backwards, the list is the same, and the block that was handed in is left as it was."""
        kept = np.array(block, dtype=np.int64)
        backwards = [place_in(kept, key, place) for place in reversed(range(20))]
        assert backwards[::-1] == listed(block, key, 20)
        assert kept.tolist() == block

    def test_each_key_has_a_list_of_its_own(self):
        """Seed, replicate, randomisation and stratum all tell lists apart."""
        apart = ((1, 0, 0, 0), (2, 0, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (1, 0, 0, 1))
        assert len({tuple(listed([0, 1], key, 64)) for key in apart}) == 5

    def test_all_orders_of_a_block_are_equally_likely(self):
        """3,000 blocks of four different arms: each of the 24 orders as often as any other."""
        places = listed([0, 1, 2, 3], (9, 0, 0, 0), 12_000)
        found = Counter(tuple(places[k : k + 4]) for k in range(0, 12_000, 4))
        counts = [found[order] for order in permutations(range(4))]
        assert scipy.stats.chisquare(counts).pvalue > 0.01


TRIAL = """
summaries: {lucky: {last of: chance}}
states:
  screening: {assessments: {scan: {days: [0]}}, lasts: 3 days}
  treated: {enrolled: true, treatment: {pill: standard}, lasts: 5 days}
  control: {enrolled: true, lasts: 5 days}
  refused: {final: refused}
  done: {final: done}
randomisations:
  arms: {between: RATIO, STRATA}
transitions:
  - {from: screening, to: refused, when: lucky < 0.2}
  - {from: screening, randomise: arms}
  - {from: [treated, control], to: done}
"""
SITES = "sites: {north: {arrivals: 2 / 1 day}, south: {arrivals: 1 / 1 day}}"


def trial(ratio: str = "{treated: 1, control: 1}", strata: str = "block: 4", size: int = 60, seed: int = 1):
    protocol = TRIAL.replace("RATIO", ratio).replace("STRATA", strata)
    return run(protocol, seed=seed, cohort=f"size: {size}\n{SITES}", replicates=2)


class TestInATrial:
    @pytest.mark.parametrize(
        ("ratio", "strata", "size", "treated"),
        [("{treated: 1, control: 1}", "block: 4", 60, 30), ("{treated: 2, control: 1}", "block: 6", 60, 40)],
    )
    def test_arms_are_balanced(self, ratio, strata, size, treated):
        """After whole blocks each arm has its share; at any moment it is off by less than a block."""
        records = trial(ratio, strata, size)
        block = int(strata.split()[1])
        for replicate in range(2):
            arms = [a for a in rows(records, "subjects", "arms", replicate=replicate) if isinstance(a, str)]
            assert Counter(arms) == {"treated": treated, "control": size - treated}
            for start in range(0, size, block):
                assert Counter(arms[start : start + block])["treated"] == block * treated // size

    def test_subjects_go_where_they_were_allocated(self):
        """Those randomised moved to their arm; those never randomised have none."""
        records = trial()
        left = rows(records, "moves", "replicate", "subject", "to_state", from_state="screening")
        went = {(replicate, subject): to for replicate, subject, to in left}
        for replicate, subject, arm in rows(records, "subjects", "replicate", "subject", "arms"):
            assert went[replicate, subject] == (arm if isinstance(arm, str) else "refused")
        assert "refused" in went.values()

    @pytest.mark.parametrize(
        "strata",
        ["block: 4, strata: [site]", "block: 4, strata: [lucky > 0.6]", "block: 2, strata: [site, lucky > 0.6]"],
    )
    def test_each_stratum_has_a_list_of_its_own(self, strata):
        """Within a stratum every whole block is balanced."""
        records = trial(strata=strata, size=80)
        block = int(strata[7])
        seen = rows(records, "observations", "replicate", "subject", "value", variable="chance")
        chance = {(r, s): v > 0.6 for r, s, v in seen}
        lists: dict[object, list[str]] = {}
        for r, s, site, arm in rows(records, "subjects", "replicate", "subject", "site", "arms"):
            if isinstance(arm, str):
                stratum = (r, site if "site" in strata else "", chance[r, s] if "lucky" in strata else "")
                lists.setdefault(stratum, []).append(arm)
        assert len(lists) == 2 * 2 ** (strata.count("site") + strata.count("lucky"))
        for arms in lists.values():
            for start in range(0, len(arms) - block + 1, block):
                assert Counter(arms[start : start + block])["treated"] == block // 2
        assert len(set(map(tuple, lists.values()))) > 1

    def test_one_more_subject_changes_no_allocation(self):
        """The list goes on; what was allocated stays."""
        few, many = (rows(trial(size=n), "subjects", "arms", replicate=0) for n in (60, 61))
        assert [str(a) for a in many[: len(few)]] == [str(a) for a in few]
