"""The one kernel that runs every column program: a loop over instructions, and inside each a loop over subjects.

Subjects are taken in blocks, so that the registers of a block stay in the processor's cache; the loop inside an
instruction is short and does several subjects at a time (SIMD). A program costs what the same arithmetic costs in a
kernel written for it, with the same bits, and nothing is compiled for a new one.
"""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, sqrt
from protocolsim.arrays import Floats, Integers
from protocolsim.model.instructions import (
    ABS,
    ADD,
    ADD_C,
    AND,
    ARRIVALS,
    AUTOREGRESSIVE,
    BETA,
    BETA_BELOW,
    BINOMIAL,
    C_DIVIDE,
    C_SUBTRACT,
    CHOOSE,
    CONSTANT,
    DIVIDE,
    DIVIDE_C,
    DRAWN,
    ELAPSED,
    EQUAL,
    EXP,
    EXPONENTIAL,
    FLOOR,
    GAMMA,
    GAMMA_BELOW,
    GIVEN,
    LESS,
    LESS_OR_EQUAL,
    LOAD,
    LOG,
    MAX,
    MIN,
    MULTIPLY,
    MULTIPLY_C,
    NEED,
    NEGATE,
    NEGATIVE_BINOMIAL,
    NORMAL,
    NORMAL_BELOW,
    NOT,
    NOT_EQUAL,
    OR,
    POISSON,
    PUT,
    ROUND,
    SIGNAL,
    SINCE,
    SQRT,
    STEPS,
    STORE,
    SUBTRACT,
    SUBTRACT_C,
    UNIFORM,
    UNIFORM_AT,
    UNIFORM_OF_USE,
    UNTIL,
)  # fmt: skip
from protocolsim.model.paths import arrivals, autoregressive, next_level
from protocolsim.model.quantiles import (
    beta_below,
    beta_quantile,
    gamma_below,
    gamma_quantile,
    negative_binomial_quantile,
    normal_below,
)
from protocolsim.randomness import (
    binomial_quantile,
    exponential_quantile,
    normal_quantiles,
    poisson_search,
    uniform,
)

BLOCK = 256
TOLERANCE = 1e-9  # as in decision rules
_STEPS_AT_ONCE = 100_000


@kernel
def run_program(
    program: Integers,
    size: int,
    numbers: Floats,
    body: Floats,
    rows: Integers,
    links: Integers,
    needs: int,
    seed: int,
    who: Integers,
    since: Integers,
    until: Integers,
    index: Integers,
    given: Floats,
    out: Floats,
) -> None:
    """Run a program of `size` registers for the subjects in rows; it writes to `body` and to out [columns, rows].

    `links` and `numbers` (the constants) as in `component.py`, `needs` how many columns of others are named there;
    since, until and index by subject, given [columns, rows].
    """
    block = min(BLOCK, rows.shape[0])
    registers = np.empty((size, block))
    for first in range(0, rows.shape[0], BLOCK):
        many = min(BLOCK, rows.shape[0] - first)
        for line in range(program.shape[0]):
            code, to, a, b = program[line, 0], program[line, 1], program[line, 2], program[line, 3]
            z = registers[to]
            if code < UNIFORM:
                _take(code, a, z, numbers, body, rows, links, needs, since, until, given, first, many)
            elif code <= UNIFORM_AT:
                _draw(code, a, b, z, registers, seed, who, index, rows, first, many)
            elif code <= C_DIVIDE:
                _reckon(code, registers[a], b, z, registers, numbers, many)
            elif code <= MAX:
                _apply(code, registers[a], registers[b], z, many)
            elif code <= DRAWN:
                _decide(code, registers[a], registers[b], registers[program[line, 4]], z, many)
            elif code <= BETA_BELOW:
                _quantile(code, registers[a], registers[b], registers[program[line, 4]], z, many)
            elif code == STORE:
                x, column = registers[a], links[0] + b
                for i in range(many):
                    body[np.uint64(rows[first + i]), column] = x[i]
            elif code == PUT:
                x = registers[a]
                for i in range(many):
                    out[b, first + i] = x[i]
            else:
                _move(program[line], registers, z, body, rows, links, seed, who, until, first, many)


@kernel
def _take(
    code: int,
    a: int,
    z: Floats,
    numbers: Floats,
    body: Floats,
    rows: Integers,
    links: Integers,
    needs: int,
    since: Integers,
    until: Integers,
    given: Floats,
    first: int,
    many: int,
) -> None:
    if code == CONSTANT:
        x = numbers[a]
        for i in range(many):
            z[i] = x
    elif code == LOAD:
        column = links[0] + a
        for i in range(many):
            z[i] = body[np.uint64(rows[first + i]), column]
    elif code == NEED:
        column = links[1 + a]
        for i in range(many):
            z[i] = body[np.uint64(rows[first + i]), column]
    elif code == SIGNAL:
        at = 1 + needs
        for _ in range(a):
            at += 1 + links[at]
        for i in range(many):
            z[i] = 0.0
        for j in range(at + 1, at + 1 + links[at]):
            column = links[j]
            for i in range(many):
                z[i] += body[np.uint64(rows[first + i]), column]
    elif code == GIVEN:
        for i in range(many):
            z[i] = given[a, first + i]
    elif code == SINCE:
        for i in range(many):
            z[i] = float(since[np.uint64(rows[first + i])])
    elif code == UNTIL:
        for i in range(many):
            z[i] = float(until[np.uint64(rows[first + i])])
    elif code == ELAPSED:
        for i in range(many):
            k = np.uint64(rows[first + i])
            z[i] = float(until[k] - since[k])


@kernel
def _draw(
    code: int,
    a: int,
    b: int,
    z: Floats,
    registers: Floats,
    seed: int,
    who: Integers,
    index: Integers,
    rows: Integers,
    first: int,
    many: int,
) -> None:
    if code == UNIFORM:
        for i in range(many):
            k = np.uint64(rows[first + i])
            z[i] = uniform(seed, who[k, 0], who[k, 1], a, b)
    elif code == UNIFORM_OF_USE:
        for i in range(many):
            k = np.uint64(rows[first + i])
            z[i] = uniform(seed, who[k, 0], who[k, 1], a, index[k])
    elif code == UNIFORM_AT:
        x = registers[a]
        for i in range(many):
            k = np.uint64(rows[first + i])
            z[i] = uniform(seed, who[k, 0], who[k, 1], b, int(x[i]))


@kernel
def _reckon(code: int, x: Floats, b: int, z: Floats, registers: Floats, numbers: Floats, many: int) -> None:
    if code == ADD:
        y = registers[b]
        for i in range(many):
            z[i] = x[i] + y[i]
    elif code == ADD_C:
        c = numbers[b]
        for i in range(many):
            z[i] = x[i] + c
    elif code == SUBTRACT:
        y = registers[b]
        for i in range(many):
            z[i] = x[i] - y[i]
    elif code == SUBTRACT_C:
        c = numbers[b]
        for i in range(many):
            z[i] = x[i] - c
    elif code == C_SUBTRACT:
        c = numbers[b]
        for i in range(many):
            z[i] = c - x[i]
    elif code == MULTIPLY:
        y = registers[b]
        for i in range(many):
            z[i] = x[i] * y[i]
    elif code == MULTIPLY_C:
        c = numbers[b]
        for i in range(many):
            z[i] = x[i] * c
    elif code == DIVIDE:
        y = registers[b]
        for i in range(many):
            z[i] = x[i] / y[i] if y[i] != 0.0 else np.nan
    elif code == DIVIDE_C:
        c = numbers[b] if numbers[b] != 0.0 else np.nan
        for i in range(many):
            z[i] = x[i] / c
    elif code == C_DIVIDE:
        c = numbers[b]
        for i in range(many):
            z[i] = c / x[i] if x[i] != 0.0 else np.nan


@kernel
def _apply(code: int, x: Floats, y: Floats, z: Floats, many: int) -> None:
    if code == NEGATE:
        for i in range(many):
            z[i] = -x[i]
    elif code == EXP:
        for i in range(many):
            z[i] = exp(x[i])
    elif code == LOG:
        for i in range(many):
            z[i] = log(x[i]) if x[i] > 0.0 else np.nan
    elif code == SQRT:
        for i in range(many):
            z[i] = sqrt(x[i]) if x[i] >= 0.0 else np.nan
    elif code == ABS:
        for i in range(many):
            z[i] = abs(x[i])
    elif code == ROUND:
        for i in range(many):
            z[i] = np.floor(x[i] / y[i] + 0.5) * y[i] if y[i] > 0.0 else np.nan
    elif code == FLOOR:
        for i in range(many):
            z[i] = np.floor(x[i])
    elif code == MIN:
        for i in range(many):
            z[i] = x[i] if x[i] <= y[i] or x[i] != x[i] else y[i]
    elif code == MAX:
        for i in range(many):
            z[i] = x[i] if x[i] >= y[i] or x[i] != x[i] else y[i]


@kernel
def _decide(code: int, x: Floats, y: Floats, w: Floats, z: Floats, many: int) -> None:
    if code == LESS:
        for i in range(many):
            z[i] = 1.0 if y[i] - x[i] > TOLERANCE else 0.0
    elif code == LESS_OR_EQUAL:
        for i in range(many):
            z[i] = 1.0 if y[i] - x[i] >= -TOLERANCE else 0.0
    elif code == EQUAL:
        for i in range(many):
            z[i] = 1.0 if abs(x[i] - y[i]) <= TOLERANCE else 0.0
    elif code == NOT_EQUAL:
        for i in range(many):
            z[i] = 1.0 if abs(x[i] - y[i]) > TOLERANCE else 0.0
    elif code == AND:
        for i in range(many):
            z[i] = x[i] * y[i]
    elif code == OR:
        for i in range(many):
            z[i] = max(x[i], y[i])
    elif code == NOT:
        for i in range(many):
            z[i] = 1.0 - x[i]
    elif code == DRAWN:
        for i in range(many):
            z[i] = 1.0 if x[i] < y[i] else 0.0
    elif code == CHOOSE:
        for i in range(many):
            z[i] = y[i] if x[i] != 0.0 else w[i]


@kernel
def _quantile(code: int, x: Floats, y: Floats, w: Floats, z: Floats, many: int) -> None:
    if code == NORMAL:
        drawn = normal_quantiles(x[:many])
        for i in range(many):
            z[i] = drawn[i]
    elif code == EXPONENTIAL:
        for i in range(many):
            z[i] = exponential_quantile(x[i])
    elif code == GAMMA:
        for i in range(many):
            z[i] = gamma_quantile(x[i], y[i])
    elif code == BETA:
        for i in range(many):
            z[i] = beta_quantile(x[i], y[i], w[i])
    elif code == POISSON:
        for i in range(many):
            z[i] = poisson_search(x[i], y[i], exp(-y[i])) if y[i] >= 0.0 else np.nan
    elif code == BINOMIAL:
        for i in range(many):
            z[i] = binomial_quantile(x[i], y[i], w[i]) if y[i] == y[i] and w[i] == w[i] else np.nan
    elif code == NEGATIVE_BINOMIAL:
        for i in range(many):
            z[i] = negative_binomial_quantile(x[i], y[i], w[i])
    elif code == NORMAL_BELOW:
        for i in range(many):
            z[i] = normal_below(x[i])
    elif code == GAMMA_BELOW:
        for i in range(many):
            z[i] = gamma_below(x[i], y[i])
    elif code == BETA_BELOW:
        for i in range(many):
            z[i] = beta_below(x[i], y[i], w[i])


@kernel
def _move(
    instruction: Integers,
    registers: Floats,
    z: Floats,
    body: Floats,
    rows: Integers,
    links: Integers,
    seed: int,
    who: Integers,
    until: Integers,
    first: int,
    many: int,
) -> None:
    """What goes on by a random path; operands: a register, a stream, a field, a number of levels.

    The register holds the rate of an autoregressive path, the hazard of arrivals, or the time of steps, and behind it
    their rates; steps draw from the next stream too.
    """
    code, a, stream, at = instruction[0], instruction[2], instruction[3], links[0] + instruction[4]
    if code == AUTOREGRESSIVE:
        for i in range(many):
            k = np.uint64(rows[first + i])
            z[i] = autoregressive(seed, who[k, 0], who[k, 1], stream, registers[a, i], until[k])
    elif code == ARRIVALS:
        for i in range(many):
            k = rows[first + i]
            z[i] = arrivals(body, k, at, registers[a, i], seed, who[k, 0], who[k, 1], stream)
    elif code == STEPS:
        for i in range(many):
            k = rows[first + i]
            z[i] = _step_on(registers, a, i, body, k, at, instruction[5], seed, who[k, 0], who[k, 1], stream)


@kernel
def _step_on(
    registers: Floats,
    a: int,
    column: int,
    body: Floats,
    i: int,
    at: int,
    levels: int,
    seed: int,
    replicate: int,
    subject: int,
    stream: int,
) -> float:
    """Let a chain of levels go on by the time in register `a`, at the rates in the registers behind it.

    Four fields of the body from `at` on are its own: the level, the hazard of leaving it so far, that at which it is
    left (0 before it was drawn), and how many steps were taken.
    """
    rates = np.empty(levels * levels)
    for k in range(levels * levels):
        rates[k] = registers[a + 1 + k, column]
    left = registers[a, column]
    for _ in range(_STEPS_AT_ONCE):
        level, number = int(body[i, at]), int(body[i, at + 3]) + 1
        if body[i, at + 2] == 0.0:
            body[i, at + 2] = exponential_quantile(uniform(seed, replicate, subject, stream, number))
        leaving = 0.0
        for k in range(levels):
            leaving += max(0.0, rates[level * levels + k])
        if not body[i, at + 1] + leaving * left >= body[i, at + 2]:
            body[i, at + 1] += leaving * left
            break
        left -= (body[i, at + 2] - body[i, at + 1]) / leaving
        body[i, at] = float(next_level(rates, 0, levels, level, uniform(seed, replicate, subject, stream + 1, number)))
        body[i, at + 1] = body[i, at + 2] = 0.0
        body[i, at + 3] += 1.0
    reached: float = body[i, at]
    return reached
