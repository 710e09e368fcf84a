"""The utility of a decision: which subjects truly respond, and what each branch costs over the time that follows.

Counts and doses are those of a subject who goes on for the whole horizon as while it was seen (the hypothetical
strategy of ICH E9(R1)), whether or not it stopped; the stop is a part of the loss of its own, with its own weight. Were
counts or doses to end with a stop, the loss would reward stopping; were one of them to go on and the other not, it
would set counts of 40 weeks beside doses of 10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocolsim.arithmetic import exp
from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.endpoint.base import counted_in
from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.records import MADE, Records, leaving
from protocolsim.scenario.scenario import DecisionWorth, Scenario
from protocolsim.units import MINUTES_PER_WEEK

_FOUR_WEEKS = float(4 * MINUTES_PER_WEEK)


@dataclass(frozen=True)
class Worth:
    """A decision's truth and costs, read off the records of one branch. `stopping`: the hazard of the stop by state."""

    decision: DecisionWorth
    variable: int
    drug: int
    stopping: Floats

    def columns(self, records: Records, decided: Mask, minute: Integers, sent: float) -> dict[str, Floats]:
        """Numerator and denominator of each measure, [subjects, 2]; `minute` is that of the decision."""
        true = decided & (records["subjects"][self.decision.trait] < self.decision.cut)
        false = decided & ~true
        passed, refused = counted_in(decided) * sent, counted_in(decided) * (1.0 - sent)
        count, seen = self.expected_count(records, decided, minute)
        stop = self.expected_stop(records, decided, minute)
        dose = self.expected_dose(records, decided, minute)
        weight = self.decision
        loss = count + weight.stop_weight * stop + weight.dose_weight * dose
        return {
            "sensitivity": np.column_stack([counted_in(true) * sent, counted_in(true)]),
            "specificity": np.column_stack([counted_in(false) * (1.0 - sent), counted_in(false)]),
            "predictive_value_positive": np.column_stack([counted_in(true) * sent, passed]),
            "predictive_value_negative": np.column_stack([counted_in(false) * (1.0 - sent), refused]),
            "expected_count": np.column_stack([counted_in(seen, count), counted_in(seen)]),
            "expected_stop": np.column_stack([counted_in(decided, stop), counted_in(decided)]),
            "expected_dose": np.column_stack([counted_in(seen, dose), counted_in(seen)]),
            "expected_loss": np.column_stack([counted_in(seen, loss), counted_in(seen)]),
        }

    def expected_count(self, records: Records, decided: Mask, minute: Integers) -> tuple[Floats, Mask]:
        """The hidden mean of the variable over the horizon, and which subjects were seen at least once in it.

        Means per time seen, times the horizon: a subject who stops early is taken to go on as before.
        """
        table = records["observations"]
        chosen, rows, since = self._seen(records, minute)
        at = table["minute"][chosen]
        gap = np.diff(at, prepend=at[:1]).astype(np.float64)
        gap[np.flatnonzero(np.diff(rows, prepend=-1))] = _FOUR_WEEKS
        inside = decided[rows] & (since > 0) & (since <= self.decision.horizon)
        size = len(decided)
        total = np.bincount(rows[inside], weights=table["truth"][chosen][inside], minlength=size)
        time = np.bincount(rows[inside], weights=gap[inside], minlength=size)
        seen = time > 0.0
        return np.divide(total * self.decision.horizon, time, out=np.zeros(size), where=seen), seen

    def _seen(self, records: Records, minute: Integers) -> tuple[Integers, Integers, Integers]:
        """The observations of the variable that were made: rows, rows of subjects, and minutes since the decision."""
        table = records["observations"]
        chosen = np.flatnonzero((table["variable"] == self.variable) & (table["status"] == MADE))
        rows = rows_of(records, "observations")[chosen]
        return chosen, rows, table["minute"][chosen] - minute[rows]

    def expected_dose(self, records: Records, decided: Mask, minute: Integers) -> Floats:
        """What would be given over the horizon to a subject who goes on as before, as the count is: 0 if never seen.

        The doses until the subject was last seen in the horizon, per time until then, times the horizon.
        """
        _, rows, since = self._seen(records, minute)
        inside = decided[rows] & (since > 0) & (since <= self.decision.horizon)
        last = np.zeros(len(decided), dtype=np.int64)
        np.maximum.at(last, rows[inside], since[inside])
        given = self._given(records, decided, minute, last)
        return np.divide(given * self.decision.horizon, last, out=np.zeros(len(decided)), where=last > 0)

    def expected_stop(self, records: Records, decided: Mask, minute: Integers) -> Floats:
        """The probability of the stop over the horizon, at the hazard of the state that the decision led to."""
        moves = records["moves"]
        rows = rows_of(records, "moves")
        into = np.flatnonzero(decided[rows] & (moves["minute"] == minute[rows]) & leaving(records))
        entered = np.zeros(len(decided), dtype=np.int64)
        # Of several moves at that minute the first is the decision's.
        entered[rows[into[::-1]]] = moves["to_state"][into[::-1]]
        by_state = np.array([1.0 - exp(-float(rate) * self.decision.horizon) for rate in self.stopping])
        return np.where(decided, by_state[entered], 0.0)

    def dose(self, records: Records, decided: Mask, minute: Integers) -> Floats:
        """What is given from the decision on, over the horizon, in the unit of the drug's doses; a stop ends it."""
        horizon = np.full(len(decided), self.decision.horizon, dtype=np.int64)
        return self._given(records, decided, minute, horizon)

    def _given(self, records: Records, decided: Mask, minute: Integers, until: Integers) -> Floats:
        """The sum of the drug's doses from the decision until so many minutes after it, by subject."""
        doses = records["doses"]
        rows = rows_of(records, "doses")
        since = doses["minute"] - minute[rows]
        inside = decided[rows] & (doses["drug"] == self.drug) & (since >= 0) & (since < until[rows])
        given = np.bincount(rows[inside], weights=doses["dose"][inside], minlength=len(decided))
        return given.astype(np.float64)


def worth_of(scenario: Scenario, decision: DecisionWorth) -> Worth:
    """The worth of a decision in a trial."""
    trial = scenario.trial
    labels = trial.labels
    event = labels.events.index(decision.stop)
    rates = np.zeros(len(labels.states))
    for cause in trial.causes:
        if cause.event == event:
            rates += np.array(cause.rates)
    return Worth(decision, labels.variables.index(decision.count), labels.drugs.index(decision.drug), rates)
