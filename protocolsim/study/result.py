"""What a run leaves: records, estimates, and where they came from."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.records import Records, concatenate
from protocolsim.scenario.file.yaml_writer import as_yaml
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.denominators import OfPublishedSize
from protocolsim.study.engines import pieces
from protocolsim.study.estimation.empirical_level import EmpiricalLevel
from protocolsim.study.estimation.estimate import Estimate, as_json
from protocolsim.study.estimation.undefined_values import undefined_by_variable
from protocolsim.study.parameters.draws import ParameterDraws
from protocolsim.study.parameters.shares import VarianceShares, shares_of
from protocolsim.study.parameters.shares import as_json as shares_as_json
from protocolsim.study.parameters.told import draws_frame, parameters_as_json, prediction_as_json

if TYPE_CHECKING:
    import pandas as pd


MOST_ROWS = 10_000_000
ROWS_KEPT = 2_000_000
ROWS_SHOWN = 500_000

_VERSIONS = ("protocolsim", "numpy", "numba", "simpy", "transitions")


@dataclass(frozen=True)
class Result:
    """The outcome of running a scenario: tables as pandas frames (made on first access) and estimates.

    `subjects`, `observations`, `doses`, `moves` and `events` have one row for each thing that happened, over all
    replicates; columns named `truth_*` hold what no clinic could know. `sums` are what the estimates were made of,
    [replicates, k] by endpoint. `companions` are the scenarios that were run beside this one, by name.
    `levels` are how often its tests reject without an effect, where that was asked for (`study/levels.py`).
    `published_size` says how published counts are judged, and `enlarged` is the run of the larger cohort that this
    takes; both only where that was asked for (`validate`). `drawn` is the same number of trials with values of the
    uncertain parameters drawn for each pair of them, where that was asked for; `draws` says, of such trials, which.
    """

    scenario: Scenario
    seed: int
    replicates: int
    engine: str
    estimates: Mapping[str, Estimate]
    seconds: float
    rows: int
    kept: tuple[Records, ...] | None = field(repr=False, default=None)
    first: tuple[Records, ...] = field(repr=False, default=())
    companions: Mapping[str, Result] = field(repr=False, default_factory=dict)
    levels: Mapping[str, EmpiricalLevel] = field(repr=False, default_factory=dict)
    sums: Mapping[str, Floats] = field(repr=False, default_factory=dict, compare=False)
    published_size: OfPublishedSize | None = field(repr=False, default=None, compare=False)
    enlarged: Result | None = field(repr=False, default=None, compare=False)
    draws: ParameterDraws | None = field(repr=False, default=None, compare=False)
    drawn: Result | None = field(repr=False, default=None, compare=False)

    @cached_property
    def records(self) -> Records:
        """The tables as plain columns, simulated again where a long run did not keep them.

        Raises UsageError where they would have more than ten million rows: those are for `--out`.
        """
        if self.rows > MOST_ROWS:
            raise UsageError(
                f"the tables have {self.rows:,} rows, more than {MOST_ROWS:,}: write them to a folder (--out) and read "
                "what you need, or run fewer replicates"
            )
        return concatenate(list(self.pieces()))

    def pieces(self) -> Iterator[Records]:
        """The tables piece by piece, in order."""
        if self.kept is not None:
            return iter(self.kept)
        return self._simulated(range(self.replicates))

    def _simulated(self, replicates: range) -> Iterator[Records]:
        """These replicates, simulated again."""
        return pieces(self.scenario, self.seed, replicates, self.engine, draws=self.draws)

    @cached_property
    def shown(self) -> Records:
        """What a report draws from: all records, or the first replicates of a long run (see `shown_replicates`)."""
        number = self.shown_replicates
        if number == self.replicates and self.kept is not None:
            return self.records
        there = [r for r in self.first if r.first_replicate + r.replicates <= number]
        reached = there[-1].first_replicate + there[-1].replicates if there else 0
        missing = self._simulated(range(reached, number))
        return concatenate([*there, *_some(missing)])

    @property
    def shown_replicates(self) -> int:
        """How many replicates a report draws from: about as many as have half a million rows, and at least one."""
        if self.rows <= ROWS_SHOWN:
            return self.replicates
        return max(1, ROWS_SHOWN * self.replicates // self.rows)

    @property
    def subjects(self) -> pd.DataFrame:
        """One row for everybody screened."""
        return self.records.frame("subjects")

    @property
    def observations(self) -> pd.DataFrame:
        """One row for each variable of each planned assessment."""
        return self.records.frame("observations")

    @property
    def doses(self) -> pd.DataFrame:
        """One row for each planned dose."""
        return self.records.frame("doses")

    @property
    def moves(self) -> pd.DataFrame:
        """One row for each change of state, with the reason in the rule's own words."""
        return self.records.frame("moves")

    @property
    def events(self) -> pd.DataFrame:
        """One row for each event with a clock of its own."""
        return self.records.frame("events")

    @property
    def looks(self) -> pd.DataFrame:
        """One row for each trial and planned look, held or not. Raises UsageError where no looks are declared."""
        return self._of_trials("looks")

    @property
    def trials(self) -> pd.DataFrame:
        """One row for each trial: how a look ended it, and when. Raises UsageError where no looks are declared."""
        return self._of_trials("trials")

    def _of_trials(self, table: str) -> pd.DataFrame:
        if table not in self.records.names:
            raise UsageError(f"{self.scenario.name}: no looks at the accumulating data are declared (`interim:`)")
        return self.records.frame(table)

    def with_companions(self, companions: Mapping[str, Result]) -> Result:
        """The same with what was run beside it."""
        return replace(self, companions=companions)

    @cached_property
    def undefined(self) -> Mapping[str, int]:
        """How many observations have no value since what the model computes is undefined there, by variable."""
        return undefined_by_variable(self.scenario.trial, self.sums)

    @cached_property
    def shares(self) -> Mapping[str, VarianceShares]:
        """Whose the variance of single trials is, by endpoint; none where no parameters are drawn."""
        if self.drawn is None or self.drawn.draws is None:
            return {}
        return shares_of(self.scenario.reported, self.drawn.sums, self.drawn.draws, self.scenario.trial)

    @cached_property
    def draws_frame(self) -> pd.DataFrame:
        """One row for each trial with parameters drawn: `parameter.NAME` in its unit, and `value.ENDPOINT` there.

        Raises UsageError where none are drawn.
        """
        if self.drawn is None or self.drawn.draws is None:
            raise UsageError(f"{self.scenario.name}: no parameters are drawn in this run (parameters='plausible')")
        return draws_frame(self.drawn.draws, self.scenario.reported, self.drawn.sums, self.replicates)

    def summary(self) -> dict[str, Any]:
        """Every estimate, as `protocolsim run --json` prints it: {"estimates": {name: {"value": ...}}}.

        Where parameters are drawn, `lo` to `hi` stays the sampling range at fixed parameters, and each estimate has its
        `prediction` (parameters included) and its `shares` of variance beside it.
        """
        summary: dict[str, Any] = {
            "scenario": self.scenario.name,
            "version": self.version,
            "seed": self.seed,
            "replicates": self.replicates,
            "engine": self.engine,
        }
        estimates: dict[str, dict[str, Any]] = {
            name: {**as_json(e), **self._level_of(name)} for name, e in self.estimates.items()
        }
        if self.drawn is not None and self.drawn.draws is not None:
            summary["parameters"] = parameters_as_json(self.drawn.draws, self.scenario, self.shares)
            for name, e in self.drawn.estimates.items():
                estimates[name]["prediction"] = prediction_as_json(e)
                shares = self.shares.get(name)
                estimates[name]["shares"] = None if shares is None else shares_as_json(shares)
        return {**summary, "estimates": estimates}

    def _level_of(self, name: str) -> dict[str, Any]:
        """Of a test whose level was asked for, that as JSON has it."""
        return {"level": self.levels[name].as_json()} if name in self.levels else {}

    def table(self) -> pd.DataFrame:
        """The summary as a frame, one row per estimate; `prediction_lo` and `prediction_hi` of drawn parameters."""
        import pandas as pd

        frame = pd.DataFrame.from_dict({n: as_json(e) for n, e in self.estimates.items()}, orient="index")
        if self.drawn is not None:
            frame["prediction_lo"] = [self.drawn.estimates[name].lo for name in frame.index]
            frame["prediction_hi"] = [self.drawn.estimates[name].hi for name in frame.index]
        return frame

    # For the report ------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The scenario's title."""
        return self.scenario.title

    @property
    def resolved(self) -> str:
        """The scenario as YAML, with everything merged in: running that file gives these results again."""
        return as_yaml({**self.scenario.document.data, **self.asked})

    @property
    def asked(self) -> dict[str, int]:
        """The seed and the replicates it was made with, as a scenario file says them."""
        return {"seed": self.seed, "replicates": self.replicates}

    @property
    def version(self) -> str:
        """The version of protocolsim that made this."""
        return version("protocolsim")

    @cached_property
    def provenance(self) -> dict[str, str]:
        """What is needed to get the same numbers again."""
        return {
            "scenario": self.scenario.name,
            "scenario_sha256": self.scenario.sha256,
            "seed": str(self.seed),
            "replicates": str(self.replicates),
            "engine": self.engine,
            "run time": f"{self.seconds:.1f} s",
            "python": platform.python_version(),
            "machine": f"{platform.system()} {platform.machine()}",
            **{package: version(package) for package in _VERSIONS},
        }


def _some(parts: Iterator[Records]) -> Iterator[Records]:
    """Of a single large replicate no more than can be drawn."""
    rows = 0
    for records in parts:
        yield records
        rows += len(records["observations"]["minute"])
        if rows > ROWS_KEPT:
            return
