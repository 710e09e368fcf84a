"""The page's skeleton: header, form at the side, a tab for each view."""

from __future__ import annotations

from htmltools import Tag, TagList, tags
from shiny import ui

from protocolsim.app.view.base import View
from protocolsim.app.view.catalogue import views
from protocolsim.scenario.file.library import names, title_of


def page() -> Tag:
    """The page, the same for every visitor; what differs comes through the session."""
    head = ui.head_content(
        tags.link(rel="stylesheet", href="static/page.css"),
        tags.link(rel="stylesheet", href="static/linked.css"),
        tags.link(rel="icon", href="static/icon.svg", type="image/svg+xml"),
        tags.link(rel="stylesheet", href="told/story.css"),
        tags.script(src="static/charts.js"),
        tags.script(src="static/linked.js"),
        tags.script(src="static/pile.js"),
        tags.script(src="static/walk.js"),
        tags.script(src="static/page.js"),
        tags.script(src="told/story.js"),
        tags.meta(name="viewport", content="width=device-width, initial-scale=1"),
    )
    chosen = tags.select(
        tags.option("", value="", hidden=""),
        *[tags.option(f"{name}: {title_of(name)}", value=name) for name in names()],
        {"data-shiny-no-bind-input": ""},
        id="scenario",
        class_="form-select form-select-sm",
        aria_label="Scenario",
    )
    header = tags.header(
        tags.a("Skip to the results", href="#results", class_="skip"),
        tags.strong("protocolsim"),
        chosen,
        tags.h1(tags.span(id="title")),
        ui.input_dark_mode(id="dark"),
    )
    panels = [ui.nav_panel(view.title, _panel(view), value=view.name) for view in views()]
    return ui.page_fluid(
        head,
        # Each part says itself that it is being made; a bar that pulses with every message costs a drag its frames.
        ui.busy_indicators.use(spinners=False, pulse=False),
        header,
        tags.div(id="refused"),
        tags.div(
            tags.aside(
                tags.button(
                    "Hide or show the form", type="button", id="fold", aria_controls="form", aria_expanded="true"
                ),
                tags.div(id="form"),
                aria_label="What can be moved",
            ),
            tags.main(ui.navset_underline(*panels, id="view"), id="results", tabindex="-1"),
            class_="both",
        ),
        title="protocolsim",
        lang="en",
    )


def _panel(view: View) -> TagList:
    parts = []
    for part in view.parts:
        status = tags.div(
            tags.span("simulating"),
            tags.progress(),
            tags.button(
                "Cancel",
                type="button",
                class_="btn btn-sm btn-outline-secondary",
                data_cancel=f"{view.name}-{part.name}",
            ),
            class_="status",
            id=f"status-{view.name}-{part.name}",
            role="status",
            hidden="",
        )
        parts.append(
            tags.section(
                status,
                tags.div(id=f"{view.name}-{part.name}", class_="shown"),
                class_=f"part {view.name}-{part.name}",
            )
        )
    return TagList(tags.div(view.head, class_="head"), *parts)
