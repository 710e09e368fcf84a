"""What a wrong scenario is told: the place, what was found, what was expected; once, and all at once."""

# ruff: noqa: E501 - a table of faults reads best with one to a line

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocolsim.errors import ScenarioError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import load_document
from protocolsim.scenario.file.shape_check import MOST_FAULTS
from protocolsim.scenario.file.yaml_reader import Document, parse
from protocolsim.scenario.scenario import Scenario

SMALL = """\
title: A small trial
parameters:
  threshold: {value: 50 %, range: [0 %, 100 %], meaning: what must be exceeded}
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
protocol:
  summaries:
    before: {mean of: cel, during: baseline}
    now: {last of: cel, within: 4 weeks}
    fall: 1 - now / before
  states:
    baseline:
      assessments: {mri: {weeks: [0, 4]}}
      lasts: 4 weeks
    treated:
      enrolled: true
      treatment: {daclizumab: {dose: 1 mg/kg, every: 4 weeks}}
      assessments: {mri: {every: 4 weeks}}
      lasts: 12 weeks
    done: {final: completed}
    failed: {final: not controlled}
  transitions:
    - {from: baseline, to: treated}
    - {from: treated, to: done, when: fall > threshold}
    - {from: treated, to: failed, otherwise: true}
endpoints:
  controlled: {kind: share, entered: done}
published:
  controlled: {value: 2/3, role: checked, source: nobody, mark: A}
"""
SMALL_TRIAL = parse(SMALL, "trial.yaml")
DACLIZUMAB = load_document("ms_daclizumab")


def refused(text: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(ScenarioError) as caught:
        build(parse(text, "trial.yaml"))
    return [(f.line, f.column, f.path, f.message) for f in caught.value.faults]


def changed(*swaps: tuple[str, str]) -> str:
    text = SMALL
    for old, new in swaps:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def place_of(text: str, mark: str) -> tuple[int, int]:
    """The 1-based line and column at which a mark stands in a text."""
    before = text[: text.index(mark)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def test_the_small_trial_is_sound():
    """What all the faults below are made from has none, and no warning."""
    assert build(parse(SMALL, "trial.yaml")).warnings == ()


# (what is changed, what it is changed to, the text at whose place the fault stands, its path, what it says)
ONE_FAULT = [
    # Shape: keys and kinds of values
    ("title: A small trial\n", "", "parameters:", "", "'title' is missing here"),
    ("title: A small trial", "titel: A small trial", "titel", "titel", "unknown key 'titel'; did you mean 'title'?"),
    ("title: A small trial", "title: ''", "''", "title", "expected some text, found ''"),
    ("title: A small trial", "title: 12", "12", "title", "expected text, found 12"),
    ("title: A small trial", "title: x\nseed: -1", "-1", "seed", "-1 is not between 0 and"),
    ("title: A small trial", "title: x\nseed: 1.5", "1.5", "seed", "expected a whole number, found 1.5"),
    ("title: A small trial", "title: x\nreplicates: 0", "0", "replicates", "0 is below 1 (replicates)"),
    ("title: A small trial", "title: x\nsources: y", "y\n", "sources", "expected a list, found 'y'"),
    ("title: A small trial", "title: x\nfollow: cell", "cell", "follow", "unknown variable 'cell'; did you mean 'cel'?"),
    ("{from: baseline, to: treated}", "{form: baseline, to: treated}", "form:", "protocol.transitions[0].form", "did you mean 'from'?"),
    ("{from: baseline, to: treated}", "{to: treated}", "{to: treated", "protocol.transitions[0]", "'from' is missing here"),
    ("{from: baseline, to: treated}", "null", "null", "protocol.transitions[0]", "expected a mapping of keys, found nothing"),
    ("lasts: 12 weeks", "last: 12 weeks", "last: 12", "protocol.states.treated.last", "unknown key 'last'; did you mean 'lasts'?"),
    ("lasts: 12 weeks", "lasts: true", "true\n    done", "protocol.states.treated.lasts", "expected a number or text, found true"),
    ("  states:", "  sates:", "sates", "protocol.sates", "unknown key 'sates'; did you mean 'states'?"),
    ("enrolled: true", "enrolled: yes", "yes", "protocol.states.treated.enrolled", "expected true or false, found 'yes'"),
    ("otherwise: true", "otherwise: false", "false", "protocol.transitions[2].otherwise", "expected true, found false"),
    ("role: checked", "role: chekced", "chekced", "published.controlled.role", "expected one of 'fitted', 'checked' or 'not independent'"),
    ("mark: A", "mark: Z", "Z", "published.controlled.mark", "'F', 'F2', 'D', 'A' or 'M', found 'Z'"),
    ("[0 %, 100 %]", "[0 %]", "[0 %]", "parameters.threshold.range", "expected two values: [lowest, highest]"),
    ("weeks: [0, 4]", "weeks: 4", "4}}", "protocol.states.baseline.assessments.mri.weeks", "expected a list, found 4"),
    ("weeks: [0, 4]", "weeks: [0, null]", "null", "protocol.states.baseline.assessments.mri.weeks[1]", "found nothing"),
    ("{mean of: cel, during: baseline}", "{mean of: cel, first: two}", "two", "protocol.summaries.before.first", "expected a whole number, found 'two'"),
    # Parameters and quantities
    ("value: 50 %", "value: 120 %", "120 %", "parameters.threshold.value", "120 % is outside its range, 0 % to 100 %"),
    ("value: 50 %", "value: 1 / 0", "1 / 0", "parameters.threshold.value", "'1 / 0' is undefined"),
    ("value: 50 %", "value: 5 weeks", "5 weeks", "parameters.threshold.value", "expected a plain number or a share, as in its range"),
    ("value: 50 %", "value: threshold", "threshold, r", "parameters.threshold.value", "does not stand above it"),
    ("[0 %, 100 %]", "[100 %, 0 %]", "[100", "parameters.threshold.range", "the lowest value, 100 %, is not below the highest, 0 %"),
    (", meaning: what must be exceeded", "", "threshold:", "parameters.threshold", "'meaning' is missing here"),
    ("  threshold: {", "  days: {value: 1, meaning: m}\n  threshold: {", "days", "parameters.days", "cannot name a parameter"),
    ("  threshold: {", "  age: {value: 1, meaning: m}\n  threshold: {", "age", "parameters.age", "what the clinic knows of each subject"),
    ("size: 3", "size: 1.5", "1.5", "cohort.size", "1.5 is not a whole number (subjects)"),
    ("size: 3", "size: -3", "-3", "cohort.size", "-3 is below 1 (subjects)"),
    ("size: 3", "size: true", "true", "cohort.size", "expected a number or text, found true"),
    ("size: 3", "size: 3, max_candidates: 2", "2,", "cohort.max_candidates", "2 is below cohort.size, 3"),
    ("size: 3", "size: 3, dropout: 0.1", "0.1", "cohort.dropout", "expected a rate (such as '1 % / 4 weeks')"),
    ("size: 3", "size: 3, no_show: 150 %", "150 %", "cohort.no_show", "150 % is above 1 (probability)"),
    ("size: 3", "size: 3, dropout: 1 % / week", "1 % /", "cohort.dropout", "no transition is taken upon dropout from 'treated'"),
    ("size: 3", "size: 3, sites: {}", "sites", "cohort.sites", "no site stands here"),
    ("size: 3", "size: 3, sites: {a: {arrivals: 0/week}}", "0/week", "cohort.sites.a.arrivals", "0/week: nobody would ever come"),
    ("size: 3", "size: 3, capacity: {x: {serves: []}}", "[]", "cohort.capacity.x.serves", "no name stands here"),
    ("size: 3", "size: 3, capacity: {x: {serves: [mri, mri]}}", "[mri, mri", "cohort.capacity.x.serves", "'mri' stands there twice"),
    ("size: 3", "size: 3, capacity: {x: {serves: mri, opens_at: 16 hours, closes_at: 8 hours}}", "closes", "cohort.capacity.x.closes_at", "it closes at 8 hours, no later than it opens, at 16 hours"),
    ("size: 3", "size: 3, capacity: {x: {serves: mir}}", "mir", "cohort.capacity.x.serves", "did you mean 'mri'?"),
    ("size: 3", "size: 3, capacity: {x: {serves: mri, opens_at: 26 hours}}", "26 h", "cohort.capacity.x.opens_at", "26 hours is above 1 day"),
    ("size: 3", "size: 3, lesion_persistance: 1 %", "lesion_p", "cohort.lesion_persistance", "did you mean 'lesion_persistence'?"),
    ("size: 3", "size: 3, lesion_persistence: 1 week", "1 week", "cohort.lesion_persistence", "expected a plain number or a share, found '1 week'"),
    ("disease: relapsing_ms", "disease: relapsing_sm", "relapsing_sm", "cohort.disease", "did you mean 'relapsing_ms'?"),
    ("cohort: {", "drugs: {daclizumab: {bioavailability: [1]}}\ncohort: {", "bioavail", "drugs.daclizumab.bioavailability", ""),
    # Treatment and schedules
    ("dose: 1 mg/kg", "dose: 70 L", "70 L", "protocol.states.treated.treatment.daclizumab.dose", "found '70 L', a volume (L)"),
    ("dose: 1 mg/kg", "dose: -1 mg/kg", "-1", "protocol.states.treated.treatment.daclizumab.dose", "-1 mg/kg is below 0 (dose)"),
    ("{dose: 1 mg/kg, every: 4 weeks}", "standard", "standard", "protocol.states.treated.treatment.daclizumab", "is given in doses"),
    ("{dose: 1 mg/kg, every: 4 weeks}", "stadnard", "stadnard", "protocol.states.treated.treatment.daclizumab", "expected 'standard' or a mapping of keys"),
    ("{daclizumab: {dose", "{interferon_beta: {dose", "{dose", "protocol.states.treated.treatment.interferon_beta", "say 'standard'"),
    ("{daclizumab: {dose", "{daclizumba: {dose", "daclizumba", "protocol.states.treated.treatment.daclizumba", "unknown drug 'daclizumba'; did you mean 'daclizumab'?"),
    ("dose: 1 mg/kg, every: 4 weeks", "dose: 1 mg/kg", "daclizumab", "protocol.states.treated.treatment.daclizumab", "say when: one of weeks"),
    ("mri: {every: 4 weeks}", "mir: {every: 4 weeks}", "mir", "protocol.states.treated.assessments.mir", "unknown assessment 'mir'; did you mean 'mri'?"),
    ("mri: {every: 4 weeks}", "mri: {every: 4}", "4}}\n      lasts: 12", "protocol.states.treated.assessments.mri.every", "expected a time"),
    ("mri: {every: 4 weeks}", "mri: {every: 0 weeks}", "0 weeks", "protocol.states.treated.assessments.mri.every", "0 weeks is below 1 minute (interval)"),
    ("mri: {every: 4 weeks}", "mri: {every: 1 minute}", "1 minute", "protocol.states.treated.assessments.mri.every", "that is 120960 times; at most 5000"),
    ("mri: {every: 4 weeks}", "mri: {every: 4 weeks, times: 1000000000}", "4 weeks, t", "protocol.states.treated.assessments.mri.every", "at most 5000"),
    ("mri: {every: 4 weeks}", "mri: {every: 4 weeks, times: 1 + 0.5}", "1 + 0", "protocol.states.treated.assessments.mri.times", "1 + 0.5 is not a whole number (times)"),
    ("mri: {every: 4 weeks}", "mri: {every: 4 weeks, times: 0}", "0}", "protocol.states.treated.assessments.mri.times", "0 is below 1 (times)"),
    ("mri: {every: 4 weeks}", "mri: {every: 4 weeks, start: 12 weeks}", "12 weeks}", "protocol.states.treated.assessments.mri.start", "nothing would be planned"),
    ("mri: {every: 4 weeks}", "mri: {every: 4 weeks, times: 9}", "treated:", "protocol.states.treated", "planned for week 16, but the state lasts 12 weeks"),
    ("weeks: [0, 4]", "weeks: [0, 5]", "baseline:\n      a", "protocol.states.baseline", "planned for week 5, but the state lasts 4 weeks"),
    ("weeks: [0, 4]", "weeks: [-1, 4]", "-1", "protocol.states.baseline.assessments.mri.weeks[0]", "-1 is below 0"),
    ("weeks: [0, 4]", "weeks: [0, 0.0]", "[0, 0.0", "protocol.states.baseline.assessments.mri.weeks", "the same time stands there twice"),
    ("weeks: [0, 4]", "weeks: []", "[]", "protocol.states.baseline.assessments.mri.weeks", "no time stands here"),
    ("weeks: [0, 4]", "weeks: [0 weeks]", "0 weeks", "protocol.states.baseline.assessments.mri.weeks[0]", "expected a plain number"),
    ("weeks: [0, 4]", "weeks: [0, 4], start: 1 week", "start", "protocol.states.baseline.assessments.mri.start", "'start' belongs to 'every'"),
    # States
    ("lasts: 12 weeks", "lasts: 12", "12\n", "protocol.states.treated.lasts", "expected a time (minutes, hours, days, weeks), found '12'"),
    ("lasts: 12 weeks", "lasts: 3 months", "3 months", "protocol.states.treated.lasts", "there is no unit 'months'; say weeks"),
    ("lasts: 12 weeks", "lasts: -1 weeks", "-1", "protocol.states.treated.lasts", "-1 weeks is below 0 weeks (duration)"),
    ("lasts: 12 weeks", "lasts: 1e6 weeks", "1e6", "protocol.states.treated.lasts", "1e6 weeks is above 5200 weeks"),
    ("lasts: 12 weeks", "lasts: 12 weeks\n      until: 12 weeks", "treated:", "protocol.states.treated", "'lasts' or 'until', not both"),
    ("      lasts: 4 weeks", "      until: 4 weeks", "baseline:\n      a", "protocol.states.baseline", "'until' counts from enrolment"),
    ("final: completed", "final: ''", "''", "protocol.states.done.final", "expected some text"),
    ("{final: completed}", "{final: completed, lasts: 1 week}", "done:", "protocol.states.done", "it is final: it has no duration"),
    ("{final: completed}", "{final: completed, treatment: {interferon_beta: standard}}", "treatment: {interferon_beta", "protocol.states.done.treatment", "its treatment would never come about"),
    ("{final: completed}", "{final: completed, enrolled: true}", "done:", "protocol.states.done", "it is final: who is enrolled"),
    ("      enrolled: true\n", "", "states:", "protocol.states", "no state is marked 'enrolled: true'"),
    ("    baseline:\n", "    start: {final: at once}\n    baseline:\n", "start", "protocol.states.start", "it cannot be final"),
    ("    done: {", "    idle: {final: never}\n    done: {", "idle", "protocol.states.idle", "no transition leads here from 'baseline'"),
    ("    failed: {final: not controlled}", "    failed: {}", "failed: {}", "protocol.states.failed", "it can never end"),
    # Summaries and rules
    ("mean of: cel", "mean of: cell", "cell", "protocol.summaries.before.mean of", "unknown variable 'cell'; did you mean 'cel'?"),
    ("during: baseline", "during: baselin", "baselin}", "protocol.summaries.before.during", "unknown state 'baselin'; did you mean 'baseline'?"),
    ("during: baseline", "during: []", "[]", "protocol.summaries.before.during", "no state stands here"),
    ("during: baseline", "first: 0", "0}", "protocol.summaries.before.first", "0 is below 1 (observations)"),
    ("{mean of: cel, during", "{mean of: cel, sum of: cel, during", "before:", "protocol.summaries.before", "a summary is one of"),
    ("{mean of: cel, during: baseline}", "{}", "before:", "protocol.summaries.before", "a summary is one of"),
    ("{mean of: cel, during: baseline}", "{entries of: baseline, last: 0}", "before:", "protocol.summaries.before", "belong to observations"),
    ("within: 4 weeks", "within: 4", "4}", "protocol.summaries.now.within", "expected a time"),
    ("within: 4 weeks", "within: -4 weeks", "-4", "protocol.summaries.now.within", "below 0 weeks"),
    ("fall: 1 - now / before", "fall: fall + 1", "fall + 1", "protocol.summaries.fall", "'fall' does not stand above it"),
    ("fall: 1 - now / before", "fall: now > before", "now >", "protocol.summaries.fall", "expected a number, found a comparison"),
    ("    fall: 1", "    age: 1 + 1\n    fall: 1", "age:", "protocol.summaries.age", "'age' already means something else"),
    ("    fall: 1", "    week: 1 + 1\n    fall: 1", "week:", "protocol.summaries.week", "cannot name a summary"),
    ("    fall: 1", "    é: 1 + 1\n    fall: 1", "é:", "protocol.summaries.é", "cannot name a summary"),
    ("when: fall > threshold", "when: fal > threshold", "fal >", "protocol.transitions[1].when", "unknown name 'fal'; did you mean 'fall'?"),
    ("when: fall > threshold", "when: fall", "fall}", "protocol.transitions[1].when", "expected a comparison, found a number"),
    ("when: fall > threshold", "when: fall > 4 weeks", "fall > 4", "protocol.transitions[1].when", "units do not fit"),
    ("when: fall > threshold", "when: fall = threshold", "fall =", "protocol.transitions[1].when", "equality is written '=='"),
    ("when: fall > threshold", "when: __import__('os')", "__imp", "protocol.transitions[1].when", "cannot read ''os')'"),
    ("{from: baseline, to: treated}\n", "{from: baseline, to: treated, when: fall > 0}\n    - {from: baseline, to: failed, when: before > 0}\n", "{from: baseline, to: failed", "protocol.transitions[1]", "'baseline' may end with no transition to take"),
    # Transitions
    ("to: failed, otherwise", "to: faild, otherwise", "faild", "protocol.transitions[2].to", "unknown state 'faild'; did you mean 'failed'?"),
    ("to: failed, otherwise: true", "otherwise: true", "{from: treated, otherwise", "protocol.transitions[2]", "says 'to', 'randomise' or 'choose', one of them"),
    ("{from: baseline, to", "{from: [], to", "[], to", "protocol.transitions[0].from", "no state stands here"),
    ("when: fall > threshold}", "when: fall > threshold, otherwise: true}", "{from: treated, to: done", "protocol.transitions[1]", "'when' or 'otherwise', not both"),
    ("to: done, when", "to: done, after: mri, upon: dropout, when", "{from: treated, to: done", "protocol.transitions[1]", "'after' or 'upon', not both"),
    ("to: done, when", "to: done, after: edss, when", "after: edss", "protocol.transitions[1].after", "'treated' makes no such assessment, so it is never tried"),
    ("to: done, when", "to: done, after: mir, when", "mir", "protocol.transitions[1].after", "unknown assessment 'mir'; did you mean 'mri'?"),
    ("to: done, when", "to: done, upon: dropuot, when", "dropuot", "protocol.transitions[1].upon", "unknown event 'dropuot'; did you mean 'dropout'?"),
    ("otherwise: true}", "otherwise: true}\n    - {from: done, to: failed}", "{from: done", "protocol.transitions[3]", "'done' is final; nobody leaves it"),
    ("otherwise: true}", "otherwise: true}\n    - {from: treated, to: done}", "{from: treated, to: done}", "protocol.transitions[3]", "it is never tried"),
    ("to: failed, otherwise: true}", "to: treated, otherwise: true}\n    - {from: treated, to: failed, after: mri, when: fall < 0}", "", "", None),
    # Populations, endpoints, what was published
    ("endpoints:", "populations: {enrolled: {}}\nendpoints:", "enrolled: {}", "populations.enrolled", "is built in"),
    ("endpoints:", "populations: {p: {of: p}}\nendpoints:", "p}", "populations.p.of", "'p' is part of itself"),
    ("endpoints:", "populations: {p: {of: enroled}}\nendpoints:", "enroled", "populations.p.of", "did you mean 'enrolled'?"),
    ("kind: share", "kind: shar", "shar,", "endpoints.controlled.kind", "unknown kind of endpoint 'shar'; did you mean 'share'?"),
    ("entered: done", "entred: done", "entred", "endpoints.controlled.entred", "did you mean 'entered'?"),
    ("entered: done", "entered: don", "don}", "endpoints.controlled.entered", "unknown state 'don'; did you mean 'done'?"),
    ("entered: done", "entered: []", "[]", "endpoints.controlled.entered", "no name stands here"),
    ("{kind: share, entered: done}", "{kind: share}", "controlled: {kind", "endpoints.controlled", "a share needs at least one of"),
    ("{kind: share, entered: done}", "{kind: share, entered: done, among: evaluable}", "evaluable", "endpoints.controlled.among", "unknown population 'evaluable'"),
    ("{kind: share, entered: done}", "{kind: time_to, start: treated}", "controlled: {kind", "endpoints.controlled", "'to' is missing here"),
    ("{kind: share, entered: done}", "{kind: reduction, variable: cel, baseline: baseline, during: treated, per: scan, first_gap: 4 weeks}", "first_gap", "endpoints.controlled.first_gap", "'first_gap' does nothing beside `per: scan`"),
    ("{kind: share, entered: done}", "{kind: level, variable: cel, during: treated, window: 1 week}", "window", "endpoints.controlled.window", "'window' does nothing without `at`"),
    ("published:\n  controlled", "published:\n  controled", "controled", "published.controled", "unknown endpoint 'controled'; did you mean 'controlled'?"),
    ("value: 2/3", "value: 3/2", "3/2", "published.controlled.value", "3/2 is not a part of a whole"),
    ("value: 2/3", "value: 200 %", "200 %", "published.controlled.value", "200 % is above 100 %"),
    ("value: 2/3", "value: 5 weeks", "5 weeks", "published.controlled.value", "expected a value in %, found '5 weeks'"),
    ("value: 2/3", "value: most", "most", "published.controlled.value", "cannot read 'most' as a number"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "path", "said"), [c for c in ONE_FAULT if c[4] is not None])
def test_one_fault_one_message(old, new, at, path, said):
    """A single mistake is refused once: at its line and column, under its path, in words to the point."""
    text = changed((old, new))
    ((line, column, found, message),) = refused(text)
    assert said in message
    assert found == path
    assert (line, column) == place_of(text, at)


def test_a_state_that_nobody_leaves_in_time():
    """A state that leads back to itself whenever its time is over, and else only by chance, is refused."""
    text = changed(
        ("to: failed, otherwise: true}", "to: treated, otherwise: true}\n    - {from: treated, to: failed, after: mri, when: fall < 0}"),
        ("to: done, when: fall > threshold}", "to: done, after: mri, when: fall > threshold}"),
    )  # fmt: skip
    ((_, _, path, message),) = refused(text)
    assert path == "protocol.states.treated"
    assert "a subject to whom nothing happens never leaves" in message


RANDOMISED = changed(
    ("{from: baseline, to: treated}", "{from: baseline, randomise: arms}"),
    ("  transitions:", "    control:\n      enrolled: true\n      lasts: 12 weeks\n  randomisations:\n    arms: {between: {treated: 1, control: 1}}\n  transitions:"),
    ("otherwise: true}", "otherwise: true}\n    - {from: control, to: done}"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "path", "said"),
    [
        ("control: 1}", "control: 0}", "between.control", "0 is below 1 (its part of the ratio)"),
        ("control: 1}", "contrl: 1}", "between.contrl", "unknown state 'contrl'; did you mean 'control'?"),
        ("{treated: 1, control: 1}", "{treated: 1}", "between", "at least 2 states"),
        ("{treated: 1, control: 1}", "{}", "between", "at least 2 states"),
        ("control: 1}", "control: 1}, block: 3", "block", "3 is not a multiple of 2, the sum of the ratio"),
        ("control: 1}", "control: 1}, block: 0", "block", "0 is not a multiple of 2"),
        ("control: 1}", "control: 1}, block: 2000", "block", "2000 is too many for a block (at most 1000)"),
        ("control: 1}", "control: 1}, strata: [sites]", "strata[0]", "unknown name 'sites'"),
        ("control: 1}", "control: 1}, strata: [before]", "strata[0]", "expected a comparison, found a number"),
        ("control: 1}", "control: 1}, strata: [" + ", ".join(["before > 1"] * 9) + "]", "strata", "at most 8 rules"),
    ],
)
def test_randomisations(old, new, path, said):
    """A ratio, a block or a stratum that cannot be is refused, with its path."""
    assert build(parse(RANDOMISED, "trial.yaml")).warnings == ()
    assert RANDOMISED.count(old) == 1
    found = refused(RANDOMISED.replace(old, new))
    where = f"protocol.randomisations.arms.{path}"
    assert [p for _, _, p, m in found if said in m] == [where]
    assert len(found) == 1 or "contrl" in new


def test_strata_are_checked_like_rules():
    """A stratum that reads what nobody can have observed by then is a fault of its transition."""
    text = RANDOMISED.replace("control: 1}", "control: 1}, strata: [later > 1]")
    text = text.replace("    fall: 1", "    later: {last of: cel, during: treated}\n    fall: 1")
    ((_, _, path, message),) = refused(text)
    assert path == "protocol.transitions[0].randomise"
    assert "no visit has observed 'cel' by then during 'treated'" in message


def test_a_subject_is_randomised_once():
    """A way back to the same randomisation is refused."""
    text = RANDOMISED.replace("- {from: control, to: done}", "- {from: control, randomise: arms}")
    assert any("could be randomised by 'arms' twice" in m for _, _, _, m in refused(text))


def test_a_cycle_that_takes_no_time():
    """States of no duration that lead to each other are refused: a subject would go round for ever."""
    text = changed(
        ("    done: {", "    loop: {lasts: 0 weeks}\n    back: {lasts: 0 weeks}\n    done: {"),
        ("- {from: baseline, to: treated}", "- {from: baseline, to: treated}\n    - {from: loop, to: back}\n    - {from: back, to: done, when: fall > 0}\n    - {from: back, to: loop}"),
        ("to: failed, otherwise", "to: loop, otherwise"),
    )  # fmt: skip
    assert any("a cycle that takes no time" in m for _, _, _, m in refused(text))


class TestAllAtOnce:
    def test_three_faults_of_three_kinds(self):
        """A misspelt state, a misspelt name in a rule and a number out of bounds come together, in file order."""
        text = changed(("    treated:\n", "    treeted:\n"), ("when: fall >", "when: fal >"), ("size: 3", "size: -3"))
        found = refused(text)
        assert [(p, m) for _, _, p, m in found] == [
            ("cohort.size", "-3 is below 1 (subjects)"),
            ("protocol.states.treeted", "nothing uses it, but 3 places say 'treated'; did you mean 'treated'?"),
            ("protocol.transitions[1].when", "unknown name 'fal'; did you mean 'fall'?"),
        ]
        assert [(line, column) for line, column, _, _ in found] == [
            place_of(text, "-3"), place_of(text, "treeted"), place_of(text, "fal >"),
        ]  # fmt: skip

    def test_how_a_refusal_reads(self):
        """File and count on the first line, then one line a fault: place, path, what was found and expected."""
        with pytest.raises(ScenarioError) as caught:
            build(parse(changed(("size: 3", "size: -3"), ("when: fall >", "when: fal >")), "trial.yaml"))
        assert str(caught.value).splitlines() == [
            "trial.yaml: 2 faults",
            "  line 4, column 16   cohort.size: -3 is below 1 (subjects)",
            "  line 23, column 39  protocol.transitions[1].when: unknown name 'fal'; did you mean 'fall'?",
        ]

    def test_more_than_anybody_reads(self):
        """Of hundreds of faults of shape the first are told, and how many are not; the file is not sound."""
        many = "".join(f"key_{k}: 1\n" for k in range(MOST_FAULTS + 57))
        found = refused(changed() + many)
        assert len(found) == MOST_FAULTS + 1
        assert [m for *_, m in found if "not listed" in m] == ["57 more faults are not listed; mend these first"]

    def test_shape_and_names_and_units_together(self):
        """A wrong key hides no wrong name, no wrong unit and no missing drug elsewhere."""
        text = changed(
            ("lasts: 12 weeks", "last: 12 weeks"),
            ("{from: baseline, to: treated}", "{form: baseline, to: treated}"),
            ("when: fall >", "when: fal >"),
            ("size: 3", "size: three"),
            ("{daclizumab: {dose", "{daclizumba: {dose"),
            ("value: 2/3", "value: 3/2"),
            ("kind: share", "kind: shar"),
        )
        assert {p for _, _, p, _ in refused(text)} == {
            "cohort.size",
            "protocol.states.treated.last",
            "protocol.states.treated.treatment.daclizumba",
            "protocol.transitions[0].form",
            "protocol.transitions[1].when",
            "endpoints.controlled.kind",
            "published.controlled.value",
        }


def variant(edit) -> Document:
    data = copy.deepcopy(DACLIZUMAB.data)
    edit(data)
    return Document(DACLIZUMAB.source, data, "", DACLIZUMAB.places)


def renamed(*path: str):
    *above, old, new = path

    def edit(data: Any) -> None:
        for step in above:
            data = data[step]
        items = [(new if k == old else k, v) for k, v in data.items()]
        data.clear()
        data.update(items)

    return edit


ONE_TYPO = [
    ("protocol", "states", "combination", "combnation"),
    ("protocol", "states", "baseline", "basline"),
    ("protocol", "states", "rescued", "resqued"),
    ("protocol", "summaries", "baseline_cel", "baselin_cel"),
    ("protocol", "summaries", "cel_reduction", "cel_reducton"),
    ("protocol", "states", "sates"),
    ("protocol", "transitions", "transition"),
    ("parameters", "daclizumab_dose", "daclizumab_doze"),
    ("parameters", "response_threshold", "respons_threshold"),
    ("parameters", "dose_multiple", "value", "valu"),
    ("drugs", "daclizumab", "daclizumba"),
    ("drugs", "daclizumab", "median_rate_ratio", "median_rate_ration"),
    ("protocol", "states", "combination", "treatment", "daclizumab", "daclizumba"),
    ("protocol", "states", "combination", "assessments", "mri", "mir"),
    ("cohort", "disease", "diseas"),
    ("populations", "evaluable", "evaluabel"),
    ("endpoints", "nk_ratio", "variable", "varible"),
    ("endpoints", "adverse_events", "adverse_event"),
    ("published", "adverse_events", "adverse_event"),
]


@pytest.mark.parametrize("path", ONE_TYPO, ids=lambda path: path[-1])
def test_one_typo_is_one_fault(path):
    """One misspelt word in a real scenario is one fault, which names the word, and the right one beside it."""
    with pytest.raises(ScenarioError) as caught:
        build(variant(renamed(*path)))
    (fault,) = caught.value.faults
    old, new = path[-2:]
    assert old in fault.message + fault.path
    assert new in fault.message + fault.path
    assert "did you mean" in fault.message


class TestWhatIsAllowed:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("lasts: 4 weeks", "lasts: 4 weeks\n      label: Done"),
            ("within: 4 weeks", "within: 0 weeks"),
            ("weeks: [0, 4]", "weeks: [4, 0]"),
            ("weeks: [0, 4]", "weeks: [1, 2 * threshold + 1]"),
            ("size: 3", "size: 6 * threshold"),
            ("size: 3", "size: 3, no_show: 100 %"),
            ("dose: 1 mg/kg", "dose: 0 mg/kg"),
            ("- {from: treated, to: done, when", "- {from: on study, to: failed, upon: dropout}\n    - {from: treated, to: done, when"),
        ],
    )  # fmt: skip
    def test_unusual_is_not_wrong(self, old, new):
        """Two states of one label, a window of no time, an unsorted list, expressions: all mean something."""
        assert isinstance(build(parse(changed((old, new)), "trial.yaml")), Scenario)

    def test_what_does_nothing_is_said(self):
        """A parameter or a randomisation that nothing uses is a warning: changing it would change no result."""
        text = changed(("  threshold: {", "  idle: {value: 1, meaning: m}\n  threshold: {"))
        text = text.replace(
            "  transitions:", "  randomisations: {arms: {between: {done: 1, failed: 1}}}\n  transitions:"
        )
        assert build(parse(text, "trial.yaml")).warnings == (
            "the parameter 'idle' is used nowhere",
            "no transition uses the randomisation 'arms'",
        )

    def test_what_is_implausible_is_said(self):
        """A component's parameter outside its plausible range is a warning; what cannot be at all is refused."""
        scenario = build(parse(changed(("size: 3", "size: 3, lesion_persistence: 50 %")), "trial.yaml"))
        assert [w for w in scenario.warnings if "lesion_persistence = 50 % is outside its plausible range" in w]


# Anything at all ------------------------------------------------------------------------------------------------

JUNK: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**62, 1e300, "", " ", "x", "on study", "any", "12 weeks", "-3 %", "1/0", "()",
    "entry_cel", "cel_reduction > 0.5", "standard", [], {}, [[]], {"a": {}}, ["baseline"], [None], {"": 1},
    "your.module:X", "ééé", "1e308 weeks", "99999999 weeks", ":", " % ", "site", "enrolment", "mean of",
    "4 weeks / 4 weeks", "1 mg/kg", "otherwise", "0.1 minutes",
]  # fmt: skip


def paths(data: Any, path: tuple[Any, ...] = ()):
    if path:
        yield path
    below = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in below:
        yield from paths(value, (*path, key))


def mutate(data: Any, rng: random.Random) -> None:
    """One change of structure: take out, replace, move, rename, repeat, add, or change one character."""
    everywhere = list(paths(data))
    *above, key = rng.choice(everywhere)
    here = data
    for step in above:
        here = here[step]
    kind = rng.randrange(7)
    if kind == 0:
        del here[key]
    elif kind == 1:
        here[key] = copy.deepcopy(rng.choice(JUNK))
    elif kind == 2:
        other = data
        for step in rng.choice(everywhere):
            other = other[step]
        here[key] = copy.deepcopy(other)
    elif kind == 3 and isinstance(here, dict):
        here[str(rng.choice([rng.choice(everywhere)[-1], "x", f"{key}s", ""]))] = here.pop(key)
    elif kind == 4 and isinstance(here, list):
        here.insert(key, copy.deepcopy(here[key]))
    elif kind == 5 and isinstance(here, dict):
        here[str(rng.choice(everywhere)[-1])] = copy.deepcopy(rng.choice(JUNK))
    elif isinstance(here[key], str) and here[key]:
        at = rng.randrange(len(here[key]))
        here[key] = here[key][:at] + rng.choice("abz 019+-*/()%_:é") + here[key][at + 1 :]
    else:
        here[key] = [copy.deepcopy(here[key])]


def changed_at_random(original: Document, seed: int, changes: int) -> None:
    """It is a scenario, or a ScenarioError with a few faults, each of one line."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    data = copy.deepcopy(original.data)
    for _ in range(changes):
        mutate(data, rng)
    try:
        found = build(Document("trial.yaml", data, "", original.places))
    except ScenarioError as error:
        faults = error.faults
    else:
        assert build(parse(found.resolved, "trial.yaml")).resolved == found.resolved
        return
    # A part that was put elsewhere has as many unknown keys as it had keys: they count as one.
    apart = {f.path.rpartition(".")[0] if f.message.startswith("unknown key") else f.path for f in faults}
    assert 1 <= len(apart) <= 12 * changes
    assert all(f.message and "\n" not in f.message for f in faults)


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=500)
def test_any_change_of_structure_is_a_scenario_or_a_refusal(seed, changes):
    """Whatever is done to a small scenario's data, it is a scenario or refused in words."""
    changed_at_random(SMALL_TRIAL, seed, changes)


@given(st.integers(0, 2**32), st.integers(1, 3))
@settings(max_examples=200)
@example(2**32, 1)  # endpoints in place of a parameter
def test_any_change_of_a_large_scenario_is_a_scenario_or_a_refusal(seed, changes):
    """Likewise of one that uses most of the language, which takes ten times as long."""
    changed_at_random(DACLIZUMAB, seed, changes)
