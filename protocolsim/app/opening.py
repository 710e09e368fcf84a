"""What the page opens with: a shipped scenario by its name, or a file."""

from __future__ import annotations

from pathlib import PurePath

from protocolsim.app.state import VisitorState, small
from protocolsim.errors import ScenarioError
from protocolsim.scenario.file.library import find, is_path
from protocolsim.scenario.load import load, load_text


def opening(scenario: str, *, allow_plugins: bool = False) -> VisitorState:
    """The first state. Raises ScenarioError for a scenario with faults, UsageError for one that is not there."""
    if not is_path(scenario):
        find(scenario)
        return VisitorState(scenario, allow_plugins=allow_plugins)
    loaded = load(scenario, allow_plugins=allow_plugins)
    text = loaded.document.text
    try:
        load_text(text, scenario, allow_plugins=allow_plugins)
    except ScenarioError:
        text = loaded.resolved  # it extends a file beside it, which the page does not see
    return VisitorState(PurePath(scenario).stem, small(text), allow_plugins=allow_plugins)
