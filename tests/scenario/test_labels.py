"""Labels: what readers are told that things are called, in every place, and what is said where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import protocolsim
from protocolsim.errors import ScenarioError
from protocolsim.report.protocol.text import rule
from protocolsim.scenario.file.extends import load_document
from protocolsim.scenario.file.library import names, title_of
from protocolsim.scenario.load import load, load_text
from protocolsim.units import duration, usual_time_unit

TEXT = """
title: A trial
question: What?
description: A trial.
cohort: {{size: 4, disease: relapsing_ms}}
follow: cel
parameters:
  limit: {{value: 2, range: [0, 9], label: "the limit of lesions", meaning: a limit}}
protocol:
  variables: {{kept_so_far: {{start: 0, range: [0, 9], label: kept visits}}}}
  summaries:
    seen_now: {{label: lesions now, last of: cel}}
    twice: {{label: twice the lesions, value: 2 * seen_now}}
    un_labelled: {{mean of: cel}}{more}
  states:
    first: {{label: First, lasts: 10 days, enrolled: true, assessments: {{mri: {{days: [0, 5]}}}}}}
    done: {{final: done}}
  transitions:
    - {{from: first, to: done, when: twice > limit and un_labelled >= 0 and kept_so_far == 0}}
    - {{from: first, to: done, otherwise: true}}
endpoints: {{all: {{kind: share, ended_in: done, among: enrolled}}}}
"""


def made(more: str = "") -> protocolsim.Scenario:
    return load_text(TEXT.format(more=more), "trial.yaml")


def test_rules_are_read_in_labels_and_others_in_words():
    """A rule is shown by the labels of what it reads; a name without one loses its underscores, nothing else."""
    scenario = made()
    read = scenario.trial.protocol.transitions[0].rule
    assert read is not None
    words = read.words
    said = rule(words, scenario).replace("\u00a0", " ")
    assert said == "twice the lesions > the limit of lesions (2) and un labelled ≥ 0 and kept visits = 0"
    assert scenario.spoken.variable("new_cel") == "new CELs"
    assert scenario.settable("limit").label == "The limit of lesions"
    assert scenario.settable("limit").called == "the limit of lesions"
    assert scenario.settable("kept_so_far").label == "Kept visits"


def test_a_value_with_a_label_is_the_expression_itself():
    """`value:` is the summary that the bare expression would be: the same run, to the bit."""
    bare = TEXT.format(more="").replace("{label: twice the lesions, value: 2 * seen_now}", "2 * seen_now")
    one, other = (protocolsim.run(s, replicates=2).records for s in (made(), load_text(bare, "trial.yaml")))
    assert all(one["moves"][c].tobytes() == other["moves"][c].tobytes() for c in one["moves"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("\n    both: {value: 2, sum of: cel}", "'value'"),
        ("\n    none: {label: nothing}", "a summary is one of"),
        ("\n    empty: {last of: cel, label: ''}", "label"),
        ("\n    unknown: {value: 2 * sen_now, label: x}", "seen_now"),
        ("\n    formula: {last of: cel, label: =1}", "a spreadsheet would read a formula"),
    ],
)
def test_faults_have_a_line(more, said):
    """What does not go together, and a label that is none, is one fault at its line."""
    with pytest.raises(ScenarioError) as caught:
        made(more)
    assert said in str(caught.value)
    assert re.search(r"line \d+, column \d+", str(caught.value))


@pytest.mark.parametrize("name", names())
def test_no_sentence_of_a_shipped_scenario_shows_a_raw_name(name):
    """The synopsis says no name with an underscore but in what somebody wrote: labels and meanings are words."""
    sections = protocolsim.describe(load(name)).sections
    for heading in ("Decision rules", "What the rules read", "Parameters of the protocol", "Schedule of assessments"):
        for line in sections.get(heading, ()):
            assert not re.search(r"\b[a-z]+_[a-z_0-9]+\b", line), line


_MONTHS = re.compile(r"\bmonths?\b", re.IGNORECASE)


def _read(part: object, key: str = "") -> Iterator[str]:
    """Every text of a part of a file that a person reads; where a number is from is said in its publication's words."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for name, value in part.items():
            yield from () if name in ("source", "sources", "notes", "note", "explanation") else _read(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from _read(value, key)


@pytest.mark.parametrize("name", names())
def test_a_date_is_a_week(name):
    """The page counts weeks, and so does what a scenario says; a month is that of a publication which is named."""
    found = [text for text in _read(load_document(name).data) if _MONTHS.search(text)]
    assert [text for text in found if not re.search("abstract", text)] == []


def test_a_menu_shows_titles():
    """The title is read without the rest of the file, and is that of the whole."""
    assert [title_of(name) for name in names()] == [load_document(name).data["title"] for name in names()]


def test_words_are_made_of_names_in_one_place():
    """Only `names.readable` makes words of a name; whoever says a name asks it, or `Scenario.spoken`."""
    root = Path(protocolsim.__file__).parent
    found = [
        str(path.relative_to(root))
        for path in sorted(root.rglob("*.py"))
        if re.search(r"""replace\(["']_["'], ["'] ["']\)""", path.read_text(encoding="utf-8"))
    ]
    # Keys of our own kinds, and what is searched for, are no names of a scenario.
    keys = ["interim/keys.py", "report/documentation/explain.py", "scenario/models/quantities.py"]
    pages = ["report/documentation/model_page.py", "report/documentation/site_hooks.py", "scenario/models/scope.py"]
    assert found == sorted(["names.py", *keys, *pages])


def test_a_time_is_said_in_the_unit_that_the_file_writes():
    """Ten days are ten days where times are written in days; four weeks of days are weeks where they are in weeks."""
    assert made().spoken.time(28 * 1440) == "28 days"
    assert load("ms_daclizumab").spoken.time(28 * 1440) == "4 weeks"
    assert (duration(90), duration(90, "days"), duration(14 * 1440, "days")) == ("90 minutes", "90 minutes", "14 days")
    assert usual_time_unit(["12 weeks", "1 day", "5 days"]) == "days"
    assert usual_time_unit([]) == "weeks"
