"""Laws of the snapshot: what is known at a minute, and of a trial whose screening was stopped."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import protocolsim
from protocolsim.analysis.catalogue import kinds as analysis_kinds
from protocolsim.endpoint.catalogue import kinds as endpoint_kinds
from protocolsim.endpoint.subjects.population import populations
from protocolsim.engine.batch import simulation as batch
from protocolsim.engine.des import simulation as des
from protocolsim.engine.snapshot import as_of, until_stopped
from protocolsim.errors import UsageError
from protocolsim.records import NEVER, TABLES, Records, concatenate
from protocolsim.scenario.load import load_text
from protocolsim.scenario.scenario import Scenario
from tests.support.fewer import fewer
from tests.support.paused import at, begins, calendar, due_minutes, unlike
from tests.support.protocols import rich
from tests.support.toys import DAY, run

SHIPPED = protocolsim.scenarios()
REPLICATES = 3


def small(name: str, size: int = 12, **settings: str) -> Scenario:
    return fewer(name, size, **settings)


def simulated(scenario: Scenario, seed: int = 7, replicates: int = REPLICATES) -> Records:
    engine = des if scenario.trial.limited else batch
    return concatenate(list(engine.pieces(scenario.trial, seed, range(replicates))))


@cache
def ran(name: str) -> tuple[Scenario, Records]:
    """A shipped scenario, of a large one a dozen of subjects, and its records."""
    scenario = protocolsim.load(name)
    scenario = small(name) if scenario.trial.cohort.size > 12 else scenario
    return scenario, simulated(scenario)


def cutoffs(records: Records) -> list[int]:
    """Before anybody came, one minute for each fifth of those at which something happened, and one after each."""
    due = due_minutes(records)
    some = due[:: max(1, len(due) // 5)].tolist()
    return [-1, int(due[0]) - 1, *(minute + after for minute in some for after in (0, 1)), int(due[-1])]


def eager(records: Records) -> Records:
    """The same records in plain tables, of which everything is found anew."""
    tables = {table: dict(records[table]) for table in TABLES}
    return Records(records.labels, tables, records.first_replicate, records.replicates)


class TestWhatIsKnown:
    """Of each table, and of the columns that change in the course of a trial."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_at_the_end_everything_is_known_but_the_truth(self, name):
        """All columns that are not hidden are those of the finished records, to the bit."""
        _, records = ran(name)
        known = at(records, int(due_minutes(records)[-1]))
        assert unlike(known, records) == []
        hidden = {f"{t}.{c}" for t in TABLES for c in records[t]} - {f"{t}.{c}" for t in TABLES for c in known[t]}
        assert hidden == {
            "observations.truth",
            *(f"subjects.{c}" for c in records.labels.traits if c.startswith("truth_")),
        }

    @pytest.mark.parametrize("name", SHIPPED)
    def test_no_truth_can_be_read(self, name):
        """Neither by its name nor in a frame; what a clinic can see of traits is there."""
        _, records = ran(name)
        known = at(records, int(due_minutes(records)[40]))
        with pytest.raises(KeyError, match="truth"):
            known["observations"]["truth"]
        for trait in records.labels.traits:
            if trait.startswith("truth_"):
                with pytest.raises(KeyError, match=trait):
                    known["subjects"][trait]
                assert trait not in known["subjects"]
            else:
                assert len(known["subjects"][trait]) == len(known["subjects"]["subject"])
        for table in TABLES:
            assert not [c for c in known.frame(table) if "truth" in str(c)]
            assert len(known.frame(table)) == len(known[table]["subject"])

    def test_the_interval_is_closed(self):
        """What happened at the minute counts; a minute before, it does not."""
        records = simulated(rich(), replicates=1)
        first = begins(records)
        for table in TABLES[1:]:
            when = first[records.subject_rows(table)] + records[table]["minute"]
            for minute in np.unique(when)[::9].tolist():
                assert len(at(records, minute)[table]["subject"]) == (when <= minute).sum()
                assert len(at(records, minute - 1)[table]["subject"]) == (when < minute).sum()

    def test_who_is_enrolled_at_the_minute_is_enrolled(self):
        """At the minute of enrolment, and not a minute before it; the column of arms likewise."""
        _, records = ran("ms_randomised")
        subjects, first = records["subjects"], begins(records)
        for row in np.flatnonzero(subjects["enrolled"])[::7].tolist():
            minute = int(first[row] + subjects["enrolled_minute"][row])
            known, before = at(records, minute)["subjects"], at(records, minute - 1)["subjects"]
            mine, earlier = (
                np.flatnonzero(
                    (r["replicate"] == subjects["replicate"][row]) & (r["subject"] == subjects["subject"][row])
                )
                for r in (known, before)
            )
            for name, never in (("enrolled", False), ("enrolled_minute", NEVER), ("arm", NEVER)):
                assert known[name][mine] == subjects[name][row]
                assert before[name][earlier] == never

    def test_each_replicate_has_its_own_cut_off(self):
        """Each is what it would be alone."""
        records = simulated(small("ms_randomised"))
        due = due_minutes(records)
        minutes = np.array([due[300], due[10], due[-1]])
        together = as_of(records, minutes)
        for replicate, minute in enumerate(minutes.tolist()):
            alone = at(records, minute)
            for table in TABLES:
                mine, theirs = together[table]["replicate"] == replicate, alone[table]["replicate"] == replicate
                for name in together[table]:
                    assert together[table][name][mine].tobytes() == alone[table][name][theirs].tobytes()

    def test_the_lag_concerns_observations_only(self):
        """Of them those are known that were known so many minutes ago; the other tables are as without."""
        _, records = ran("ms_randomised")
        for minute in cutoffs(records):
            late, known, before = at(records, minute, 9 * DAY), at(records, minute), at(records, minute - 9 * DAY)
            assert {c.partition(".")[0] for c in unlike(late, known)} <= {"observations"}
            assert not [c for c in unlike(late, before) if c.startswith("observations")]

    def test_who_is_in_the_trial_has_no_outcome_and_ends_at_the_cut_off(self):
        """Who has ended has both; arms are of those who have been randomised."""
        scenario, records = ran("ms_smart")
        some = dict.fromkeys(("going on", "ended", "arm", "no arm", "not enrolled"), 0)
        for minute in cutoffs(records):
            known = at(records, minute)
            subjects, first = known["subjects"], begins(known)
            assert (first <= minute).all()
            ends = begins(records) + records["subjects"]["end_minute"]
            ended = (ends <= minute)[begins(records) <= minute]
            final = np.array([s.final for s in scenario.trial.protocol.states])
            assert (final[subjects["final_state"]] == ended).all()
            assert (first[~ended] + subjects["end_minute"][~ended] == minute).all()
            assert ((subjects["enrolled_minute"] == NEVER) == ~subjects["enrolled"]).all()
            for name in known.labels.randomisations:
                randomised = subjects[name] != NEVER
                some["arm"] += randomised.sum()
                some["no arm"] += (~randomised).sum()
            some["going on"] += (~ended).sum()
            some["ended"] += ended.sum()
            some["not enrolled"] += (~subjects["enrolled"]).sum()
        assert all(some.values())


CONDITION = """
populations:
  heavy: {of: enrolled, where: entry_edss > 3}
"""


class TestOnWhatIsKnown:
    """Whatever reads records reads a snapshot."""

    @pytest.mark.parametrize("name", SHIPPED)
    def test_populations_endpoints_and_analyses(self, name):
        """At any cut-off, also before anybody began, they come to what they do on the same tables, plainly copied."""
        scenario, records = ran(name)
        for minute in cutoffs(records):
            for lag in (0, 9 * DAY):
                known, plain = at(records, minute, lag), eager(at(records, minute, lag))
                members, theirs = (populations(r, scenario.populations) for r in (known, plain))
                for population, mask in members.items():
                    assert mask.tobytes() == theirs[population].tobytes(), population
                for endpoint in scenario.reported.values():
                    ours, others = endpoint.sums(known, members), endpoint.sums(plain, theirs)
                    assert ours.shape[0] == REPLICATES
                    assert ours.tobytes() == others.tobytes(), endpoint.name
                    endpoint.value(ours)

    @pytest.mark.parametrize("kind", sorted({**endpoint_kinds(), **analysis_kinds()}))
    def test_every_kind(self, kind):
        """The example of each kind of endpoint and analysis, likewise, with a population by a condition."""
        text = {**endpoint_kinds(), **analysis_kinds()}[kind].EXAMPLE
        scenario = load_text(text + CONDITION, "example.yaml")
        records = simulated(scenario)
        for minute in cutoffs(records):
            known, plain = at(records, minute), eager(at(records, minute))
            members, theirs = (populations(r, scenario.populations) for r in (known, plain))
            assert members["heavy"].tobytes() == theirs["heavy"].tobytes()
            for endpoint in scenario.reported.values():
                ours, others = endpoint.sums(known, members), endpoint.sums(plain, theirs)
                assert ours.tobytes() == others.tobytes(), endpoint.name
                endpoint.value(ours)

    def test_only_the_wanted_populations_are_found(self):
        """With those that they are part of, and as among all."""
        scenario, records = ran("ms_randomised")
        every = populations(records, scenario.populations)
        some = populations(records, scenario.populations, ["evaluable"])
        assert set(some) == {"screened", "enrolled", "evaluable", "on_daclizumab"} < set(every)
        assert all((mask == every[name]).all() for name, mask in some.items())
        with pytest.raises(UsageError, match="on_placebo"):
            populations(records, scenario.populations, ["on_placeb"])

    def test_nobody_has_begun(self):
        """Tables are empty and endpoints undefined, and no analysis rejects."""
        scenario, records = ran("ms_randomised")
        known = at(records, -1)
        assert [len(known[table]["subject"]) for table in TABLES] == [0] * 5
        assert [len(known.frame(table)) for table in TABLES] == [0] * 5
        members = populations(known, scenario.populations)
        for endpoint in scenario.reported.values():
            value = endpoint.value(endpoint.sums(known, members))
            assert ((value == 0.0) if endpoint.decides else np.isnan(value)).all()


class TestTime:
    """A later look knows more, and nothing that came later was known before."""

    @pytest.mark.parametrize("name", ["ms_randomised", "ms_smart", "hcv_response_guided", "ms_scanner_shortage"])
    def test_what_is_known_of_what_is_known(self, name):
        """The snapshot of a snapshot is that of the earlier minute."""
        _, records = ran(name)
        minutes = cutoffs(records)
        for early, late in zip(minutes[2:-2], minutes[4:], strict=True):
            known = at(records, late)
            assert unlike(at(known, late), known) == []
            assert unlike(at(known, early), at(records, early)) == []
            assert unlike(at(known, early, DAY), at(records, early, DAY)) == []
            assert unlike(at(at(records, early), late), at(records, early)) == ["subjects.end_minute"] or (
                unlike(at(at(records, early), late), at(records, early)) == []
            )

    def test_no_decision_was_known_before_it(self):
        """With another threshold of the rule, the past up to the first decision that changes is the same."""
        one, other = (
            simulated(small("ms_randomised", 24, **{"parameters.response_threshold.value": bound}))
            for bound in ("60 %", "80 %")
        )
        changed = 0
        for replicate in range(REPLICATES):
            moves = []
            for records in (one, other):
                made, first = records["moves"], begins(records)[records.subject_rows("moves")]
                mine = made["replicate"] == replicate
                keys = zip(made["subject"], first + made["minute"], made["to_state"], strict=True)
                moves.append({tuple(int(k) for k in key) for key, m in zip(keys, mine, strict=True) if m})
            first_change = min(minute for _, minute, _ in moves[0] ^ moves[1])
            before = [at(records, first_change - 1) for records in (one, other)]
            after = [at(records, first_change) for records in (one, other)]
            for table in TABLES:
                for name in before[0][table]:
                    ours, theirs = (r[table][name][r[table]["replicate"] == replicate] for r in before)
                    assert ours.tobytes() == theirs.tobytes(), f"{table}.{name}"
            changed += after[0]["moves"]["to_state"].tolist() != after[1]["moves"]["to_state"].tolist()
        assert changed == REPLICATES

    @pytest.mark.parametrize("name", ["ms_randomised", "ms_smart", "hcv_response_guided"])
    def test_a_smaller_cohort_is_the_beginning_of_a_larger_one(self, name):
        """Up to the minute before the next candidate begins both know the same; to the end it is the stopped trial."""
        fewer, more = simulated(small(name, 9), replicates=12), simulated(small(name, 20), replicates=12)
        last = np.zeros(12, dtype=np.int64)
        following = np.zeros(12, dtype=np.int64)
        for replicate in range(12):
            size = int((fewer["subjects"]["replicate"] == replicate).sum())
            first = begins(more)[more["subjects"]["replicate"] == replicate]
            last[replicate], following[replicate] = first[size - 1], first[size]
        apart = last < following  # nobody else began on that day
        assert apart.sum() >= 6
        for now in (following - 1, (last + following) // 2, last - 200 * DAY):
            ours, theirs = as_of(fewer, now), as_of(more, now)
            for table in TABLES:
                mine, other = (apart[r[table]["replicate"]] for r in (ours, theirs))
                for column in ours[table]:
                    assert ours[table][column][mine].tobytes() == theirs[table][column][other].tobytes(), column
        stopped = until_stopped(more, last)
        for table in TABLES:
            mine, other = (apart[r[table]["replicate"]] for r in (fewer, stopped))
            for column in fewer[table]:
                assert fewer[table][column][mine].tobytes() == stopped[table][column][other].tobytes(), column


class TestStopped:
    """The records of a trial that screened nobody after a minute."""

    def test_it_is_a_simulation_that_was_closed(self):
        """As the engine on the calendar says, replicate by replicate, truth included."""
        scenario = small("ms_randomised")
        records = simulated(scenario)
        stopped = np.array([begins(records)[records["subjects"]["replicate"] == r][3 + r] for r in range(REPLICATES)])
        stopped[1] = NEVER
        closed = []
        for replicate, minute in enumerate(stopped.tolist()):
            on = calendar(scenario.trial, 7, replicate)
            if minute != NEVER:
                on.close(minute)
            closed.append(on.finish())
        left = until_stopped(records, stopped)
        assert left.labels is records.labels
        assert left.equal(concatenate(closed))
        assert unlike(left, concatenate(closed)) == []

    @pytest.mark.parametrize("name", ["ms_randomised", "maa_daclizumab", "ms_scanner_shortage"])
    def test_what_is_found_of_those_who_are_left_is_what_is_found_anew(self, name):
        """From what was found of all; and the same is known of them at any minute."""
        _, records = ran(name)
        stopped = np.array([begins(records)[records["subjects"]["replicate"] == r][2 + r] for r in range(REPLICATES)])
        left = until_stopped(records, stopped)
        anew = eager(left)
        assert left["observations"]["minute"] is left["observations"]["minute"]
        for found, again in ((left, anew), *((at(left, m, DAY), at(anew, m, DAY)) for m in cutoffs(records))):
            assert unlike(found, again) == []
            for mine, theirs in ((found.begins(), again.begins()), (found.trials(), again.trials()),
                                 (found.first_states(), again.first_states())):  # fmt: skip
                assert mine.tolist() == theirs.tolist()
            for table in TABLES[1:]:
                assert found.subject_rows(table).tolist() == again.subject_rows(table).tolist()
            for state in range(len(records.labels.states)):
                assert found.first_entries(state).tolist() == again.first_entries(state).tolist()
                assert found.was_in(state).tolist() == again.was_in(state).tolist()
                assert found.was_in(state).tolist() == (found.first_entries(state) != NEVER).tolist()
            for variable in range(len(records.labels.variables)):
                for mine, theirs in zip(*(vars(r.seen(variable)).values() for r in (found, again)), strict=True):
                    assert mine.tolist() == theirs.tolist()

    def test_where_nothing_was_stopped_nothing_is_copied(self):
        """The records are the same; also where it was stopped after the last had begun."""
        _, records = ran("ms_daclizumab")
        assert until_stopped(records, np.full(REPLICATES, NEVER)) is records
        assert until_stopped(records, np.full(REPLICATES, begins(records).max())) is records
        assert until_stopped(records, np.full(REPLICATES, begins(records).max() - 1)) is not records

    def test_stopped_before_it_began(self):
        """Nobody is left, in as many replicates."""
        _, records = ran("ms_daclizumab")
        nobody = until_stopped(records, np.full(REPLICATES, 0))
        assert [len(nobody[table]["subject"]) for table in TABLES] == [0] * 5
        assert (nobody.replicates, nobody.first_replicate, nobody.whole) == (REPLICATES, 0, True)

    def test_the_known_part_of_it_is_that_of_the_whole(self):
        """Up to the minute of the stop, what is known is the same."""
        _, records = ran("ms_randomised")
        for minute in cutoffs(records)[2:]:
            assert unlike(at(until_stopped(records, np.full(REPLICATES, minute)), minute), at(records, minute)) == []


class TestRefusals:
    """What cannot be looked at."""

    def test_a_part_of_a_replicate(self):
        """A snapshot is of whole replicates."""
        records = simulated(small("ms_daclizumab"), replicates=1)
        part = Records(records.labels, records.tables, 0, 1, whole=False)
        with pytest.raises(UsageError, match="whole replicates"):
            at(part, 0)

    def test_another_number_of_minutes(self):
        """One for each replicate."""
        _, records = ran("ms_daclizumab")
        for act in (as_of, until_stopped):
            for minutes in (np.zeros(2, dtype=np.int64), np.zeros((3, 1), dtype=np.int64)):
                with pytest.raises(UsageError, match="3 replicates need as many"):
                    act(records, minutes)

    def test_a_negative_lag(self):
        """Nothing is known before it happens."""
        _, records = ran("ms_daclizumab")
        with pytest.raises(UsageError, match="-1 minutes"):
            at(records, 0, -1)


def test_a_subject_who_never_moves_is_where_they_began():
    """Before the first move the present state is the first one, though the last one is another."""
    records = run(
        """
states:
  first: {enrolled: true, lasts: 3 days}
  done: {final: done}
transitions:
  - {from: first, to: done}
"""
    )
    start = int(begins(records)[0])
    for minute, state in ((start, 0), (start + 3 * DAY - 1, 0), (start + 3 * DAY, 1)):
        known = at(records, minute)
        assert known["subjects"]["final_state"].tolist() == [state]
        assert known["subjects"]["end_minute"].tolist() == [minute - start]
        assert known.first_states().tolist() == [0]
