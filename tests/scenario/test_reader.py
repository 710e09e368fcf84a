"""Reading scenario files: what is a value, where it stands, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocolsim.errors import Fault, ScenarioError
from protocolsim.scenario.file.yaml_reader import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_FAULTS,
    MAX_NODES,
    MAX_SCALAR,
    Address,
    Document,
    parse,
    read,
    spell,
)

SCENARIO = """\
title: Daclizumab where interferon beta fails (NCT00001934)
sources: [Bielekova 2009 Arch Neurol 66:483-489]
seed: 2009

parameters:                          # the own_parameters
  response_threshold: {value: 75 %, range: [0 %, 100 %], meaning: what earns daclizumab alone}
cohort: {size: 15, disease: relapsing_ms}

protocol:
  summaries:
    cel_reduction: 1 - current_cel / baseline_cel
  states:
    baseline:
      label: "Interferon beta alone"
      treatment: {interferon_beta: standard}
      assessments: {mri: {weeks: [0, 4, 8, 12]}}
      lasts: 12 weeks
      note: |
        two lines
        of text
    completed: {final: completed}
    withdrawn:
  transitions:
    - {from: baseline, to: completed, when: entry_cel >= 2}
    - {from: on study, to: withdrawn, upon: severe adverse event}
"""


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(ScenarioError) as caught:
        parse(text, "trial.yaml")
    return caught.value.faults


def only_fault(text: str) -> Fault:
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def value(written: str) -> Any:
    return parse(f"a: {written}\n", "trial.yaml").data["a"]


class TestValues:
    """YAML 1.2's core schema, in plain Python types."""

    @pytest.mark.parametrize("word", ["on", "off", "yes", "no", "NO", "y", "n", "On", "75 %", "1 mg/kg", "12 weeks"])
    def test_words_stay_text(self, word):
        """YAML 1.1's booleans and our quantities are text."""
        assert value(word) == word

    @pytest.mark.parametrize(
        "word", ["2009-10-01", "2001-12-14T21:59:43Z", "12:30:45", "1_000", "0b101", "=", "1e", "."]
    )
    def test_what_yaml_1_2_does_not_know_stays_text(self, word):
        """Timestamps, sexagesimals, underscored and binary numbers are text."""
        assert value(word) == word

    @pytest.mark.parametrize(
        ("written", "expected"),
        [
            ("1e-3", 0.001),
            ("-2.5E+2", -250.0),
            (".5", 0.5),
            ("3.", 3.0),
            ("15", 15),
            ("-7", -7),
            ("010", 10),
            ("0o17", 15),
            ("0x1F", 31),
            ("9223372036854775807", 2**63 - 1),
            ("-9223372036854775808", -(2**63)),
            ("true", True),
            ("FALSE", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("'15'", "15"),
            ('"true"', "true"),
            ("''", ""),
        ],
    )
    def test_numbers_and_words_of_the_core_schema(self, written, expected):
        """A plain scalar has the core schema's value and exactly its type; a quoted one is text."""
        found = value(written)

        assert found == expected
        assert type(found) is type(expected)

    def test_the_realistic_scenario_is_plain_python(self):
        """Every value of a real scenario is of exactly a plain type, and the data are what the file says."""
        data = parse(SCENARIO, "trial.yaml").data

        assert {type(v) for v in _values(data)} <= {dict, list, str, int, float, bool, type(None)}
        assert data["cohort"] == {"size": 15, "disease": "relapsing_ms"}
        assert data["protocol"]["states"]["baseline"]["assessments"] == {"mri": {"weeks": [0, 4, 8, 12]}}
        assert data["protocol"]["states"]["baseline"]["note"] == "two lines\nof text\n"
        assert data["protocol"]["states"]["withdrawn"] is None

    def test_what_is_done_to_one_document_is_not_seen_in_the_next(self):
        """The same text gives equal documents that share nothing, though it is taken apart only once."""
        one = parse(SCENARIO, "trial.yaml")
        before = repr(one)
        one.data["protocol"]["states"]["baseline"]["assessments"]["mri"]["weeks"].append(16)
        one.data["cohort"]["size"] = 3

        assert repr(parse(SCENARIO, "trial.yaml")) == before
        assert repr(one) != before
        assert parse(SCENARIO, "elsewhere.yaml").source_of(("cohort",)) == "elsewhere.yaml"

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers(-(2**63), 2**63 - 1)
            | st.floats(allow_nan=False, allow_infinity=False),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.text("abcdefgh_", min_size=1, max_size=5), inner, max_size=4)
            ),
            max_leaves=20,
        )
    )
    def test_json_reads_as_itself(self, tree):
        """JSON is YAML 1.2: whatever json writes is read back equal, types and all."""
        import json

        found = parse(json.dumps({"a": tree}), "trial.yaml").data["a"]

        assert repr(found) == repr(tree)


def _values(tree: Any) -> list[Any]:
    below = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return [tree, *(found for inner in below for found in _values(inner))]


class TestPlaces:
    """Every address has a line and a column, counted from 1."""

    DOCUMENT = parse(SCENARIO, "trial.yaml")

    @pytest.mark.parametrize(
        ("address", "key_is", "value_is"),
        [
            (("seed",), "seed:", "2009"),
            (("cohort", "size"), "size:", "15"),
            (("sources", 0), "Bielekova", "Bielekova"),
            (("parameters", "response_threshold"), "response_threshold:", "{value: 75"),
            (("parameters", "response_threshold", "range", 1), "100 %", "100 %"),
            (("protocol", "states", "baseline", "label"), "label:", '"Interferon'),
            (("protocol", "states", "baseline", "assessments", "mri", "weeks", 3), "12]", "12]"),
            (("protocol", "transitions", 1, "upon"), "upon:", "severe"),
            (("protocol", "transitions", 0), "{from: baseline", "{from: baseline"),
            (("protocol", "states", "withdrawn"), "withdrawn:", "withdrawn:"),
        ],
    )
    def test_the_text_at_a_place_is_the_key_and_the_value(self, address, key_is, value_is):
        """At an address's place the file's text begins with that key, at its value's place with that value."""
        assert _text_at(self.DOCUMENT.place(address)).startswith(key_is)
        assert _text_at(self.DOCUMENT.value_place(address)).startswith(value_is)

    def test_a_missing_address_has_its_nearest_ancestors_place(self):
        """What the file does not say is placed at the nearest thing that it says."""
        states: Address = ("protocol", "states")

        assert self.DOCUMENT.place((*states, "combnation", "lasts")) == self.DOCUMENT.place(states)
        assert self.DOCUMENT.place(("protocol", "transitions", 9)) == self.DOCUMENT.place(("protocol", "transitions"))
        assert self.DOCUMENT.place(("nothing",)) == self.DOCUMENT.place(()) == (1, 1)

    def test_every_key_in_the_data_has_a_place_of_its_own(self):
        """No two addresses share a key's place, and each has one."""
        keys = [address for address in self.DOCUMENT.places if address and isinstance(address[-1], str)]

        assert set(self.DOCUMENT.places) == set(_addresses(self.DOCUMENT.data, ()))
        assert len({self.DOCUMENT.place(address) for address in keys}) == len(keys)

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_lines_count_alike_under_every_line_end(self, end):
        """Windows' and old line ends count as one line each."""
        document = parse(SCENARIO.replace("\n", end), "trial.yaml")

        assert document.places == self.DOCUMENT.places
        assert document.data == self.DOCUMENT.data

    def test_a_byte_order_mark_moves_nothing(self):
        """A UTF-8 byte order mark is not part of the first key."""
        assert parse("\ufeff" + SCENARIO, "trial.yaml").places == self.DOCUMENT.places

    def test_a_fault_carries_the_place_and_the_spelt_address(self):
        """`fault` says the value's place, or the key's on request, and spells the address."""
        address: Address = ("protocol", "transitions", 1, "upon")
        by_value = self.DOCUMENT.fault(address, "wrong")
        by_key = self.DOCUMENT.fault(address, "wrong", at_key=True)

        assert by_value == Fault(*self.DOCUMENT.value_place(address), "protocol.transitions[1].upon", "wrong")
        assert by_key == Fault(*self.DOCUMENT.place(address), "protocol.transitions[1].upon", "wrong")
        assert spell(()) == ""


def _text_at(place: tuple[int, int]) -> str:
    return SCENARIO.split("\n")[place[0] - 1][place[1] - 1 :]


def _addresses(tree: Any, address: Address) -> list[Address]:
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [address, *(found for key, inner in below for found in _addresses(inner, (*address, key)))]


class TestRefusals:
    """What is not one scenario's worth of plain YAML is refused where it stands."""

    @pytest.mark.parametrize(
        ("text", "line", "column", "says"),
        [
            ("a: 1\nb: &x 2\n", 2, 4, "aliases are not allowed"),
            ("a: 1\nb: *x\n", 2, 4, "aliases are not allowed"),
            ("a:\n  <<: {b: 1}\n", 2, 3, "merge keys"),
            ("a: !!python/object/apply:os.system ['true']\n", 1, 4, "tags are not allowed"),
            ("a: !mine 5\n", 1, 4, "tags are not allowed"),
            ("a: ! 5\n", 1, 4, "tags are not allowed"),
            ("a: !!str 5\n", 1, 4, "tags are not allowed"),
            ("a: 1\n---\nb: 2\n", 2, 1, "second document"),
            ("%YAML 1.1\n---\na: 1\n", 2, 1, "directives"),
            ("%TAG ! tag:evil,2000:\n---\na: 1\n", 2, 1, "directives"),
            ("- a\n- b\n", 1, 1, "not a list"),
            ("# why\njust text\n", 2, 1, "not a single value"),
            ("a: 1\n1: x\n", 2, 1, "put it in quotes: '1'"),
            ("true: x\n", 1, 1, "a key must be text"),
            (": x\n", 1, 1, "this one is empty"),
            ("a: 1\n? [b, c]\n: 2\n", 2, 3, "a key must be text"),
            ("a: 1\n? {b: {c: 1}}\n: {d: 1}\n", 2, 3, "a key must be text"),
            ("a:\n\tb: 1\n", 2, 1, "a tab used for indentation"),
            ("a: \t1\n", 1, 4, "a tab; use spaces"),
            ("a: 'x\n", 2, 1, "never closed"),
            ("a: [1, 2\nb: 3\n", 2, 2, "that starts on line 1"),
            ("when: >= 3\n", 1, 8, "must stand in quotes"),
            ("when: @x\n", 1, 7, "put it in quotes"),
            ("a: b: c\n", 1, 5, "check the indentation"),
            ("a: 9223372036854775808\n", 1, 4, "64 bits"),
            ("a: -9223372036854775809\n", 1, 4, "64 bits"),
            (f"a: {'9' * 5000}\n", 1, 4, "64 bits"),
            ("a: .inf\n", 1, 4, "not a finite number"),
            ("a: -.INF\n", 1, 4, "not a finite number"),
            ("a: .nan\n", 1, 4, "not a finite number"),
            ("a: 1e999\n", 1, 4, "not a finite number"),
            ("a: x\0y\n", 1, 5, "U+0000"),
            ("a: 1\nb: \x1b[31m\n", 2, 4, "U+001B"),
            ("a: 1\rb: \x1b[31m\r", 2, 4, "U+001B"),
            ("a:\r\n\tb: 1\r\n", 2, 1, "a tab used for indentation"),
            ('a: "\\0"\n', 1, 4, "U+0000"),
            ('a: "\\ud800"\n', 1, 4, "U+D800"),
            ('a: "\\UFFFFFFFF"\n', 1, 1, "OverflowError"),
            ("a: 1\u2028b: 2\n", 1, 5, "U+2028"),
            ("a: \u202eb\n", 1, 4, "U+202E"),
            ("a: \ud800\n", 1, 4, "U+D800"),
        ],
    )
    def test_each_refusal_says_what_and_where(self, text, line, column, says):
        """One fault, at the line and column of what is wrong, with words for it."""
        fault = only_fault(text)

        assert (fault.line, fault.column) == (line, column), fault
        assert says in fault.message

    @pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff", "null\n"])
    def test_nothing_is_refused_as_empty(self, text):
        """A file without a value is empty."""
        assert "is empty" in only_fault(text).message

    def test_a_key_given_twice_names_both_places(self):
        """The second key is the fault's place, the first stands in the message."""
        fault = only_fault("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")

        assert (fault.line, fault.column, fault.path) == (5, 3, "b.c")
        assert "line 3, column 3" in fault.message

    def test_all_faults_come_at_once_with_a_syntax_error_last(self):
        """What was noted before the syntax broke is told with it."""
        found = faults("a: &x 1\na: 2\n1: 3\nb: !t .nan\nc: 'x\n")

        assert [fault.line for fault in found] == [1, 2, 3, 4, 4, 6]

    def test_the_number_of_faults_is_bounded(self):
        """A file with thousands of faults is not told them all."""
        assert len(faults("a: [" + "*x , " * 5000 + "]\n")) == MAX_FAULTS + 1

    @pytest.mark.parametrize("deep", [MAX_DEPTH, MAX_DEPTH + 1])
    def test_depth_has_a_limit(self, deep):
        """The allowed depth is read, one more is refused, in both styles."""
        flow = "a: " + "[" * (deep - 1) + "]" * (deep - 1) + "\n"
        block = "".join(" " * level + "a:\n" for level in range(deep)) + " " * deep + "1\n"
        for text in (flow, block):
            if deep <= MAX_DEPTH:
                assert isinstance(parse(text, "trial.yaml"), Document)
            else:
                assert "nested deeper" in only_fault(text).message

    @pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "[\n" * 100_000, "- " * 100_000])
    def test_a_hundred_brackets_are_as_many_as_a_hundred_thousand(self, text):
        """Depth is counted while scanning: the refusal is the same however much follows, and no stack overflows."""
        assert "nested deeper" in only_fault(text).message
        assert faults(text) == faults(text[:2000])

    @pytest.mark.parametrize("text", ["{" * 100_000, "? " * 100_000])
    def test_mappings_inside_keys_are_refused_before_they_are_deep(self, text):
        """Each collection that stands for a key is a fault, and the faults are bounded."""
        assert len(faults(text)) == MAX_FAULTS + 1

    def test_the_number_of_nodes_has_a_limit(self):
        """MAX_NODES keys and values are read, one more is refused."""
        items = MAX_NODES - 3  # the mapping, its key and the list are nodes too
        full = parse("a: [" + "1," * items + "]\n", "trial.yaml")

        assert len(full.data["a"]) == items
        assert f"more than {MAX_NODES}" in only_fault("a: [" + "1," * (items + 1) + "]\n").message

    def test_the_length_of_a_text_has_a_limit(self):
        """MAX_SCALAR characters are read, one more is refused."""
        assert value("x" * MAX_SCALAR) == "x" * MAX_SCALAR
        assert "characters" in only_fault(f"a: {'x' * (MAX_SCALAR + 1)}\n").message

    def test_a_bomb_of_aliases_never_grows(self):
        """The 'billion laughs' text gives one fault per anchor and alias and no value."""
        bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 6))

        assert len(faults(bomb)) == 6 + 10

    def test_the_message_is_short_whatever_the_file_holds(self):
        """A long or unprintable key is cut in the message."""
        assert len(str(ScenarioError("t", faults(f"a: !{'x' * 9000} 1\n")))) < 300


class TestFiles:
    """Every way in which a path can fail is a refusal that names it."""

    def refusal(self, path: Path) -> Fault:
        with pytest.raises(ScenarioError) as caught:
            read(path)
        assert caught.value.source == str(path)
        assert len(caught.value.faults) == 1
        return caught.value.faults[0]

    def test_a_file_reads_as_its_text(self, tmp_path):
        """`read` is `parse` of the file's text under the path's name."""
        path = tmp_path / "trial.yaml"
        path.write_text(SCENARIO, encoding="utf-8")

        assert read(path) == parse(SCENARIO, str(path))
        assert read(path, "mine").source == "mine"
        assert read(path).text == SCENARIO

    def test_a_missing_file_names_the_nearest(self, tmp_path):
        """The nearest name in the same folder is offered."""
        (tmp_path / "daclizumab.yaml").write_text("a: 1\n")

        message = self.refusal(tmp_path / "daclizumb.yaml").message
        assert message == f"there is no such file; did you mean '{tmp_path / 'daclizumab.yaml'}'?"
        assert self.refusal(tmp_path / "qq").message == "there is no such file"
        assert "no folder" in self.refusal(tmp_path / "none" / "trial.yaml").message

    def test_odd_paths(self, tmp_path):
        """A folder, a pipe, a file as folder, a looping link, an impossible name: each is refused, and none hangs."""
        (tmp_path / "file").write_text("a: 1\n")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to(tmp_path / "loop")

        assert "is a folder" in self.refusal(tmp_path).message
        assert "not a regular file" in self.refusal(tmp_path / "pipe").message
        assert "no such file" in self.refusal(tmp_path / "file" / "trial.yaml").message
        assert "cannot be read" in self.refusal(tmp_path / "loop").message
        assert "cannot be read" in self.refusal(tmp_path / "a\0b").message
        assert "cannot be read" in self.refusal(tmp_path / ("x" * 5000)).message

    def test_a_file_that_may_not_be_opened(self, tmp_path, monkeypatch):
        """What the system says is passed on (simulated: the superuser may open anything)."""
        path = tmp_path / "trial.yaml"
        path.write_text("a: 1\n")

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        assert self.refusal(path).message == "cannot be read: Permission denied"

    @pytest.mark.parametrize(
        ("raw", "line", "column", "says"),
        [
            (b"a: 1\nb: \xff\n", 2, 4, "byte 0xff at position 8"),
            ("a: \u00e4\n".encode("latin-1"), 1, 4, "byte 0xe4 at position 3"),
            ("a: 1\n".encode("utf-16"), 1, 1, "byte 0xff at position 0"),
            ("a: 1\n".encode("utf-16-le"), 1, 2, "U+0000"),
            (b"\x89PNG\r\n\x1a\n\0\0", 1, 1, "byte 0x89 at position 0"),
            (b"PK\x03\x04", 1, 3, "U+0003"),
            (b"a: \xed\xa0\x80\n", 1, 4, "byte 0xed"),
            (b"a: \xc3", 1, 4, "byte 0xc3"),
        ],
    )
    def test_what_is_not_utf_8_text(self, tmp_path, raw, line, column, says):
        """Binary files and other encodings are refused at the first byte that is wrong."""
        path = tmp_path / "trial.yaml"
        path.write_bytes(raw)

        fault = self.refusal(path)
        assert (fault.line, fault.column) == (line, column)
        assert says in fault.message

    def test_size_has_a_limit(self, tmp_path):
        """MAX_BYTES are read, one more is refused, also when only its bytes are too many."""
        path = tmp_path / "trial.yaml"
        path.write_bytes(b"a: 1\n".ljust(MAX_BYTES, b"\n"))
        assert read(path).data == {"a": 1}

        path.write_bytes(b"a: 1\n".ljust(MAX_BYTES + 1, b"\n"))
        assert "larger than" in self.refusal(path).message
        assert "larger than" in only_fault("a: 1\n".ljust(MAX_BYTES + 1)).message


ALPHABET = "abc01:-?[]{},#&*!|>'\"%@`~<=.\\ \n\t\r\0\ufeff\u2028"
PIECES = [
    *("a", "b", ": ", "- ", "\n", "\n  ", "? ", "[", "]", "{", "}", ", ", "'", '"', "|", ">", "#", "&a ", "*a ", "<<"),
    *("!!x ", "---\n", "...\n", "%YAML 1.2\n", "1e-3", "null", "\\u", "|2-\n", "\t"),
]
TEXTS = st.text() | st.text(ALPHABET, max_size=60) | st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


def answer(text: str) -> Document | ScenarioError:
    try:
        return parse(text, "trial.yaml")
    except ScenarioError as refusal:
        return refusal


def check_document_or_refusal(text: str) -> None:
    found = answer(text)
    if isinstance(found, Document):
        assert set(found.places) == set(_addresses(found.data, ()))
        return
    assert found.faults
    assert all(fault.message and "\n" not in fault.message for fault in found.faults)
    assert all(0 <= fault.line <= text.count("\n") + text.count("\r") + 1 for fault in found.faults)
    assert len(str(found)) < 10_000


class TestAnyText:
    """Whatever the text, the answer is a document or a ScenarioError."""

    @settings(max_examples=400, deadline=None)
    @given(TEXTS)
    @example("a: !")
    @example('"\\U99999999')
    @example("a: |99\n")
    @example("%YAML 1.\n---\n")
    @example("%YAML 9999999999999999999999.1\n---\na: 1")
    @example("%TAG\n---\n")
    def test_any_text(self, text):
        """Any text gives a document with all its places, or a refusal in one-line messages."""
        check_document_or_refusal(text)

    @settings(max_examples=300, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, len(SCENARIO)), st.integers(0, 12), TEXTS | st.just("")), min_size=1, max_size=3
        )
    )
    def test_any_mutation_of_a_scenario(self, cuts):
        """Cutting pieces out of a scenario and putting others in never does anything else."""
        text = SCENARIO
        for start, length, put in cuts:
            text = text[:start] + put[:20] + text[start + length :]

        check_document_or_refusal(text)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=80) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
    def test_any_bytes(self, tmp_path_factory, raw):
        """Any file's bytes give a document or a ScenarioError too."""
        path = tmp_path_factory.getbasetemp() / "bytes.yaml"
        path.write_bytes(raw)
        try:
            found = read(path).data
        except ScenarioError:
            return
        assert isinstance(found, dict)
