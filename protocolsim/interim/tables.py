"""The tables of looks and of trials: what was read at each look, and how each trial ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import Integers, Mask
from protocolsim.protocol.conduct import NO_RULE, HeldLooks
from protocolsim.protocol.counting import last_minute
from protocolsim.records import AS_IF, NEVER, READ, Column, Records, Table


@dataclass(frozen=True)
class RuleCodes:
    """What the numbers of rules stand for; NO_RULE is the last place of each array.

    `values` are the names of what is read, `conclusions` the code of what each rule stops or concludes for (NEVER for
    none), `stops` which of them stop the trial, `gives_up` those that do for futility.
    """

    values: tuple[str, ...]
    conclusions: Column
    stops: Mask
    gives_up: Mask

    def without_futility(self, as_if: HeldLooks) -> Integers:
        """The rule that ends each trial in which no stop for futility is obeyed, NO_RULE where none does."""
        rule = np.where(self.gives_up[as_if.rule], NO_RULE, as_if.rule)
        first = (rule != NO_RULE).argmax(axis=1)
        return np.asarray(rule[np.arange(len(rule)), first])


def looks_table(codes: RuleCodes, held: HeldLooks, final: Records) -> Table:
    """One row for each replicate and planned look, held or not."""
    replicates, looks = held.cutoff.shape
    table: dict[str, Column] = {
        "replicate": np.repeat(np.arange(replicates) + final.first_replicate, looks),
        "look": np.tile(np.arange(looks, dtype=np.int16), replicates),
        "held": (held.cutoff != NEVER).ravel(),
        "trigger_minute": held.trigger.ravel(),
        "cutoff_minute": held.cutoff.ravel(),
        "decision_minute": held.decision.ravel(),
        "rule": held.rule.ravel().astype(np.int16),
        "conclusion": codes.conclusions[held.rule.ravel()],
    }
    return table | {f"{READ}{name}": held.values[:, :, k].ravel() for k, name in enumerate(codes.values)}


def trials_table(codes: RuleCodes, held: HeldLooks, final: Records, as_if: HeldLooks, overrun: HeldLooks) -> Table:
    """One row for each replicate: when and how it ended, how large it was, and what would have come."""
    replicates, looks = held.cutoff.shape
    every, subjects = np.arange(replicates), final["subjects"]
    trial = subjects["replicate"] - final.first_replicate
    took_place = held.cutoff != NEVER
    # The look that ended the trial, or the last; one before it may not have been held.
    last = np.where(took_place.any(axis=1), looks - 1 - took_place[:, ::-1].argmax(axis=1), 0)
    rule = held.rule[every, last]
    stopped_early = codes.stops[rule] & (last < looks - 1)
    again = np.where(stopped_early, overrun.rule[every, last], NO_RULE)
    table: dict[str, Column] = {
        "replicate": every + final.first_replicate,
        "looks_held": took_place.sum(axis=1).astype(np.int16),
        "ended_at": np.where(rule != NO_RULE, last, NEVER).astype(np.int16),
        "conclusion": codes.conclusions[rule],
        "stopped_early": stopped_early,
        "decision_minute": held.decision[every, last],
        "last_minute": last_minute(final),
        "screened": np.bincount(trial, minlength=replicates),
        "enrolled": np.bincount(trial[subjects["enrolled"]], minlength=replicates),
        "overrun_conclusion": codes.conclusions[again],
        "flipped": stopped_early & (codes.conclusions[again] != codes.conclusions[rule]),
        "ignoring_futility": codes.conclusions[codes.without_futility(as_if)],
    }
    table |= {f"{READ}{name}": held.values[every, last, k] for k, name in enumerate(codes.values)}
    return table | {f"{AS_IF}{name}": as_if.values[:, looks - 1, k] for k, name in enumerate(codes.values)}
