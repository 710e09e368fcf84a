"""One trial's looks on a page with its figures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from protocolsim.errors import UsageError
from protocolsim.report.looks.figures import boundaries_of_one
from protocolsim.report.looks.frames import MOST_TRIALS, bounded
from protocolsim.report.looks.one_trial import calendar_swimmers, enrolment
from protocolsim.report.style.figures import caption, inline, title
from protocolsim.report.style.sections_page import PageSection, plain_page
from protocolsim.study.trial_looks import tables_of_many
from protocolsim.text.html import words

if TYPE_CHECKING:
    from protocolsim.report.looks.story import LookLines, LooksStory


def looks_page(story: LooksStory) -> str:
    """Figures and story as one self-contained page."""
    sections = [PageSection("The story", looks_html(story), story.note)]
    for place, chart in enumerate(charts(story)):
        figure = f"<figure>{inline(chart, f'looks{place}')}</figure>"
        sections.insert(place, PageSection(title(chart), figure, caption(chart), wide=True))
    return plain_page(story.heading, story.lead[0], story.lead[1:], sections)


def charts(story: LooksStory) -> list[Any]:
    """Every figure that this trial has something to draw for."""
    trial = story.of
    many = tables_of_many(trial, MOST_TRIALS)
    drawn: list[Any] = []
    draws: list[Callable[[], Any]] = [
        *(partial(boundaries_of_one, many, trial, statistic) for statistic in bounded(trial.design)),
        lambda: calendar_swimmers(trial),
        lambda: enrolment(trial),
    ]
    for draw in draws:
        try:
            drawn.append(draw())
        except UsageError:
            continue  # an undefined statistic, nobody enrolled: the page does without that figure
    return drawn


def looks_html(story: LooksStory) -> str:
    """The sentences as HTML: a list for each look; rules that held and decisions stand out."""
    parts = [f"<h3>{words(look.heading)}</h3>{_look(look)}" for look in story.looks]
    for heading, lines in (("After the decision", story.after), ("Had the trial gone on", story.if_not)):
        if lines:
            items = "".join(f"<li>{words(line)}</li>" for line in lines)
            parts.append(f'<h3>{words(heading)}</h3><ul class="story">{items}</ul>')
    return "".join(parts)


def _look(look: LookLines) -> str:
    plain = "".join(f"<li>{words(line)}</li>" for line in (look.why, *look.known, look.read))
    rules = "".join(
        f"<li>{'<strong>' if t.held else ''}{words(t.text)}{'</strong>' if t.held else ''}</li>" for t in look.tried
    )
    decided = "".join(f'<span class="other">{words(line)}</span>' for line in look.decided[1:])
    return f'<ul class="story">{plain}{rules}<li class="decision">{words(look.decided[0])}{decided}</li></ul>'
