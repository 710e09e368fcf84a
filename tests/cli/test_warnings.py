"""No library warns of anything while a command runs: `python -W error -m protocolsim ...` does what it does without."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import click
import pytest

from protocolsim import cli
from protocolsim.scenario.file.extends import load_document

FEW = ("--replicates", "2", "--quiet")
ONE = ("--set", "cohort.size=1", "--replicates", "1", "--quiet")
# Every kind of endpoint that the trial has: each is a panel of a figure, and is drawn as long as another of its kind.
KEPT = ("new_cel_inhibition", "rule_means_zero", "controlled_on_monotherapy", "weeks_to_rescue", "edss_change",
        "nk_ratio", "daclizumab_given")  # fmt: skip
# Of every command at least one call that does all that it can.
CALLS = [
    ("boundaries", "ms_group_sequential", "--replicates", "4", "--quiet", "--out", "boundaries"),
    ("calibrate", "ms_daclizumab", "--points", "40", "--trials", "2", "--quiet", "--out", "posterior"),
    ("check", "ms_daclizumab"),
    ("compare", "ms_daclizumab", "ms_threshold_50", "--replicates", "2"),
    ("describe", "ms_smart", "-o", "synopsis.html"),
    ("diagram", "ms_daclizumab", "-o", "chart.svg"),
    ("diagram", "ms_daclizumab", "-o", "chart.png", "--counts", "--replicates", "1"),
    ("docs", "relapsing_ms"),
    ("embed", "maa_daclizumab", "--replicates", "2", "--quiet", "--out", "story.html"),
    ("explain", "share"),
    ("list",),
    ("looks", "ms_two_stage", "--html", "-o", "looks.html"),
    ("new", "mine"),
    ("run", "ms_daclizumab", *FEW, "--out", "run"),
    ("run", "maa_daclizumab", *FEW, "--out", "maa"),
    ("run", "mine.yaml", "--replicates", "2"),
    ("schema",),
    ("sweep", "few.yaml", "--vary", "response_threshold=50%:75%:25%", *FEW, "--out", "sweep"),
    ("thresholds", "ms_daclizumab", *FEW, "--out", "thresholds"),
    ("trace", "ms_daclizumab", "--html", "-o", "trace.html"),
    ("validate", "ms_daclizumab", *FEW, "--out", "validation"),
]
# More trials, and those that are too small for everything.
MORE = [
    ("run", "ms_randomised", *FEW, "--out", "randomised"),
    ("run", "ms_scanner_shortage", *FEW, "--out", "shortage"),
    ("compare", "ms_randomised", "ms_randomised", "--replicates", "1"),
    ("run", "ms_randomised", *ONE, "--out", "one-randomised"),
    ("run", "ms_smart", *ONE, "--out", "one-smart"),
    ("run", "maa_daclizumab", *ONE, "--out", "one-maa"),
    ("run", "ms_daclizumab", *ONE, "--out", "one"),
    ("sweep", "few.yaml", "--vary", "response_threshold=75%", *ONE, "--out", "one-sweep"),
    ("thresholds", "few.yaml", *ONE, "--out", "one-thresholds"),
]
SERVED = {"app"}
PATIENCE = 300  # seconds, of a machine that has much else to do
# A shell lets what it starts in the background ignore Ctrl-C, and the tests' own children there would too.
FROM_A_TERMINAL = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
)
ALL = """
import contextlib, io, sys
from protocolsim import cli
for words in CALLED:
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            cli.main(list(words))
    except SystemExit as ended:
        if ended.code:
            print(ended.code, *words, file=sys.stderr)
    except BaseException as error:
        print(type(error).__name__, error, *words, file=sys.stderr)
"""


def few() -> dict[str, Any]:
    """The shipped trial with these endpoints alone."""
    whole = load_document("ms_daclizumab").data
    without = {key: {name: None for name in whole[key] if name not in KEPT} for key in ("endpoints", "published")}
    return {"extends": "ms_daclizumab", **without}


def test_every_kind_of_endpoint_is_kept():
    """The short trial has an endpoint of every kind of the whole one."""
    whole = load_document("ms_daclizumab").data["endpoints"]
    assert {whole[name]["kind"] for name in KEPT} == {part["kind"] for part in whole.values()}


def test_every_command_is_called():
    """A command that is added is called here too."""
    assert {words[0] for words in CALLS} | SERVED == set(cli.main.list_commands(click.Context(cli.main)))


@pytest.mark.slow
@pytest.mark.parametrize("calls", [CALLS, pytest.param(MORE, marks=pytest.mark.long)], ids=["all", "more"])
def test_no_command_warns(tmp_path, calls):
    """Every command, also of a single trial of one subject, ends well where each warning is an error."""
    (tmp_path / "few.yaml").write_text(json.dumps(few()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ALL.replace("CALLED", repr(calls))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    told = [line for line in done.stderr.splitlines() if not line.startswith(("compil", "written"))]
    assert (done.returncode, told) == (0, [])


@pytest.mark.slow
def test_the_page_starts_and_ends_without_a_warning(tmp_path):
    """The server says where it is, and ends at Ctrl-C, where each warning is an error."""
    pytest.importorskip("shiny")
    words = [
        *FROM_A_TERMINAL,
        sys.executable,
        "-W",
        "error",
        "-m",
        "protocolsim",
        "app",
        "ms_daclizumab",
        "--port",
        "0",
    ]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert address.startswith("http://127.0.0.1:"), said
    assert "Warning" not in said
    assert "Traceback" not in said
