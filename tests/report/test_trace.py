"""A patient's story agrees, number by number, with the records of the run it is taken from."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protocolsim
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.engine.des import simulation
from protocolsim.errors import ProtocolsimError
from protocolsim.protocol.summaries import HOW, Observed
from protocolsim.records import MADE, Records, table_from_rows
from protocolsim.report.patient.decision_text import Decision, digits
from protocolsim.report.patient.figures import trace_figure
from protocolsim.report.patient.page import decisions_html
from protocolsim.report.patient.story import Trace, trace
from protocolsim.report.style.figures import caption
from protocolsim.scenario.load import load
from protocolsim.study.decision.counterfactual import counterfactual_branches, with_decision
from protocolsim.study.decision.replay import Given, Life, SeenVariable, Tried, life
from protocolsim.units import MINUTES_PER_WEEK
from tests.cli.test_cli import command, refused
from tests.support import protocols, toys

__all__ = ["command"]
SUBJECTS = 4
WEEK = float(MINUTES_PER_WEEK)
SHIPPED = ("ms_daclizumab", "maa_daclizumab")


@cache
def story(name: str, subject: int, engine: str, truth: bool = True) -> Trace:
    return trace(load(name), subject, engine=engine, truth=truth)


def own(records: Records, table: str, row: int) -> dict[str, np.ndarray]:
    keep = rows_of(records, table) == row
    return {name: values[keep] for name, values in records[table].items()}


def near(text: str, value: float) -> bool:
    """Whether a printed number is this one, to the four digits that are printed of what a rule read."""
    return text == digits(value) or abs(float(text.replace(",", "")) - value) <= 5.1e-4 * abs(value)


def seen_as(text: str, value: float) -> bool:
    """Whether a printed number is this one, to the three digits that are printed of what was seen and given."""
    return abs(float(text.replace(",", "")) - value) <= 5.1e-3 * abs(value)


@pytest.mark.parametrize("engine", ["des", "batch"])
@pytest.mark.parametrize("name", SHIPPED)
class TestNumberByNumber:
    def test_observations_and_doses(self, name, engine):
        """Every observation and dose of the run stands in the story, in its week, and nothing else: value and truth."""
        run = protocolsim.run(load(name), replicates=1, engine=engine).records
        for subject in range(SUBJECTS):
            told = story(name, subject, engine)
            since = max(0, int(run["subjects"]["enrolled_minute"][subject]))
            lines = [n.text for n in told.lines if n.kind == "visit"]
            found = []
            for line in lines:
                week, _, rest = line.partition(": ")
                for variable, value, hidden in re.findall(
                    r"(?:\(|, )([A-Za-z][\w ]*?) ([-\d.e+]+(?:,\d{3})*), truth ([-\d.e+]+(?:,\d{3})*)", rest
                ):
                    found.append((week, variable, value, hidden))
            seen = own(run, "observations", subject)
            assert len(found) == (seen["status"] == MADE).sum() > 0
            made = np.flatnonzero(seen["status"] == MADE)
            for (week, variable, value, hidden), k in zip(found, made, strict=True):
                assert week == f"Week {round((seen['minute'][k] - since) / WEEK, 2):g}"
                assert variable == load(name).spoken.variable(run.labels.variables[seen["variable"][k]])
                assert seen_as(value, seen["value"][k])
                assert seen_as(hidden, seen["truth"][k])
            given_ = own(run, "doses", subject)
            doses = re.findall(r"([-\d.e+]+) mg/kg \(([-\d.,e+]+) mg\)", "\n".join(lines))
            assert len(doses) == (given_["status"] == MADE).sum()
            for (dose, amount), d, a in zip(doses, given_["dose"], given_["amount"], strict=True):
                assert near(dose, d)
                assert seen_as(amount, a)

    def test_decisions(self, name, engine):
        """Every move of the run is a decision of the story, with the numbers its rule read as the run recorded them."""
        scenario = load(name)
        run = protocolsim.run(scenario, replicates=1, engine=engine).records
        summaries = scenario.trial.protocol.reader.summaries
        for subject in range(SUBJECTS):
            told = story(name, subject, engine)
            moves = own(run, "moves", subject)
            decisions = [n for n in told.lines if n.kind == "decision"]
            tried = [n for n in told.life.steps if isinstance(n, Tried) and n.taken is not None]
            assert len(decisions) == len(tried) == len(moves["minute"])
            for line, step, k in zip(decisions, tried, range(len(decisions)), strict=True):
                assert step.taken is not None
                assert step.to is not None
                assert (step.minute, step.taken.number, step.to.number) == (
                    moves["minute"][k], moves["transition"][k], moves["to_state"][k],
                )  # fmt: skip
                assert line.text.endswith(f" {scenario.trial.protocol.states[moves['to_state'][k]].label}.")
                recorded = {summaries[r].name: moves[f"value_{j}"][k] for j, r in enumerate(step.group.reads)}
                for summary, value_read in recorded.items():
                    said = re.escape(scenario.spoken.number(summary))
                    told_of = rf"(?<![\w(]){said} (-?\d[\d.e+-]*|undefined)( %)?"
                    for value, percent in re.findall(told_of, line.text):
                        expected = value_read * (100 if percent else 1)
                        assert (value == "undefined") == np.isnan(expected)
                        assert value == "undefined" or near(value, expected)

    def test_it_is_played_again_to_the_bit(self, name, engine):
        """Playing a subject again writes the rows of the run, every column to the last bit: traits, truth and all."""
        scenario = load(name)
        for subject in range(SUBJECTS):
            same_rows(life(scenario, subject, engine=engine))

    def test_what_a_number_is_made_of(self, name, engine):
        """The weeks said to stand behind a summary hold the observations that give its value, by plain arithmetic."""
        how: dict[str, Callable[[list[float]], float]] = {
            "sum": sum, "mean": lambda v: sum(v) / len(v), "last": lambda v: v[-1], "first": lambda v: v[0],
            "smallest": min, "largest": max, "count": len,
        }  # fmt: skip
        scenario = load(name)
        checked = 0
        for subject in range(SUBJECTS):
            whole = story(name, subject, engine).life
            seen = [n for n in whole.steps if isinstance(n, SeenVariable)]
            for step in (n for n in whole.steps if isinstance(n, Tried)):
                for k, used in step.used.items():
                    made = scenario.trial.protocol.reader.summaries[k].made_by
                    if isinstance(made, Observed) and used:
                        values = [n.value for m in used for n in seen if (n.minute, n.variable) == (m, made.variable)]
                        assert how[HOW[made.how]](values) == step.read[k]
                        checked += 1
        assert checked > 20


def same_rows(whole: Life) -> None:
    labels = whole.scenario.trial.labels
    for table in ("observations", "doses", "moves", "events"):
        again, run = table_from_rows(table, labels, whole.rows[table]), own(whole.records, table, whole.row)
        assert all(again[c].tobytes() == run[c].tobytes() for c in again), table


@settings(max_examples=12)
@given(protocols.drafts(), st.integers(0, 3))
def test_random_protocols_are_played_again_to_the_bit(draft, subject):
    """In whatever the scenario language can say, each subject played again writes the rows of the run."""
    scenario = protocols.runnable(draft)
    if scenario.trial.limited:
        return
    for engine in ("des", "batch"):
        try:
            whole = life(scenario, subject, engine=engine)
        except ProtocolsimError:
            # A random cohort may not be filled, or have fewer subjects than this one's number.
            continue
        same_rows(whole)
        assert trace(scenario, subject, engine=engine).text


class TestOtherWay:
    def test_both_ways_of_the_published_rule(self):
        """The story's other branch is the other column of the potential outcomes: same random numbers, same records."""
        scenario = load("ms_daclizumab")
        whole = next(n for n in (life(scenario, k) for k in range(20)) if n.enrolled >= 0)
        step = next(
            n for n in whole.steps if isinstance(n, Tried) and n.state.name == "combination" and n.to is not None
        )
        (branch,) = counterfactual_branches(whole, step)
        forced = with_decision(scenario.trial, step.group, branch.instead)
        records = simulation.simulate(forced, scenario.seed, range(1))
        assert [branch] == counterfactual_branches(whole, step, "batch") == counterfactual_branches(whole, step, "des")
        row = int(np.flatnonzero(records["subjects"]["subject"] == whole.subject)[0])
        mine, theirs = own(whole.records, "observations", whole.row), own(records, "observations", row)
        before = mine["minute"] <= step.minute - 1
        assert all(theirs[c][: before.sum()].tobytes() == mine[c][before].tobytes() for c in mine)
        assert branch.instead is not None
        assert step.to is not None
        assert branch.otherwise.moves[0] == (step.minute, branch.instead.to)
        assert branch.happened.moves[0] == (step.minute, step.to.number)
        both = protocolsim.potential_outcomes(scenario, subject=whole.subject).branches
        other = both["does not pass" if step.to.name == "monotherapy" else "passes"]
        for table in ("observations", "doses", "moves", "events"):
            same, mine_ = own(other, table, 0), own(records, table, row)
            assert all(same[c].tobytes() == mine_[c].tobytes() for c in same)
        later = (theirs["minute"] > step.minute) & (theirs["variable"] == 0)
        assert branch.otherwise.observed[0] == (later.sum(), theirs["value"][later].sum() / later.sum())

    def test_staying_is_told_with_every_later_move(self):
        """Who stays makes no move at the decision: each later move is told, and nothing 'instead of' itself."""
        told = story("ms_daclizumab", 15, "batch")
        whole, states = told.life, told.life.scenario.trial.protocol.states
        step = next(n for n in whole.steps if isinstance(n, Tried) and n.to is not None and n.to.name == "rescued")
        branch = next(w for w in counterfactual_branches(whole, step) if w.instead is None)
        said = next(o for n in told.lines for o in n.others if o.startswith("The other branch, staying: "))
        weeks = [(states[to].label, round((minute - whole.enrolled) / 10080)) for minute, to in branch.otherwise.moves]
        assert weeks == [("Completed", 66)]
        assert said.startswith("The other branch, staying: Completed in week 66 ")
        others = [o for n in told.lines for o in n.others]
        assert len(others) == 2
        for part in (p.partition(": ")[2] for o in others for p in o.split("; ")):
            there, instead, here = part.partition(" instead of ")
            assert not instead or not there.endswith(here)

    def test_a_decision_that_comes_again_has_no_branch_that_began_before_it(self):
        """What follows had the first decision gone otherwise is no branch of the second; moves are few words."""
        told = story("amd_treat_and_extend", 0, "batch")
        again = [n for n in told.lines if n.kind == "decision" and ", the end of Until the next injection" in n.text]
        assert len(again) > 10
        assert [bool(n.others) for n in again] == [True] + [False] * (len(again) - 1)
        (other,) = again[0].others
        assert "more moves" in other
        assert other.count(" in week ") <= 6

    def test_who_is_enrolled_has_no_other_way(self):
        """A decision before enrolment changes who else comes, so that no other branch is told of it."""
        whole = life(load("ms_daclizumab"), 1)
        first = next(n for n in whole.steps if isinstance(n, Tried))
        assert counterfactual_branches(whole, first) == []


class TestWords:
    def test_the_decision_of_the_published_trial(self):
        """The rule is quoted with its numbers: what each was made of, and against which threshold."""
        told = next(t for t in (story("ms_daclizumab", k, "batch") for k in range(12)) if t.life.enrolled >= 0)
        line = next(n.text for n in told.lines if "fall of CELs" in n.text)
        assert re.fullmatch(
            r"Week 26, the end of Interferon beta and daclizumab: baseline CELs [\d.]+ \(mean of CELs, weeks -12, "
            r"-8, -4 and 0\), present CELs \d+ \(CELs, week 22\); fall of CELs from baseline [-\d.]+ % is (not )?more "
            r"than response threshold \(75 %\)(; otherwise)?\. On to .*\.",
            line,
        )

    @pytest.mark.parametrize("replicate", range(4))
    def test_without_a_number_it_is_the_first_who_is_enrolled(self, replicate):
        """Asked for nobody, it tells of a patient who was treated: the one before whom nobody was enrolled."""
        subjects = protocolsim.run(load("ms_daclizumab"), replicates=4).records["subjects"]
        enrolled = subjects["subject"][subjects["enrolled"] & (subjects["replicate"] == replicate)]
        assert trace("ms_daclizumab", replicate=replicate).life.subject == enrolled.min()

    def test_what_is_known_at_entry_has_its_unit(self):
        """A weight of the table of subjects is told in kg, a clearance in litres a day."""
        told = trace("ms_daclizumab", 15, engine="batch", truth=True)
        row = {name: column[told.life.row] for name, column in told.life.records["subjects"].items()}
        assert f"weight {row['weight']:.3g} kg, age {row['age']:.3g}." in told.text
        assert f"daclizumab clearance {row['truth_daclizumab_clearance']:.3g} L/day" in told.text

    def test_what_is_set_and_its_times_are_in_the_words_of_the_file(self):
        """A variable has its label, and a time of weeks is said in weeks."""
        told = story("amd_treat_and_extend", 0, "batch").text
        assert "; injections so far 0\xa0\u2192\xa01" in told
        assert "time of the last visit + interval (4 weeks) is not at least horizon (104 weeks)" in told
        assert not re.search(r"elapsed|dry_visits|\d days", told)

    def test_of_many_decisions_the_first_are_seen_at_once(self):
        """The figure below them is not pages away."""
        at_once, _, rest = decisions_html(story("amd_treat_and_extend", 0, "batch")).partition("<details>")
        assert at_once.count('class="decided"') == 6
        folded = rest.count('class="decided"')
        assert f"The {folded} decisions after these" in rest
        assert "<details>" not in decisions_html(story("ms_daclizumab", 1, "batch"))

    def test_a_figure_tells_of_what_it_shows(self):
        """No concentrations where no drug has any, no time in which nothing is, and a key of what is seen."""
        chart = trace_figure(story("arrest_ecmo", 0, "batch"))
        assert "oncentration" not in caption(chart)
        assert "Concentrations are simulated" in caption(trace_figure(story("ms_daclizumab", 1, "batch")))
        drawn = chart.to_dict()
        low, high = drawn["vconcat"][-1]["encoding"]["x"]["scale"]["domain"]
        assert -0.1 < low < 0.0
        assert 3.0 < high < 3.1
        assert drawn["vconcat"][0]["layer"][0]["encoding"]["color"]["legend"]["values"] == ["Early ECMO"]

    def test_a_final_state_is_entered_in_a_week(self):
        """Nobody stays in a final state to some week."""
        (decided,) = [n for n in story("arrest_ecmo", 0, "batch").lines if n.others]
        assert decided.others == ("The other branch, Discharged: Discharged in week 3 instead of Died in week 3.",)

    def test_only_what_settles_a_rule_is_told(self):
        """Of `or` the first side that holds, of `and` the first that does not; every comparison told is a fact."""
        protocol = """
            states: {a: {lasts: 1 day, enrolled: true, assessments: {scan: {days: [0]}}}, b: {final: b}, c: {final: c}}
            summaries: {clock: {last of: clock}, chance: {last of: chance}}
            transitions:
              - {from: a, to: b, when: "%s"}
              - {from: a, to: c, otherwise: true}
        """
        clock, chance = "clock 0 (clock, week 0)", "chance 0.X (chance, week 0)"
        for rule, facts in (
            ("clock >= 1 or chance >= 0", "chance 0.X (chance, week 0) is at least 0"),
            ("clock < 0 and chance > 2", "clock 0 (clock, week 0) is not less than 0"),
            ("not (clock < 0 or chance > 2)", f"{clock} is not less than 0 and {chance} is not more than 2"),
            ("chance / clock > 1", f"{clock}, {chance}; chance / clock (undefined) is not more than 1"),
            ("clock + 50 % >= 50 %", "clock 0 (clock, week 0); clock + 0.5 (50 %) is at least 50 %"),
        ):  # fmt: skip
            scenario = toys.scenario(protocol % rule)
            step = next(n for n in life(scenario, 0).steps if isinstance(n, Tried))
            (said,) = Decision(scenario, step, 0).sentences()
            assert re.sub(r"0\.\d\d+", "0.X", said) == facts

    def test_concentration(self):
        """Where a dose is recorded the curve jumps by the amount over the patient's own volume."""
        whole = next(n for n in (life(load("ms_daclizumab"), k) for k in range(12)) if n.enrolled >= 0)
        volume = whole.records["subjects"]["truth_daclizumab_central_volume"][whole.row]
        (curve,) = (points for points in whole.curves.values() if points)
        for dose in (n for n in whole.steps if isinstance(n, Given)):
            before, after = [c for m, c in curve if m == dose.minute][-2:]
            assert after - before == pytest.approx(dose.amount / volume, rel=1e-12)


class TestCommand:
    def test_story(self, command):
        """The story is printed, or written; as JSON it has the same sentences; as a page it loads nothing."""
        status, out, err = command("trace", "ms_daclizumab", "--subject", "1")
        assert (status, err) == (0, "")
        assert "Week 26, the end of Interferon beta and daclizumab" in " ".join(out.split())
        status, out, _ = command("trace", "ms_daclizumab", "--subject", "1", "--json")
        assert [n["text"] for n in json.loads(out)["story"]] == [
            n.text for n in story("ms_daclizumab", 1, "batch", False).lines
        ]
        for ending in (".html", ".png", ".txt", ".svg"):
            assert command("trace", "ms_no_drug", "--subject", "1", "--truth", "-o", f"x{ending}") == (0, "", "")
        page = Path("x.html").read_text()
        assert "The story" in page
        assert not re.search(r'(src|href)="?https?:', page)

    def test_refusals(self, command):
        """A patient, a replicate or a file that cannot be is one message."""
        Path("there.html").write_text("mine")
        call = ("trace", "ms_daclizumab", "--subject")
        assert "replicate 0 screened subjects 0 to" in refused(command, *call, "999")
        assert "subject: -1 is not between" in refused(command, *call, "-1")
        assert "replicates 0 to 1999" in refused(command, *call, "1", "--replicate", "2000")
        assert "such a file already" in refused(command, *call, "1", "-o", "there.html")
        assert "end it in .html" in refused(command, *call, "1", "-o", "x.gif")
        assert "did you mean 'batch'" in refused(command, *call, "1", "--engine", "bach")
        assert "one of them" in refused(command, *call, "1", "--html", "--json")
