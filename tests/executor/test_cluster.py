"""A study on a cluster ends with the same bytes as here, whatever happens to the cluster's workers."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from protocolsim import cli
from protocolsim.errors import UsageError, WorkerError
from protocolsim.executor import cluster
from protocolsim.executor.choose import executor_for
from protocolsim.executor.cluster import Cluster
from protocolsim.scenario.load import load
from protocolsim.study.execution import chunks
from protocolsim.study.sweep.sweep import carry_out, plan

distributed = pytest.importorskip("distributed", reason="needs the extra 'cluster'")

# Sockets of a cluster that lost a worker may be closed late, by the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler with two workers, each a process of its own."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def planned(monkeypatch):
    """A small sweep in many chunks."""
    monkeypatch.setitem(chunks._SUBJECTS, "batch", 20)
    return plan(load("ms_daclizumab", set={"cohort.size": 5}), {"response_threshold": "25%,50%"}, replicates=40)


def test_same_bytes_though_a_worker_is_killed(scheduler, planned):
    """Two workers of a scheduler give the same bytes as this process, one of them killed (SIGKILL) in the middle."""
    here = carry_out(planned).frame
    with executor_for("auto", scheduler) as executor:
        assert isinstance(executor, Cluster)
        assert executor.workers == 2
        assert carry_out(planned, workers=executor).frame.equals(here)
        killed: list[int] = []
        told: list[int] = []

        def kill_one(done: int) -> None:
            told.append(done)
            if not killed:
                killed.extend(list(executor.client.run(os.getpid).values())[:1])
                os.kill(killed[0], signal.SIGKILL)

        found = carry_out(planned, kill_one, workers=executor).frame
    assert len(killed) == 1
    assert sum(told) == planned.trials
    assert found.to_csv() == here.to_csv()
    assert all(found[c].to_numpy().tobytes() == here[c].to_numpy().tobytes() for c in ("value", "mcse"))


LOCAL = """
import os, signal
import protocolsim
from protocolsim.executor import cluster
from protocolsim.executor.choose import executor_for

scenario = protocolsim.load("ms_no_drug", set={"cohort.size": 3})
with executor_for(2, "local", print) as executor:
    os.kill(executor._own[0].pid, signal.SIGKILL)
    there = protocolsim.run(scenario, replicates=3, workers=executor)
    print(there.summary()["estimates"] == protocolsim.run(scenario, replicates=3).summary()["estimates"])
"""


def test_a_cluster_of_ones_own(tmp_path):
    """A local cluster needs no main guard, warns of nothing though Dask's ports are taken, and mends itself."""
    (tmp_path / "script.py").write_text(LOCAL)
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # somebody has it already
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        found = subprocess.run(
            [sys.executable, "-W", "error", "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
    assert (found.returncode, found.stderr) == (0, "")
    died, same = found.stdout.splitlines()
    assert died.startswith("a worker process was killed (signal 9)")
    assert same == "True"


def test_what_kills_every_worker(scheduler):
    """What a scheduler says of a part that kills one worker after the other is told in plain words."""
    with executor_for("auto", scheduler) as executor, pytest.raises(WorkerError, match="died again and again"):
        list(executor.results(dying, [1]))


def dying(_: int) -> None:
    """Be killed, as by the system."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def its_own():
    """A scheduler with one worker, each a process that may be killed: the address, and both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    port = address.rpartition(":")[2]
    begin = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port]
    work = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    processes = {name: subprocess.Popen([*words, "--no-dashboard"], **quiet) for name, words in
                 (("scheduler", begin), ("worker", work))}  # fmt: skip
    try:
        with distributed.Client(address, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
        yield address, processes, lambda: processes.setdefault("another", subprocess.Popen(work, **quiet))
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def test_a_scheduler_that_goes_is_one_refusal(its_own, capfd):
    """Its tasks go with it: that is told in a sentence, without a traceback of the cluster's own."""
    address, processes, _ = its_own
    refused = pytest.raises(WorkerError, match=f"--cluster {address}: the scheduler has gone")
    with refused, executor_for("auto", address) as executor:
        threading.Timer(1.0, processes["scheduler"].kill).start()
        list(executor.results(time.sleep, [30.0] * 3))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("comes", [True, False], ids=["another comes", "none comes"])
def test_a_cluster_without_workers_is_not_waited_for_in_silence(its_own, monkeypatch, comes):
    """Where all workers have gone that is said; with new ones it goes on, and without any it ends."""
    address, processes, another = its_own
    monkeypatch.setattr(cluster, "_ASK", 0.2)
    monkeypatch.setattr(cluster, "_PATIENCE", 60.0 if comes else 1.0)
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        if comes:
            another()

    with executor_for("auto", address, say) as executor:
        threading.Timer(1.0, processes["worker"].kill).start()
        found = executor.results(time.sleep, [4.0, 4.1])
        if comes:
            assert sorted(task for task, _ in found) == [4.0, 4.1]
        else:
            with pytest.raises(WorkerError, match="its workers have gone, and none came for 1 seconds"):
                list(found)
    assert told == [f"--cluster {address}: its workers have gone; waiting for new ones"]


def test_what_is_no_cluster(scheduler):
    """An address where nobody answers, workers of one's own on somebody's cluster: each is one refusal."""
    with pytest.raises(UsageError, match="the cluster has its own workers"):
        executor_for(3, scheduler)
    with pytest.raises(UsageError, match="no scheduler answers there"):
        executor_for("auto", "tcp://127.0.0.1:9")
    with pytest.raises(UsageError, match="no scheduler answers there"):
        executor_for("auto", "nonsense://x")


def test_another_version_is_refused(scheduler, monkeypatch):
    """Workers with another version of protocolsim would give other numbers, and are refused by name."""
    monkeypatch.setattr("protocolsim.executor.cluster.version", lambda name: f"{version(name)}.other")
    with pytest.raises(WorkerError, match=r"worker tcp://.* has protocolsim .*; .*\.other is needed"):
        executor_for("auto", scheduler)


def test_the_command(scheduler, tmp_path, monkeypatch, capfd):
    """On the command line: a study with --cluster has the results of one without."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("protocolsim.report.run.page.page", lambda result: "a page")
    words = ["run", "ms_daclizumab", "--set", "cohort.size=3", "--replicates", "6", "--quiet"]
    for more in (["--out", "here"], ["--out", "there", "--cluster", scheduler]):
        with pytest.raises(SystemExit) as ended:
            cli.main([*words, *more])
        assert not ended.value.code, capfd.readouterr().err
    for name in ("summary.json", "subjects.parquet", "observations.parquet", "moves.parquet"):
        assert Path("here", name).read_bytes() == Path("there", name).read_bytes()
