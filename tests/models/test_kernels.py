"""Kernels do many subjects at a time, and do to each what they do to one: whoever stands beside whom."""

from __future__ import annotations

import numpy as np
import pytest

from protocolsim.drug.base import LEVEL
from protocolsim.engine.base import PlacedComponent, Trial
from protocolsim.scenario.build.cast.components import disease_names, drug_names
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

SUBJECTS, STEPS = 48, 6
# Some neighbours share an interval, others do not; none passes, whole weeks pass, parts of one.
INTERVALS = np.array([0, MINUTES_PER_DAY, MINUTES_PER_WEEK, 2 * MINUTES_PER_WEEK, 4 * MINUTES_PER_WEEK, 24_481])


def parts(trial: Trial) -> list[PlacedComponent]:
    """The disease, then drugs, which ask it for the weight."""
    return [trial.disease, *trial.drugs]


def shipped_trials() -> tuple[list[str], set[str]]:
    """Shipped trials, as few as show every disease and every drug; and which of these no trial shows."""
    wanted, found = {*disease_names(), *drug_names()}, []
    for name in names():
        shown = {p.component.name for p in parts(load(name).trial)} if wanted else set()
        if shown & wanted:
            found.append(name)
            wanted -= shown
    return found, wanted


TRIALS, UNSEEN = shipped_trials()


def test_every_disease_and_drug_is_seen():
    """A shipped trial uses each, so that what follows holds for all."""
    assert not UNSEEN


class Crowd:
    """Subjects in columns of their own, laid out field by field (as many are) or subject by subject (as one is)."""

    def __init__(self, trial: Trial, who: np.ndarray, *, by_field: bool) -> None:
        self.trial, self.who = trial, who
        width = trial.width
        self.body = np.zeros((width, len(who))).T if by_field else np.zeros((len(who), width))
        self.now, self.index = np.zeros((2, len(who)), dtype=np.int64)
        for part in parts(trial):
            part.start(self.body, np.arange(len(who)), part.links, part.constants, 7, who)

    def step(self, levels: np.ndarray, passed: np.ndarray, given: np.ndarray, seen: np.ndarray) -> list[np.ndarray]:
        """Levels of each drug, time that passes, who is given a dose, who is looked at. What was given and seen."""
        found: list[np.ndarray] = []
        until, moving = self.now + passed, np.flatnonzero(passed)
        for drug, part in enumerate(self.trial.drugs):
            self.body[:, part.offset + LEVEL] = levels[:, drug]
        for move, links, constants in self.trial.advancing:
            move(self.body, moving, links, constants, self.now, until)
        self.now, self.index = until, self.index + 1
        rows = np.flatnonzero(seen)
        for measured in self.trial.assessments:
            part, shape = measured.part, (len(rows), len(measured.variables))
            value, truth = np.empty(shape), np.empty(shape)
            where = (self.body, rows, part.links, part.constants, 7, self.who, self.index, self.now)
            measured.observe(*where, value, truth)
            found += [value, truth]
        rows = np.flatnonzero(given)
        for part in self.trial.drugs:
            amount = np.zeros(len(rows))
            if part.give is not None:
                part.give(self.body, rows, part.links, part.constants, np.full(len(rows), 1.5), True, amount)
            found.append(amount)
        return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("alike", ["nobody", "in time", "in visits"])
@pytest.mark.parametrize("name", TRIALS)
def test_together_as_alone(name, alike, seed):
    """Whatever is done to a crowd in columns, every subject's body and every number seen are what they are alone.

    Kernels compute once what is everybody's: so time passes alike for some neighbours only; or for all, who are not
    seen alike; or for all, who are seen alike but did not begin so.
    """
    trial, rng = load(name).trial, np.random.default_rng(seed)
    who = np.column_stack([np.arange(SUBJECTS) // 12, np.arange(SUBJECTS) % 12])
    together = Crowd(trial, who, by_field=True)
    alone = [Crowd(trial, who[[i]], by_field=False) for i in range(SUBJECTS)]
    for step in range(STEPS):
        levels = rng.choice([0.0, 0.0, 1.0, 2.0], size=(SUBJECTS, len(trial.drugs)))
        levels[1::3] = levels[0::3]
        passed = rng.choice(INTERVALS[step == 0 :], size=SUBJECTS)
        passed[1::2] = np.where(rng.random(SUBJECTS // 2) < 0.5, passed[0::2], passed[1::2])
        if alike == "in time" or (alike == "in visits" and step > 0):
            passed[:] = passed[0]
        given, seen = rng.random((2, SUBJECTS)) < 0.5
        if (alike == "in time" and step == 0) or (alike == "in visits" and step > 0):
            seen[:] = True
        seen &= passed > 0  # nothing is assessed twice in the same minute
        found = together.step(levels, passed, given, seen)
        own = [c.step(*(x[[i]] for x in (levels, passed, given, seen))) for i, c in enumerate(alone)]
        for k, numbers in enumerate(found):
            assert numbers.tobytes() == np.concatenate([one[k] for one in own]).tobytes()
        assert np.ascontiguousarray(together.body).tobytes() == np.concatenate([c.body for c in alone]).tobytes()


@pytest.mark.parametrize("name", TRIALS)
def test_nobody_is_done_nothing(name):
    """A kernel that is handed no subjects changes nobody and does not fail."""
    trial, nobody = load(name).trial, np.empty(0, dtype=np.int64)
    crowd = Crowd(trial, np.array([[0, 0], [0, 1]]), by_field=True)
    before = crowd.body.copy()
    for part in parts(trial):
        part.start(crowd.body, nobody, part.links, part.constants, 7, crowd.who)
        if part.give is not None:
            part.give(crowd.body, nobody, part.links, part.constants, np.empty(0), True, np.empty(0))
    for move, links, constants in trial.advancing:
        move(crowd.body, nobody, links, constants, crowd.now, crowd.now + MINUTES_PER_WEEK)
    for measured in trial.assessments:
        part, none = measured.part, np.empty((0, len(measured.variables)))
        measured.observe(
            crowd.body, nobody, part.links, part.constants, 7, crowd.who, crowd.index, crowd.now, none, none
        )
    assert np.array_equal(before, crowd.body, equal_nan=True)
