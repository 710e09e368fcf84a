"""Scenario: the file itself in an editor, checked as one types, with every fault at its line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from htmltools import Tag, TagList, tags

from protocolsim.app.state import VisitorState, scenario_of, small
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.errors import ProtocolsimError
from protocolsim.report.protocol.check_console import verdict
from protocolsim.scenario.check import Checked, CheckFinding, check_text

# The page sends these itself, when it is time; Shiny would send every one of them at every stroke.
_OURS = {"data-shiny-no-bind-input": ""}


@dataclass(frozen=True)
class Told:
    """What a check found, and how many findings of each kind in words."""

    findings: tuple[CheckFinding, ...]
    verdict: str
    sound: bool


class CheckPart(Part):
    """The check of the text in the editor."""

    name: ClassVar[str] = "check"
    checks_text: ClassVar[bool] = True

    def reduced(self, state: VisitorState) -> VisitorState:
        """The text alone."""
        return state.alone()

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """What `protocolsim check` says of the text; it loads code that a text names only where the page may."""
        tell(0, 0)
        text = state.text if state.text is not None else scenario_of(state).document.text
        try:
            checked = check_text(small(text), f"{state.scenario}.yaml", allow_plugins=state.allow_plugins)
        except ProtocolsimError as error:
            checked = Checked(state.scenario, (CheckFinding(0, 0, "", "fault", "refused", str(error)),))
        return Made({}, Told(checked.findings, verdict(checked), checked.count("fault") == 0))

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:  # noqa: ARG002 - the answer says it all
        """The list of findings; the lines go to the editor's margin."""
        told: Told = answer.facts
        lines = json.dumps(sorted({f.line for f in told.findings if f.line and f.severity == "fault"}))
        items = [
            tags.li(
                tags.span(f.severity, class_=f"severity {f.severity}"),
                _place(f),
                tags.span(f"{f.path}: " if f.path else "", class_="path"),
                f.message,
            )
            for f in told.findings
        ]
        return tags.div(
            tags.p(f"Checked: {told.verdict}.", class_="sound" if told.sound else "faulty"),
            tags.ol(*items) if items else None,
            data_lines=lines,
        )


def _place(finding: CheckFinding) -> Tag | str:
    if not finding.line:
        return ""
    words = f"line {finding.line}, column {finding.column}"
    place = {"data_line": str(finding.line), "data_column": str(finding.column)}
    return tags.button(words, type="button", class_="jump", **place)


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


VIEW: Any = View(8, "scenario", "Scenario", _head(), (CheckPart(),))
