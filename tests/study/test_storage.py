"""Results in a folder: all of them or none, nothing of anybody else's is ever lost, and damage is never believed."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import protocolsim
from protocolsim import cli
from protocolsim.engine.batch import simulation as engine_of
from protocolsim.errors import UsageError
from protocolsim.records import TABLES
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions
from protocolsim.study.engines import pieces
from protocolsim.study.execution import chunks, trials
from protocolsim.study.result import Result
from protocolsim.study.run import run, run_manifest
from protocolsim.study.storage import claim, ledger, ours, row_groups, thrift
from protocolsim.study.storage.csv_files import csv_of, frame_as_csv
from protocolsim.study.storage.results_folder import write_run
from protocolsim.study.storage.study_folder import study_folder
from protocolsim.text.cells import csv_cell
from tests.support.frames import same_frame

# What is written reads back to the last bit: pandas 3 does so by itself, and warns where it is asked to.
EXACT: Any = {} if pd.__version__ >= "3" else {"float_precision": "round_trip"}
SCENARIO = load("ms_daclizumab", set={"cohort.size": 4})
MANIFEST = run_manifest(SCENARIO, 12, None, "batch")


@pytest.fixture(scope="module")
def result():
    return run(SCENARIO, replicates=2)


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


def fill(out: Path, text: str = "new", *, overwrite: bool = False, resume: bool = False) -> None:
    """Results that are one file, of a study that keeps nothing on the way."""
    with study_folder(out, MANIFEST, overwrite=overwrite, resume=resume) as folder, folder.results() as place:
        (place / ours.SUMMARY).write_text(text)


def filled(out: str) -> str:
    return Path(out, ours.SUMMARY).read_text()


class TestFolder:
    def test_results_appear_when_they_are_complete(self, work):
        """Until the end there is no result; then all of them are there, and nothing of the work."""
        with study_folder(Path("deep/er/out"), MANIFEST) as folder, folder.results() as place:
            (place / ours.SUMMARY).write_text("new")
            (place / ours.REPORT).write_text("page")
            assert {p.name for p in Path("deep/er/out").iterdir()} == {ours.MANIFEST, ours.RESULTS}
        assert {p.name for p in Path("deep/er/out").iterdir()} == {ours.MANIFEST, ours.SUMMARY, ours.REPORT}

    def test_it_is_as_open_as_any_folder(self, work):
        """The folder has the permissions that the user's other new folders have."""
        fill(Path("out"))
        Path("other").mkdir()
        assert Path("out").stat().st_mode == Path("other").stat().st_mode

    @pytest.mark.parametrize("earlier", [False, True])
    @pytest.mark.parametrize(
        "error", [RuntimeError("halfway"), KeyboardInterrupt(), SystemExit(3), OSError(errno.ENOSPC, "No space left")]
    )
    def test_a_failure_leaves_all_as_it_was(self, work, error, earlier):
        """Whatever stops the writing, no folder is left, nor any made on the way; earlier results are untouched."""
        if earlier:
            fill(Path("deep/out"), "earlier")
        before = everything(work)

        def fail():
            with (
                study_folder(Path("deep/out"), MANIFEST, overwrite=earlier) as folder,
                folder.results() as place,
            ):
                (place / ours.REPORT).write_text("half")
                raise error

        with pytest.raises((type(error), UsageError)):
            fail()
        assert everything(work) == before

    @pytest.mark.parametrize("step", [1, 2])
    @pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
    def test_a_failure_while_they_take_their_place(self, work, monkeypatch, step, error):
        """If even the last renaming fails, at either step, earlier results go back; the next command ends it."""
        fill(Path("out"), "earlier")
        real, calls = Path.rename, []

        def rename(self, target):
            calls.append(self)
            if len(calls) == step + 1:  # the first renaming is within the new folder
                raise error
            return real(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", rename)
            with pytest.raises((UsageError, KeyboardInterrupt)):
                fill(Path("out"), overwrite=True)
        assert filled("out") == "earlier"
        with suppress(UsageError):
            fill(Path("out"), "newest", overwrite=True)
        assert filled("out") in ("newest", "new")

    def test_killed_between_the_two_renamings(self, work):
        """Results that stood aside when the process died are found again, whole."""
        fill(Path("out"), "earlier")
        Path("out").rename(claim.replaced(Path("out").resolve()))
        with pytest.raises(UsageError, match="it holds earlier results"):
            fill(Path("out"))
        assert filled("out") == "earlier"
        assert [p.name for p in work.iterdir()] == ["out"]

    def test_overwriting(self, work):
        """Earlier results are replaced as a whole: what the new ones lack is gone."""
        fill(Path("out"), "earlier")
        Path("out", ours.REPORT).write_text("old report")
        fill(Path("out"), "new", overwrite=True)
        assert {p.name for p in Path("out").iterdir()} == {ours.MANIFEST, ours.SUMMARY}
        assert filled("out") == "new"

    def test_an_empty_folder_is_as_good_as_none(self, work):
        """An empty folder becomes the results, with or without permission to overwrite."""
        for name, overwrite in (("a", False), ("b", True)):
            Path(name).mkdir()
            fill(Path(name), overwrite=overwrite)
            assert filled(name) == "new"

    def test_a_link_is_followed(self, work):
        """Results written to a link stand where it leads, and the link stays."""
        fill(Path("real"), "earlier")
        Path("link").symlink_to("real")
        Path("dangling").symlink_to("elsewhere")
        fill(Path("link"), "new", overwrite=True)
        fill(Path("dangling"), "new")
        assert Path("link").is_symlink()
        assert filled("real") == filled("elsewhere") == "new"

    def test_a_long_name(self, work):
        """A name as long as the file system allows can be written, and overwritten."""
        fill(Path("n" * 255))
        fill(Path("n" * 255), "newer", overwrite=True)
        assert filled("n" * 255) == "newer"
        assert [len(p.name) for p in work.iterdir()] == [255]

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems take names of text only")
    def test_a_name_that_is_no_text(self, work, small):
        """Bytes that are no UTF-8 are a name like any other on this system."""
        name = os.fsdecode(b"out\xff")
        assert command(*RUN, "--replicates", "3", "--csv", "--out", name) == 0
        assert len(protocolsim.open(name).subjects) > 0
        assert command(*RUN, "--replicates", "6", "--out", name, "--resume") == 0


class TestOthers:
    """Files that are not ours, whenever they come."""

    @pytest.mark.parametrize("name", ["notes.txt", ours.SUMMARY, ours.REPORT, "subjects.csv"])
    @pytest.mark.parametrize("earlier", [False, True])
    def test_a_file_put_there_meanwhile(self, work, name, earlier):
        """A file that somebody puts into the folder while a command runs is there afterwards, whatever it is called."""
        if earlier:
            fill(Path("out"), "earlier")

        def attempt():
            with (
                study_folder(Path("out"), MANIFEST, overwrite=earlier) as folder,
                folder.results() as place,
            ):
                (place / ours.SUMMARY).write_text("new")
                (place / ours.REPORT).write_text("page")
                Path("out", name).write_text("mine")

        with suppress(UsageError):
            attempt()
        assert "mine" in [p.read_text() for p in work.rglob("*") if p.is_file()]

    def test_results_wait_until_it_is_moved(self, work):
        """Where a file of the same name is in the way nothing is replaced; once it is gone the results appear."""

        def attempt():
            with study_folder(Path("out"), MANIFEST) as folder, folder.results() as place:
                (place / ours.SUMMARY).write_text("new")
                (place / ours.REPORT).write_text("page")
                Path("out", ours.REPORT).write_text("mine")

        with pytest.raises(UsageError, match=r"'report\.html' was put there meanwhile"):
            attempt()
        assert Path("out", ours.REPORT).read_text() == "mine"
        Path("out", ours.REPORT).unlink()
        with pytest.raises(UsageError, match="it holds earlier results"):
            fill(Path("out"))
        assert (filled("out"), Path("out", ours.REPORT).read_text()) == ("new", "page")

    @pytest.mark.parametrize(
        "name", [f".{ours.MANIFEST}.partial", "chunks/", "reference/.plan.json.partial", ".results/"]
    )
    def test_what_a_killed_process_barely_began_is_free(self, work, name):
        """A process that was killed before its manifest was whole leaves nothing that the next one could not use."""
        path = Path("out", name)
        path.mkdir(parents=True) if name.endswith("/") else path.parent.mkdir(parents=True)
        if not name.endswith("/"):
            path.write_text("half")
        fill(Path("out"))
        assert filled("out") == "new"
        assert everything(work).keys() == {"out", f"out/{ours.MANIFEST}", f"out/{ours.SUMMARY}"}

    @pytest.mark.parametrize(
        "names", [["summary.txt"], ["report.html"], ["chunks/mine"], [".results/mine"], ["manifest"]]
    )
    def test_names_alone_make_nothing_ours(self, work, names):
        """A folder without a study in it is somebody's, whatever its files are called."""
        for name in names:
            Path("out", name).parent.mkdir(parents=True, exist_ok=True)
            Path("out", name).write_text("mine")
        before = everything(work)
        for how in ("", "overwrite", "resume"):
            with pytest.raises(UsageError, match="other files"):
                fill(Path("out"), overwrite=how == "overwrite", resume=how == "resume")
        assert everything(work) == before

    def test_two_at_once(self, work):
        """Of two commands that want one folder, new or not, the second is refused whatever they do."""
        for earlier in (False, True):
            with study_folder(Path("out"), MANIFEST, overwrite=earlier) as folder:
                for how in ("", "overwrite", "resume"):
                    with pytest.raises(UsageError, match="another process is at work"):
                        fill(Path("out"), overwrite=how == "overwrite", resume=how == "resume")
                with folder.results() as place:
                    (place / ours.SUMMARY).write_text("new")

    def test_a_race_for_a_new_folder(self, work):
        """Of many processes that begin at once one has the folder, and its results are whole; the rest is refused."""
        script = (
            "import sys; from pathlib import Path; from tests.study.test_storage import fill\n"
            "from protocolsim.errors import UsageError\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            "try: fill(Path('out'), sys.argv[1])\n"
            "except UsageError as e: sys.exit(f'{e}')\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        racing = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(k)], env=environment, cwd=work, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for k in range(4)
        ]  # fmt: skip
        for process in racing:
            assert process.stdout is not None
            process.stdout.readline()
        ended = [process.communicate("go\n") for process in racing]
        winners = [k for k, process in enumerate(racing) if process.returncode == 0]
        assert [str(k) for k in winners] == [filled("out")]
        assert all("at work" in err or "earlier results" in err for k, (_, err) in enumerate(ended) if k not in winners)


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
        ("..", True, "it holds the folder you are in"),
        ("/", True, "it holds the folder you are in"),
        ("a" * 300, True, "cannot"),
        ("a\0b", True, "cannot look there"),
    ],
)
def test_what_cannot_be_used_is_refused_at_once(work, out, overwrite, said):
    """A place where results cannot be, or that holds what is not ours, is refused before anything runs or changes."""
    prepared(work)
    before = {k: v for k, v in everything(work).items() if k != "circle"}
    with pytest.raises(UsageError) as caught:
        fill(Path(out), overwrite=overwrite)
    assert said in str(caught.value)
    assert str(caught.value).startswith("--out")
    assert {k: v for k, v in everything(work).items() if k != "circle"} == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(work):
    """A folder that may not be written to is refused."""
    Path("locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="cannot write there: Permission denied"):
        fill(Path("locked/out"))


class TestTables:
    @pytest.fixture
    def written(self, result, work):
        write_run(result, work, csv=True)
        return work

    def test_what_is_written_reads_back(self, result, written):
        """Each table read back from parquet is the frame in memory, and from CSV the same rows, texts and numbers."""
        for table in TABLES:
            frame = result.records.frame(table)
            same_frame(pd.read_parquet(f"{table}.parquet"), frame)
            csv = pd.read_csv(f"{table}.csv", keep_default_na=False, na_values=[""], **EXACT)
            assert list(csv.columns) == list(frame.columns)
            assert len(csv) == len(frame)
            for column in frame.select_dtypes("number"):
                assert csv[column].to_list() == pytest.approx(frame[column].to_list(), rel=0, abs=0, nan_ok=True)
            for column in frame.columns.difference(frame.select_dtypes(["number", "bool"]).columns):
                assert csv[column].dropna().to_list() == frame[column].dropna().to_list()
        assert json.loads(Path(ours.SUMMARY).read_text()) == result.summary()
        assert json.loads(Path("provenance.json").read_text()) == dict(result.provenance)

    @pytest.mark.parametrize("name", ["ms_smart", "ms_scanner_shortage"])
    def test_whatever_a_trial_has(self, work, name):
        """Tables read back are the frames in memory also where subjects are allocated, wait, or miss visits."""
        made = run(load(name, set={"cohort.size": 4}), replicates=2)
        write_run(made, work)
        for table in TABLES:
            same_frame(pd.read_parquet(f"{table}.parquet"), made.records.frame(table))

    def test_rows_are_sorted_and_say_so(self, written):
        """Row groups are sorted by replicate and subject, and their statistics tell which of them one needs."""
        for table in TABLES:
            with parquet.ParquetFile(f"{table}.parquet") as file:
                for k in range(file.metadata.num_row_groups):
                    group = file.metadata.row_group(k)
                    assert [c.column_index for c in group.sorting_columns] == [0, 1]
                    assert group.column(0).statistics.has_min_max
                for field in file.schema_arrow:
                    assert not pa.types.is_string(field.type), "texts are dictionaries"

    def test_the_resolved_scenario_runs_again_to_the_same(self, result, written):
        """scenario.yaml, run with the recorded seed and replicates, gives every table and the summary again."""
        again = run(load("scenario.yaml"), replicates=result.replicates, seed=result.seed)
        for table in TABLES:
            pd.testing.assert_frame_equal(again.records.frame(table), result.records.frame(table))
        assert again.summary()["estimates"] == result.summary()["estimates"]

    def test_only_ours_may_be_overwritten(self, written):
        """Every file that a run writes is known as ours, so earlier results can always be overwritten."""
        (written / ours.MANIFEST).write_text("{}")
        assert ours.held_in(written).others == ()


def test_a_saved_scenario_keeps_its_companions(work):
    """A scenario beside which a file stands is saved with that file: it runs wherever the folder is taken."""
    Path("models").mkdir()
    Path("models/none.yaml").write_text("extends: ms_no_drug\ntitle: None at all\ncohort: {size: 4}\n")
    Path("models/trial.yaml").write_text(
        "extends: ms_daclizumab\ntitle: Some\ncohort: {size: 4}\nbeside: [none.yaml]\n"
        'findings: ["{new_cel_inhibition} against {none.yaml.new_cel_inhibition}"]\n'
    )
    made = run(load("models/trial.yaml"), replicates=2)
    Path("saved").mkdir()
    write_run(made, Path("saved"))
    shutil.rmtree("models")
    shutil.move("saved", "elsewhere")
    moved = load("elsewhere/scenario.yaml")
    again = run(moved, companions=companions(moved))
    own, beside = (
        again.estimates["new_cel_inhibition"],
        again.companions["beside/1_none.yaml"].estimates["new_cel_inhibition"],
    )
    assert own.value == made.estimates["new_cel_inhibition"].value
    assert beside.value == run(load("elsewhere/beside/1_none.yaml"), replicates=2).estimates["new_cel_inhibition"].value


KEEPING = {
    "run": (),
    "sweep": ("--vary", "response_threshold=50%,75%"),
    "thresholds": ("--random-streams", "0"),
    "validate": (),
}


@pytest.mark.parametrize("name", KEEPING)
def test_a_companion_that_cannot_be_read_is_found_before(work, small, name, capfd, monkeypatch):
    """What is kept with the results is read before anything is simulated, and a study is as it was."""
    Path("none.yaml").write_text("extends: ms_no_drug\ntitle: None at all\n")
    Path("trial.yaml").write_text("extends: ms_daclizumab\ncohort: {size: 4}\nbeside: [none.yaml]\nfindings: []\n")
    asked = (name, "trial.yaml", *KEEPING[name], "--replicates", "2", "--quiet", "--out", "out")
    assert command(*asked) == 0
    Path("none.yaml").unlink()
    before = everything(Path("out"))
    monkeypatch.setattr(engine_of, "pieces", lambda *words, **named: pytest.fail("it was simulated"))
    for how in ("--overwrite", *(("--resume",) if name in ("run", "sweep") else ())):
        assert command(*asked, how) == 2
        assert "none.yaml" in capfd.readouterr().err
        assert everything(Path("out")) == before


def test_what_is_finished_is_kept_when_results_cannot_be_written(work, small, capfd, monkeypatch):
    """Whatever refuses at the very end, what was simulated stays, and is gone on with."""

    def refuse(result):
        raise UsageError("there is no page")

    asked = (*RUN, "--replicates", "12", "--out", "out")
    with monkeypatch.context() as patch:
        patch.setattr("protocolsim.report.run.page.page", refuse)
        assert command(*asked) == 2
    assert "there is no page; 3 of 3 parts are kept in out" in capfd.readouterr().err
    monkeypatch.setattr("protocolsim.study.conduct.carried_out", lambda chunk: pytest.fail("it was simulated again"))
    assert command(*asked, "--resume") == 0


@pytest.mark.parametrize("inside", [ours.CHUNKS, ours.PARTS])
def test_going_on_leaves_what_is_not_ours(work, small, capfd, inside):
    """Files and folders that somebody put among the pieces of a study are neither deleted nor in its way."""
    unfinished(Path("out"))
    Path("out", inside, "notes.txt").write_text("mine")
    Path("out", inside, "old").mkdir()
    Path("out", inside, "old", "more.txt").write_text("mine too")
    assert command(*RUN, "--replicates", "18", "--out", "out", "--resume") == 0
    assert Path("out", inside, "notes.txt").read_text() == "mine"
    assert Path("out", inside, "old", "more.txt").read_text() == "mine too"


class TestCSV:
    @given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
    def test_any_text_reads_back(self, texts):
        """Whatever a text holds, a reader of CSV finds it in its own cell; what looks like a formula is a text."""
        import csv
        import io

        frame = pd.DataFrame({"a,b": [1.5] * len(texts), "text": texts, '"q"': range(len(texts))})
        rows = list(csv.reader(io.StringIO(frame_as_csv(frame).decode(), newline="")))
        assert rows[0] == ["a,b", "text", '"q"']
        for k, text in enumerate(texts):
            assert rows[k + 1] == ["1.5", csv_cell(text), str(k)]

    def test_large_ones_are_compressed(self, tmp_path, monkeypatch):
        """A table of many cells is written as .csv.gz, which readers take as it is."""
        monkeypatch.setattr("protocolsim.study.storage.csv_files._MANY", 10)
        pd.DataFrame({"x": range(20)}).to_parquet(tmp_path / "t.parquet")
        assert csv_of(tmp_path / "t.parquet").name == "t.csv.gz"
        assert pd.read_csv(tmp_path / "t.csv.gz")["x"].to_list() == list(range(20))


class TestRowGroups:
    KINDS = st.lists(st.lists(st.integers(-5, 5), max_size=30), min_size=1, max_size=5)

    @given(KINDS, st.integers(1, 7))
    def test_joined_and_cut(self, tmp_path_factory, parts, size):
        """Row groups joined are the rows of all in order, and cut apart again those of each."""
        folder = tmp_path_factory.mktemp("groups")
        kind = pa.schema([("a", pa.int64()), ("t", pa.dictionary(pa.int8(), pa.string())), ("x", pa.float64())])
        paths, tables, groups = [], [], []
        for k, rows in enumerate(parts):
            texts = pa.array([f"t{r}" if r else None for r in rows], pa.string()).dictionary_encode()
            table = pa.table(
                {"a": pa.array(rows, pa.int64()), "t": texts.cast(kind.field("t").type), "x": [r / 3 for r in rows]},
                schema=kind,
            )
            paths.append(folder / f"{k}.parquet")
            parquet.write_table(table, paths[-1], row_group_size=size, compression="zstd")
            tables.append(table)
            groups.append(parquet.ParquetFile(paths[-1]).num_row_groups)
        row_groups.join(paths, folder / "all.parquet")
        found = parquet.read_table(folder / "all.parquet")
        assert found.to_pydict() == pa.concat_tables(tables).to_pydict()
        again = [(folder / f"again{k}.parquet", number) for k, number in enumerate(groups)]
        row_groups.cut(folder / "all.parquet", again)
        assert [parquet.read_table(p).to_pydict() for p, _ in again] == [t.to_pydict() for t in tables]
        some = [(folder / f"some{k}.parquet" if k % 2 else None, number) for k, number in enumerate(groups)]
        row_groups.cut(folder / "all.parquet", some)
        wanted = [table.to_pydict() for table in tables[1::2]]
        assert [parquet.read_table(p).to_pydict() for p, _ in some if p] == wanted

    def test_a_footer_is_read_once(self, tmp_path, monkeypatch):
        """Cutting costs as many looks at a footer as there are files, not as many as there are pieces."""
        parquet.write_table(pa.table({"c": list(range(10))}), tmp_path / "whole", row_group_size=2)
        read = []

        def counted(path, of=row_groups.footer_of):
            read.append(path)
            return of(path)

        monkeypatch.setattr(row_groups, "footer_of", counted)
        row_groups.cut(tmp_path / "whole", [(tmp_path / str(k), 1) for k in range(5)])
        assert read == [tmp_path / "whole"]

    @pytest.mark.parametrize("numbers", [[1, 2], [2, 2], [3], []])
    def test_pieces_that_are_not_the_whole_are_refused(self, tmp_path, numbers):
        """A file is cut only where it is known whose each of its row groups is."""
        parquet.write_table(pa.table({"c": list(range(10))}), tmp_path / "whole", row_group_size=2)
        with pytest.raises(ValueError, match="another number of row groups"):
            row_groups.cut(tmp_path / "whole", [(tmp_path / str(k), n) for k, n in enumerate(numbers)])

    def test_other_columns_are_refused(self, tmp_path):
        """Parts of different tables do not make one."""
        for name, column in (("a", [1]), ("b", ["x"])):
            parquet.write_table(pa.table({"c": column}), tmp_path / name)
        with pytest.raises(ValueError, match="other columns"):
            row_groups.join([tmp_path / "a", tmp_path / "b"], tmp_path / "c")

    @given(st.binary(max_size=60))
    def test_no_footer_is_refused_in_words(self, content):
        """Bytes that are no struct are refused, or read as one; never anything else."""
        with suppress(ValueError):
            thrift.ThriftReader(content).struct()

    def test_a_footer_is_written_as_it_was_read(self, tmp_path):
        """Reading and writing a footer changes no byte."""
        parquet.write_table(pa.table({"c": list(range(100)), "t": ["x"] * 100}), tmp_path / "a", row_group_size=7)
        content = (tmp_path / "a").read_bytes()
        length = int.from_bytes(content[-8:-4], "little")
        assert thrift.written(thrift.ThriftReader(content[-8 - length : -8]).struct()) == content[-8 - length : -8]


class TestLedger:
    def test_lines_cut_short_or_of_others_are_not_there(self, tmp_path):
        """A torn line, a damaged one, and one of another study are passed over; the rest stands."""
        for k in range(4):
            ledger.add_to_ledger(tmp_path, "mine" if k else "other", ledger.LedgerEntry(f"e{k}", {"k": k}, {}))
        path = tmp_path / ledger.LEDGER
        lines = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join([lines[0], lines[1], lines[2].replace(b'"k": 2', b'"k": 3'), lines[3][:20]]))
        ledger.add_to_ledger(tmp_path, "mine", ledger.LedgerEntry("e9", {}, {}))
        assert list(ledger.read_ledger(tmp_path, "mine")) == ["e1", "e9"]


# Damage --------------------------------------------------------------------------------------------------------------


RUN = ("run", "ms_daclizumab", "--set", "cohort.size=4", "--workers", "1", "--quiet", "--no-companions")
TIMED = {"provenance.json", "report.html"}


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([*words], prog_name="protocolsim")
    return int(ended.value.code or 0)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in TIMED
    }


def damage(folder: Path, rng: random.Random) -> str:
    """Something happens to a file of the folder; what, in words."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in TIMED)
    path = rng.choice(files)
    kind = rng.choice(["truncate", "flip", "flip", "delete", "exchange", "duplicate"])
    content = path.read_bytes()
    if kind == "truncate":
        path.write_bytes(content[: rng.randrange(len(content))] if content else b"")
    elif kind == "flip" and content:
        at = rng.randrange(len(content))
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :])
    elif kind == "delete":
        path.unlink()
    else:
        other = rng.choice(files)
        there = other.read_bytes()
        other.write_bytes(content)
        if kind == "exchange":
            path.write_bytes(there)
    return f"{kind} {path.relative_to(folder)}"


@pytest.fixture
def small(monkeypatch):
    """Chunks of a few trials, and pages that take no time."""
    monkeypatch.setitem(chunks._SUBJECTS, "batch", 16)
    monkeypatch.setattr("protocolsim.report.run.page.page", lambda result: "a page" * 100)
    monkeypatch.setattr("protocolsim.report.sweep.page.write_report", lambda found, place: None)
    monkeypatch.setattr("protocolsim.study.companions.companions", lambda scenario: {})


def test_each_line_of_the_ledger_counts(work, small, capfd):
    """Whichever line is lost of the ledger of finished results, more replicates end in the undisturbed tables."""
    more = ("--replicates", "18")
    assert command(*RUN, *more, "--out", "undisturbed") == 0
    assert command(*RUN, "--replicates", "12", "--out", "begun") == 0
    lines = Path("begun", ledger.LEDGER).read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    for k in range(len(lines)):
        shutil.rmtree("out", ignore_errors=True)
        shutil.copytree("begun", "out")
        Path("out", ledger.LEDGER).write_bytes(b"".join(lines[:k] + lines[k + 1 :]))
        assert command(*RUN, *more, "--out", "out", "--resume") == 0
        assert contents(Path("out")) == contents(Path("undisturbed"))


def test_results_without_their_summary_are_written_anew(work, small, capfd):
    """Finished results whose summary was lost are an unfinished study, which ends as if undisturbed."""
    assert command(*RUN, "--replicates", "10", "--out", "out") == 0
    before = contents(Path("out"))
    Path("out", ours.SUMMARY).unlink()
    assert command(*RUN, "--replicates", "10", "--out", "out", "--resume") == 0
    assert contents(Path("out")) == before


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize("times", [8, pytest.param(1000, marks=pytest.mark.long)])
def test_damage_is_never_believed(work, small, capfd, finished, times):
    """Whatever happens to a file of a study, --resume gives the undisturbed results, or refuses and says why."""
    more = ("--replicates", "18")
    assert command(*RUN, *more, "--out", "undisturbed") == 0
    if finished:
        assert command(*RUN, "--replicates", "10", "--out", "begun") == 0
    else:
        unfinished(Path("begun"))
    expected = contents(Path("undisturbed"))
    rng = random.Random(2009 + finished)  # noqa: S311 - a seed that makes a failure repeatable
    for _ in range(times):
        shutil.rmtree("out", ignore_errors=True)
        shutil.rmtree("out.unfinished", ignore_errors=True)
        shutil.copytree("begun", "out")
        said = [damage(Path("out"), rng) for _ in range(rng.choice([1, 1, 1, 3]))]
        status = command(*RUN, *more, "--out", "out", "--resume")
        err = capfd.readouterr().err
        assert "Traceback" not in err, said
        if status == 0:
            assert contents(Path("out")) == expected, said
        else:
            assert status == 2, said
            refusal = [line for line in err.splitlines() if "was damaged; what it held" not in line]
            assert len(refusal) == 1, (said, err)


def unfinished(out: Path) -> None:
    """A run of which two chunks are done."""

    def stop(done: int) -> None:
        if folder.finished == 2:
            raise KeyboardInterrupt

    manifest = run_manifest(SCENARIO, 18, None, "auto")
    with pytest.raises(KeyboardInterrupt), study_folder(out, manifest) as folder:
        run(SCENARIO, replicates=18, folder=folder, progress=stop)


class TestOpen:
    def test_what_a_command_wrote(self, work, small):
        """`protocolsim.open` gives the tables, the summary and the scenario of results."""
        assert command(*RUN, "--replicates", "6", "--out", "out") == 0
        study = protocolsim.open("out")
        expected = run(SCENARIO, replicates=6)
        assert study.tables == tuple(sorted(TABLES))
        for table in TABLES:
            same_frame(getattr(study, table), expected.records.frame(table))
        assert list(study.table("doses", columns=["dose"])) == ["dose"]
        assert study.summary == expected.summary()
        assert study.scenario().trial.cohort.size == 4

    def test_what_is_damaged_is_refused(self, work, small):
        """A file that is not as it was written is never read."""
        assert command(*RUN, "--replicates", "6", "--out", "out") == 0
        rng = random.Random(1)  # noqa: S311
        for name in ("subjects.parquet", "summary.json", "scenario.yaml", "manifest.json"):
            path = Path("out", name)
            content = path.read_bytes()
            at = rng.randrange(len(content))
            path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
            with pytest.raises(UsageError, match=name.split(".")[0]):
                protocolsim.open("out").subjects, protocolsim.open("out").summary, protocolsim.open("out").scenario()
            path.write_bytes(content)

    def test_what_is_no_result_is_refused(self, work):
        """Somebody's folder, an unfinished study and nothing at all are told apart."""
        Path("others").mkdir()
        Path("others/notes.txt").write_text("mine")
        for name, said in (("others", "no results"), ("nowhere", "No such file")):
            with pytest.raises(UsageError, match=said):
                protocolsim.open(name)


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
    write_run(large, tmp_path)
    assert {table: len(pd.read_parquet(tmp_path / f"{table}.parquet")) for table in rows} == rows


def test_a_large_replicate_is_written_while_it_is_simulated(monkeypatch, work):
    """A trial whose tables do not fit into memory goes to the disk piece by piece, to the same rows, simulated once."""
    monkeypatch.setattr(trials, "MOST_SUBJECTS_IN_TABLES", 3)
    simulated = []

    def counted(*words):
        simulated.append(words[2])
        return pieces(*words)

    monkeypatch.setattr(trials, "pieces", counted)
    made: Result
    with study_folder(Path("out"), run_manifest(SCENARIO, 3, None, "auto")) as folder:
        made = run(SCENARIO, replicates=3, folder=folder)
        with folder.results() as place:
            write_run(made, place, folder)
    for table in TABLES:
        same_frame(pd.read_parquet(f"out/{table}.parquet"), made.records.frame(table))
    assert len(simulated) == 1
    assert not list(Path("out").rglob("*.spool"))


def test_parts_that_do_not_fit_together_are_made_anew(work):
    """Parts whose columns stand otherwise, as another version of Arrow may put them, cost a simulation, no result."""
    with study_folder(Path("out"), run_manifest(SCENARIO, 3, None, "auto")) as folder:
        made = run(SCENARIO, replicates=3, folder=folder)
        part = next(folder.parts.glob("*.doses.parquet"))
        rows = parquet.read_table(part)
        parquet.write_table(rows.select(rows.column_names[::-1]), part)
        (entry,) = folder.entries.values()
        folder.entries["second"] = dataclasses.replace(entry, name="second")
        for file in sorted(folder.parts.iterdir()):
            (folder.parts / file.name.replace(entry.name, "second")).write_bytes(file.read_bytes())
        other = folder.parts / f"second.{part.name.split('.')[1]}.parquet"
        parquet.write_table(rows, other)
        with folder.results() as place:
            write_run(made, place, folder)
    for table in TABLES:
        same_frame(pd.read_parquet(f"out/{table}.parquet"), made.records.frame(table))


def test_what_a_report_draws_does_not_depend_on_workers(monkeypatch):
    """The first replicates that figures show are the same whether records were kept, some of them, or none."""
    monkeypatch.setattr("protocolsim.study.result.ROWS_SHOWN", 2000)
    made = run(SCENARIO, replicates=12)
    assert 1 <= made.shown_replicates < 12
    shown = made.shown
    for kept, first in ((None, made.first), (None, ()), (made.kept, ())):
        again = dataclasses.replace(made, kept=kept, first=first)
        assert again.shown.equal(shown)
        assert again.shown.replicates == made.shown_replicates
