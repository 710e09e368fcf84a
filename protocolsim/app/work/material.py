"""What parts are made of, in a worker: runs and curves, the last few of which are remembered."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from protocolsim.app import limits
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState, scenario_of
from protocolsim.app.work.orders import Tell
from protocolsim.study.boundaries.boundaries import Boundaries, boundaries
from protocolsim.study.decision.curve import ThresholdCurve
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.engines import release_memory
from protocolsim.study.result import Result
from protocolsim.study.run import run
from protocolsim.study.story_runs import StoryRuns


def forget() -> None:
    """Free what is large and soon made again, half of a worker's memory.

    The last runs stay, in which visitors walk from patient to patient.
    """
    for large in (_curve, _tried, _story_runs):
        large.cache_clear()
    release_memory()


class Progress:
    """How far several studies are together. All are equal: who watches makes no difference to what is remembered."""

    def __init__(self, tell: Tell, total: int) -> None:
        self._tell, self._total, self._done = tell, total, 0

    def add(self, more: int) -> None:
        """So many replicates more."""
        self._done += more
        self._tell(self._done, self._total)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Progress)

    def __hash__(self) -> int:
        return 0


def replicates_of(state: VisitorState) -> int:
    """The replicates that were asked for. Raises UsageError where they are too many."""
    scenario = scenario_of(state)
    return limits.bounded(scenario, limits.own_replicates(scenario) if state.replicates is None else state.replicates)


def result_of(state: VisitorState, progress: Progress) -> Result:
    """The run whose patients can be looked at, its first replicates where there are many."""
    number = looked_at(scenario_of(state), replicates_of(state))
    return _result(_plain(state), number, progress)


def story_runs_of(state: VisitorState, progress: Progress) -> StoryRuns:
    """What the opening and the story are told from: they share it. Companions that are files are left out.

    A scenario is a text here, which must not have this machine read files beside it.
    """
    number = looked_at(scenario_of(state), replicates_of(state))
    return _story_runs(_plain(state), number, progress)


def curve_of(state: VisitorState, parameter: str, progress: Progress) -> ThresholdCurve:
    """The curve over a threshold, which itself makes no difference to it beyond where it is marked."""
    return _curve(_plain(state), parameter, replicates_of(state), progress)


def tried_of(state: VisitorState, progress: Progress) -> Boundaries:
    """Every look of every trial, with the effect and without: what any boundary is tried on."""
    return _tried(_plain(state), replicates_of(state), progress)


def _plain(state: VisitorState) -> VisitorState:
    """Without what makes no difference to a simulation."""
    return replace(state.simulated, replicates=None)


@lru_cache(maxsize=3)
def _result(state: VisitorState, replicates: int, progress: Progress) -> Result:
    return run(scenario_of(state), replicates=replicates, seed=state.seed, progress=progress.add)


@lru_cache(maxsize=2)
def _curve(state: VisitorState, parameter: str, replicates: int, progress: Progress) -> ThresholdCurve:
    return thresholds(scenario_of(state), parameter, replicates=replicates, seed=state.seed, progress=progress.add)


@lru_cache(maxsize=4)
def _tried(state: VisitorState, replicates: int, progress: Progress) -> Boundaries:
    return boundaries(scenario_of(state), sets=(), replicates=replicates, seed=state.seed, progress=progress.add)


@lru_cache(maxsize=1)
def _story_runs(state: VisitorState, replicates: int, progress: Progress) -> StoryRuns:
    _story_runs.cache_clear()  # those of another state go before these come: they are the largest there is
    own = _result(state, replicates, progress)
    return StoryRuns(scenario_of(state), own=own, files=False)
