"""What every part of a scenario is read with: which faults are reported, what counts as sound, what a load builds."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from protocolsim.scenario.build import assemble
from protocolsim.scenario.build.trial import trial_of
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.build.values.parameters import Parameters, ParameterValue
from protocolsim.scenario.file.yaml_reader import Address, parse
from protocolsim.scenario.load import load_text
from protocolsim.units import TIME

FILE = """\
parameters: {early: 1, late: 2}
protocol:
  states: {treated: {lasts: 4 weeks}, rest: {lasts: 1 week}}
endpoints: {first: {kind: share}}
"""
RULES = """\
title: Two states that end with rules only
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
protocol:
  summaries: {visits: {entries of: treated}}
  states:
    treated: {enrolled: true, lasts: 4 weeks}
    rest: {lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: treated, to: rest, when: visits < 2}
    - {from: treated, to: done, when: visits >= 2}
    - {from: rest, to: treated, when: visits < 2}
    - {from: rest, to: done, when: visits >= 2}
endpoints:
  completed: {kind: share, entered: done}
"""
TREATED: Address = ("protocol", "states", "treated")


def values(*mended: Address) -> Expressions:
    document = parse(FILE, "file.yaml")
    faults = Faults(document, mended)
    return Expressions(faults, Names(document, faults), Parameters())


class TestFaults:
    """Which faults are reported, and what they say of the part that is being read."""

    @pytest.mark.parametrize("address", [TREATED, (*TREATED, "lasts"), ("protocol", "states"), ("protocol",)])
    def test_what_follows_from_a_mended_place_is_unsound_but_not_reported(self, address: Address) -> None:
        """A fault at a mended place, below it or above it is not reported, and what is read there is not sound."""
        faults = values(TREATED).faults
        with faults.watch() as here:
            faults.append(address, "wrong")
        assert not here.ok
        assert not faults.reported

    def test_places_beside_a_mended_one_are_reported(self) -> None:
        """A fault elsewhere, even at a place of a similar name, is reported with its line."""
        faults = values(TREATED).faults
        faults.append(("protocol", "states", "rest", "lasts"), "wrong")
        faults.append(("endpoints", "first"), "wrong too")
        assert [(f.line, f.message) for f in faults.reported] == [(3, "wrong"), (4, "wrong too")]
        assert faults.any_in("protocol.states.rest")
        assert not faults.any_in("parameters")

    def test_a_part_is_unsound_by_what_is_read_within_it_alone(self) -> None:
        """A fault spoils the part that is being read and all around it, none that was read before or comes after."""
        faults = values().faults
        with faults.watch() as around:
            with faults.watch() as before:
                pass
            with faults.watch() as here:
                faults.append(TREATED, "wrong")
            with faults.watch() as after:
                assert after.ok
        assert (before.ok, here.ok, after.ok, around.ok) == (True, False, True, False)

    def test_a_part_that_cannot_be_read_to_its_end_is_closed(self) -> None:
        """An exception while a part is read leaves no part open: the one around it goes on being told."""
        faults = values().faults
        with faults.watch() as around:
            with pytest.raises(KeyError), faults.watch() as here:
                raise KeyError
            faults.append(TREATED, "wrong")
        assert (here.ok, around.ok) == (True, False)


class TestNames:
    """Names are declared in order; an unknown one is one fault."""

    def test_an_unknown_name_is_unsound_at_once_and_reported_in_the_end(self) -> None:
        """An unknown name spoils what is read; it is one fault however often it stands there, after all are read."""
        q = values()
        with q.faults.watch() as here:
            for key in ("a", "b"):
                assert not q.names.known(("endpoints", "first", key), "state", "traeted", ["treated", "rest"])
        assert not here.ok
        assert not q.faults
        q.names.settle()
        (fault,) = q.faults.reported
        assert fault.message == "nothing uses it, but 2 places say 'traeted'; did you mean 'traeted'?"
        assert (fault.line, fault.path) == (3, "protocol.states.treated")

    def test_a_name_uses_those_above_it(self) -> None:
        """A later name, and the name itself, is a fault; a name that is at fault itself is unsound, and no second."""
        q = values()
        place: Address = ("parameters", "early")
        seen = []
        for name, _ in q.names.in_order(("parameters",), {"early": 1, "late": 2}):
            seen.append(name)
            q.names.all_known(place, ["late"], ["early"])
            q.names.broken("early")
        assert seen == ["early", "late"]
        assert [f.message for f in q.faults.reported] == [
            "'late' does not stand above it; an expression uses what stands before it"
        ] * 2
        assert not q.names.all_known(place, ["early"], ["early"])
        assert len(q.faults.reported) == 2

    def test_a_name_that_stands_above_may_be_used(self) -> None:
        """While the second of two is read, the first is known and the second is not yet."""
        q = values()
        may_use = [
            (name, q.names.all_known(("parameters", "late"), ["early"], ["early"]))
            for name, _ in q.names.in_order(("parameters",), {"early": 1, "late": 2})
        ]
        assert may_use == [("early", False), ("late", True)]

    def test_a_name_that_cannot_be_is_left_out(self) -> None:
        """What is declared under a refused name is not read, and using that name is no second fault."""
        q = values()
        q.names.refuse(("parameters", "early"))
        assert [n for n, _ in q.names.in_order(("parameters",), {"early": 1, "late": 2})] == ["late"]
        assert not q.names.all_known(("parameters", "late"), ["early"], [])
        assert not q.faults
        assert q.names.refused_in("parameters")
        assert not q.names.refused_in("endpoints")


def test_a_number_is_made_of_settled_parameters() -> None:
    """An expression has the value and the dimension of its parameters; another dimension is a fault."""
    q = values()
    q.parameters.settle("early", ParameterValue(1440.0, TIME, "1 day", None, None))
    assert q.minutes(TREATED, "2 * early + 1 hour") == 2940
    assert q.whole(TREATED, "early", least=0, most=9, what="subjects") is None
    assert len(q.faults.reported) == 1


def test_nothing_that_parts_are_read_with_is_replaced() -> None:
    """No builder can put other faults, names or parameters in the place of those that all of them share."""
    q: Any = values()
    with pytest.raises(FrozenInstanceError):
        q.faults = []
    with pytest.raises(AttributeError):
        q.faults.reported = ()
    with pytest.raises(AttributeError):
        q.parameters.values = {}


def test_the_trial_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where states end with rules only, the trial in which they are proven to cover everybody is the scenario's own."""
    built = []
    original = trial_of

    def counted(*arguments: Any) -> Any:
        built.append(original(*arguments))
        return built[-1]

    monkeypatch.setattr(assemble, "trial_of", counted)
    scenario = load_text(RULES, "rules.yaml")
    ends = [s.at_end for s in scenario.trial.protocol.states if s.at_end is not None]
    assert sum(all(t.rule is not None for t in group.transitions) for group in ends) == 2
    assert len(built) == 1
    assert scenario.trial is built[0]
