"""Results in a folder: all of them or none, and nothing of anybody else's is ever lost."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from protocolsim.errors import UsageError
from protocolsim.records import TABLES
from protocolsim.scenario.settings import load
from protocolsim.study import store
from protocolsim.study.run import run
from protocolsim.study.store import SUMMARY, folder_for_results, write_tables

# What is written reads back to the last bit: pandas 3 does so by itself, and warns where it is asked to.
EXACT: Any = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}


@pytest.fixture(scope="module")
def result():
    return run(load("ms_daclizumab", set={"cohort.size": 4}), replicates=2)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty working folder inside another."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def everything(folder: Path) -> dict[str, str]:
    """Every file and folder below, hidden ones too, with the text of files."""
    return {
        str(p.relative_to(folder)): p.read_text(errors="replace") if p.is_file() else "folder"
        for p in sorted(folder.rglob("*"))
    }


def same_frame(read: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Read back, a frame has the same columns, kinds and values (an empty one may forget its categories)."""
    assert list(read.columns) == list(frame.columns)
    assert len(read) == len(frame)
    if len(frame):
        pd.testing.assert_frame_equal(read, frame)


def fill(out: Path, text: str = "new", *, overwrite: bool = False) -> None:
    with folder_for_results(out, overwrite=overwrite) as folder:
        (folder / SUMMARY).write_text(text)


class TestFolder:
    def test_it_appears_when_it_is_complete(self, work):
        """Until the end nothing of that name stands there; then all of it does, and nothing else."""
        with folder_for_results(Path("deep/er/out")) as folder:
            (folder / SUMMARY).write_text("new")
            assert not Path("deep/er/out").exists()
        assert everything(work) == {
            "deep": "folder",
            "deep/er": "folder",
            "deep/er/out": "folder",
            f"deep/er/out/{SUMMARY}": "new",
        }

    def test_it_is_as_open_as_any_folder(self, work):
        """The folder has the permissions that the user's other new folders have."""
        fill(Path("out"))
        Path("other").mkdir()
        assert Path("out").stat().st_mode == Path("other").stat().st_mode

    @pytest.mark.parametrize("error", [RuntimeError("halfway"), KeyboardInterrupt(), SystemExit(3)])
    def test_a_failure_leaves_nothing(self, work, error):
        """Whatever stops the writing, no folder is left, nor any that was made on the way."""

        def fail():
            with folder_for_results(Path("deep/out")) as folder:
                (folder / "subjects.csv").write_text("half")
                raise error

        with pytest.raises(type(error)):
            fail()
        assert everything(work) == {}

    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_a_failure_leaves_earlier_results(self, work, error):
        """Whatever stops an overwriting, the earlier results are untouched."""
        fill(Path("out"), "earlier")

        def fail():
            with folder_for_results(Path("out"), overwrite=True) as folder:
                (folder / SUMMARY).write_text("half")
                raise error

        with pytest.raises((UsageError, KeyboardInterrupt)) as caught:
            fail()
        assert everything(work) == {"out": "folder", f"out/{SUMMARY}": "earlier"}
        if isinstance(error, OSError):
            assert str(caught.value) == "--out out: writing failed, nothing was left there: No space left on device"

    @pytest.mark.parametrize("number", [1, 2])
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
    def test_a_failure_while_it_is_put_in_place(self, work, monkeypatch, number, error):
        """If even the last renaming fails, at either step, the earlier results go back."""
        fill(Path("out"), "earlier")
        real, calls = Path.replace, []

        def replace(self, target):
            calls.append(self)
            if len(calls) == number:
                raise error
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises((UsageError, KeyboardInterrupt)):
            fill(Path("out"), overwrite=True)
        assert len(calls) >= number
        assert everything(work) == {"out": "folder", f"out/{SUMMARY}": "earlier"}

    def test_overwriting(self, work):
        """Earlier results are replaced as a whole: what the new ones lack is gone."""
        fill(Path("out"), "earlier")
        Path("out/report.html").write_text("old report")
        fill(Path("out"), "new", overwrite=True)
        assert everything(work) == {"out": "folder", f"out/{SUMMARY}": "new"}

    def test_an_empty_folder_is_as_good_as_none(self, work):
        """An empty folder becomes the results, with or without permission to overwrite."""
        for name, overwrite in (("a", False), ("b", True)):
            Path(name).mkdir()
            fill(Path(name), overwrite=overwrite)
            assert Path(name, SUMMARY).read_text() == "new"

    def test_a_link_is_followed(self, work):
        """Results written to a link stand where it leads, and the link stays."""
        fill(Path("real"), "earlier")
        Path("link").symlink_to("real")
        Path("dangling").symlink_to("elsewhere")
        fill(Path("link"), "new", overwrite=True)
        fill(Path("dangling"), "new")
        assert Path("link").is_symlink()
        assert Path("real", SUMMARY).read_text() == Path("elsewhere", SUMMARY).read_text() == "new"


def prepared(work: Path) -> None:
    Path("file").write_text("a file")
    Path("others").mkdir()
    Path("others/notes.txt").write_text("mine")
    fill(Path("results"), "earlier")
    fill(Path("mixed"), "earlier")
    Path("mixed/notes.txt").write_text("mine")
    Path("circle").symlink_to("circle")


@pytest.mark.parametrize(
    ("out", "overwrite", "said"),
    [
        ("file", True, "there is a file of that name"),
        ("file/out", True, "cannot"),
        ("others", False, "it holds other files"),
        ("others", True, "it holds other files"),
        ("results", False, "it holds earlier results; add --overwrite"),
        ("mixed", True, "it holds 'notes.txt' beside earlier results"),
        ("circle", True, "cannot"),
        ("/proc/out", True, "cannot write there"),
        ("/proc/1/out", True, "cannot write there"),
        ("", True, "that is the folder you are in"),
        (".", True, "that is the folder you are in"),
        ("..", True, "that is the folder you are in"),
        ("/", True, "that is the folder you are in"),
        ("a" * 300, True, "cannot"),
        ("a\0b", True, "cannot look there"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(work, out, overwrite, said):
    """A place where results cannot be, or that holds what is not ours, is refused before anything runs or changes."""
    prepared(work)
    before = {k: v for k, v in everything(work).items() if k != "circle"}
    ran = []

    def attempt():
        with folder_for_results(Path(out), overwrite=overwrite):
            ran.append(out)

    with pytest.raises(UsageError) as caught:
        attempt()
    assert said in str(caught.value)
    assert str(caught.value).startswith("--out")
    assert ran == []
    assert {k: v for k, v in everything(work).items() if k != "circle"} == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(work):
    """A folder that may not be written to is refused."""
    Path("locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="cannot write there: Permission denied"):
        fill(Path("locked/out"))


class TestTables:
    def test_what_is_written_reads_back(self, result, work):
        """Each table read back from parquet is the frame in memory, and from CSV the same rows and numbers."""
        with folder_for_results(Path("out")) as folder:
            write_tables(result, folder)
        for table in TABLES:
            frame = result.records.frame(table)
            same_frame(pd.read_parquet(f"out/{table}.parquet"), frame)
            csv = pd.read_csv(f"out/{table}.csv", **EXACT)
            assert list(csv.columns) == list(frame.columns)
            assert len(csv) == len(frame)
            for column in frame.select_dtypes("number"):
                assert csv[column].to_list() == pytest.approx(frame[column].to_list(), rel=0, abs=0, nan_ok=True)
        assert json.loads(Path("out", SUMMARY).read_text()) == result.summary()
        assert json.loads(Path("out/provenance.json").read_text()) == dict(result.provenance)

    def test_the_resolved_scenario_runs_again_to_the_same(self, result, work):
        """scenario.yaml, run with the recorded seed and replicates, gives every table and the summary again."""
        with folder_for_results(Path("out")) as folder:
            write_tables(result, folder)
        again = run(load("out/scenario.yaml"), replicates=result.replicates, seed=result.seed)
        for table in TABLES:
            pd.testing.assert_frame_equal(again.records.frame(table), result.records.frame(table))
        assert again.summary()["estimates"] == result.summary()["estimates"]

    def test_only_ours_may_be_overwritten(self, result, work):
        """Every file that a run writes is known as ours, so earlier results can always be overwritten."""
        with folder_for_results(Path("out")) as folder:
            write_tables(result, folder)
        assert {p.name for p in Path("out").iterdir()} | {store.REPORT} == set(store._OF_A_RUN)


def test_full_tables_are_refused_beyond_what_memory_should_hold(monkeypatch, tmp_path):
    """Beyond the limit of rows a table is refused with the way out, and --out still writes every row of it."""
    whole = run(load("ms_daclizumab"), replicates=3)
    rows = {table: len(whole.records.frame(table)) for table in ("subjects", "observations", "moves")}
    monkeypatch.setattr("protocolsim.study.run.ROWS_KEPT", 500)
    monkeypatch.setattr("protocolsim.study.result.MOST_ROWS", 1000)
    large = run(load("ms_daclizumab"), replicates=3)
    assert large.kept is None
    assert large.summary() == whole.summary()
    for table in ("subjects", "observations"):
        with pytest.raises(UsageError, match="write them to a folder"):
            getattr(large, table)
    write_tables(large, tmp_path)
    assert {table: len(pd.read_parquet(tmp_path / f"{table}.parquet")) for table in rows} == rows
