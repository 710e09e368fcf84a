"""Every kind that a file can name carries an example that runs, and says what its keys are."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from pydantic import TypeAdapter

from protocolsim.endpoint.share import Share
from protocolsim.errors import ScenarioError
from protocolsim.scenario.build.endpoints import missing_field
from protocolsim.scenario.file.schema import SummaryPart
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.kinds import KindEntry, kind_entries
from protocolsim.scenario.load import load_text
from protocolsim.study.run import run

ENTRIES = kind_entries()
every = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.section}-{e.name}".replace(" ", "_"))
SECTIONS = {
    "endpoint": ("endpoints",), "analysis": ("analysis",), "summary": ("protocol", "summaries"),
    "statistic": ("interim", "statistics"), "boundary shape": ("interim", "boundaries"),
}  # fmt: skip
OF_LOOKS = ("statistic", "boundary shape")


def written(entry: KindEntry) -> dict[str, dict[str, object]]:
    """What the example's own text says in the section of its kind."""
    part = parse(entry.example, "example.yaml").data
    for step in SECTIONS[entry.section]:
        part = part[step]
    return part


@every
def test_the_example_runs_and_is_of_its_kind(entry):
    """The example is a whole scenario without a fault, uses the kind, and yields a number for each of its results."""
    mine = written(entry)
    if entry.section == "boundary shape":
        assert entry.name in {str(one["as"]).split("(")[0] for one in mine.values()}
    elif entry.section in ("summary", "statistic"):
        assert any(entry.name in one for one in mine.values())
    else:
        assert entry.name in {one["kind"] for one in mine.values()}
    result = run(load_text(entry.example, "example.yaml"), replicates=3)
    if entry.section in ("endpoint", "analysis"):
        assert set(mine) <= set(result.estimates)
        assert all(result.estimates[name].value == result.estimates[name].value for name in mine)


@every
def test_each_key_is_known_and_each_required_one_is_given(entry):
    """The example writes only keys that the entry lists, and all that it calls required."""
    known = {key.name: key for key in entry.keys}
    for one in written(entry).values():
        if entry.section == "boundary shape":
            assert not known
        elif entry.name in one if entry.section in ("summary", "statistic") else one["kind"] == entry.name:
            assert set(one) - {"kind"} <= set(known)
            assert {name for name, key in known.items() if key.required} <= set(one)
    assert entry.meaning
    assert entry.text
    assert all(key.holds for key in entry.keys)
    assert all(key.choices for key in entry.keys if key.holds == "choice")


@pytest.mark.parametrize(
    "entry", [e for e in ENTRIES if e.section not in ("summary", "boundary shape")], ids=lambda e: e.name
)
def test_a_required_key_is_one_that_the_reader_asks_for(entry):
    """Without a key that an entry calls required the file is refused, naming it; without any other it is not missed."""
    for key in entry.keys:
        document = parse(entry.example, "example.yaml").data
        part = document
        for step in SECTIONS[entry.section]:
            part = part[step]
        if key.name == entry.name:
            continue  # without it nothing says of which kind it is
        for one in part.values():
            if isinstance(one, dict) and (
                entry.name in one if entry.section in OF_LOOKS else one["kind"] == entry.name
            ):
                one.pop(key.name, None)
        assert refused_as_missing(json.dumps(document), key.name) == key.required


ENDS = {("at_least", "at_most"): ("3", "2"), ("from_at_least", "from_at_most"): ("3", "2"),
        ("after", "before"): ("9 weeks", "9 weeks")}  # fmt: skip


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.section == "endpoint"], ids=lambda e: e.name)
def test_two_ends_with_nothing_between_them_are_refused(entry):
    """Of whatever kind has two ends: such an endpoint would be 0, or have no value, in every trial."""
    keys = {key.name for key in entry.keys}
    for (low, high), given in ENDS.items():
        if {low, high} <= keys:
            document = parse(entry.example, "example.yaml").data
            (name, one), *_ = [(n, e) for n, e in document["endpoints"].items() if e["kind"] == entry.name]
            one |= dict(zip((low, high), given, strict=True))
            with pytest.raises(ScenarioError) as caught:
                load_text(json.dumps(document), "example.yaml")
            assert [f.path for f in caught.value.faults] == [f"endpoints.{name}.{high}"]
        else:
            # Another pair of ends is a line in ENDS, and in `_ENDS` of the builder.
            assert not {k for k in keys if k.endswith(("at_most", "before"))} & {high}


def refused_as_missing(text: str, key: str) -> bool:
    """Whether a scenario of this text is refused because the key is missing."""
    try:
        load_text(text, "example.yaml")
    except ScenarioError as error:
        return f"'{key}' is missing here" in str(error)
    return False


def test_every_summary_of_the_schema_is_an_entry():
    """A way to summarise that a file may write has an entry; what only narrows the others down or labels has none."""
    shape = TypeAdapter(SummaryPart).json_schema(by_alias=True)["properties"]
    summaries = {e.name for e in ENTRIES if e.section == "summary"}
    keys = {k.name for e in ENTRIES if e.section == "summary" for k in e.keys}
    assert summaries | keys | {"label", "value"} == set(shape)
    assert {"sum of", "entries of", "time since"} <= summaries
    assert "during" not in summaries


def test_a_default_of_any_class_is_a_default():
    """Whether a field must be written depends on its having no default, not on what the default's class is called."""
    sentinel = type("_MISSING_TYPE", (), {})

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Example(Share):
        written: str
        factory: str = dataclasses.field(default_factory=str)
        default: Any = dataclasses.field(default=sentinel())

    assert missing_field(Example, ["default"], []) is None
    assert missing_field(Example, ["factory", "default"], []) is None
    assert missing_field(Example, ["default", "written"], []) == "written"
    assert missing_field(Example, ["written"], ["written"]) is None
