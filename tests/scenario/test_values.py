"""Values that somebody gives, from a command line or from Python: taken as what they are, or refused in words."""

from __future__ import annotations

import dataclasses
import enum
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import protocolsim
from protocolsim.analysis.catalogue import kinds as analysis_kinds
from protocolsim.endpoint.catalogue import kinds
from protocolsim.errors import ProtocolsimError, ScenarioError, UsageError
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import value_of
from protocolsim.scenario.reserved import why_no_component
from protocolsim.study.sweep.grid_values import axis
from tests.support import named, protocols
from tests.support.protocols import Depot, Drifting

HUGE = 10**5000  # more digits than Python writes
SCENARIO = "ms_daclizumab"


class Size(enum.IntEnum):
    SMALL = 5


TAKEN = [
    ({"cohort.size": np.int64(5)}, {"cohort.size": 5}),
    ({"cohort.size": Size.SMALL}, {"cohort.size": 5}),
    ({"response_threshold": np.float64(0.5)}, {"response_threshold": 0.5}),
    ({"title": np.str_("A title")}, {"title": "A title"}),
    ({"findings": ()}, {"findings": []}),
    (
        {"parameters.response_threshold.range": np.array([0.0, 1.0])},
        {"parameters.response_threshold.range": [0.0, 1.0]},
    ),
]
REFUSED = [
    ({5: 1}, "--set 5: expected the name of what is set, as text"),
    ({None: 1}, "--set None: expected the name of what is set"),
    ({"seed": HUGE}, "a number of thousands of digits is not a value"),
    ({"title": "a\x00b"}, r"title: character U\+0000 cannot stand"),
    ({"title": "a\ud800b"}, r"title: character U\+D800 cannot stand"),
    ({"ti\x00tle": "a"}, r"'ti\\x00tle': character U\+0000"),
    ({"cohort.sites": {"a\x00": {"arrivals": "1 / week"}}}, r"cohort.sites: character U\+0000"),
    ({"title": "x" * 20_000}, "text of 20000 characters"),
    ({"title": object}, "is not a value that a scenario file could hold"),
    ({"cohort.size": float("nan")}, "nan is not a value"),
    ({"cohort.size": np.array([np.inf])}, "inf is not a value"),
    ({f"protocol.transitions.{'1' * 5000}.when": 1}, "there is no such name"),
]


class TestFromPython:
    @pytest.mark.parametrize(("given_", "plain"), TAKEN)
    def test_a_number_of_numpy_is_the_number(self, given_, plain):
        """What only behaves like a plain value is that value, in the file that is saved too."""
        one, other = (protocolsim.load(SCENARIO, set=s) for s in (given_, plain))
        assert one.resolved == other.resolved
        assert json.dumps(one.document.data) == json.dumps(other.document.data)

    @pytest.mark.parametrize(("given_", "message"), REFUSED, ids=range(len(REFUSED)))
    def test_what_no_file_could_hold_is_refused_in_words(self, given_, message):
        """Keys that are no text, texts and numbers that no file could hold are refused, and nothing else happens."""
        with pytest.raises(UsageError, match=message) as error:
            protocolsim.load(SCENARIO, set=given_)
        assert str(error.value).isprintable()

    def test_replicates_and_seeds(self):
        """A count of numpy counts, and one that cannot be is refused in words however many digits it has."""
        loaded = named.scenario()
        one: Any = np.int64(1)
        three: Any = np.uint8(3)
        assert protocolsim.run(loaded, replicates=one, seed=three).seed == 3
        wrong: Any
        for wrong in (HUGE, -HUGE, np.float64(1.0), True, "1"):
            with pytest.raises(UsageError, match=r"^replicates: "):
                protocolsim.run(loaded, replicates=wrong)

    def test_values_to_vary_over(self):
        """An array of numpy, a list of its numbers and plain numbers are the same axis."""
        plain = axis("x", [1, 2.5])
        assert axis("x", np.array([1, 2.5])).values == plain.values
        assert axis("x", [np.int64(1), np.float64(2.5)]) == plain
        with pytest.raises(UsageError, match="cannot read 'a number of thousands of digits'"):
            axis("x", [HUGE])

    @given(st.integers(-(10**7), 10**7), st.integers(1, 9))
    def test_a_number_too_small_to_be_told_from_zero(self, exponent, digit):
        """Whatever exponent a step has: points, or words."""
        text = f"1:30:{digit}e{exponent}"
        try:
            assert len(axis("x", text).values) > 1
        except UsageError as error:
            assert text in str(error)  # noqa: PT017 - either will do


class TestSettings:
    @pytest.mark.parametrize(
        ("text", "value"),
        [("a # b", "a # b"), ("# x", "# x"), ("a#b", "a#b"), ("'a # b'", "a # b"), ("[1, '#']", [1, "#"]), ("5", 5)],
    )
    def test_a_setting_has_no_comments(self, text, value):
        """`--set 'title=a # b'` is that text, and not its beginning."""
        assert value_of("title", text) == value

    @pytest.mark.parametrize("text", ["'a' # b", "[1, 2] # three", "{a: 1} #"])
    def test_what_stands_behind_a_closed_value_is_refused(self, text):
        """What would be cut off is refused."""
        with pytest.raises(UsageError, match="begins a comment there"):
            value_of("title", text)

    @given(st.text(max_size=30))
    def test_whatever_is_set_is_a_value_or_refused(self, text):
        """A setting from a command line is a value that a file can hold, or is refused; it is never cut at a `#`."""
        try:
            found = value_of("title", text)
        except UsageError:
            return
        if isinstance(found, str) and " #" in text and text[0] not in "'\"|>":
            assert found == text or found == text.strip()


class TestEscapes:
    @given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Cn"]), min_size=1, max_size=5))
    def test_json_is_a_scenario(self, text):
        """Whatever JSON escapes, emoji as two halves too, is the text that it stands for."""
        assert parse(json.dumps({"title": text}), "x.json").data == {"title": text}

    @pytest.mark.parametrize("half", ["\\ud83d", "\\ude00", "\\ude00\\ud83d", "\\ud83d \\ude00"])
    def test_half_a_character_is_refused(self, half):
        """Half an emoji is no character, in whatever order the halves stand."""
        with pytest.raises(ScenarioError, match="cannot stand in a scenario, not even escaped"):
            parse(f'{{"title": "{half}"}}', "x.json")


class TestWhoseFault:
    """A fault of the file is told at its line; a bug of a component is called one, with its file."""

    @pytest.mark.parametrize(("room", "catalogue"), [("endpoints", kinds), ("analysis", analysis_kinds)])
    def test_a_bug_of_a_kind_is_no_missing_key(self, monkeypatch, room, catalogue):
        """A TypeError inside a kind is told as what it is; only a key that is not there is missing."""
        draft = named.draft()
        (name, part), *_ = draft[room].items()

        def post(self):
            raise TypeError("of its own")

        monkeypatch.setattr(catalogue()[part["kind"]], "__post_init__", post, raising=False)
        with pytest.raises(ScenarioError) as error:
            build(parse(json.dumps(draft), "x.yaml"), allow_plugins=True)
        said = [f.message for f in error.value.faults if f.path == f"{room}.{name}"]
        (message,) = said
        assert "failed: TypeError: of its own (test_values.py, line" in message
        assert "missing here" not in str(error.value)

    def test_a_bug_of_a_component_is_told(self, monkeypatch):
        """A disease that fails at the parameters it is given is named, with its file and what it raised."""

        def fail(values):
            raise ZeroDivisionError("no such thing")

        monkeypatch.setattr(protocols, "Drifting", dataclasses.replace(Drifting, constants=fail))
        with pytest.raises(ScenarioError, match=r"'drifting' failed at these .*ZeroDivisionError: no such thing"):
            named.scenario()

    def test_what_a_component_declares_has_names_too(self):
        """Names that a component declares and that would meet ours are refused, each with its reason."""
        trait, variable = Drifting.traits[0], Drifting.assessments[0].variables[0]
        assert why_no_component(Drifting, of_cohort=True) == []
        assert why_no_component(Depot, of_cohort=False) == []
        for name, of in (("subject", "our tables"), ("week", "no unit"), ("truth_x", "hidden traits"), ("a b", "a b")):
            wrong = dataclasses.replace(Drifting, traits=(_called(trait, name),))
            assert any(of in why for why in why_no_component(wrong, of_cohort=True)), name
        shows = _called(Drifting.assessments[0], "scan", variables=(_called(variable, "=x"),))
        wrong = dataclasses.replace(Drifting, assessments=(shows,))
        assert why_no_component(wrong, of_cohort=True)

    def test_a_drug_called_as_an_assessment(self):
        """A resource serves a drug or an assessment by its name, so that they must not have one name."""
        with pytest.raises(ScenarioError, match="there is an assessment 'scan' already"):
            named.scenario(drug="scan")

    def test_two_decisions_about_one_threshold(self):
        """Of two decisions about one threshold only the first would ever be looked at: the second is refused."""
        draft = named.draft()
        draft["decisions"]["second"] = draft["decisions"]["first"]
        with pytest.raises(ProtocolsimError, match="the decision 'first' is about this threshold already"):
            build(parse(json.dumps(draft), "x.yaml"), allow_plugins=True)


def _called(thing, name, **other):
    return dataclasses.replace(thing, name=name, **other)
