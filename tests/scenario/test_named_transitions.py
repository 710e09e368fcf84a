"""Transitions by name: what a file that extends another says of one of them, and where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.errors import ScenarioError
from protocolsim.scenario.file.extends import load_document, with_settings
from protocolsim.scenario.file.named_transitions import listed
from protocolsim.scenario.file.yaml_reader import Document, parse
from protocolsim.scenario.load import load

BASE = """\
title: Base
protocol:
  transitions:
    - {name: one, from: a, to: b, when: x > 1}
    - {from: b, to: c}
    - {name: two, from: c, to: d, choose: {e: 0.3, f: 0.7}}
"""


def child(folder: Path, mapping: str, base: str = BASE) -> Document:
    (folder / "base.yaml").write_text(base, encoding="utf-8")
    (folder / "child.yaml").write_text(f"extends: base.yaml\nprotocol:\n  transitions:\n{mapping}", encoding="utf-8")
    return load_document(str(folder / "child.yaml"))


def transitions(document: Document) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document.data["protocol"]["transitions"]
    return found


def test_one_is_changed_and_the_others_stay(tmp_path):
    """Key by key, in its place; null takes a key away, and mappings within merge."""
    document = child(tmp_path, "    one: {when: null, otherwise: true, to: e}\n    two: {choose: {e: 0.5, f: null}}\n")
    assert transitions(document) == [
        {"name": "one", "from": "a", "to": "e", "otherwise": True},
        {"from": "b", "to": "c"},
        {"name": "two", "from": "c", "to": "d", "choose": {"e": 0.5}},
    ]


@pytest.mark.parametrize(
    ("place", "order"),
    [
        ("", ["one", None, "two", "new"]),
        (", place: first", ["new", "one", None, "two"]),
        (", place: before two", ["one", None, "new", "two"]),
        (", place: after one", ["one", "new", None, "two"]),
        (", place: last", ["one", None, "two", "new"]),
    ],
)
def test_a_new_one_goes_where_it_is_said(tmp_path, place, order):
    """At the end where nothing is said."""
    document = child(tmp_path, f"    new: {{from: a, to: c{place}}}\n")
    assert [t.get("name") for t in transitions(document)] == order
    assert all("place" not in t for t in transitions(document))


def test_one_is_moved_or_taken_away(tmp_path):
    """By `place` alone, and by null."""
    assert [t.get("name") for t in transitions(child(tmp_path, "    two: {place: first}\n"))] == ["two", "one", None]
    assert [t.get("name") for t in transitions(child(tmp_path, "    one: null\n"))] == [None, "two"]


def test_every_part_keeps_the_place_where_it_was_written(tmp_path):
    """Lines of both files, after what stands before has come or gone."""
    document = child(tmp_path, "    one: null\n    two:\n      to: e\n      place: first\n")
    room = ("protocol", "transitions")
    assert document.value_place((*room, 0, "to")) == (6, 11)
    assert document.source_of((*room, 0, "to")).endswith("child.yaml")
    assert document.value_place((*room, 0, "from")) == (6, 25)
    assert document.source_of((*room, 0, "from")).endswith("base.yaml")
    assert document.value_place((*room, 1, "from")) == (5, 14)


def test_a_grandchild_changes_what_a_child_has_named(tmp_path):
    """Through two files, one of which has a mapping."""
    child(tmp_path, "    new: {from: a, to: c}\n")
    (tmp_path / "third.yaml").write_text("extends: child.yaml\nprotocol: {transitions: {new: {to: d}}}\n")
    assert transitions(load_document(str(tmp_path / "third.yaml")))[-1] == {"name": "new", "from": "a", "to": "d"}


def test_a_mapping_alone_is_a_list_in_its_order():
    """A file that extends nothing may name them so."""
    document = listed(parse("protocol: {transitions: {b: {from: a, to: b}, a: {from: b, to: c}}}", "x.yaml"))
    assert [t["name"] for t in transitions(document)] == ["b", "a"]
    assert document.value_place(("protocol", "transitions", 1, "to")) == (1, 64)


@pytest.mark.parametrize(
    ("mapping", "line", "said"),
    [
        ("    oen: {when: x > 2}\n", 4, "did you mean 'one'"),
        ("    three: null\n", 4, "a new one says 'from'"),
        ("    one: 7\n", 4, "expected a mapping"),
        ("    one: {name: two}\n", 4, "its name stands before it already"),
        ("    one: {place: before tow}\n", 4, "did you mean 'two'"),
        ("    one: {place: before one}\n", 4, "known"),
        ("    one: {place: second}\n", 4, "expected first, last, before NAME or after NAME"),
        ("    one: {place: 3}\n", 4, "expected first, last, before NAME or after NAME"),
    ],
)
def test_a_name_that_means_nothing_is_a_fault_at_its_line(tmp_path, mapping, line, said):
    """With the nearest right word."""
    with pytest.raises(ScenarioError) as error:
        child(tmp_path, mapping)
    (fault,) = error.value.faults
    assert fault.line == line
    assert said in fault.message


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.data())
def test_a_list_changed_by_its_own_names_is_itself(names, data):
    """Whatever is said again of some of them changes nothing."""
    items = "".join(f"    - {{name: {n}, from: {n}, to: x}}\n" for n in names)
    base = parse(f"title: t\nprotocol:\n  transitions:\n{items or '    []'}\n", "base.yaml")
    again = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    from protocolsim.scenario.file.extends import _merge

    mapping = "".join(f"    {n}: {{to: x}}\n" for n in again)
    over = parse(f"protocol:\n  transitions:\n{mapping or '    {}'}\n", "over.yaml")
    assert transitions(_merge(base, over)) == transitions(base)


def test_set_finds_a_transition_by_its_name():
    """As by its number."""
    for path in ("protocol.transitions.rescue.when", "protocol.transitions.4.when"):
        scenario = load("ms_daclizumab", set={path: "recent_cel > 7"})
        assert "recent_cel > 7" in {t.rule.words for t in scenario.trial.protocol.transitions if t.rule}
    document = with_settings(load("ms_daclizumab").document, {"protocol.transitions.rescue.to": "completed"})
    assert transitions(document)[4]["to"] == "completed"


def test_two_of_one_name_are_a_fault():
    """At the second."""
    with pytest.raises(ScenarioError, match=r"transitions\[5\].name: 'rescue' is another one's name"):
        load("ms_daclizumab", set={"protocol.transitions.5.name": "rescue"})
