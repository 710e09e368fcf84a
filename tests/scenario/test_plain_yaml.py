"""The quick reader of plain YAML says what ruamel.yaml says, or nothing."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from protocolsim.scenario.file.yaml_events import other, plain
from protocolsim.scenario.file.yaml_events.event import Event

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "scenarios").rglob("*.yaml"))
WRONG = sorted((ROOT / "tests" / "support").rglob("*.yaml"))
ODD = [
    *" \n:#-,[]{}'\"|>?&*!%@`a1.\\~\t=", ": ", " #", "- ", "\n\n", "  ", "\n  ", ": ,", "''", "|-\n", ">\n", "---\n",
    "...", "? ", "# c\n", "é", "\u00a0", "x: y", "[a]", "{a: b}", "-1", ":b", "null", '"a": ', "'", "\r\n", "\u2028",
]  # fmt: skip


def others(text: str) -> list[Event]:
    """What ruamel.yaml makes of it; the beginning of the document is left out, as there is one in each."""
    return [event for event in other.events(text) if event.kind != "document"]


def text_of(path: Path) -> str:
    return path.read_bytes().decode().replace("\r\n", "\n")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_all_that_is_shipped_is_plain(path):
    """Every shipped file is read by the quick reader, and as ruamel.yaml reads it, every text and every place."""
    text = text_of(path)
    assert plain.events(text) == others(text)


def odd_texts(seed: int, number: int) -> list[str]:
    """Pieces of files with something put in, taken out, moved or said twice."""
    draw = random.Random(seed)  # noqa: S311 - texts, not secrets
    texts = [text_of(path).split("\n") for path in (*SHIPPED, *WRONG)]
    made = []
    for _ in range(number):
        lines = draw.choice(texts)
        first = draw.randrange(len(lines))
        piece = lines[first : first + draw.randrange(1, 12)]
        margin = min((len(line) - len(line.lstrip()) for line in piece if line.strip()), default=0)
        text = "\n".join(line[margin:] for line in piece) + draw.choice(["\n", ""])
        for _ in range(draw.choice([1, 1, 1, 2, 4])):
            at, how = draw.randrange(len(text) + 1), draw.random()
            if how < 0.5:
                text = text[:at] + draw.choice(ODD) + text[at:]
            elif how < 0.7:
                text = text[:at] + text[at + draw.randrange(1, 4) :]
            else:
                parts = text.split("\n")
                line = draw.randrange(len(parts))
                if how < 0.85:
                    parts[line] = " " * draw.randrange(8) + parts[line].lstrip()
                else:
                    parts.insert(line, draw.choice(parts))
                text = "\n".join(parts)
        made.append(text)
    return made


def test_it_says_the_same_or_nothing():
    """Of odd texts too: what the quick reader accepts ruamel.yaml accepts, with the same events at the same places."""
    accepted = 0
    for text in odd_texts(17, 1500):
        found = plain.events(text)
        if found is not None:
            accepted += 1
            assert found == others(text), text
    assert accepted > 300


@pytest.mark.parametrize(
    "text",
    ["a: &x b\n", "a: !t b\n", "a: *x\n", "%YAML 1.2\n---\na: b\n", "--- \na: b\n", "a: b\n...\n", '"a\\x62": c\n',
     "a:\tb\n", "? a\n: b\n", "a: |2\n   b\n", "a: b: c\n", "a: [b\n", "a: 'b\n", "", "# nothing\n", "a: b\n c: d\n",
     "- a\nb: c\n"],
)  # fmt: skip
def test_what_is_not_plain_is_left(text):
    """Anchors, tags, directives, escapes, tabs, marks of documents, and all faults are not judged here."""
    assert plain.events(text) is None


@pytest.mark.parametrize(
    "text",
    ['a: "' + "x\n" * 100_000, "a: '" + "'' x\n" * 40_000, 'a: "' + " " * 200_000 + "x\n y\"\n", "[" * 200_000,
     "a: b" + " " * 200_000 + "c\n", "a: b\n" + "\n" * 200_000, "- " * 100_000 + "\n", "a: '" + "'" * 200_000 + "\n",
     "a: [" + ", ".join(["{b: 1}"] * 25_000) + "]\n"],
    ids=range(9),
)  # fmt: skip
def test_no_text_takes_long(text):
    """What is made to be slow (quotes that never end, spaces, brackets, one long line) takes not long."""
    begun = time.process_time()
    plain.events(text)
    assert time.process_time() - begun < 5.0
