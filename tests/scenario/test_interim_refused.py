"""What a wrong `interim:` is told: the place, what was found, what was expected; once, and all at once."""

# ruff: noqa: E501 - a table of faults reads best with one to a line

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocolsim.errors import ScenarioError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import extended
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario

SOUND = """\
extends: ms_randomised
title: Looks
interim:
  of: arm
  control: placebo
  data_lag: 2 weeks
  statistics:
    z: {z of: passed_between_arms}
  boundaries:
    efficacy: {spends: 2.5 %, as: obrien_fleming}
    futility: {values: [0, 0, 0]}
  looks: {when: {followed: [30, 60, 90, 120], for: 26 weeks}}
  rules:
    - {stop: efficacy, when: z >= efficacy}
    - {stop: futility, when: z < futility}
    - {at: last, conclude: no effect, otherwise: true}
"""
Z, FOLLOWED, ALL_LOOKS = "{z of: passed_between_arms}", "followed: [30, 60, 90, 120], for: 26 weeks", "for: 26 weeks}}"


def loaded(text: str) -> Scenario:
    return build(extended(parse(text, "trial.yaml")))


def told(text: str) -> list[str]:
    """Each fault: its line, its path below `interim`, and its message."""
    with pytest.raises(ScenarioError) as caught:
        loaded(text)
    assert all(f.line > 0 and f.column > 0 for f in caught.value.faults)
    return [f"{f.line} {f.path.removeprefix('interim.')}: {f.message}" for f in caught.value.faults]


def test_what_all_the_faults_are_made_from_is_sound():
    """The text whose parts are exchanged below loads."""
    design = loaded(SOUND).interim
    assert design is not None
    assert len(design.looks) == 4


# fmt: off
CASES: list[tuple[str, str, list[str]]] = [
    (Z, "{zed of: passed_between_arms}", ["8 statistics.z.zed of: unknown statistic 'zed of'; did you mean 'z of'?"]),
    (Z, "{z of: passed_the_rule}", ["8 statistics.z.z of: 'passed_the_rule' is an endpoint; expected an analysis: before_after_test, controlled_test, passed_between_arms"]),
    (Z, "{z of: passed_between_arm}", ["8 statistics.z.z of: unknown analysis 'passed_between_arm'; did you mean 'passed_between_arms'?"]),
    (Z, "{value of: passed_the_ruel}", ["8 statistics.z.value of: unknown endpoint or analysis 'passed_the_ruel'; did you mean 'passed_the_rule'?"]),
    (Z, "{number of: decidd}", ["8 statistics.z.number of: unknown population 'decidd'; did you mean 'decided'?"]),
    (Z, "{z of: passed_between_arms, follow for: 3 weeks}", ["8 statistics.z.follow for: unknown key of a 'z of' statistic 'follow for'; did you mean 'followed for'?"]),
    (Z, "{z of: passed_between_arms, value of: passed_the_rule}", ["8 statistics.z: a statistic is one thing; 'z of' and 'value of' are two"]),
    (Z, "{z of: passed_between_arms, followed for: -3 weeks}", ["8 statistics.z.followed for: -3 weeks is below 0 weeks"]),
    (Z, "z + 1", ["8 statistics.z: 'z' does not stand above it; an expression uses what stands before it"]),
    (Z, "enrolled > 3", ["8 statistics.z: expected a number, found a comparison: 'enrolled > 3'"]),
    (Z, "enrolled * 1 week", ["8 statistics.z: expected a number without a unit, found 'enrolled * 1 week'"]),
    (Z, "{probability that: passed_the_rule, in: combinatin, is above: control}", ["8 statistics.z.in: unknown state 'combinatin'; did you mean 'combination'?"]),
    (Z, "{probability that: inhibition_placebo, is above: 20 %}", ["8 statistics.z.probability that: 'inhibition_placebo' is of kind reduction; expected one of kind share: ..."]),
    (Z, "{probability that: passed_the_rule, is above: 120 %}", ["8 statistics.z.is above: 120 % is not between 0 and 100 %"]),
    (Z, "{probability that: passed_the_rule}", ["8 statistics.z: 'is above' is missing here"]),
    (Z, "{probability that: passed_the_rule, is above: 20 %, prior: [1, 0]}", ["8 statistics.z.prior[1]: 0 is not above 0 (a number of a beta distribution)"]),
    (Z, "{predicted probability that: passed_the_rule, is above: 20 %, with: 90 %, of: 36}", ["8 statistics.z.of: 36 is fewer than the 120 that 'look_4' waits for"]),
    (Z, "{conditional power of: passed_between_arms, critical: eficacy}", ["8 statistics.z.critical: unknown boundary 'eficacy'; did you mean 'efficacy'?"]),
    ("control: placebo", "control: placbo", ["5 control: unknown arm 'placbo'; did you mean 'placebo'?"]),
    ("of: arm\n", "of: arms\n", ["4 of: unknown randomisation 'arms'; did you mean 'arm'?"]),
    ("values: [0, 0, 0]", "values: [0, 0]", ["11 boundaries.futility.values: 2 bounds stand here, and there are 4 looks: expected one bound for each of them, or for each but the last"]),
    ("values: [0, 0, 0]", "spends: 10 %, as: obrien_fleming, below: eficacy", ["11 boundaries.futility.below: unknown boundary 'eficacy'; did you mean 'efficacy'?"]),
    ("values: [0, 0, 0]", "spends: 10 %, as: pocok, below: efficacy", ["11 boundaries.futility.as: unknown shape of a boundary 'pocok'; did you mean 'pocock'?"]),
    ("values: [0, 0, 0]", "spends: 10 %, as: wang_tsiatis(0.25), below: efficacy", ["11 boundaries.futility: 'wang_tsiatis' is no spending function, which is needed here"]),
    ("values: [0, 0, 0]", "values: [0, 0, 0], as: pocock", ["11 boundaries.futility.as: 'as' belongs to 'spends'"]),
    ("values: [0, 0, 0]", "values: [0, 0, 0], binding: true", ["11 boundaries.futility.binding: 'binding' belongs to 'below'"]),
    ("spends: 2.5 %", "spends: 250 %", ["10 boundaries.efficacy.spends: 250 % is not between 0 and 50 % (a one-sided error over all looks)"]),
    ("spends: 2.5 %", "spends: -1 %", ["10 boundaries.efficacy.spends: -1 % is not between 0 and 50 % (a one-sided error over all looks)"]),
    ("spends: 2.5 %", "spends: 2.5 weeks", ["10 boundaries.efficacy.spends: expected a plain number or a share, found '2.5 weeks', a time (minutes, hours, days, weeks)"]),
    ("as: obrien_fleming", "as: hwang_shih_decani", ["10 boundaries.efficacy.as: 'hwang_shih_decani' needs a parameter, gamma: the larger, the more is spent early; 0 spends in proportion to information"]),
    ("as: obrien_fleming", "as: hwang_shih_decani(-400)", ["10 boundaries.efficacy.as: 'hwang_shih_decani': gamma is -400; expected a number from -40 to 40"]),
    (", as: obrien_fleming", "", ["10 boundaries.efficacy: 'as' is missing here, the shape in which it spends: haybittle_peto, hwang_shih_decani, obrien_fleming, pocock, power, wang_tsiatis"]),
    (FOLLOWED, "followed: [30, 60, 90, 160], for: 26 weeks", ["12 looks.when.followed[3]: 160 is more than can be enrolled: cohort.size is 120"]),
    (FOLLOWED, "members of: decided, number: [30, 60, 90, 160]", ["12 looks.when.number[3]: 160 is more than can belong to it: cohort.size is 120"]),
    (FOLLOWED, "followed: [30, 90, 60, 120], for: 26 weeks", ["12 looks.when.followed[2]: 'look_3' comes no later than 'look_2', which stands before it: it waits for 60, that one for 90"]),
    (FOLLOWED, "weeks: [40, 30, 60, 80]", ["12 looks.when.weeks[1]: 'look_2' comes no later than 'look_1', which stands before it: its time is not behind"]),
    (FOLLOWED, "weeks: [40, 60, 80, 100]", ["10 boundaries.efficacy.spends: no share of the information is planned for 'look_1', and spending goes by it: say in `information` what is counted, so that every look waits for so much of it, or give `values`"]),
    (FOLLOWED, "information: [25 %, 50 %, 75 %, 120 %]", ["12 looks.when.information[3]: 120 % is above 100 % (a share of the information)"]),
    (FOLLOWED, "followed: {from: 30, every: 40, to: 120}, for: 26 weeks", ["12 looks.when.followed.to: steps of 40 from 30 do not meet 120"]),
    (FOLLOWED, "followed: [30, 60, 90, 120], for: [26 weeks, 30 weeks]", ["12 looks.when.for: 2 stand here, and 4 in another list of the same looks"]),
    (FOLLOWED, "z: 2", ["12 looks.when.z: a look's date may not depend on what it reads ('z'); it waits for people, events or time"]),
    ("{when: {followed: [30, 60, 90, 120], for: 26 weeks}}", "{when: z >= 2}", ["12 looks.when: expected a count of people, events or time, such as {enrolled: 60} (a look's date may not depend on what it reads), found 'z >= 2'"]),
    (FOLLOWED, "folowed: 3", ["12 looks.when.folowed: unknown key 'folowed'; did you mean 'followed'?"]),
    (FOLLOWED, "members of: evaluable, number: [30, 60, 90, 120]", ["12 looks.when.members of: one can leave 'evaluable' (not_ended_in); a look waits for populations that one enters or ends in, and stays in"]),
    (FOLLOWED, "members of: screened, number: [30, 60, 90, 120]", ["12 looks.when.members of: a look waits for people who are enrolled: name a population of them"]),
    (FOLLOWED, "events of: severe adverse evnt, number: [30, 60, 90, 120]", ["12 looks.when.events of: unknown event 'severe adverse evnt'; did you mean 'severe adverse event'?"]),
    (FOLLOWED, "enrolled: [30, 60, 90, 120], for: 26 weeks", ["12 looks.when.for: 'for' belongs to 'followed'"]),
    (FOLLOWED, "followed: [30, 60, 90, 120]", ["12 looks.when: 'for' is missing here, beside 'followed'"]),
    (FOLLOWED, "number: 30", ["12 looks.when: a look waits for one of 'enrolled', 'followed', 'members of', 'events of', 'weeks' and 'information'"]),
    (ALL_LOOKS, "for: 26 weeks}, not_before: 40 weeks, at_the_latest: 30 weeks}", ["12 looks.at_the_latest: that is before not_before, so that no look could be held"]),
    (ALL_LOOKS, "for: 26 weeks}, not_befor: 40 weeks}", ["12 looks.not_befor: expected a mapping of keys, found '40 weeks'; did you mean 'not_before'?"]),
    (ALL_LOOKS, "for: 26 weeks}, look_2: {when: {followed: 120, for: 30 weeks}}}", ["12 looks.look_2: a look of the list is called 'look_2'; name it otherwise"]),
    (ALL_LOOKS, "for: 26 weeks}, first: {when: {followed: 120, for: 30 weeks}}}", ["12 looks.first: 'first' in a rule means the first look, which is 'look_1'; name this one otherwise"]),
    (ALL_LOOKS, "for: 26 weeks}, more: {when: {followed: [100, 120], for: 30 weeks}}}", ["12 looks.more.when: 'more' is one look, and that makes 2; a list of looks has its 'when' in looks itself"]),
    ("data_lag: 2 weeks", "data_lag: -2 weeks", ["6 data_lag: -2 weeks is below 0 weeks"]),
    ("data_lag: 2 weeks", "information: {weeks: 100}", ["6 information: information is counted in people or events"]),
    (FOLLOWED, "followed: z * 60, for: 26 weeks", ["12 looks.when.followed: 'z' is a statistic; when a look is held depends on dates and counts, never on what it reads"]),
    (FOLLOWED, "weeks: efficacy", ["12 looks.when.weeks: 'efficacy' is a boundary; when a look is held depends on dates and counts, never on what it reads"]),
    ("data_lag: 2 weeks", "information: {followed: 100, for: 26 weeks}", ["12 looks.when.followed[3]: 120 is more than the maximum of the information, 100"]),
    ("{at: last,", "{at: lst,", ["16 rules[2].at: unknown look 'lst'; did you mean 'last'?"]),
    ("z < futility", "z < futilty", ["15 rules[1].when: unknown name 'futilty'; did you mean 'futility'?"]),
    ("z < futility", "z < truth", ["15 rules[1].when: 'truth' is hidden from everybody in the trial; a look reads what is known at its cut-off"]),
    ("z < futility", "truth_cel_rate < 3", ["15 rules[1].when: 'truth_cel_rate' is hidden from everybody in the trial; a look reads what is known at its cut-off"]),
    ("z < futility", "passed_between_arms < 3", ["15 rules[1].when: 'passed_between_arms' is an analysis; declare a statistic of it, such as {z of: passed_between_arms}, and name that"]),
    ("z < futility", "passed_the_rule < 3", ["15 rules[1].when: 'passed_the_rule' is an endpoint; declare a statistic of it, such as {value of: passed_the_rule}, and name that"]),
    ("z < futility", "cel_reduction < 3", ["15 rules[1].when: 'cel_reduction' is a number of each subject; a rule about the trial reads its statistics"]),
    ("z < futility", "z + 1", ["15 rules[1].when: expected a comparison, found a number: 'z + 1'"]),
    ("z < futility", "z < 3 weeks", ["15 rules[1].when: units do not fit: '<' between a plain number or a share and a time (minutes, hours, days, weeks)"]),
    ("stop: futility, when: z < futility", "stop: futility, conclude: x, when: z < futility", ["15 rules[1]: a rule says 'stop' or 'conclude', one of them, and for which reason"]),
    ("stop: futility, when: z < futility", "when: z < futility", ["15 rules[1]: a rule says 'stop' or 'conclude', one of them, and for which reason"]),
    ("stop: futility, when: z < futility", "stop: futility", ["16 rules[2]: it is never tried: a rule before it always holds (interim.rules[1])"]),
    ("otherwise: true", "otherwise: true, when: z > 1", ["16 rules[2]: a rule says 'when' or 'otherwise', not both"]),
    ("data_lag: 2 weeks", "success: eficacy", ["6 success: unknown reason of a rule 'eficacy'; did you mean 'efficacy'?"]),
    ("data_lag: 2 weeks", "futility: efficacy", ["6 futility: 'efficacy' claims an effect (success) and gives up at once"]),
    ("data_lag: 2 weeks", "without_effect: {daclizumab.median_rate: 1}", ["6 without_effect.daclizumab.median_rate: unknown parameter 'daclizumab.median_rate'; did you mean 'daclizumab.median_rate_ratio'?"]),
    ("data_lag: 2 weeks", "without_effect: equal arm", ["6 without_effect: expected 'equal arms' or a mapping of keys, found 'equal arm'; did you mean 'equal arms'?"]),
    ("stop: efficacy", "stop: '=1+1'", ["14 rules[0].stop: '=1+1' cannot name a reason: it begins with '=', and a spreadsheet would read a formula"]),
    ("statistics:\n", "statistics:\n    look: enrolled\n", ["8 statistics.look: 'look' is what every look counts; name it otherwise"]),
    ("statistics:\n", "statistics:\n    response_threshold: enrolled\n", ["8 statistics.response_threshold: 'response_threshold' is a parameter of the scenario already; name it otherwise"]),
    ("boundaries:\n", "boundaries:\n    z: {values: [1, 2, 3]}\n", ["10 boundaries.z: 'z' is a statistic already; name it otherwise"]),
]
# fmt: on


@pytest.mark.parametrize(
    ("old", "new", "expected"), CASES, ids=[f"{k}-{new[:40]}" for k, (_, new, _) in enumerate(CASES)]
)
def test_each_fault_is_told_at_its_place(old, new, expected):
    """One thing wrong, one fault: its line, its key, what was found, and the nearest right word or what was expected."""
    assert SOUND.count(old) == 1
    found = told(SOUND.replace(old, new))
    assert len(found) == len(expected)
    for said, wanted in zip(found, expected, strict=True):
        assert said.startswith(wanted.removesuffix("...")) if wanted.endswith("...") else said == wanted


def test_all_faults_are_told_at_once():
    """Faults of looks, boundaries, statistics and rules do not hide each other."""
    text = SOUND.replace("placebo", "placbo").replace("z < futility", "z < futilty").replace("2.5 %", "60 %")
    text = text.replace("data_lag: 2 weeks", "data_lag: two weeks").replace("90, 120]", "90, 130]")
    found = told(text)
    assert [f.split(":")[0] for f in found] == [
        "5 control", "6 data_lag", "10 boundaries.efficacy.spends", "12 looks.when.followed[3]", "15 rules[1].when",
    ]  # fmt: skip


def test_what_a_transition_waits_for():
    """A stop that no rule makes is unknown, with the nearest one; without rules that stop there is none."""
    way = "protocol:\n  states:\n    closed: {{final: closed}}\n  transitions:\n    - {{from: on study, to: closed, upon: {}}}\n"
    wrong = [f for f in told(SOUND + way.format("stopped for futilty")) if "upon" in f]
    assert [f.split(": ", 1)[1] for f in wrong] == [
        "unknown event 'stopped for futilty'; did you mean 'stopped for futility'?"
    ]
    none = "extends: ms_randomised\n" + way.format("stopped for futility")
    assert [f for f in told(none) if "upon" in f] == [
        "6 protocol.transitions[0].upon: nothing stops this trial: no rule of `interim:` says 'stop'"
    ]


HOSTILE = st.text(max_size=8) | st.sampled_from(
    ["${x}", "{x}", "=1", "../..", "a\x00b", "\u202e", "z" * 2000, "(" * 99, "1e999", "null", "-"]
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(set(re.findall(r"[A-Za-z_0-9.]+|[0-9.]+ %", SOUND.split("interim:")[1])))), HOSTILE)
def test_hostile_text_is_refused_or_read_as_text(word, text):
    """Whatever stands for a word of `interim:`, the file is read or refused with faults that can be printed."""
    quoted = '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text) + '"'
    head, tail = SOUND.split("interim:")
    refusal = None
    try:
        loaded(head + "interim:" + tail.replace(word, quoted, 1))
    except ScenarioError as error:
        refusal = error
    if refusal is not None:
        assert refusal.faults
        assert all(line.isprintable() for line in str(refusal).split("\n"))
