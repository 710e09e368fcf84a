"""The tables of looks and trials go through a study as the others do: shown, encoded, joined, kept, opened."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import protocolsim
from protocolsim.engine.batch.engine import ENGINE as BATCH
from protocolsim.engine.des.engine import ENGINE as DES
from protocolsim.errors import UsageError
from protocolsim.records import TABLES, TRIAL_TABLES, columns_of, concatenate, own_columns
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.execution import encoded_tables
from protocolsim.study.execution.trials import Trials
from protocolsim.study.run import run, run_manifest
from protocolsim.study.storage.results_folder import write_run
from protocolsim.study.storage.study_folder import study_folder
from tests.support.frames import same_frame
from tests.support.looks import two_arms

CALENDAR = {"looks": ("trigger", "cutoff", "decision"), "trials": ("decision", "last")}


@cache
def scenario() -> Scenario:
    """Four looks at two arms."""
    return two_arms()


def written(folder: Path, replicates: int, *, workers: int = 1, csv: bool = False, resume: bool = False) -> Path:
    """The folder of a run."""
    manifest = run_manifest(scenario(), replicates, None, "auto")
    with study_folder(folder, manifest, resume=resume) as kept:
        result = run(scenario(), replicates=replicates, workers=workers, folder=kept)
        with kept.results() as place:
            write_run(result, place, kept, csv=csv)
    return folder


def bytes_of(folder: Path) -> dict[str, str]:
    """A checksum of every table."""
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.parquet"))}


class TestColumns:
    """What the tables hold, and how it is shown."""

    @pytest.mark.parametrize("engine", [BATCH, DES])
    def test_columns_and_kinds(self, engine) -> None:
        """Every column of both tables is the one that is declared, in its order and kind, from either engine."""
        records = concatenate(list(engine.pieces(scenario().trial, 3, range(4))))
        assert records.names == (*TABLES, *TRIAL_TABLES)
        for table in TRIAL_TABLES:
            declared = columns_of(table, records.labels)
            assert list(records[table]) == list(declared)
            for name, kind in declared.items():
                assert records[table][name].dtype == np.dtype(kind), (table, name)
            assert len(records[table]["replicate"]) == 4 * (4 if table == "looks" else 1)

    def test_names_stand_for_codes_and_weeks_beside_minutes(self) -> None:
        """Looks and conclusions are named, what never came is missing, and each calendar minute has its week."""
        result = run(scenario(), replicates=40)
        looks, trials = result.looks, result.trials
        assert list(looks["look"].cat.categories) == ["look_1", "look_2", "look_3", "look_4"]
        assert list(trials["conclusion"].cat.categories) == ["efficacy", "settled", "futility", "no effect"]
        for frame, table in ((looks, "looks"), (trials, "trials")):
            for name in CALENDAR[table]:
                minute, week = frame[f"{name}_minute"], frame[f"{name}_week"]
                assert np.array_equal(week.dropna(), minute[minute >= 0] / 10080)
        unheld = looks[~looks["held"]]
        assert len(unheld) > 0
        assert unheld[["conclusion", "value_z"]].isna().all(axis=None)
        assert trials["overrun_conclusion"][~trials["stopped_early"]].isna().all()
        assert {"value_difference", "full_difference", "value_information"} <= set(trials)

    def test_a_name_of_the_tables_of_looks_is_free_elsewhere(self) -> None:
        """They have no column that a user names, so that their names are not taken from users."""
        assert not {"look", "conclusion", "looks_held"} & own_columns()


class TestWithoutLooks:
    """Trials that nobody looks at have no such tables."""

    def test_no_files(self, tmp_path: Path) -> None:
        """Neither in a folder nor in a result, which says why."""
        plain = protocolsim.load("ms_daclizumab")
        with study_folder(tmp_path / "out", run_manifest(plain, 2, None, "auto")) as kept:
            result = run(plain, replicates=2, folder=kept)
            with kept.results() as place:
                write_run(result, place, kept)
        assert {p.stem for p in (tmp_path / "out").glob("*.parquet")} == set(TABLES)
        with pytest.raises(UsageError, match="no looks at the accumulating data are declared"):
            _ = result.looks
        with pytest.raises(UsageError, match="trials"):
            _ = protocolsim.open(tmp_path / "out").trials


class TestFolders:
    """Files: joined from parts, the same bytes whoever simulated what and when."""

    def test_files_are_the_frames(self, tmp_path: Path) -> None:
        """Parquet and CSV hold what the result shows, and `protocolsim.open` reads them."""
        result = run(scenario(), replicates=30)
        opened = protocolsim.open(written(tmp_path / "out", 30, csv=True))
        assert set(opened.tables) == {*TABLES, *TRIAL_TABLES}
        same_frame(opened.looks, result.looks)
        same_frame(opened.trials, result.trials)
        read = pd.read_csv(tmp_path / "out" / "trials.csv")
        assert list(read["conclusion"]) == list(result.trials["conclusion"].astype(str))
        assert np.array_equal(read["enrolled"], result.trials["enrolled"])
        assert len(pd.read_csv(tmp_path / "out" / "looks.csv")) == 4 * 30

    def test_workers_and_an_interruption_change_no_byte(self, tmp_path: Path) -> None:
        """Two processes, and a study that was interrupted and taken up again, write the same files."""
        alone = bytes_of(written(tmp_path / "alone", 450))
        assert alone == bytes_of(written(tmp_path / "both", 450, workers=2))
        done: list[int] = []

        def stop(number: int) -> None:
            done.append(number)
            if sum(done) > 300:
                raise KeyboardInterrupt

        manifest = run_manifest(scenario(), 450, None, "auto")
        with pytest.raises(KeyboardInterrupt), study_folder(tmp_path / "cut", manifest) as kept:
            run(scenario(), replicates=450, folder=kept, progress=stop)
        assert alone == bytes_of(written(tmp_path / "cut", 450, resume=True))

    def test_more_replicates_are_added(self, tmp_path: Path) -> None:
        """A finished study goes on with more replicates: its tables are cut into the parts they were made of."""
        written(tmp_path / "grown", 250)
        whole = bytes_of(written(tmp_path / "whole", 450))
        grown = bytes_of(written(tmp_path / "grown", 450, resume=True))
        for table in TRIAL_TABLES:
            assert len(pd.read_parquet(tmp_path / "grown" / f"{table}.parquet")) == 450 * (4 if table == "looks" else 1)
        rows = [pd.read_parquet(tmp_path / folder / "trials.parquet") for folder in ("grown", "whole")]
        same_frame(*rows)
        assert grown.keys() == whole.keys()

    def test_without_parts_they_are_simulated_again(self, tmp_path: Path) -> None:
        """Written without a study's folder, the tables have the same bytes."""
        result = run(scenario(), replicates=60)
        (tmp_path / "streamed").mkdir()
        write_run(result, tmp_path / "streamed")
        assert bytes_of(tmp_path / "streamed") == bytes_of(written(tmp_path / "joined", 60))

    def test_a_chunk_holds_no_more_than_its_trials(self) -> None:
        """Memory is that of a chunk: what is encoded is of its replicates only, in row groups of its own."""
        point = Trials(scenario(), "batch", 1, range(40), tables=True)
        encoder = encoded_tables.Encoder()
        for records in point.pieces(range(10, 20)):
            encoder.add(records)
        made = encoder.finish()
        assert made.keys() == {*TABLES, *TRIAL_TABLES}
        assert all(made[table].groups >= 1 for table in TRIAL_TABLES)
