"""The opening and the story as HTML: parts of the page, or one file that needs no server and no network."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from protocolsim.report.story.summary import ToldStory, opening, told
from protocolsim.report.style.stylesheet import font_faces
from protocolsim.study.story_runs import StoryRuns
from protocolsim.text.html import rendered, safe
from protocolsim.text.spoken import TABLE

STATIC = Path(__file__).with_name("static")
"""The folder of what both load: the script and the style."""

_FOLDER = Path(__file__).parent


def opening_html(runs: StoryRuns) -> str:
    """The opening, as a part of a page that has the script and the style."""
    return rendered(_FOLDER / "opening.html.j2", opening=opening(runs))


def story_html(runs: StoryRuns) -> str:
    """The story, as a part of such a page. Raises UsageError for a scenario that has none."""
    return story_of_told(told(runs, "story"))


def story_of_told(story: ToldStory) -> str:
    """The same of a story that has been told."""
    return rendered(_FOLDER / "story.html.j2", story=story, number_words=json.dumps(TABLE))


def story_page(runs: StoryRuns) -> str:
    """Opening and story as one file. It loads nothing from anywhere, and no other script runs in it."""
    script, style = ((STATIC / f"story.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    loads = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
    return rendered(
        _FOLDER / "page.html.j2",
        title=runs.scenario.title,
        policy=f"{loads}; script-src 'sha256-{digest}'",
        opening=safe(opening_html(runs)),
        story=safe(story_html(runs)),
        script=safe(script),
        style=safe(font_faces() + style),
        version=runs.result.version,
    )
