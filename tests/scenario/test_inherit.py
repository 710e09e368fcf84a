"""One scenario on top of another, and settings from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocolsim.errors import Fault, ScenarioError, UsageError
from protocolsim.scenario.file import library
from protocolsim.scenario.file.extends import MAX_FILES, extended, load_document, with_settings
from protocolsim.scenario.file.yaml_reader import Document, parse

BASE = """\
title: Base
seed: 1
cohort: {size: 15, disease: some_disease}
protocol:
  states:
    baseline:
      lasts: 12 weeks
      assessments: {mri: {weeks: [0, 4, 8, 12]}}
    rescued: {lasts: 1 weeks}
  transitions:
    - {from: baseline, to: rescued}
    - {from: rescued, to: completed}
"""
CHILD = """\
extends: base.yaml
title: Child
cohort:
  size: 20
protocol:
  states:
    rescued: null
    extra: {lasts: 2 weeks}
    baseline: {assessments: {mri: {weeks: [0]}}}
  transitions:
    - {from: baseline, to: extra}
"""


def write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def loaded(folder: Path, name: str, text: str) -> Document:
    write(folder, **{name: text})
    return load_document(str(folder / f"{name}.yaml"))


def refusal(path: Path) -> tuple[str, Fault]:
    with pytest.raises(ScenarioError) as caught:
        load_document(str(path))
    assert len(caught.value.faults) == 1
    return caught.value.source, caught.value.faults[0]


@pytest.fixture
def child(tmp_path: Path) -> Document:
    write(tmp_path, base=BASE)
    return loaded(tmp_path, "child", CHILD)


class TestMerging:
    """Mappings merge; lists and single values replace; null removes."""

    def test_the_merged_values(self, child):
        """Each rule of merging, by hand, on one scenario."""
        assert child.data == {
            "title": "Child",
            "seed": 1,
            "cohort": {"size": 20, "disease": "some_disease"},
            "protocol": {
                "states": {
                    "baseline": {"lasts": "12 weeks", "assessments": {"mri": {"weeks": [0]}}},
                    "extra": {"lasts": "2 weeks"},
                },
                "transitions": [{"from": "baseline", "to": "extra"}],
            },
        }

    def test_inherited_keys_keep_their_order_and_new_ones_follow(self, child):
        """The order of keys is the parent's, then the extending file's."""
        assert list(child.data) == ["title", "seed", "cohort", "protocol"]
        assert list(child.data["protocol"]["states"]) == ["baseline", "extra"]

    def test_a_mapping_replaces_a_value_and_a_value_a_mapping(self, tmp_path):
        """Where the kinds differ nothing can merge, so the extending file's value stands whole."""
        write(tmp_path, base="a: {b: 1}\nc: 2\nd: [1, 2]\n")

        assert loaded(tmp_path, "child", "extends: base.yaml\na: 5\nc: {e: null}\nd: {}\n").data == {
            "a": 5,
            "c": {"e": None},
            "d": {},
        }

    def test_null_without_an_inherited_key_stays(self, tmp_path):
        """A misspelt removal is not swallowed: it stays in the data for the checks to see."""
        write(tmp_path, base="states: {rescued: 1}\n")

        assert loaded(tmp_path, "child", "extends: base.yaml\nstates: {rescud: null}\n").data == {
            "states": {"rescued": 1, "rescud": None}
        }

    def test_an_empty_child_is_its_parent(self, tmp_path):
        """A file that only extends has its parent's data and places."""
        write(tmp_path, base=BASE)
        same = loaded(tmp_path, "child", "extends: base.yaml\n")
        parent = load_document(str(tmp_path / "base.yaml"))

        assert same.data == parent.data
        assert {a: p for a, p in same.places.items() if a} == {a: p for a, p in parent.places.items() if a}

    def test_three_generations_are_two_merges(self, tmp_path):
        """The youngest wins; what a parent removed, a grandchild may bring back."""
        write(tmp_path, a="x: {p: 1, q: 1, r: 1}\n", b="extends: a.yaml\nx: {p: 2, q: null}\n")

        assert loaded(tmp_path, "c", "extends: b.yaml\nx: {p: 3, q: 3}\n").data == {"x": {"p": 3, "r": 1, "q": 3}}

    TREES = st.dictionaries(
        st.sampled_from("abc"),
        st.recursive(
            st.none() | st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=2),
            lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
            max_leaves=8,
        ),
        min_size=1,
    )

    @given(TREES, TREES)
    def test_any_two_trees_merge_key_by_key(self, tmp_path_factory, base, over):
        """The merge is the recursive rule, and every value says truly in which file it stands."""
        folder = tmp_path_factory.getbasetemp()
        write(folder, base=json.dumps(base))
        found = loaded(folder, "child", json.dumps({"extends": "base.yaml", **over}))

        assert found.data == _rule(base, over)
        for address, below in _leaves(found.data, ()):
            file = Path(found.source_of(address))
            assert file.name in ("base.yaml", "child.yaml")
            assert _at(json.loads(file.read_text()), address) == below
        assert set(found.places) == {(), *(a for a, _ in _nodes(found.data, ()))}


def _rule(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    kept = {k: v for k, v in base.items() if not (k in over and over[k] is None)}
    return kept | {k: _rule(base.get(k), v) for k, v in over.items() if not (k in base and v is None)}


def _nodes(tree: Any, address: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], Any]]:
    below = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for k, v in below for found in [((*address, k), v), *_nodes(v, (*address, k))]]


def _leaves(tree: Any, address: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], Any]]:
    return [(a, v) for a, v in _nodes(tree, address) if not isinstance(v, dict)]


def _at(tree: Any, address: tuple[Any, ...]) -> Any:
    for step in address:
        tree = tree[step]
    return tree


class TestPlaces:
    """Every value is placed in the file that it came from."""

    @pytest.mark.parametrize(
        ("address", "file", "place"),
        [
            (("title",), "child.yaml", (2, 1)),
            (("seed",), "base.yaml", (2, 1)),
            (("cohort", "size"), "child.yaml", (4, 3)),
            (("cohort", "disease"), "base.yaml", (3, 20)),
            (("protocol", "states", "baseline", "lasts"), "base.yaml", (7, 7)),
            (("protocol", "states", "baseline", "assessments", "mri", "weeks", 0), "child.yaml", (9, 44)),
            (("protocol", "states", "baseline", "assessments", "mri", "weeks", 3), "child.yaml", (9, 36)),
            (("protocol", "transitions", 0, "to"), "child.yaml", (11, 24)),
            (("protocol", "transitions", 1, "to"), "child.yaml", (10, 3)),
            (("protocol", "states", "rescued", "lasts"), "child.yaml", (6, 3)),
        ],
    )
    def test_place_and_file(self, child, address, file, place):
        """The line and column are those of the file named; what was replaced or removed left nothing."""
        assert Path(child.source_of(address)).name == file
        assert child.place(address) == place

    def test_a_fault_names_the_file_only_where_it_is_another(self, child):
        """A fault in an inherited part says from which file its line is."""
        own = child.fault(("cohort", "size"), "too small")
        inherited = child.fault(("seed",), "too odd")

        assert own == Fault(4, 9, "cohort.size", "too small")
        assert (inherited.line, inherited.column) == (2, 7)
        assert inherited.message.startswith("too odd (from ")
        assert inherited.message.endswith("base.yaml)")


class TestFinding:
    """What `extends` may name, and how it is refused."""

    def test_a_path_is_beside_the_extending_file(self, tmp_path, monkeypatch):
        """A relative path starts at the folder of the file that says it, wherever one works."""
        (tmp_path / "deep" / "deeper").mkdir(parents=True)
        write(tmp_path / "deep", base="a: 1\n", middle="extends: ./base.yaml\nb: 2\n")
        write(tmp_path / "deep" / "deeper", child="extends: ../middle.yaml\nc: 3\n")
        monkeypatch.chdir(tmp_path)

        found = load_document("deep/deeper/child.yaml")
        assert found.data == {"a": 1, "b": 2, "c": 3}
        assert found.source == "deep/deeper/child.yaml"
        assert (tmp_path / found.source_of(("a",))).resolve() == tmp_path / "deep" / "base.yaml"

    def test_a_name_is_a_shipped_scenario(self, tmp_path, monkeypatch):
        """A name without a separator or an ending is looked up among the shipped ones, also without a file's path."""
        (tmp_path / "shipped").mkdir()
        write(tmp_path / "shipped", known="a: 1\n")
        monkeypatch.setattr(library, "_folder", lambda: tmp_path / "shipped")

        found = loaded(tmp_path, "child", "extends: known\nb: 2\n")
        assert found.data == {"a": 1, "b": 2}
        assert found.source_of(("a",)) == "known"
        assert load_document("known").source == "known"
        assert extended(parse("extends: known\n", "typed")).data == {"a": 1}
        source, fault = refusal_of(tmp_path, "child", "b: 2\nextends: knwn\n")
        assert (source, fault.line, fault.column) == (str(tmp_path / "child.yaml"), 2, 10)
        assert "did you mean 'known'" in fault.message

    def test_text_without_a_file_reaches_no_file(self, tmp_path):
        """A scenario that is only text cannot make the program read a path."""
        write(tmp_path, base="a: 1\n")
        with pytest.raises(ScenarioError, match="has no folder"):
            extended(parse(f"extends: {tmp_path}/base.yaml\n", "typed"))

    def test_a_missing_parent_is_refused_at_its_line(self, tmp_path):
        """The fault stands in the extending file, where the parent is named, and offers the nearest file."""
        write(tmp_path, base="a: 1\n")
        source, fault = refusal_of(tmp_path, "child", "title: x\nextends: bse.yaml\n")

        assert (source, fault.line, fault.column, fault.path) == (str(tmp_path / "child.yaml"), 2, 10, "extends")
        assert "base.yaml" in fault.message

    @pytest.mark.parametrize("written", ["5", "null", "[base.yaml]", "{a: 1}", "true"])
    def test_a_parent_is_named_by_text(self, tmp_path, written):
        """Anything but text is refused at its place."""
        _, fault = refusal_of(tmp_path, "child", f"extends: {written}\n")

        assert fault.path == "extends"
        assert "must be the name" in fault.message

    def test_a_parents_own_faults_are_told_in_its_own_file(self, tmp_path):
        """A parent that cannot be read is refused under its own name and lines."""
        write(tmp_path, base="a: 1\na: 2\n")
        source, fault = refusal_of(tmp_path, "child", "extends: base.yaml\n")

        assert (source, fault.line) == (str(tmp_path / "base.yaml"), 2)

    @pytest.mark.parametrize("length", [1, 2, 3])
    def test_a_circle_is_named(self, tmp_path, length):
        """The message walks the circle and leaves out what only leads to it."""
        write(tmp_path, **{f"f{i}": f"extends: f{(i + 1) % length}.yaml\n" for i in range(length)})
        source, fault = refusal_of(tmp_path, "start", f"extends: ./../{tmp_path.name}/f0.yaml\n")

        assert Path(source).name == f"f{length - 1}.yaml"
        walked = fault.message.partition("circle: ")[2].split(" -> ")
        assert [Path(step).name for step in walked] == [f"f{i % length}.yaml" for i in range(length + 1)]

    def test_the_chain_has_a_limit(self, tmp_path):
        """MAX_FILES files are joined, one more is refused."""
        chain = {f"f{i}": f"extends: f{i + 1}.yaml\n" for i in range(MAX_FILES)} | {f"f{MAX_FILES}": "a: 1\n"}
        write(tmp_path, **chain)

        assert load_document(str(tmp_path / "f1.yaml")).data == {"a": 1}
        assert f"deeper than {MAX_FILES}" in refusal(tmp_path / "f0.yaml")[1].message


def refusal_of(folder: Path, name: str, text: str) -> tuple[str, Fault]:
    write(folder, **{name: text})
    return refusal(folder / f"{name}.yaml")


class TestSettings:
    """`with_settings` sets values by dotted path, and nothing else."""

    BASE = parse(BASE, "base.yaml")

    def test_what_is_set_is_set_and_all_else_stays(self):
        """Each path holds its value; every other value and place is as before, and so is the original."""
        before = json.dumps(self.BASE.data)
        found = with_settings(
            self.BASE,
            {
                "cohort.size": 20,
                "protocol.transitions.1.to": "x",
                "protocol.transitions[0].when": "a > 1",
                "seed": None,
            },
        )
        expected = json.loads(before)
        expected["cohort"]["size"] = 20
        expected["protocol"]["transitions"][1]["to"] = "x"
        expected["protocol"]["transitions"][0]["when"] = "a > 1"
        expected["seed"] = None

        assert found.data == expected
        assert json.dumps(self.BASE.data) == before
        changed = {("cohort", "size"), ("protocol", "transitions", 1, "to"), ("seed",)}
        assert {a: p for a, p in found.places.items() if p.source != "--set"} == {
            a: p for a, p in self.BASE.places.items() if a not in changed
        }

    def test_missing_mappings_are_made_on_the_way(self):
        """A path may lead where nothing stood; an empty value on the way becomes a mapping."""
        document = parse("a: 1\nempty:\n", "t")

        assert with_settings(document, {"new.deep.key": 2, "empty.x": 3}).data == {
            "a": 1,
            "empty": {"x": 3},
            "new": {"deep": {"key": 2}},
        }

    def test_what_was_set_is_placed_outside_every_file(self):
        """A set value, and all of a set tree, is at (0, 0) of `--set`; what it replaced has no place left."""
        found = with_settings(self.BASE, {"protocol.states": {"one": {"lasts": ["a"]}}, "new.deep": 1})

        for address in (
            ("protocol", "states"),
            ("protocol", "states", "one", "lasts", 0),
            ("protocol", "states", "baseline", "lasts"),
            ("new",),
            ("new", "deep"),
        ):
            assert found.source_of(address) == "--set"
            assert found.place(address) == found.value_place(address) == (0, 0)
        assert found.source_of(("protocol", "transitions")) == "base.yaml"
        assert set(found.places) == {(), *(a for a, _ in _nodes(found.data, ()))}
        assert "line" not in str(ScenarioError("s", [found.fault(("new", "deep"), "wrong")]))

    def test_a_set_value_is_a_copy(self):
        """Changing what was passed in changes no document."""
        sizes = [1, 2]
        found = with_settings(self.BASE, {"cohort.sizes": sizes})
        sizes.append(3)

        assert found.data["cohort"]["sizes"] == [1, 2]

    @pytest.mark.parametrize(
        ("path", "value", "says"),
        [
            ("", 1, "not a path"),
            ("a..b", 1, "not a path"),
            (".".join("a" * 31), 1, "not a path"),
            ("extends", "x", "cannot be set from outside"),
            ("cohort.size.x", 1, "cohort.size is '15'"),
            ("protocol.transitions.2.to", "x", "not a number from 0 to 1"),
            ("protocol.transitions.-1.to", "x", "not a number from 0 to 1"),
            ("protocol.transitions.first", "x", "not a number from 0 to 1"),
            ("seed", float("nan"), "not a value"),
            ("seed", float("inf"), "not a value"),
            ("seed", 2**63, "not a value"),
            ("seed", {1: 2}, "not a value"),
            ("seed", object(), "not a value"),
        ],
    )
    def test_what_cannot_be_set_is_refused(self, path, value, says):
        """A path through a value, past a list's end, or a value no file could hold: a UsageError that says so."""
        with pytest.raises(UsageError, match=says):
            with_settings(self.BASE, {path: value})

    def test_a_tree_that_holds_itself_is_refused(self):
        """A value without an end is refused by its depth."""
        endless: list[Any] = []
        endless.append(endless)
        with pytest.raises(UsageError, match="nested deeper"):
            with_settings(self.BASE, {"seed": endless})
