"""The arms of a randomised trial, to be shown side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.report.run.figure_data import allocation, finals, state_labels
from protocolsim.report.style.figures import state_colours
from protocolsim.study.result import Result


@dataclass(frozen=True)
class Arms:
    """Every arm in words, in the order of the file, its colour, and the arm of each subject (-1: not enrolled)."""

    labels: tuple[str, ...]
    tints: tuple[str, ...]
    of: Integers


def arms_of(result: Result) -> Arms | None:
    """The arms of the randomisation that every enrolled subject went through; None where there is none.

    One that only some reach, later, divides the trial by what has happened by then, and is none of these.
    """
    records = result.shown
    column = allocation(records)
    if column is None:
        return None
    for randomisation in result.scenario.trial.protocol.randomisations:
        if randomisation.name == column:
            arms, states = randomisation.arms, state_labels(result)
            tints = state_colours(finals(result.scenario))
            place = {state: k for k, state in enumerate(arms)}
            of = np.array([place.get(code, -1) for code in records["subjects"][column].tolist()], dtype=np.int64)
            enrolled = records["subjects"]["enrolled"]
            return Arms(tuple(states[a] for a in arms), tuple(tints[a] for a in arms), np.where(enrolled, of, -1))
    return None
