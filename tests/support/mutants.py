"""Scenario files that nobody meant: shipped ones with bytes, lines, values and whole parts changed at random.

The same number always makes the same file, so a failure can be looked at again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from protocolsim.scenario.file.library import find, names

# Everything is a scenario only if it is read as one; what is worst in YAML, in numbers and in rules.
HOSTILE = (
    "&a [*a, *a]", "*a", "<<: *a", "!!python/object/apply:os.system ['touch hacked']", "!!binary aGFsbG8=", "%YAML 1.1",
    "---", "...", "- - - - - - -", "[" * 40, "{" * 40, "? [a, b]", "|", ">", "'", '"', "\t", "\x00", "\u202e", "\ud7ff",
    "\U0001f600", "1e999", "-1", "0", "nan", ".inf", "0x7fffffffffffffff", "9" * 40, "1e-320", "null", "~", "true",
    "NO", "2009-01-01", "1 kg/kg", "5 parsecs", "1e308 weeks", "-3 weeks", "0 minutes", "100000000 years", "100 %",
    "a" * 3000, "((((((((1))))))))", "not " * 300 + "1 > 0", "-" * 500 + "1", "1 < 2 < 3", "x = 1", "__import__('os')",
    "cohort.size", "os:system", "tests.support.plugins_for_tests:PLACEBO",
    "extends: ms_no_drug", "extends: /etc/passwd",
    "extends: ../../../../etc/shadow", "${HOME}", "{{7*7}}", "999999999999", "every: 1 minute", "lasts: 1e9 weeks",
)  # fmt: skip


# A whole trial in a few lines: a thousand changes of it are read in the time of a hundred of a long one.
COMPACT = """\
title: A trial
seed: 7
replicates: 5
parameters:
  limit: {value: 1, range: [0, 10], meaning: how many are too many}
  dose: {value: 1 mg/kg, meaning: dose of one infusion}
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing, dropout: 1 % / 52 weeks}
protocol:
  summaries:
    seen: {sum of: cel}
    before: {mean of: cel, during: baseline}
    now: {last of: cel, within: 8 weeks}
    change: 1 - now / before
  states:
    baseline: {assessments: {mri: {weeks: [0, 4]}}, lasts: 8 weeks}
    treated:
      label: On treatment
      enrolled: true
      treatment: {daclizumab: {dose: dose, every: 4 weeks}}
      assessments: {mri: {every: 4 weeks}}
      lasts: 16 weeks
    stopped: {final: stopped}
    done: {final: completed}
  transitions:
    - {from: baseline, to: treated}
    - {from: treated, to: stopped, after: mri, when: seen > 0 and change < 0 and now > limit}
    - {from: treated, to: done}
    - {from: on study, to: stopped, upon: severe adverse event}
    - {from: on study, to: stopped, upon: dropout}
populations:
  completers: {of: enrolled, ended_in: [done]}
endpoints:
  finished: {kind: share, ended_in: done, among: enrolled}
"""


def shipped() -> tuple[str, ...]:
    """The text of every shipped scenario."""
    return tuple(find(name).read_text(encoding="utf-8") for name in names())


def mutant(number: int, texts: Sequence[str]) -> bytes:
    """The file of this number."""
    rng = random.Random(number)  # noqa: S311 - the number makes it repeatable
    text = rng.choice(texts)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        text = rng.choice(_CHANGES)(text, texts, rng)
    raw = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.03:
        spoilt = bytearray(raw)
        for _ in range(rng.randint(1, 5)):
            spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
        return bytes(spoilt)
    return raw


def write(number: int, texts: Sequence[str], path: Path) -> None:
    """The file of this number, on the disk."""
    path.write_bytes(mutant(number, texts))


Change = Callable[[str, Sequence[str], random.Random], str]


def _lines(text: str, rng: random.Random) -> tuple[list[str], int]:
    lines = text.split("\n")
    return lines, rng.randrange(len(lines))


def _a_character(text: str, _: Sequence[str], rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    put = rng.choice((*"{}[]:,&*!|>'\"%@`#-? \n\t0", ""))
    return f"{text[:at]}{put}{text[at + rng.randint(0, 1) :]}"


def _a_line_gone(text: str, _: Sequence[str], rng: random.Random) -> str:
    lines, at = _lines(text, rng)
    return "\n".join(lines[:at] + lines[at + rng.randint(1, 4) :]) or "x"


def _a_line_moved(text: str, _: Sequence[str], rng: random.Random) -> str:
    lines, at = _lines(text, rng)
    line = lines.pop(at)
    lines.insert(rng.randrange(len(lines) + 1), line)
    return "\n".join(lines)


def _lines_repeated(text: str, _: Sequence[str], rng: random.Random) -> str:
    lines, at = _lines(text, rng)
    return "\n".join(lines[:at] + lines[at : at + rng.randint(1, 9)] * rng.choice((2, 3, 60)) + lines[at:])


def _indented(text: str, _: Sequence[str], rng: random.Random) -> str:
    lines, at = _lines(text, rng)
    lines[at] = " " * rng.randint(0, 9) + lines[at].lstrip()
    return "\n".join(lines)


def _a_hostile_value(text: str, _: Sequence[str], rng: random.Random) -> str:
    lines, at = _lines(text, rng)
    key, colon, _rest = lines[at].partition(":")
    lines[at] = f"{key}{colon} {rng.choice(HOSTILE)}"
    return "\n".join(lines)


def _a_number(text: str, _: Sequence[str], rng: random.Random) -> str:
    digits = [k for k, c in enumerate(text) if c.isdigit()]
    if not digits:
        return text
    at = rng.choice(digits)
    return text[:at] + rng.choice(("0", "-1", "1e9", "99999999", "0.0000001", ".", "1e400", "")) + text[at + 1 :]


def _words_swapped(text: str, _: Sequence[str], rng: random.Random) -> str:
    words = [w for w in text.replace(",", " ").replace(":", " ").split() if w.isidentifier()]
    if len(words) < 2:
        return text
    return text.replace(rng.choice(words), rng.choice(words), rng.choice((1, -1)))


def _part_of_another(text: str, texts: Sequence[str], rng: random.Random) -> str:
    lines, at = _lines(text, rng)
    others, there = _lines(rng.choice(texts), rng)
    return "\n".join(lines[:at] + others[there : there + rng.randint(1, 40)] + lines[at:])


_CHANGES: tuple[Change, ...] = (
    *(_a_character, _a_line_gone, _a_line_moved, _lines_repeated, _indented, _a_hostile_value, _a_hostile_value),
    *(_a_number, _a_number, _words_swapped, _part_of_another),
)
