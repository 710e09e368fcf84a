"""What a public function is given that is of another kind than it says: refused in words, before anything is done."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import protocolsim
from protocolsim.errors import ProtocolsimError, UsageError

FUNCTIONS = [n for n in protocolsim.__all__ if inspect.isfunction(getattr(protocolsim, n))]
PARAMETERS = [(n, p) for n in FUNCTIONS for p in inspect.signature(getattr(protocolsim, n)).parameters]
CLASSES = [n for n in protocolsim.__all__ if isinstance(getattr(protocolsim, n), type)]
NEEDED = {
    **dict.fromkeys(("scenario", "a", "b", "name_or_path", "folder"), "ms_daclizumab"),
    **dict.fromkeys(("seed", "replicate", "subject", "stream", "index"), 1),
    "vary": {"response_threshold": "50%"},
}
FLAGS = {"allow_plugins", "companions", "truth"}
WHOLE = {"replicates", "seed", "replicate", "subject", "stream", "index", "random_streams", "points", "trials"}


class OfNothing:
    """What no function takes: it cannot even be shown, and its path is none."""

    def __repr__(self) -> str:
        raise RuntimeError("this cannot be shown")

    def __fspath__(self) -> int:
        return 7


def asked(name: str, parameter: str, value: object) -> None:
    """Call a public function with this value, and all that it needs beside it."""
    function = getattr(protocolsim, name)
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    function(**{**{p.name: NEEDED[p.name] for p in needed}, parameter: value})


def refused(name: str, parameter: str, value: object) -> str:
    with pytest.raises(UsageError) as error:
        asked(name, parameter, value)
    return str(error.value)


@pytest.mark.parametrize("value", [OfNothing(), object(), 1j, iter([1])], ids=["nothing", "object", "1j", "iterator"])
@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_every_parameter_refuses_what_is_no_value_of_its_kind(name, parameter, value):
    """Whatever is given, and wherever, the refusal names the parameter and says what was expected."""
    assert refused(name, parameter, value).startswith(f"{parameter}: expected ")


@pytest.mark.parametrize(("name", "parameter"), [p for p in PARAMETERS if p[1] in WHOLE])
@pytest.mark.parametrize("value", [True, 2.5, float("nan"), "3", np.float64(2), np.array([1, 2]), np.array(3), [1]])
def test_a_whole_number_is_nothing_else(name, parameter, value):
    """What Python would take for a number, or cut down to one, is no whole number of anything."""
    assert refused(name, parameter, value).startswith(f"{parameter}: expected a whole number")


@pytest.mark.parametrize(("name", "parameter"), [p for p in PARAMETERS if p[1] in FLAGS])
@pytest.mark.parametrize("value", ["no", "False", "", 0, 1, None, [], [False]])
def test_a_flag_is_true_or_false(name, parameter, value):
    """Words for no are true in Python: they would load code that nobody allowed."""
    assert refused(name, parameter, value).startswith(f"{parameter}: expected True or False")


@pytest.mark.parametrize(("name", "parameter"), [p for p in PARAMETERS if p[1] in ("set", "vary")])
@pytest.mark.parametrize("value", ["", "cohort.size=3", [], [("cohort.size", 3)], set(), 3])
def test_values_to_change_are_a_mapping(name, parameter, value):
    """An empty list is not taken for no settings, nor a text for one."""
    assert refused(name, parameter, value).startswith(f"{parameter}: expected a mapping")


@pytest.mark.parametrize(("name", "parameter"), [p for p in PARAMETERS if p[1] in ("progress", "workers", "engine")])
@pytest.mark.parametrize("value", ["", [], {}, 2.5, b"auto"])
def test_nothing_is_passed_over_where_it_is_empty(name, parameter, value):
    """An empty value is refused like any other of the wrong kind, also where it would have been left unread."""
    if isinstance(value, str) and parameter in ("workers", "engine"):
        return  # a text like any other, for the function to refuse
    assert refused(name, parameter, value).startswith(f"{parameter}: expected ")


@pytest.mark.parametrize("value", [b"ms_daclizumab", None, 3, ["ms_daclizumab"]])
@pytest.mark.parametrize(("name", "parameter"), [p for p in PARAMETERS if NEEDED.get(p[1]) == "ms_daclizumab"])
def test_a_scenario_or_a_folder_is_text_or_a_path(name, parameter, value):
    """Bytes are no path here, and nothing is none."""
    assert refused(name, parameter, value).startswith(f"{parameter}: expected ")


def test_what_lies_inside_is_refused_at_its_place():
    """A mapping in a sequence is looked through, and what is wrong is named by where it stands."""
    for sets, place in (
        ([3], "sets[0]"),
        ([{"efficacy": 3}], "sets[0]['efficacy']"),
        ([{"efficacy": [2.0, None, "2"]}], "sets[0]['efficacy'][2]"),
        ([{"efficacy": "2222"}], "sets[0]['efficacy']"),
    ):
        with pytest.raises(UsageError) as error:
            protocolsim.boundaries("ms_group_sequential", sets)  # type: ignore[arg-type]
        assert str(error.value).startswith(f"{place}: expected ")


def test_kinds_that_are_as_good_are_taken():
    """Numbers and arrays of numpy, and a path as an object, are what they say."""
    one, none, five = (cast(Any, number) for number in (np.int64(1), np.int32(0), np.int64(5)))
    assert protocolsim.uniform(one, 0, 3, 1000, none) == protocolsim.uniform(1, 0, 3, 1000, 0)
    given: Any = [{"efficacy": np.array([3.0, 2.5, 2.2, 2.0])}]
    found = protocolsim.boundaries("ms_group_sequential", given, replicates=five)
    assert found.trying(given).frame.equals(found.frame)
    with pytest.raises(ProtocolsimError, match="nowhere"):
        protocolsim.load(Path("nowhere.yaml"))


@pytest.mark.parametrize("value", [OfNothing(), 3, b"patients", ["patients"]], ids=["nothing", "3", "bytes", "list"])
def test_methods_refuse_likewise(value):
    """Methods that take an argument say what they expected, as functions do."""
    result = protocolsim.run("ms_daclizumab", replicates=2)
    for call, parameter in (
        (lambda: result.figure(value), "name"),
        (lambda: result.figure(replicate="0"), "replicate"),  # type: ignore[arg-type]
        (lambda: result.by_trial(value), "name"),
        (lambda: protocolsim.trace("ms_daclizumab").figure(value), "name"),
        (lambda: protocolsim.check("ms_daclizumab").figure(value), "name"),
    ):
        with pytest.raises(UsageError) as error:
            call()
        assert str(error.value).startswith(f"{parameter}: expected ")


@pytest.mark.parametrize("ending", ["", ".json"])
def test_a_name_too_long_for_a_file_is_refused_in_words(ending):
    """What no file system holds is not there, whether or not it looks like a file."""
    with pytest.raises(UsageError, match="--parameters aaa"):
        protocolsim.run("ms_daclizumab", replicates=2, parameters="a" * 5000 + ending)


def test_names_that_are_unknown_are_told_with_the_nearest(tmp_path):
    """Where a method takes the name of an endpoint, a table or a column, the nearest right one is told."""
    curve = protocolsim.thresholds("ms_daclizumab", replicates=2)
    with pytest.raises(UsageError, match="unknown endpoint 'share_snt'; did you mean 'share_sent'"):
        curve.values("share_snt")
    both = protocolsim.potential_outcomes("ms_daclizumab", replicates=2)
    with pytest.raises(UsageError, match="unknown table 'observation'; did you mean 'observations'"):
        both.table("observation")
    assert len(both.table("observations"))
    cli_of(["run", "ms_daclizumab", "--replicates", "2", "--quiet", "--out", str(tmp_path / "it")])
    study = protocolsim.open(tmp_path / "it")
    with pytest.raises(UsageError, match="unknown column 'subjcet'; did you mean 'subject'"):
        study.table("subjects", columns=["replicate", "subjcet"])
    assert list(study.table("subjects", columns=["subject", "replicate"])) == ["subject", "replicate"]


def test_a_stored_table_is_read_by_no_thread_that_needs_the_interpreter(tmp_path, monkeypatch):
    """Whoever reads a table and ends at once ends well: a thread that reads a file of Python's would abort it."""
    import pandas as pd
    import pyarrow as pa

    cli_of(["run", "ms_daclizumab", "--replicates", "2", "--quiet", "--out", str(tmp_path / "it")])
    seen: list[object] = []
    read = pd.read_parquet

    def watched(file: Any, **how: Any) -> Any:
        seen.append(file)
        return read(file, **how)

    monkeypatch.setattr(pd, "read_parquet", watched)
    table = protocolsim.open(tmp_path / "it").table("subjects", columns=["replicate", "subject"])
    assert list(table) == ["replicate", "subject"]
    assert all(isinstance(file, pa.NativeFile) and not isinstance(file, pa.PythonFile) for file in seen)


def cli_of(words: list[str]) -> None:
    """A command, which must end well."""
    from protocolsim import cli

    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert not ended.value.code
