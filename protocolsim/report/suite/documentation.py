"""The page of the documentation about the validation suite, made from what a run of the whole suite wrote.

Nothing is simulated here: the numbers are those of `validation.json`, which `python -m tests.support.golden_suite`
renews, and tests hold the suite to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from protocolsim.report.suite import summary as said
from protocolsim.text.markdown import code, listed, table, words

GOLDEN = Path(__file__).with_name("validation.json")
PAGE = "about/validation.md"

_TOP = """# Validation: published results against the models

`protocolsim validate --all --parameters plausible` sets every published result that the package knows among simulated
trials of its kind, one scenario for each (`protocolsim list --all` names them). This page shows all of them, the misses
too. A verdict is of the *prediction range*: single trials, with every parameter that is not known drawn from its
plausible range. The range at fixed parameters stands beside it, and the width beside the verdict, since a range widened
until everything fits says nothing.
"""
_WITHOUT = """## Chosen without it

Most of these results were used to choose parameters, which their role says. The column *chosen without it* asks what
would be said of a result had the parameters been chosen without it. The same draws of the parameters are simulated in
all scenarios that share a model, each with patients of its own. Of these draws those count most whose *other* results
come near to what was published, and the result itself is moved to where it would be had the others been exactly as
published (approximate Bayesian computation with regression adjustment, of the result in place of a parameter). Tested
where the answer is known: for normal results that depend linearly on normal parameters it is the exact conditional
distribution (`tests/study/test_suite_scores.py`).

What it cannot undo: plausible ranges, too, were written by people who knew the results. A row may lie inside because
its neighbours pull the parameters there, or because the range was put around the value that fits it.
"""
_REPEAT = """## How to repeat it

```sh
protocolsim validate --all --parameters plausible --out results
```

It takes some minutes on two cores, and gives the same numbers on every machine. `--suite FOLDER` takes the scenarios
of a folder in their place; `protocolsim validate NAME` shows one of them with everything around it. In Python it is
`protocolsim.validate_all(parameters="plausible")`. The tests hold a quick run of the suite to the verdicts on this
page, and `python -m pytest -m long tests/study/test_golden_suite.py` repeats the whole.
"""
_FOOT = "*Written by `protocolsim docs --pages docs` from the results of a run; do not edit it here.*"


def golden() -> dict[str, Any]:
    """The results that the page is made from."""
    result: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return result


def page(results: Mapping[str, Any] | None = None) -> str:
    """The page as Markdown."""
    whole = golden() if results is None else results
    rows = whole["rows"]
    shown = [said.cells(row) for row in rows]
    used = [k for k in range(len(said.HEADINGS)) if any(row[k] for row in shown)]
    missed = said.misses(rows)
    without = [row for row in rows if row["verdict"] == "inside" and row["without_it_inside"] is False]
    at_fixed = [row for row in rows if row["fixed_verdict"] == "outside" and row["verdict"] == "inside"]
    parts = [
        _TOP,
        "## What it comes to",
        table(said.TOTAL_HEADINGS, said.total_cells(whole)),
        " ".join(words(line) for line in said.sentences(whole)),
        "## All results",
        table([said.HEADINGS[k] for k in used], [[words(row[k]) for k in used] for row in shown]),
        listed(words(line) for line in said.MEANS),
        _WITHOUT,
        "## The misses",
        "\n".join(_told(missed, "Outside the prediction range")) or "No published result lies outside its range.",
        "\n".join(_told(without, "Inside, but outside what the other results leave for it")),
        "\n".join(_at_fixed(at_fixed)),
        "## What was used for what",
        table(("Result", "Role", "What was used"), [_use(row) for row in rows if row["note"]]),
        _REPEAT,
        _FOOT,
    ]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _told(rows: Sequence[Mapping[str, Any]], what: str) -> Iterator[str]:
    """Each miss with what in the model makes it so."""
    if not rows:
        return
    yield f"{what}:\n"
    for row in rows:
        why = row["explanation"] or "not explained"
        yield f"- {words(said.title_of(row))}, published {words(row['published_as'])}: {words(why)}."


def _at_fixed(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What only the uncertainty of parameters lets in."""
    if rows:
        yield "Inside the prediction range, but outside the sampling range at the parameters' own values:\n"
    for row in rows:
        ends = said.span_of(row["fixed_lo"], row["fixed_hi"], row["unit"])
        value = words(row["published_as"])
        yield f"- {words(said.title_of(row))}, published {value}, at fixed parameters {words(ends)}."


def _use(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return f"{words(row['label'])} ({code(row['scenario'])})", row["role"], words(row["note"])
