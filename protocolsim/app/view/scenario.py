"""Scenario: the file itself in an editor, checked as one types, with every fault at its line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from htmltools import Tag, TagList, tags

from protocolsim.app.state import State, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.worker import Answer, Made, Tell
from protocolsim.errors import Fault, ScenarioError, UsageError
from protocolsim.report.phrases import count

# The page sends these itself, when it is time; Shiny would send every one of them at every stroke.
_OURS = {"data-shiny-no-bind-input": ""}


@dataclass(frozen=True)
class Checked:
    """What a check found: faults, each with its place, and what is unusual."""

    faults: tuple[Fault, ...]
    warnings: tuple[str, ...] = ()
    title: str = ""


class CheckPart(Part):
    """The check of the text in the editor."""

    name: ClassVar[str] = "check"

    def reduced(self, state: State) -> State:
        """The text alone."""
        return State(state.scenario, state.text)

    def make(self, state: State, tell: Tell) -> Made:  # noqa: ARG002 - too short to watch
        """Read the text as the command line would, without loading code."""
        try:
            scenario = scenario_of(replace(state, settings=()))
        except ScenarioError as error:
            return Made({}, Checked(error.faults))
        except UsageError as error:
            return Made({}, Checked((Fault(0, 0, "", str(error)),)))
        return Made({}, Checked((), scenario.warnings, scenario.title))

    def show(self, answer: Answer, state: State) -> Tag | TagList:  # noqa: ARG002 - the answer says it all
        """The list of findings; the lines go to the editor's margin."""
        found: Checked = answer.facts
        lines = json.dumps(sorted({f.line for f in found.faults if f.line}))
        if not found.faults:
            warnings = tags.ul(*[tags.li(w) for w in found.warnings], class_="warnings") if found.warnings else None
            return tags.div(tags.p(f"No faults: {found.title}", class_="sound"), warnings, data_lines=lines)
        items = [
            tags.li(_place(f), tags.span(f"{f.path}: " if f.path else "", class_="path"), f.message)
            for f in found.faults
        ]
        return tags.div(tags.p(count(len(found.faults), "fault"), class_="faulty"), tags.ol(*items), data_lines=lines)


def _place(fault: Fault) -> Tag | str:
    if not fault.line:
        return ""
    words = f"line {fault.line}, column {fault.column}"
    return tags.button(words, type="button", class_="jump", data_line=str(fault.line), data_column=str(fault.column))


def _head() -> TagList:
    return TagList(
        tags.p(
            "This is the whole trial. Change it: it is checked as you type, every fault with its line. It is only "
            "read, and code that it names is never loaded. Use it, and every view shows it.",
            class_="lead",
        ),
        tags.div(
            tags.pre(id="gutter", aria_hidden="true"),
            tags.textarea(
                **_OURS,
                id="editor", spellcheck="false", autocomplete="off", autocapitalize="off", wrap="off", rows="30",
                aria_label="The scenario as YAML", aria_describedby="scenario_check",
            ),
            class_="editor",
        ),
        tags.p(
            tags.button("Use this scenario", type="button", id="use", class_="btn btn-primary"),
            " ",
            tags.label("Open a file ", tags.input(**_OURS, type="file", id="open", accept=".yaml,.yml,text/plain")),
            tags.span(id="open-refused", role="alert"),
        ),
    )  # fmt: skip


VIEW: Any = View(6, "scenario", "Scenario", _head(), (CheckPart(),))
