"""The numbers of every shipped scenario stay what they were, unless the changelog says that they change."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from protocolsim.scenario.file.library import names
from tests.support import golden


def read(name: str):
    return json.loads((golden.FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def test_every_scenario_has_golden_results():
    """Each shipped scenario has its golden results, made by a version that is named, and nothing else has any."""
    assert sorted(p.stem for p in golden.FOLDER.glob("*.json")) == names(), f"renew with: {golden.RENEW}"
    assert all(read(name)["version"] for name in names())


@pytest.mark.parametrize("name", names())
def test_numbers_stay(name):
    """A scenario's rows and whole numbers are exactly, and its estimates within 1e-9, what they were."""
    kept = read(name)
    moved = golden.moved(kept, golden.measured(name))
    told = golden.may_renew(kept, golden.CHANGELOG.read_text(encoding="utf-8"))
    first = "" if told else "say under 'Numbers change' in CHANGELOG.md which, by how much and why; "
    assert moved == [], f"numbers moved since {kept['version']}: {first}renew with: {golden.RENEW}"


class TestRule:
    def test_what_moved_is_found(self):
        """A whole number that moves by one is found, an estimate by 1e-8; one that moves by 1e-12 is not."""
        was: dict[str, Any] = {
            "seed": 1,
            "replicates": 2,
            "engine": "batch",
            "integers": {"a": 3},
            "floats": {"x": 0.5, "y": None},
        }
        assert golden.moved(was, copy.deepcopy(was)) == []
        for room, key, value, found in (
            ("integers", "a", 4, True), ("integers", "b", 0, False), ("floats", "x", 0.5 + 1e-8, True),
            ("floats", "x", 0.5 + 1e-12, False), ("floats", "x", None, True), ("floats", "y", 0.0, True),
        ):  # fmt: skip
            now = copy.deepcopy(was)
            now[room][key] = value
            assert bool(golden.moved(was, now)) == found, (room, key, value)

    def test_a_line_in_the_changelog_allows_it(self):
        """After a release, moved numbers are renewed only when a line under Numbers change has been added."""
        page = (
            "## Unreleased\n\n### Numbers change\n\n{}\n\n### Added\n\n- {}\n\n## 1.0\n\n### Numbers change\n\n- old\n"
        )
        kept = {"changelog": golden.digest(page.format("None.", "a"))}
        assert not golden.may_renew(kept, page.format("None.", "another thing added"))
        assert golden.may_renew(kept, page.format("- the rate of x was wrong: y falls by 3 %", "a"))
        assert golden.may_renew(kept, f"### Numbers change\n\n{golden.NO_RELEASE}\n\n### Added\n")
