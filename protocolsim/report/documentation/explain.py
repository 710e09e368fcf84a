"""What a word of protocolsim means, looked up in an index that is made beforehand.

The index (reference.json) is written by `protocolsim docs --pages` from reference.py, because to import the schema and
the components takes a second, and a look into a book should not. Nothing here imports them.
"""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocolsim.errors import UsageError

INDEX = Path(__file__).with_name("reference.json")
NAME = "NAME"
"""In a path: a name that the author of a file chooses."""

_MOST_IN_FULL = 3
_WIDTH = 100
_SYNONYMS = {"visit": "assessments", "visits": "assessments", "dose": "treatment", "doses": "treatment"}
_SECOND = ("key", "parameter")  # topics that stand behind others of the same name


@dataclass(frozen=True)
class Entry:
    """One thing that can be looked up. Empty fields say nothing.

    `at` is where it may stand, `text` its explanation at length (Markdown), `example` a whole file, `see` names of
    other entries, `also` other words for it.
    """

    topic: str
    name: str
    meaning: str
    type: str = ""
    unit: str = ""
    default: str = ""
    at: str = ""
    text: str = ""
    example: str = ""
    see: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def index_text(entries: Sequence[Entry]) -> str:
    """The index as it is kept: examples stand once, and entries point to them."""
    examples = list(dict.fromkeys(e.example for e in entries if e.example))
    plain = []
    for entry in entries:
        fields = {k: v for k, v in dataclasses.asdict(entry).items() if v}
        if entry.example:
            fields["example"] = examples.index(entry.example)
        plain.append(fields)
    return json.dumps({"examples": examples, "entries": plain}, indent=1, ensure_ascii=False) + "\n"


def index() -> list[Entry]:
    """Every entry, from the index."""
    kept = json.loads(INDEX.read_text(encoding="utf-8"))
    return [_entry(fields, kept["examples"]) for fields in kept["entries"]]


def _entry(fields: dict[str, Any], examples: Sequence[str]) -> Entry:
    lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    example = {"example": examples[fields["example"]]} if "example" in fields else {}
    return Entry(**{**fields, **lists, **example})


def find(word: str, entries: Sequence[Entry]) -> list[Entry]:
    """The entries that a word means: by its name as written, in other capitals and spellings, or as part of a path."""
    exact = [e for e in entries if e.name == word]
    alike = [e for e in entries if _plain(word) in map(_plain, (e.name, *e.also))]
    within = [e for e in entries if _leads_to(word, e)]
    first = exact if exact and exact[0].topic in ("mark", "unit") else [*exact, *alike, *within]
    return sorted(dict.fromkeys(first), key=lambda e: (e.topic.startswith(_SECOND), e not in exact))


def _plain(word: str) -> str:
    return " ".join(word.lower().replace("_", " ").replace("-", " ").split())


def _steps(path: str) -> list[str]:
    return [_plain(step) for step in path.split(".") if step != NAME]


def _leads_to(word: str, entry: Entry) -> bool:
    """Whether the word is the end of the entry's path, with or without the steps above it."""
    if not entry.topic.startswith(_SECOND):
        return False
    asked, path = _steps(word), _steps(entry.name)
    if not asked or not path or asked[-1] != path[-1]:
        return False
    rest = iter(path[:-1])
    return all(any(_same(step, there) for there in rest) for step in asked[:-1])


def _same(step: str, there: str) -> bool:
    return there in (step, f"{step}s", _SYNONYMS.get(step))


def unknown_word(word: str, entries: Sequence[Entry]) -> UsageError:
    """The refusal of a word that no entry has, with the nearest right ones."""
    import difflib

    known = {_plain(n): n for e in entries for n in (e.name, *e.also)}
    known |= {step: step.replace(" ", "_") for e in entries if e.topic == "key" for step in _steps(e.name)[-1:]}
    close = difflib.get_close_matches(_plain(word), known, n=3, cutoff=0.6)
    nearest = " or ".join(f"'{known[c]}'" for c in close)
    return UsageError(
        f"nothing is called '{word}'; did you mean {nearest}?"
        if close
        else f"nothing is called '{word}'; `protocolsim explain` lists the topics"
    )


def explained(word: str, entries: Sequence[Entry]) -> str:
    """What a word means, for a terminal. Raises UsageError, with the nearest right words, for one that is unknown."""
    result = find(word, entries)
    topic = [e for e in entries if e.topic.split(" of ")[0] == _plain(word).removesuffix("s")]
    if topic and not any(_plain(word) in map(_plain, (e.name, *e.also)) for e in result):
        return "\n\n".join([listed(topic), *map(_in_full, result[:_MOST_IN_FULL])])
    if not result:
        raise unknown_word(word, entries)
    if len(result) <= _MOST_IN_FULL:
        return "\n".join(map(_in_full, result))
    primary = [e for e in result if not e.topic.startswith(_SECOND)][:_MOST_IN_FULL]
    rest = [e for e in result if e not in primary]
    return "\n".join([*map(_in_full, primary), listed(rest)])


def topics(entries: Sequence[Entry]) -> str:
    """What there is to look up: each topic, how much there is of it, and some of its names."""
    counted = Counter(e.topic for e in entries)
    lines = []
    for topic, number in counted.items():
        names = [e.name for e in entries if e.topic == topic]
        lines.append(f"{topic} ({number})")
        lines.append(
            textwrap.fill(
                ", ".join(names[:24]) + (", ..." if number > 24 else ""),
                _WIDTH,
                initial_indent="    ",
                subsequent_indent="    ",
                break_on_hyphens=False,
            )
        )
    return "\n".join([*lines, "", "`protocolsim explain NAME` says more of each; `protocolsim docs` shows the whole."])


def listed(entries: Sequence[Entry]) -> str:
    """A line for each entry."""
    width = min(44, max(len(e.name) for e in entries))
    return "\n".join(
        textwrap.fill(f"{e.name:<{width}}  {e.meaning}", _WIDTH, subsequent_indent=" " * (width + 2)) for e in entries
    )


def _in_full(entry: Entry) -> str:
    facts = (
        ("type", entry.type),
        ("unit", entry.unit),
        ("default", entry.default),
        ("stands in", entry.at),
        ("also", ", ".join(entry.also)),
        ("see also", ", ".join(entry.see)),
    )
    lines = [f"{entry.name}   ({entry.topic})", *_filled(entry.meaning[:1].upper() + entry.meaning[1:], "  ")]
    for paragraph in entry.text.split("\n\n") if entry.text else ():
        lines += ["", *_filled(paragraph, "  ")]
    lines += ["", *(line for label, said in facts if said for line in _filled(said, f"  {label:<10}  ", " " * 14))]
    if entry.example:
        lines += ["", "  example", *(f"      {line}".rstrip() for line in entry.example.splitlines())]
    return "\n".join(lines).rstrip() + "\n"


def _filled(text: str, first: str, then: str = "  ") -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False
    )
