"""The tables of looks and of trials: what was read at each look, and how each trial ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.protocol.conduct import NO_RULE, Held
from protocolsim.protocol.counting import last_minute
from protocolsim.records import AS_IF, NEVER, READ, Column, Records, Table

if TYPE_CHECKING:
    from protocolsim.interim.design import Design


def looks_table(design: Design, held: Held, final: Records) -> Table:
    """One row for each replicate and planned look, held or not."""
    replicates, looks = held.cutoff.shape
    names = design.values
    table: dict[str, Column] = {
        "replicate": np.repeat(np.arange(replicates) + final.first_replicate, looks),
        "look": np.tile(np.arange(looks, dtype=np.int16), replicates),
        "held": (held.cutoff != NEVER).ravel(),
        "trigger_minute": held.trigger.ravel(),
        "cutoff_minute": held.cutoff.ravel(),
        "decision_minute": held.decision.ravel(),
        "rule": held.rule.ravel().astype(np.int16),
        "conclusion": _conclusions(design, held.rule.ravel()),
    }
    return table | {f"{READ}{name}": held.values[:, :, k].ravel() for k, name in enumerate(names)}


def trials_table(design: Design, held: Held, final: Records, as_if: Held, overrun: Held) -> Table:
    """One row for each replicate: when and how it ended, how large it was, and what would have come."""
    replicates, looks = held.cutoff.shape
    every, subjects = np.arange(replicates), final["subjects"]
    trial = subjects["replicate"] - final.first_replicate
    took_place = held.cutoff != NEVER
    # The look that ended the trial, or the last; one before it may not have been held.
    last = np.where(took_place.any(axis=1), looks - 1 - took_place[:, ::-1].argmax(axis=1), 0)
    rule = held.rule[every, last]
    stopped_early = design.stops(rule) & (last < looks - 1)
    again = np.where(stopped_early, overrun.rule[every, last], NO_RULE)
    table: dict[str, Column] = {
        "replicate": every + final.first_replicate,
        "looks_held": took_place.sum(axis=1).astype(np.int16),
        "ended_at": np.where(rule != NO_RULE, last, NEVER).astype(np.int16),
        "conclusion": _conclusions(design, rule),
        "stopped_early": stopped_early,
        "decision_minute": held.decision[every, last],
        "last_minute": last_minute(final),
        "screened": np.bincount(trial, minlength=replicates),
        "enrolled": np.bincount(trial[subjects["enrolled"]], minlength=replicates),
        "overrun_conclusion": _conclusions(design, again),
        "flipped": stopped_early & (_conclusions(design, again) != _conclusions(design, rule)),
        "ignoring_futility": _conclusions(design, design.without_futility(as_if)),
    }
    table |= {f"{READ}{name}": held.values[every, last, k] for k, name in enumerate(design.values)}
    return table | {f"{AS_IF}{name}": as_if.values[:, looks - 1, k] for k, name in enumerate(design.values)}


def _conclusions(design: Design, rules: Integers) -> Column:
    """The code of what each rule stops or concludes for; NEVER for none."""
    codes = [design.conclusions.index(r.reason) for r in design.rules]
    return np.array([*codes, NEVER], dtype=np.int16)[rules]
