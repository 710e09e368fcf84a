"""Predictive probabilities: that a trial, once all its subjects are known, will have a high posterior probability.

Lee & Liu 2008, Clin Trials 5:93. What is to come is beta-binomial given what is known, so every value is a finite sum.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from protocolsim.arithmetic import kernel
from protocolsim.arrays import Floats, Integers
from protocolsim.errors import UsageError
from protocolsim.sequential.beta import UNIFORM, Prior, probability_above, probability_better
from protocolsim.sequential.counts import beta_binomial, distinct

# A posterior probability exceeds a bound where it does by more than errors of rounding.
_BY = 1e-12


def predicted_above(x: Any, n: Any, last: int, threshold: float, bound: float, prior: Prior = UNIFORM) -> Any:
    """Predictive probability that the final posterior probability of a share above a threshold exceeds a bound.

    Parameters
    ----------
    x, n : successes and subjects known, whole numbers or arrays of shapes that go together; n at most `last`.
    last : subjects at the end.
    threshold : the share that is to be exceeded.
    bound : what the posterior probability at the end has to exceed.
    prior : a and b of the Beta prior, which also predicts.

    Returns
    -------
    Probabilities in the shape of x and n; 0 or 1 where n is `last`. Raises UsageError for counts that cannot be.
    """
    needed = successes_needed(last, threshold, bound, prior)
    shape, rows = _rows((x, n), (last,))

    def value(known: tuple[int, ...]) -> float:
        won, of = known
        to_come = _to_come(won, of, last, prior)[max(0, needed - won) :]
        return float(np.cumsum(to_come[::-1])[-1]) if len(to_come) else 0.0

    return _each(rows, shape, value)


def predicted_better(
    x1: Any, n1: Any, x2: Any, n2: Any, last: tuple[int, int], bound: float,
    prior: Prior = UNIFORM, prior2: Prior | None = None,
) -> Any:  # fmt: skip
    """Predictive probability that the final posterior probability of the first arm being better exceeds a bound.

    Parameters
    ----------
    x1, n1, x2, n2 : successes and subjects known of each arm, whole numbers or arrays of shapes that go together.
    last : subjects of each arm at the end.
    bound : what P(p1 > p2) has to exceed at the end.
    prior, prior2 : Beta priors of the arms; the second is the first where it is not given.

    Returns
    -------
    Probabilities in the shape of the counts. Raises UsageError for counts that cannot be.
    """
    second = prior if prior2 is None else prior2
    most = most_of_second(last, bound, prior, second)
    shape, rows = _rows((x1, n1, x2, n2), last)

    def value(known: tuple[int, ...]) -> float:
        won, of, won2, of2 = known
        return float(
            _both(_to_come(won, of, last[0], prior), np.cumsum(_to_come(won2, of2, last[1], second)), most, won, won2)
        )

    return _each(rows, shape, value)


@cache
def successes_needed(last: int, threshold: float, bound: float, prior: Prior = UNIFORM) -> int:
    """Fewest successes among `last` subjects whose posterior probability above the threshold exceeds the bound.

    `last + 1` where not even success in all does.
    """
    high = np.asarray(probability_above(np.arange(last + 1), last, threshold, prior)) > bound + _BY
    return int(np.argmax(high)) if high.any() else last + 1


def most_of_second(
    last: tuple[int, int], bound: float, prior: Prior = UNIFORM, prior2: Prior | None = None
) -> Integers:
    """Most successes of the second arm with which the first is better with a posterior probability above the bound.

    By successes of the first arm, [last[0] + 1]; -1 where there are none so few.
    """
    return _most_of_second(last, bound, prior, prior if prior2 is None else prior2)


@cache
def _most_of_second(last: tuple[int, int], bound: float, prior: Prior, second: Prior) -> Integers:
    # The boundary rises with the successes of the first arm, and each of its values is found by halving.
    of1, of2 = last
    won = np.arange(of1 + 1)
    low, high = np.full(of1 + 1, -1), np.full(of1 + 1, of2 + 1)  # met at low, not at high
    while np.any(high - low > 1):
        middle = np.clip((low + high) // 2, 0, of2)
        met = np.asarray(probability_better(won, of1, middle, of2, prior, second)) > bound + _BY
        open_ = high - low > 1
        low, high = np.where(open_ & met, middle, low), np.where(open_ & ~met, middle, high)
    most = low.astype(np.int64)
    most.setflags(write=False)
    return most


def stopping_counts(
    looks: Any, last: int, threshold: float, bound: float, futility: float, prior: Prior = UNIFORM
) -> Integers:
    """Lee & Liu's rule as counts: at each look the most successes with which the trial stops for futility.

    Parameters
    ----------
    looks : [K], subjects known at each look.
    last, threshold, bound, prior : as of `predicted_above`.
    futility : the trial stops where the predictive probability is below this.

    Returns
    -------
    Integers : [K]; -1 where no number of successes stops the trial. Where a look is the last, what is not enough.
    """
    counts = []
    for n in np.asarray(looks, dtype=np.int64).tolist():
        low = np.asarray(predicted_above(np.arange(n + 1), n, last, threshold, bound, prior)) < futility
        counts.append(int(np.sum(low)) - 1)
    return np.array(counts, dtype=np.int64)


@kernel
def _both(first: Floats, second: Floats, most: Integers, won1: int, won2: int) -> float:
    """P(the second arm ends with few enough successes), over what the first may add; `second` is cumulative."""
    total = 0.0
    for y in range(first.shape[0]):
        few = min(most[won1 + y] - won2, second.shape[0] - 1)
        if few >= 0:
            total += first[y] * second[few]
    return total


def _to_come(won: int, of: int, last: int, prior: Prior) -> Floats:
    """Probabilities of 0, 1, .. successes among the subjects still to come."""
    return np.asarray(beta_binomial(last - of, float(prior[0] + won), float(prior[1] + of - won)))


def _rows(counts: tuple[Any, ...], last: tuple[int, ...]) -> tuple[tuple[int, ...], Integers]:
    """Counts side by side, [n, arms * 2], and the shape they had together."""
    together = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in counts))
    rows = np.column_stack([values.ravel() for values in together])
    x, n = rows[:, 0::2], rows[:, 1::2]
    if not np.all((x >= 0.0) & (x <= n) & (n <= np.array(last)) & (x == np.floor(x)) & (n == np.floor(n))):
        sizes = " and ".join(str(number) for number in last)
        raise UsageError(f"counts: expected whole numbers, of successes from 0 to those known, of whom at most {sizes}")
    return together[0].shape, rows.astype(np.int64)


def _each(rows: Integers, shape: tuple[int, ...], value: Any) -> Any:
    """The value of each row, each distinct one found once."""
    known, place = distinct(rows)
    values = np.array([value(tuple(row)) for row in known.tolist()], dtype=np.float64)[place]
    return float(values[0]) if shape == () else values.reshape(shape)
