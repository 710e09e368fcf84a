"""The command line: what it prints, what it refuses, and that a refusal is one message and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from protocolsim import cli
from protocolsim.records import TABLES
from protocolsim.report.run import page
from protocolsim.scenario.json_schema import schema_text
from protocolsim.scenario.load import load
from protocolsim.study.execution import trials
from protocolsim.study.run import run
from tests.support.frames import same_frame

ROOT = Path(__file__).parents[2]
QUICK = ("run", "ms_daclizumab", "--set", "cohort.size=3", "--replicates", "2")
NUMBERS = {"value", "mcse", "lo", "hi", "median", "n_undefined", "published", "role"}
HEAVY = ("numpy", "numba", "pandas", "pydantic", "simpy", "transitions", "altair", "rich", "ruamel", "jinja2", "scipy")


@pytest.fixture
def command(tmp_path, monkeypatch, capfd):
    """Run the command line in an empty folder: its exit status, standard output and standard error."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def call(*words):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(w) for w in words], prog_name="protocolsim")
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return call


def everything() -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(Path().rglob("*"))}


def refused(call, *words) -> str:
    """The one message of a refusal: status 2, nothing on standard output, no traceback, and no file changed."""
    before = everything()
    status, out, err = call(*words)
    assert (status, out) == (2, ""), (status, out, err)
    assert err.strip()
    assert "Traceback" not in err
    assert everything() == before
    return str(err)


class TestHelp:
    def test_version(self, command):
        """--version prints one line: the name and the version."""
        status, out, err = command("--version")
        assert (status, out.split()[0], len(out.splitlines()), err) == (0, "protocolsim", 1, "")

    @pytest.mark.parametrize("words", [("--help",), ("-h",), ("run", "--help"), ("list", "-h"), ("schema", "-h")])
    def test_help(self, command, words):
        """Help is printed, for the whole and for each command."""
        status, out, err = command(*words)
        assert (status, err) == (0, "")
        assert out.startswith("Usage: protocolsim")

    def test_list(self, command):
        """The list names every shipped scenario with its title and its question."""
        status, out, _ = command("list")
        assert status == 0
        out = " ".join(out.split())  # lines are as long as the terminal
        for path in (ROOT / "scenarios").glob("*.yaml"):
            scenario = load(path.stem)
            assert path.stem in out
            assert scenario.title in out
            assert scenario.question in out

    def test_schema(self, command):
        """The schema is printed as it is shipped."""
        assert command("schema") == (0, schema_text(), "")

    def test_a_mistyped_command(self, command):
        """A mistyped command or option is one refusal with the nearest right word."""
        assert refused(command, "lsit") == "no command 'lsit'; did you mean 'list'?\n"
        there = ", ".join(sorted(p.stem for p in Path(cli.__file__).parent.glob("[a-z]*.py") if p.stem != "base"))
        assert refused(command, "xyz") == f"no command 'xyz'; there are: {there}\n"
        assert "'--replicates'" in refused(command, "run", "ms_daclizumab", "--replicate", "2").lower()


class TestRun:
    def test_json(self, command):
        """--json prints the summary and nothing else: every estimate with the agreed keys, in strict JSON."""
        status, out, err = command(*QUICK, "--json", "--no-companions")

        def refuse(constant):
            raise AssertionError(f"{constant} is no JSON")

        found = json.loads(out, parse_constant=refuse)
        assert (status, err) == (0, "")
        assert set(found["estimates"]) == set(load("ms_daclizumab").reported)
        assert all(set(e) >= NUMBERS for e in found["estimates"].values())
        assert found == run(load("ms_daclizumab", set={"cohort.size": 3}), replicates=2).summary()

    def test_the_terminal(self, command, monkeypatch):
        """Without options the summary is shown: each endpoint's label, and the published numbers as printed."""
        monkeypatch.setenv("COLUMNS", "200")
        status, out, err = command(*QUICK)
        assert (status, err) == (0, "")
        assert "Controlled on daclizumab alone" in out
        assert "9/13" in out

    def test_quiet(self, command):
        """--quiet prints nothing, with results written all the same."""
        assert command(*QUICK, "--quiet", "--out", "results") == (0, "", "")
        assert Path("results/report.html").is_file()

    def test_progress_is_shown_to_people_only(self, command, monkeypatch):
        """On a terminal a bar runs on standard error, but not with --quiet or --json."""
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert "simulating trials" in command(*QUICK)[2]
        assert command(*QUICK, "--quiet") == (0, "", "")
        status, out, err = command(*QUICK, "--json")
        assert (status, err) == (0, "")
        assert json.loads(out)

    def test_out(self, command):
        """--out holds the tables of the run in memory, the summary that --json prints, the scenario, and the page."""
        status, out, _ = command(*QUICK, "--json", "--out", "results")
        assert status == 0
        assert json.loads(out) == json.loads(Path("results/summary.json").read_text())
        expected = run(load("ms_daclizumab", set={"cohort.size": 3}), replicates=2)
        for table in TABLES:
            same_frame(pd.read_parquet(f"results/{table}.parquet"), expected.records.frame(table))
        names = {p.name for p in Path("results").iterdir()}
        assert names == {f"{table}.parquet" for table in TABLES} | {
            "summary.json", "scenario.yaml", "provenance.json", "report.html", "manifest.json", "chunks",
            "ledger.jsonl",
        }  # fmt: skip
        assert [p.name for p in Path().iterdir()] == ["results"]

    def test_what_was_resolved_runs_again_to_the_same(self, command):
        """The scenario.yaml in --out, run again, prints the same estimates."""
        _, first, _ = command(*QUICK, "--json", "--out", "results")
        _, again, _ = command("run", "results/scenario.yaml", "--replicates", "2", "--json")
        assert json.loads(first)["estimates"] == json.loads(again)["estimates"]

    def test_seed_and_settings_matter(self, command):
        """Another seed or another threshold gives other numbers; the same, the same."""
        printed = [
            command(*QUICK, "--json", *more)[1]
            for more in ((), (), ("--seed", "1"), ("--set", "cohort.lesion_persistence=0 %"))
        ]
        assert printed[0] == printed[1]
        assert len(set(printed)) == 3


SCENARIO = """\
title: A trial
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
protocol:
  summaries: {seen: {count of: cel}}
  states:
    treated: {enrolled: true, assessments: {mri: {weeks: [0]}}, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: treated, to: done, when: seen > 0}
    - {from: treated, to: done, otherwise: true}
"""
DEEP = "a: " + "[" * 5000 + "]" * 5000
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"
FILES: dict[str, tuple[str | bytes, str, str]] = {
    "unknown key": (SCENARIO.replace("title:", "titel:"), "line 1, column 1", "did you mean 'title'?"),
    "misspelt state": (SCENARIO.replace("    done:", "    doen:"), "protocol.states.doen", "did you mean 'done'?"),
    "negative size": (SCENARIO.replace("size: 3", "size: -3"), "line 2, column 16", "-3 is below 1 (subjects)"),
    "wrong unit": (SCENARIO.replace("lasts: 4 weeks", "lasts: 4 mg"), "treated.lasts", "expected a time"),
    "hostile rule": (SCENARIO.replace("seen > 0", "__import__('os').system('ls')"), "[0].when", "cannot read"),
    "extends itself": ("extends: extends itself.yaml\n", "extends", "circle"),
    "extends nothing": ("extends: nothing.yaml\n", "extends", "no such file"),
    "empty": ("", "", "the file is empty"),
    "list": ("- a\n- b\n", "", "not a list"),
    "binary": (b"\x00\xff\xfe\x80" * 100, "", "not UTF-8"),
    "controls": ("title: \x01\n", "", "U+0001"),
    "enormous": ("# " + "x" * 3_000_000, "", "larger than 256 kB"),
    "deep": (DEEP, "", "nested deeper than 30"),
    "bomb": (BOMB, "", "anchors and aliases are not allowed"),
    "tag": ("title: !!python/object/apply:os.system ['touch hacked']\n", "", "tags are not allowed"),
    "tab": ("title: x\n\tcohort: y\n", "line 2", "tab"),
    "plugin": (SCENARIO.replace("relapsing_ms", "'os:system'"), "cohort.disease", "only with --allow-plugins"),
    "twice": (SCENARIO + "title: again\n", "line 11", "given twice"),
}  # fmt: skip


class TestRefusals:
    @pytest.mark.parametrize("name", FILES)
    def test_bad_files(self, command, name):
        """A bad file of any kind is one refusal that names the file, with nothing run and nothing written."""
        text, place, said = FILES[name]
        path = Path(f"{name}.yaml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        err = refused(command, "run", path, "--out", "results")
        faults = err.count("anchors and aliases") if name == "bomb" else 1
        assert err.startswith(f"{path}: {faults} fault")
        assert len(err.splitlines()) == faults + 1
        assert place in err
        assert said in err

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ((), "Usage"),
            (("run",), "Missing argument 'SCENARIO'. Name a shipped one (`protocolsim list` shows them), or a file."),
            (("run", "ms_daclizumab", "more"), "unexpected extra argument"),
            (("run", "ms_dacluzimab"), "unknown scenario 'ms_dacluzimab'; did you mean 'ms_daclizumab'?"),
            (("run", "missing.yaml"), "there is no such file"),
            (("run", "."), "unknown scenario"),
            (("run", "./"), "is a folder, not a scenario file"),
            (("run", ""), "unknown scenario ''"),
            (("run", "/dev/zero"), "is not a regular file"),
            ((*QUICK, "--replicates", "0"), "replicates: 0 is not between 1 and"),
            ((*QUICK, "--replicates", "-1"), "replicates: -1 is not between 1 and"),
            ((*QUICK, "--replicates", "99999999999"), "is not between 1 and"),
            ((*QUICK, "--replicates", "many"), "'many' is not a valid integer"),
            ((*QUICK, "--seed", "-1"), "seed: -1 is not between 0 and"),
            ((*QUICK, "--engine", "dse"), "unknown engine 'dse'; did you mean 'des'?"),
            ((*QUICK, "--overwrite"), "--overwrite says nothing without --out"),
            ((*QUICK, "--set", "response_threshold"), "expected NAME=VALUE"),
            ((*QUICK, "--set", "response_threshold="), "expected NAME=VALUE"),
            ((*QUICK, "--set", "=50 %"), "expected NAME=VALUE"),
            ((*QUICK, "--set", ""), "expected NAME=VALUE"),
            ((*QUICK, "--set", "respons_threshold=1"), "did you mean 'response_threshold'?"),
            ((*QUICK, "--set", "response_threshold=120%"), "120% is outside its range"),
            ((*QUICK, "--set", "response_threshold=1\ntitle: x"), "expected a single value"),
            ((*QUICK, "--set", "response_threshold=&a 1"), "--set response_threshold: anchors and aliases"),
            ((*QUICK, "--set", 'response_threshold="'), "--set response_threshold: "),
            ((*QUICK, "--set", "response_threshold=!!python/name:os.system"), "tags are not allowed"),
            ((*QUICK, "--set", "cohort.size=4"), "--set cohort.size: it is set twice"),
            ((*QUICK, "--set", "cohort.max_candidates=3", "--set", "eligible_cels=20"), "3"),
        ],
    )  # fmt: skip
    def test_bad_words(self, command, words, said):
        """A bad argument, option or setting is one refusal that says what was expected."""
        assert said in refused(command, *words)

    def test_settings_take_any_form(self, command):
        """A setting may hold spaces, quotes, units and expressions."""
        for form in (
            "response_threshold=50%",
            "response_threshold = 50 %",
            "response_threshold='50 %'",
            "response_threshold=.5",
            "response_threshold=1/2",
        ):
            assert command(*QUICK, "--quiet", "--set", form) == (0, "", "")

    def test_places_that_cannot_be_written(self, command):
        """A file, a path under a file, a folder of other things, /proc: each is refused before anything runs."""
        Path("file").write_text("mine")
        Path("others").mkdir()
        Path("others/notes.txt").write_text("mine")
        for out, said in (
            ("file", "there is a file"),
            ("file/out", "cannot"),
            ("others", "other files"),
            ("/proc/out", "cannot"),
            ("", "folder you are in"),
        ):
            assert said in refused(command, *QUICK, "--out", out)
        assert "other files" in refused(command, *QUICK, "--out", "others", "--overwrite")

    def test_overwriting_is_asked_for(self, command):
        """Earlier results stay until --overwrite is said, and then are replaced."""
        command(*QUICK, "--quiet", "--out", "results")
        assert "--overwrite" in refused(command, *QUICK, "--seed", "5", "--out", "results")
        assert command(*QUICK, "--seed", "5", "--quiet", "--out", "results", "--overwrite") == (0, "", "")
        assert json.loads(Path("results/summary.json").read_text())["seed"] == 5

    @pytest.mark.parametrize("earlier", [False, True])
    def test_a_failure_in_the_middle(self, command, monkeypatch, earlier):
        """A disk that is full when the page is written leaves what was simulated, and earlier results as they were."""
        if earlier:
            command(*QUICK, "--quiet", "--out", "results")
        before = everything()

        def full(result):
            raise OSError(28, "No space left on device")

        words = (*QUICK, "--seed", "5", "--out", "results")
        place = "results.unfinished" if earlier else "results"
        with monkeypatch.context() as patch:
            patch.setattr(page, "page", full)
            status, out, err = command(*words, *(["--overwrite"] if earlier else []))
        assert (status, out) == (2, "")
        first, second = err.splitlines()
        assert first == (f"--out results: writing failed: No space left on device; 1 of 1 parts are kept in {place}")
        assert second == f"go on with: protocolsim {' '.join(words)} --resume"
        assert {k: v for k, v in everything().items() if not k.startswith(place)} == before
        assert not Path(place, "summary.json").exists()
        assert command(*words, "--quiet", "--resume") == (0, "", "")
        assert json.loads(Path("results/summary.json").read_text())["seed"] == 5
        assert [p.name for p in Path().iterdir()] == ["results"]

    def test_an_interruption(self, command, monkeypatch):
        """Ctrl-C ends with status 130; what was simulated is kept and it says how to go on; before that nothing is."""

        def interrupt(*words):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(trials, "pieces", interrupt)
            assert command(*QUICK, "--out", "results") == (130, "", "interrupted; nothing was written\n")
        assert everything() == {}
        with monkeypatch.context() as patch:
            patch.setattr(page, "page", interrupt)
            status, out, err = command(*QUICK, "--out", "results")
        assert (status, out) == (130, "")
        assert err == (
            "interrupted; 1 of 1 parts are kept in results\n"
            f"go on with: protocolsim {' '.join(QUICK)} --out results --resume\n"
        )
        assert command(*QUICK, "--out", "results", "--quiet", "--resume") == (0, "", "")
        assert Path("results/summary.json").exists()


def process(*words, cwd):
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
    )  # fmt: skip


class TestProcess:
    def test_a_refusal(self, tmp_path):
        """As a process of its own: status 2, one message on standard error, nothing else."""
        (tmp_path / "trial.yaml").write_text(SCENARIO.replace("size: 3", "size: -3"))
        found = process("-m", "protocolsim", "run", "trial.yaml", cwd=tmp_path)
        assert (found.returncode, found.stdout) == (2, "")
        assert found.stderr == "trial.yaml: 1 fault\n  line 2, column 16  cohort.size: -3 is below 1 (subjects)\n"

    @pytest.mark.parametrize(
        "code",
        [
            "import protocolsim",
            "import protocolsim; dir(protocolsim); protocolsim.__version__",
            "from protocolsim import cli; cli.main(['--help'], standalone_mode=False)",
            "from protocolsim import cli; cli.main(['run', '--help'], standalone_mode=False)",
            "from protocolsim import cli\ntry: cli.main(['--version'])\nexcept SystemExit: pass",
        ],
    )
    def test_importing_costs_nothing(self, tmp_path, code):
        """Importing the package, or asking for help, imports none of the heavy libraries."""
        found = process(
            "-c", f"{code}\nimport sys\nprint('loaded:', *sorted(m for m in {HEAVY} if m in sys.modules))", cwd=tmp_path
        )
        assert found.stderr == ""
        assert found.stdout.splitlines()[-1] == "loaded:"
