"""Names that somebody chooses: refused where they stand, or every number is what it is under other names."""

from __future__ import annotations

import importlib
import io
import json
from functools import cache
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from pyarrow import Table, parquet
from pyarrow import csv as arrow_csv

import protocolsim
from protocolsim import cli
from protocolsim.errors import ScenarioError, UsageError
from protocolsim.names import MISSING, MOST_IN_NAME, reading, told_apart, why_no_label, why_no_name
from protocolsim.protocol.rules import RESERVED
from protocolsim.records import TABLES
from protocolsim.report.protocol.synopsis import describe
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.values.names import NAME
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.reserved import COLUMNS, KINDS
from protocolsim.study.calibration.targets import targets_of
from protocolsim.study.compare import differing
from protocolsim.study.decision.potential_outcomes import potential_outcomes
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.sweep.sweep import plan
from tests.support import named

# What has broken programs: words of ours and of others, suffixes, signs.
AWKWARD = (
    *("replicate", "subject", "site", "enrolled", "final_state", "end_minute", "end_day", "outcome", "status", "drug"),
    *("value", "value_0", "truth_own", "own", "weight", "point", "estimate", "label", "mcse", "lo", "threshold"),
    *("branch", "share_sent", "sensitivity", "expected_loss", "regret", "area", "measured", "went", "definition"),
    *("fell.sums", "x (varied)", "sums.x", "vary.cut", "range", "meaning", "source", "mark", "note", "kind", "among"),
    *("unit", "seed", "replicates", "cohort", "parameters", "protocol", "size", "days", "week", "mg", "and", "not"),
    *("otherwise", "any", "on study", "enrolment", "screened", "dropout", "fever", "scan", "infusion", "height"),
    *("begin", "strong", "select", "drop table x; --", "order", "group", "index", "level_0", "True", "false", "yes"),
    *("~", "NA", "null", "nan", "None", "N/A", "inf", "1", "01", "1e5", "2020-01-01", "0x1F", "a, b", "it's", "a\tb"),
    *("=1+1", "+1", "-x", "@sum", "<script>alert(1)</script>", "</script>", "&amp;", "{x}", "{{7*7}}", "a.b", "a[0]"),
    *("x ", " x", "", "a\nb", "a\x00b", "\u202eab", "a\u200bb", "\ufeffx", "Zürich", "Zu\u0308rich", "東京", "😀"),
    *("a/b", "a\\b", "..", "con", "%s", "$HOME", "`id`", "# x", "a # b", "a: b", "- a", "[a]", "!tag", "*a", "|", ">"),
    *("N" * MOST_IN_NAME, "N" * (MOST_IN_NAME + 1), "_", "__class__", "lambda", "self", "datum", "datum.value", "x:N"),
    *('say "so"', "a;b", "a\u00a0b", "\ue000"),
)  # fmt: skip


@cache
def plain() -> dict[str, Any]:
    """The numbers of the trial under its plain names."""
    return named.numbers(named.scenario(), named.PLAIN["parameter"])


def refused(kind: str, name: str) -> bool:
    """Whether this name is refused; then in one fault, at its place in the file, that says which name.

    A rule that cannot be read with such a name in it is another fault; a character that no file may have is one
    wherever it stands.
    """
    try:
        named.scenario(**{kind: name})
    except ScenarioError as refusal:
        error = refusal
    else:
        return False
    assert all(fault.line > 0 for fault in error.faults)
    assert all(line.isprintable() for line in str(error).split("\n")), repr(str(error))
    if name and not any("cannot stand in a scenario" in fault.message for fault in error.faults):
        own = error.faults if kind not in named.IN_RULES else error.faults[:1]
        assert len(own) == 1, str(error)
        assert own[0].path.endswith(name) or kind in ("outcome", "reason"), str(error)
    return True


def meets_another(kind: str, name: str) -> bool:
    """Whether the file itself names something else of this kind so, which is a key given twice."""
    others = {k: v for k, v in named.PLAIN.items() if k != kind}
    words = json.dumps(named.draft(**{kind: "\x01"}))
    return name in others.values() or f'"{name}"' in words


class TestLaw:
    @settings(max_examples=15, phases=[Phase.explicit, Phase.generate])
    @given(kind=st.sampled_from(list(named.PLAIN)), name=st.sampled_from(AWKWARD) | st.text(max_size=12))
    @example(kind="randomisation", name="drug")
    @example(kind="endpoint", name="sensitivity")
    @example(kind="measure", name="own")
    @example(kind="site", name="St. Mary's, 'A'; \"B\"")
    @example(kind="parameter", name="range")
    def test_under_any_name_a_trial_is_refused_or_gives_the_same_numbers(self, kind, name):
        """Whatever is named however: one refusal at its line, or all numbers as under plain names, on both engines."""
        _law(kind, name)

    @pytest.mark.long
    @pytest.mark.parametrize("kind", list(named.PLAIN))
    def test_under_every_awkward_name(self, kind):
        """The same, of every awkward name and every kind of thing."""
        for name in AWKWARD:
            _law(kind, name)

    def test_the_trial_tells_something(self):
        """The law is not empty: subjects meet the decision, both branches are taken, and estimates are no zeros."""
        curve = thresholds(named.without_looks(named.scenario()), replicates=named.REPLICATES)
        sent = curve.rule.holds(curve.measured, curve.own)
        assert 0 < sent.sum() < len(sent)
        assert len({repr(v) for v in plain()["batch estimates"]}) > 3


def _law(kind: str, name: str) -> None:
    if meets_another(kind, name) or refused(kind, name):
        return
    loaded = named.scenario(**{kind: name})
    found = named.numbers(loaded, name if kind == "parameter" else named.PLAIN["parameter"])
    assert {k for k in found if found[k] != plain()[k]} == set()
    result = protocolsim.run(loaded, replicates=named.REPLICATES)
    for shown in (*(result.records.frame(t) for t in TABLES), result.table().reset_index()):
        _survives(shown)


def _survives(frame: pd.DataFrame) -> None:
    """Parquet and CSV, read by pandas and by pyarrow with their defaults, have the same columns and the same words."""
    text, packed = frame.to_csv(index=False).encode(), io.BytesIO()
    parquet.write_table(Table.from_pandas(frame, preserve_index=False), packed)
    back = {
        "parquet": pd.read_parquet(packed),
        "csv by pandas": pd.read_csv(io.BytesIO(text)),
        "csv by pyarrow": arrow_csv.read_csv(io.BytesIO(text)).to_pandas(),
    }
    words = [c for c in frame.columns if frame[c].dtype.kind not in "biuf"]
    for how, there in back.items():
        assert list(there.columns) == list(frame.columns), how
        for column in words:
            mine, theirs = (f[column].astype(object)[frame[column].notna()] for f in (frame, there))
            mine, theirs = (side[mine != ""] for side in (mine, theirs))
            assert theirs.notna().all(), (how, column)
            # A column of numbers only is read as numbers; different names stay different.
            assert list(pd.factorize(mine)[0]) == list(pd.factorize(theirs)[0]), (how, column)


@pytest.fixture(scope="module")
def loaded():
    return named.scenario()


class TestOurs:
    """Every name that the program itself puts beside names of a file is found by looking at what it makes."""

    def test_columns_of_the_tables(self, loaded):
        """No column that a table has without a randomisation, as pandas shows it or as it is, can name one."""
        records = protocolsim.run(loaded, replicates=1).records
        there = {c for t in TABLES for c in (*records[t], *records.frame(t).columns)}
        ours = {c for c in there if c != named.PLAIN["randomisation"] and not c.startswith(("value_", "set_"))}
        both = potential_outcomes(named.without_looks(loaded), replicates=1)
        ours |= {str(c) for c in both.table("subjects").columns} - {named.PLAIN["randomisation"]}
        assert len(ours) > 30
        assert [c for c in sorted(ours) if not refused("randomisation", c)] == []
        assert refused("randomisation", "Final_State")  # SQL knows no capitals

    def test_measures_of_a_decision(self, loaded):
        """No measure of a decision's curve can name an endpoint or an analysis."""
        ours = set(thresholds(named.without_looks(loaded), replicates=1).frame()["estimate"]) - set(loaded.endpoints)
        assert len(ours) > 8
        for kind in ("endpoint", "analysis"):
            assert [name for name in sorted(ours) if not refused(kind, name)] == []

    def test_columns_of_potential_outcomes(self, loaded):
        """An endpoint may be called as any column of the potential outcomes: both stand there, with their numbers."""
        plain_ = potential_outcomes(named.without_looks(loaded), replicates=1).frame
        for name in [c for c in plain_.columns if c not in loaded.endpoints]:
            found = potential_outcomes(named.without_looks(named.scenario(endpoint=name)), replicates=1).frame
            assert found.columns.is_unique
            pd.testing.assert_frame_equal(found, plain_.rename(columns={"fared": f"endpoint.{name}"}))

    def test_the_rules_own_definition(self, loaded):
        """No definition of a measure that is there without the file's can name one of the file's."""
        ours = set(thresholds(named.without_looks(loaded), replicates=1).definitions) - {named.PLAIN["measure"]}
        assert ours
        assert [name for name in ours if not refused("measure", name)] == []

    def test_columns_of_a_sweep(self):
        """No column of the results of a sweep can be the head of a parameter's column; by its path it can be varied."""
        found = protocolsim.sweep(named.scenario(), {"other": "1,2"}, replicates=1).frame
        ours = [c for c in found.columns if c != "other"]
        assert len(ours) > 8
        for name in ours:
            loaded = named.scenario(parameter=name)
            with pytest.raises(UsageError, match="column of that name; write parameters"):
                plan(loaded, {name: "0%,50%"})
            assert len(plan(loaded, {f"parameters.{name}.value": "0%,50%"}).points) == 2

    def test_columns_of_a_posterior(self):
        """A fitted parameter cannot be called as the column of weights is."""
        text = "parameters: {Weight: {}}\ntargets: {fared: {value: 3/5, source: a paper, mark: F}}\n"
        with pytest.raises(ScenarioError, match="'Weight' is a column of the draws already"):
            targets_of(parse(text, "targets.yaml"), named.scenario(parameter="Weight"))

    def test_words_of_the_rules(self):
        """No word and no unit of the rules' language can name what a rule must spell."""
        for kind in named.IN_RULES[:2]:
            assert [w for w in sorted(RESERVED) if not refused(kind, w)] == []

    def test_what_other_programs_read_as_missing(self):
        """Every cell that pandas or pyarrow reads as missing by default is no name."""
        by_pandas = importlib.import_module("pandas._libs.parsers").STR_NA_VALUES
        readers = {*by_pandas, *arrow_csv.ConvertOptions().null_values}
        assert readers <= MISSING
        assert all(why_no_name(cell) for cell in MISSING)

    def test_every_kind_is_tried(self):
        """Every room of the file that holds names is one of the kinds known here, as the schema has them."""
        from protocolsim.scenario.json_schema import json_schema

        rooms = {room[-1] for kind in KINDS for room in kind.rooms}
        whole = json_schema()["$defs"]
        maps = {
            key
            for part in ("Whole", "ProtocolPart", "CohortPart", "DecisionPart")
            for key, shape in whole[part]["properties"].items()
            if isinstance(_object(shape).get("additionalProperties"), dict)
        }
        assert maps - rooms == {"published"}  # named by endpoints


def _object(shape: dict[str, Any]) -> dict[str, Any]:
    return next((s for s in (shape, *shape.get("anyOf", [])) if s.get("type") == "object"), {})


class TestGrammar:
    @given(st.text(max_size=8))
    def test_a_name_is_one_line_that_is_seen(self, text):
        """What may be a name prints, begins and ends with a sign, and is no formula."""
        if why_no_name(text) is None:
            assert text.isprintable()
            assert text.strip() == text
            assert text[0] not in "=+-@"
            assert why_no_label(text) is None

    @pytest.mark.parametrize(("one", "other"), [("é", "e\u0301"), ("1", "01"), ("true", "TRUE"), ("a b", "a_b")])
    def test_two_names_that_read_the_same_are_refused(self, one, other):
        """Two sites whose names other programs, or people, read as the same are refused, at the second."""
        assert reading(one) == reading(other)
        draft = named.draft(site=one)
        draft["cohort"]["sites"][other] = {"arrivals": "1 / 1 day"}
        with pytest.raises(ScenarioError, match="reads as") as error:
            build(parse(json.dumps(draft), "x.yaml"), allow_plugins=True)
        assert [f.path for f in error.value.faults] == [f"cohort.sites.{other}"]

    @given(st.lists(st.sampled_from(["a", "a (x)", "a (y)", "b", "a (x) (x)"]), max_size=6))
    def test_labels_are_told_apart(self, labels):
        """No two labels are equal once they are told apart, and one that stood alone keeps its words."""
        names = ["x", "y", "z", "u", "v", "w"][: len(labels)]
        found = told_apart(labels, names)
        assert len(set(found)) == len(found)
        assert all(f.startswith(a) for f, a in zip(found, labels, strict=True))
        if len(set(labels)) == len(labels):
            assert found == labels


class TestPlaces:
    """What something is called does not decide what it is."""

    @pytest.mark.parametrize("name", ["range", "label", "source", "meaning", "note", "mark"])
    def test_a_parameter_called_as_words_matters(self, name):
        """A parameter called as a key for readers is compared and looked for as any other."""
        one, other = named.draft(parameter=name), named.draft(parameter=name)
        other["parameters"][name]["value"] = "30 %"
        found = list(differing(one, other))
        assert [(d.path, d.matters) for d in found] == [(f"parameters.{name}.value", True)]
        other["parameters"][name] = {"value": "20 %", "range": ["-90 %", "100 %"], "meaning": "the fall that passes"}
        assert [d.matters for d in differing(one, other)] == [False]

    def test_a_summary_called_as_words_is_read(self):
        """A threshold that stands in a summary called `source` too is more than the bound of one rule."""
        draft = named.draft()
        draft["protocol"]["summaries"]["source"] = "before * cut"
        loaded = build(parse(json.dumps(draft), "x.yaml"), allow_plugins=True)
        with pytest.raises(UsageError, match=r"it stands in protocol\.summaries\.source, protocol\.transitions"):
            thresholds(loaded, "cut", replicates=1)


def test_describe_tells_two_states_with_one_label_apart():
    """States, endpoints and outcomes with one label are told apart in the synopsis as in figures."""
    draft = named.draft()
    states = draft["protocol"]["states"]
    for name in ("strong", "weak"):
        states[name]["label"] = "Continued"
    states["finished"]["final"] = states["gone"]["final"] = "over"
    for endpoint in ("passed", "until_end"):
        draft["endpoints"][endpoint]["label"] = "The same"
    loaded = build(parse(json.dumps(draft), "x.yaml"), allow_plugins=True)
    text = describe(loaded).text
    assert "to 'Continued (strong)'" in text
    assert "to 'Continued (weak)'" in text
    assert "'over (Finished)' and 'over (Gone)'" in text
    assert [e.label for e in loaded.endpoints.values()][1:] == [
        "The same (passed)",
        "Given dose",
        "The same (until_end)",
    ]


def test_names_of_rules_are_identifiers():
    """What a rule must spell is spelt as a rule spells it."""
    for kind in named.IN_RULES:
        for name in ("a b", "a-b", "1a", "é"):
            assert not NAME.fullmatch(name)
            assert refused(kind, name)
    assert "subject" in COLUMNS


HARD = {
    "site": "St. Mary's, \"A\"; 東", "endpoint": "it's; a <b>, \"c\": d", "analysis": "%s & /", "population": "p, q",
    "randomisation": "arms, [1] of \"two\".x", "outcome": "ended, \"well\" </script>", "drug": "d. u'g: x",
    "decision": "a: b", "bound": "b, [c]", "measure": "datum", "parameter": "range", "summary": "label",
}  # fmt: skip
"""Names that are allowed, and that break whoever writes a file without quoting."""


@pytest.mark.slow
class TestFiles:
    """Under names that need quoting every command writes files that other programs read, with the same numbers."""

    @pytest.mark.parametrize(
        "command",
        [
            ["run"],
            pytest.param(["sweep", "--vary", "parameters.{parameter}.value=0%,50%"], marks=pytest.mark.long),
            pytest.param(["thresholds", "--rule", "{parameter}", "--random-streams", "2"], marks=pytest.mark.long),
            ["validate"],
        ],
        ids=lambda command: command[0],
    )
    def test_tables_in_a_folder(self, tmp_path, command):
        """Every table in the folder has the same columns, but for names, and the same numbers as under plain names."""
        plain_, hard = (self._tables(tmp_path / k, command, n) for k, n in (("plain", {}), ("hard", HARD)))
        assert plain_.keys() == hard.keys()
        assert plain_
        for name, frame in plain_.items():
            assert frame.shape == hard[name].shape, name
            mine, theirs = named._columns(frame), named._columns(hard[name])
            assert mine == theirs, name

    @staticmethod
    def _tables(folder, command, names):
        folder.mkdir()
        (folder / "t.yaml").write_text(json.dumps(named.draft(**names)), encoding="utf-8")
        words = [w.format(**(named.PLAIN | names)) for w in command]
        asked = [words[0], str(folder / "t.yaml"), *words[1:], "--replicates", "3", "--allow-plugins", "--quiet"]
        with pytest.raises(SystemExit) as ended:
            cli.main([*asked, "--out", str(folder / "out")], prog_name="protocolsim")
        assert not ended.value.code
        summary = json.loads((folder / "out" / "summary.json").read_text(encoding="utf-8"))
        assert summary
        found = {}
        for file in sorted((folder / "out").glob("*.parquet")):
            found[file.name] = pd.read_parquet(file)
        for file in sorted((folder / "out").glob("*.csv")):
            found[file.name] = pd.read_csv(file)
            assert arrow_csv.read_csv(file).num_columns == found[file.name].shape[1]
        return found
