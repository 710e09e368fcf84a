"""Settings of the whole suite."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No deadline: the first example of a test may compile a kernel. Derandomised: a run that fails, fails again.
settings.register_profile("protocolsim", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("protocolsim")

# Begun first, so that both workers end at about the same time: what takes half a minute or more, the longest first.
LONGEST = (
    "study/test_study_folder.py",
    "app/test_app_page.py",
    "app/test_chart_answers.py",
    "app/test_story_page.py",
    "project/test_notebooks.py",
    "study/test_uncertain_parameters.py",
    "executor/test_endings.py",
    "engine/test_engines_agree.py",
    "engine/test_engine_laws.py",
    "cli/test_warnings.py",
    "report/test_hostile_text.py",
    "scenario/test_hostile.py",
    "cli/test_streams.py",
    "app/test_app_attack.py",
    "app/test_app_looks.py",
    "app/test_app_messages.py",
    "app/test_chart_walk.py",
    "app/test_chart_visit.py",
    "study/test_choice.py",
    "study/test_golden_suite.py",
    "study/test_levels.py",
    "study/test_criticisms.py",
    "analysis/test_analysis.py",
    "project/test_api.py",
    "scenario/test_scenario_faults.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which files are handed to the workers; within a file it stays what it is."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get("/".join(item.path.parts[-2:]), len(rank)))
