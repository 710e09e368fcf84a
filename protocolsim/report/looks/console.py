"""One trial's looks in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocolsim.report.style.console import Screen

if TYPE_CHECKING:
    from rich.console import Console

    from protocolsim.report.looks.story import LooksStory


def print_looks(story: LooksStory, console: Console) -> None:
    """Print the story; looks, the rules that held and decisions stand out."""
    put = Screen(console).put
    put(story.heading, "bold")
    for line in story.lead:
        put(line)
    for look in story.looks:
        put("")
        put(look.heading, "bold")
        for line in (look.why, *look.known, look.read):
            put(line, indent=2)
        for tried in look.tried:
            put(tried.text, "cyan" if tried.held else "dim", indent=2)
        for line, style in zip(look.decided, ("bold", *("",) * len(look.decided)), strict=False):
            put(line, style, indent=2)
    for heading, lines in (("After the decision", story.after), ("Had the trial gone on", story.if_not)):
        if lines:
            put("")
            put(heading, "bold")
            for line in lines:
                put(line, indent=2)
    if story.note:
        put("")
        put(story.note, "dim")
