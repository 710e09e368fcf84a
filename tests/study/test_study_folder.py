"""A study's folder: whatever stops the study, what was finished is kept, and in the end nothing tells of it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest

from protocolsim import cli
from protocolsim.executor.processes import Processes
from protocolsim.records import TABLES
from protocolsim.scenario.load import load
from protocolsim.study.execution import chunks as execution_chunks
from protocolsim.study.storage import manifest
from protocolsim.study.storage.study_folder import study_folder
from protocolsim.study.storage.write import write_whole
from protocolsim.study.sweep.sweep import carry_out, plan
from tests.support import killing
from tests.support.frames import same_frame

ROOT = Path(__file__).parents[2]
SMALL = ("ms_daclizumab", "--set", "cohort.size=4", "--workers", "1", "--quiet")
RUN = ("run", *SMALL, "--replicates", "12", "--no-companions")
CURVE = ("thresholds", *SMALL, "--replicates", "12", "--random-streams", "2")
SWEEP = ("sweep", *SMALL, "--replicates", "12", "--vary", "response_threshold=25%,50%")
# What a shell starts in the background ignores Ctrl-C, and so would the tests' own children there.
AS_FROM_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from protocolsim import cli
cli.main(prog_name="protocolsim")
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """An empty working folder, and chunks of a few trials."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(execution_chunks._SUBJECTS, "batch", 16)
    # Pages and figures take seconds to draw, and have tests of their own.
    monkeypatch.setattr("protocolsim.report.run.page.page", lambda result: "a page" * 1000)
    monkeypatch.setattr("protocolsim.report.sweep.page.write_report", killing.plain_report)
    monkeypatch.setattr("protocolsim.report.decision.files.charts", lambda summary: {})
    monkeypatch.setattr("protocolsim.report.decision.files.threshold_page", lambda *_: "a page" * 1000)
    return tmp_path


@pytest.fixture
def command(capfd):
    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(w) for w in words], prog_name="protocolsim")
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return ended.value.code or 0, out, err

    return call


def results(folder: str | Path) -> dict[str, bytes]:
    """The final results, without what tells when and how fast they were made."""
    timed = ("provenance.json", "report.html")
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.is_file() and p.name not in timed}


def stop_after(monkeypatch, chunks: int, error: BaseException):
    """Let so many chunks be written, and then fail."""
    real = write_whole
    written: list[Path] = []

    def write(path, content):
        if path.parent.name == "chunks":
            if len(written) == chunks:
                raise error
            written.append(path)
        real(path, content)

    monkeypatch.setattr("protocolsim.study.storage.study_folder.write_whole", write)


class TestGoingOn:
    @pytest.mark.parametrize("words", [RUN, SWEEP, CURVE], ids=["run", "sweep", "thresholds"])
    def test_it_goes_on_where_it_stopped(self, command, monkeypatch, words):
        """After a full disk the command that it names does what is missing, and all ends as if undisturbed."""
        assert command(*words, "--out", "undisturbed")[0] == 0
        number = len(list(Path("undisturbed/chunks").iterdir()))
        with monkeypatch.context() as patch:
            stop_after(patch, 2, OSError(28, "No space left on device"))
            status, _, err = command(*words, "--out", "out")
        assert (status, err.splitlines()[0]) == (
            2, f"--out out: writing failed: No space left on device; 2 of {number} parts are kept in out"
        )  # fmt: skip
        assert not Path("out/summary.json").exists()
        kept = {p: p.stat().st_mtime_ns for p in Path("out/chunks").iterdir()}
        assert len(kept) == 2
        assert "add --resume to go on with it" in command(*words, "--out", "out")[2]
        again = shlex.split(err.splitlines()[1].removeprefix("go on with: protocolsim "))
        assert command(*again) == (0, "", "")
        assert results("out") == results("undisturbed")
        assert {p: p.stat().st_mtime_ns for p in kept} == kept
        assert sorted(p.name for p in Path("out").iterdir()) == sorted(p.name for p in Path("undisturbed").iterdir())

    @pytest.mark.parametrize("words", [RUN, SWEEP, CURVE], ids=["run", "sweep", "thresholds"])
    def test_more_replicates_add_only_what_is_new(self, command, monkeypatch, words):
        """A finished study asked for more keeps its chunks, and ends with the bytes of one that had as many at once."""
        more = (*words, "--replicates", "21")
        assert command(*words, "--out", "out")[0] == 0
        assert command(*more, "--out", "at_once")[0] == 0
        earlier = {p.name: p.read_bytes() for p in Path("out/chunks").iterdir()}
        with monkeypatch.context() as patch:
            stop_after(patch, 1, KeyboardInterrupt())
            assert command(*more, "--out", "out", "--resume")[0] == 130
        before = results("out")
        assert '"replicates": 12' in before["manifest.json"].decode(), "earlier results stay until the new are whole"
        simulated: list[int] = []
        real = execution_chunks.Work.chunks

        def watched(*words):
            left = real(*words)
            simulated.extend(part.span.first for chunk in left for part in chunk.parts)
            return left

        monkeypatch.setattr(execution_chunks.Work, "chunks", watched)
        assert command(*more, "--out", "out", "--resume") == (0, "", "")
        assert min(simulated) >= 12
        assert results("out") == results("at_once")
        assert earlier.items() <= {p.name: p.read_bytes() for p in Path("out/chunks").iterdir()}.items()
        assert not Path("out.unfinished").exists()

    def test_overwriting_spares_earlier_results(self, command, monkeypatch):
        """Results that are to be replaced stay whole until their successors are, which grow beside them."""
        assert command(*RUN, "--out", "out")[0] == 0
        before = results("out")
        new = (*RUN, "--seed", "3", "--out", "out")
        with monkeypatch.context() as patch:
            stop_after(patch, 1, KeyboardInterrupt())
            status, _, err = command(*new, "--overwrite")
        assert status == 130
        assert "kept in out.unfinished" in err
        assert results("out") == before
        assert "an unfinished study stands beside it" in command(*new)[2] or "earlier results" in command(*new)[2]
        assert command(*shlex.split(err.splitlines()[1].removeprefix("go on with: protocolsim ")))[0] == 0
        assert json.loads(Path("out/summary.json").read_text())["seed"] == 3
        assert command(*RUN, "--out", "out", "--overwrite")[0] == 0
        assert results("out") == before
        assert sorted(p.name for p in Path().iterdir()) == ["out"]

    def test_a_damaged_chunk_is_done_again(self, command, monkeypatch):
        """A chunk that the disk has spoilt is found, and simulated again."""
        assert command(*SWEEP, "--out", "undisturbed")[0] == 0
        with monkeypatch.context() as patch:
            stop_after(patch, 3, KeyboardInterrupt())
            command(*SWEEP, "--out", "out")
        first = min(Path("out/chunks").iterdir())
        first.write_bytes(first.read_bytes()[:100])
        said = f"'chunks/{first.name}' of out was damaged; what it held is done again\n"
        assert command(*SWEEP, "--out", "out", "--resume") == (0, "", said)
        assert results("out") == results("undisturbed")

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            (("--set", "response_threshold=60%"), "parameters.response_threshold.value was 75 % and is 60% now"),
            (("--seed", "4"), "seed was 2009 and is 4 now"),
            (("--replicates", "5"), "has 12 replicates already; --replicates 5 would take some away"),
            (("--engine", "des"), "engine was batch and is des now"),
            (("--overwrite",), "--resume goes on with what --overwrite would replace"),
        ],
    )
    def test_another_study_is_refused(self, command, monkeypatch, changed, said):
        """What differs from the study in the folder is named, and nothing is changed there."""
        with monkeypatch.context() as patch:
            stop_after(patch, 1, KeyboardInterrupt())
            command(*RUN, "--out", "out")
        before = {p: p.read_bytes() for p in Path("out").rglob("*") if p.is_file()}
        status, _, err = command(*RUN, *changed, "--out", "out", "--resume")
        assert (status, said in err) == (2, True), err
        assert {p: p.read_bytes() for p in Path("out").rglob("*") if p.is_file()} == before

    def test_another_version_or_command_is_refused(self, command, monkeypatch):
        """Another version of protocolsim, or another command, does not go on with a study."""
        with monkeypatch.context() as patch:
            stop_after(patch, 1, KeyboardInterrupt())
            command(*RUN, "--out", "out")
        assert "command was run and is sweep now" in command(*SWEEP, "--out", "out", "--resume")[2]
        ours = version("protocolsim")
        monkeypatch.setattr(manifest, "version", lambda name: "99.0")
        said = f"--out out cannot be gone on with: version was {ours} and is 99.0 now\n"
        assert command(*RUN, "--out", "out", "--resume") == (2, "", said)

    def test_of_another_trial_only_its_title_is_told(self, command):
        """Where everything differs, one line says why: the titles of both trials, and nothing else."""
        command(*RUN, "--out", "out")
        status, _, err = command("run", "maa_daclizumab", *RUN[2:], "--out", "out", "--resume")
        assert status == 2
        assert re.fullmatch("--out out cannot be gone on with: trial was .* and is Daclizumab in .* now\n", err), err

    def test_what_cannot_be_gone_on_with(self, command):
        """--resume needs a folder, and one of ours; where there is nothing yet, it begins."""
        assert "--resume says nothing without --out" in command(*RUN, "--resume")[2]
        Path("others").mkdir()
        Path("others/notes.txt").write_text("mine")
        assert "it holds other files" in command(*RUN, "--out", "others", "--resume")[2]
        assert command(*RUN, "--out", "new", "--resume")[0] == 0
        Path("new/manifest.json").write_text("{")
        assert "cannot read" in command(*RUN, "--out", "new", "--resume")[2]
        Path("new/manifest.json").unlink()
        assert "it has no manifest.json" in command(*RUN, "--out", "new", "--resume")[2]

    def test_two_at_once(self, command):
        """Two processes cannot work on the same folder."""
        scenario = load("ms_daclizumab", set={"cohort.size": 4})
        planned = plan(scenario, {"response_threshold": "25%,50%"}, replicates=12)
        with study_folder(Path("out"), planned.manifest) as folder:
            carry_out(planned, folder=folder)
            assert "another process is at work" in command(*SWEEP, "--out", "out", "--resume")[2]

    def test_what_is_not_ours_is_never_lost(self, command):
        """A file that somebody put among the chunks is not taken away by --overwrite."""
        assert command(*RUN, "--out", "out")[0] == 0
        Path("out/chunks/notes.txt").write_text("mine")
        assert "it holds 'chunks/notes.txt'" in command(*RUN, "--out", "out", "--overwrite")[2]
        assert Path("out/chunks/notes.txt").read_text() == "mine"


class TestKilled:
    @pytest.mark.parametrize(
        ("name", "kills"),
        [
            *((name, 1) for name in killing.COMMANDS),
            *(pytest.param(n, 20, marks=pytest.mark.long) for n in killing.COMMANDS),
        ],
    )
    def test_killed(self, work, name, kills):
        """A command killed (SIGKILL) at random moments and given again leaves what an undisturbed one leaves."""
        found = subprocess.run(
            [sys.executable, "-m", "tests.support.killing", name, work, "2009", str(kills)],
            env=ENVIRONMENT, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
        assert found.stdout.startswith(f"{kills} kills in ")
        for folder in work.glob("killed*"):
            assert results(folder) == results("undisturbed")
            assert not list(folder.rglob("*.partial"))
        assert not [p.name for p in work.iterdir() if "." in p.name]

    def test_a_worker_is_killed(self, work):
        """A worker killed in the middle costs nothing: the sweep ends as with one process, and the user is told."""
        planned = plan(load("ms_daclizumab", set={"cohort.size": 4}), {"response_threshold": "25%,50%"}, replicates=40)
        said: list[str] = []
        killed: list[int] = []
        with Processes(2, said.append) as pool:

            def kill_one(_: int) -> None:
                if not killed:
                    killed.append(pool.pids[0])
                    os.kill(killed[0], signal.SIGKILL)

            found = carry_out(planned, kill_one, workers=pool)
        assert found.frame.equals(carry_out(planned).frame)
        assert len(killed) == len(said) == 1
        assert "nothing is lost" in said[0]

    @pytest.mark.parametrize(
        ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
    )
    def test_asked_to_end(self, work, command, number, status, word):
        """Ctrl-C and SIGTERM end the study and its workers, say what is kept, and the command they name finishes it."""
        words = [*killing.SWEEP[:-1], "2"]
        words[words.index("--replicates") + 1] = "40000"
        process = subprocess.Popen(
            [sys.executable, "-c", AS_FROM_A_TERMINAL, *words, "--out", "out"],
            env=ENVIRONMENT, cwd=work, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        while not Path("out/ledger.jsonl").exists() and process.poll() is None:
            time.sleep(0.02)
        time.sleep(0.1)  # its line is in it as soon as it is there, but for a moment
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, err = process.communicate(timeout=120)
        assert process.returncode == status, err
        first, second = err.splitlines()[-2:]
        assert re.fullmatch(rf"{word}; [1-9][0-9]* of [0-9]+ parts are kept in out", first), err
        assert shlex.split(second) == ["go", "on", "with:", "protocolsim", *words, "--out", "out", "--resume"]
        assert "Traceback" not in err
        assert not [p for p in Path("out").rglob("*") if "partial" in p.name]
        wait_until_gone(process.pid)


def wait_until_gone(group: int) -> None:
    """No process of this group is left, soon."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("some of its workers are still there")


@contextmanager
def small_disk(where: Path, size: str):
    """A disk of this size; skips the test where none can be made."""
    where.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", where], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"needs permission to mount a small disk: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", where], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("words", [RUN, SWEEP, CURVE], ids=["run", "sweep", "thresholds"])
def test_a_full_disk(work, command, words):
    """On a disk that is too small a study says so and keeps what fits; with more room it goes on to the same end."""
    assert command(*words, "--out", "undisturbed")[0] == 0
    needed = sum(p.stat().st_size for p in Path("undisturbed").rglob("*") if p.is_file()) // 1024
    with small_disk(work / "disk", "100k"):
        sizes = []
        for size in (f"{needed // 3}k", f"{needed * 2 // 3}k", "100m"):
            subprocess.run(["mount", "-o", f"remount,size={size}", work / "disk"], check=True)
            status, _, err = command(*words, "--out", "disk/out", "--resume")
            sizes.append(len(list(Path("disk/out/chunks").glob("0*"))))
            if size != "100m":
                assert status == 2
                assert "No space left on device" in err
                assert not Path("disk/out/summary.json").exists()
                assert not list(Path("disk").rglob("*.partial"))
        assert (status, err) == (0, "")
        assert sizes == sorted(sizes)
        assert sizes[1] > 0
        assert results("disk/out") == results("undisturbed")


class TestReading:
    def test_chunks_are_plain_parquet(self, command):
        """The chunks hold the trials: their values by point and replicate, readable without this package."""
        import duckdb

        assert command(*SWEEP, "--out", "out")[0] == 0
        frame = pd.read_parquet("out/chunks")
        assert sorted(frame["replicate"]) == sorted([*range(12)] * 3)
        assert {*frame["vary.response_threshold"]} == {25.0, 50.0, 75.0}
        final = pd.read_parquet("out/sweep.parquet")
        name = "assigned_monotherapy"
        medians = frame[frame["point"] > 0].groupby("point")[f"value.{name}"].quantile(0.5, interpolation="lower")
        assert list(medians) == list(final.loc[final["estimate"] == name, "median"])
        query = """select point, count("value.assigned_monotherapy") as n from 'out/chunks/*.parquet' group by point"""
        with duckdb.connect() as database:
            assert {n for _, n in database.execute(query).fetchall()} == {12}

    def test_the_page_tells_the_truth(self, command):
        """Each example of the page about long studies works as it stands."""
        page = (ROOT / "docs" / "long_studies.md").read_text(encoding="utf-8")
        assert command(*RUN, "--out", "study")[0] == 0
        examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
        assert len(examples) >= 5
        for example in examples:
            if "polars" in example:
                pytest.importorskip("polars")
            exec(compile(example, "long_studies.md", "exec"), {})  # noqa: S102 - our own page


def test_tables_do_not_depend_on_the_folder(command):
    """The tables of a run in a folder are those of the run without one."""
    assert command(*RUN, "--out", "out")[0] == 0
    from protocolsim.study.run import run

    result = run(load("ms_daclizumab", set={"cohort.size": 4}), replicates=12)
    for table in TABLES:
        same_frame(pd.read_parquet(f"out/{table}.parquet"), result.records.frame(table))
