"""The instructions of column programs: what each does, and how many registers and plain numbers it is given.

A program is a table of whole numbers, one instruction a row: code, the register it fills, and up to four operands,
which are registers, constants or plain numbers as its code says. Constants are numbers that are the same for every
subject: they stand in the component's `constants`.
"""

from __future__ import annotations

WIDTH = 6  # code, result, four operands

_NAMES = (
    # Where numbers come from. LOAD: field; NEED: place in links; SIGNAL: which of the component's `reads`.
    "CONSTANT", "LOAD", "NEED", "SIGNAL", "GIVEN", "SINCE", "UNTIL", "ELAPSED",
    # Draws: of a stream at a fixed index, at the index of the use, and at the index in a register.
    "UNIFORM", "UNIFORM_OF_USE", "UNIFORM_AT",
    # Arithmetic of two registers, of a register and a constant (_C), of a constant and a register (C_).
    "ADD", "ADD_C", "SUBTRACT", "SUBTRACT_C", "C_SUBTRACT", "MULTIPLY", "MULTIPLY_C", "DIVIDE", "DIVIDE_C", "C_DIVIDE",
    "NEGATE", "EXP", "LOG", "SQRT", "ABS", "ROUND", "FLOOR", "MIN", "MAX",
    # Truths are 1 and 0. DRAWN: whether a draw is below a probability, to the bit.
    "LESS", "LESS_OR_EQUAL", "EQUAL", "NOT_EQUAL", "AND", "OR", "NOT", "CHOOSE", "DRAWN",
    # Quantiles.
    "NORMAL", "EXPONENTIAL", "GAMMA", "BETA", "POISSON", "BINOMIAL", "NEGATIVE_BINOMIAL", "NORMAL_BELOW",
    "GAMMA_BELOW", "BETA_BELOW",
    # What moves by itself: see `paths.py`.
    "AUTOREGRESSIVE", "ARRIVALS", "STEPS",
    # Where numbers go: into a field of the body, or a column of what is handed out.
    "STORE", "PUT",
)  # fmt: skip

(
    CONSTANT, LOAD, NEED, SIGNAL, GIVEN, SINCE, UNTIL, ELAPSED, UNIFORM, UNIFORM_OF_USE, UNIFORM_AT,
    ADD, ADD_C, SUBTRACT, SUBTRACT_C, C_SUBTRACT, MULTIPLY, MULTIPLY_C, DIVIDE, DIVIDE_C, C_DIVIDE,
    NEGATE, EXP, LOG, SQRT, ABS, ROUND, FLOOR, MIN, MAX,
    LESS, LESS_OR_EQUAL, EQUAL, NOT_EQUAL, AND, OR, NOT, CHOOSE, DRAWN,
    NORMAL, EXPONENTIAL, GAMMA, BETA, POISSON, BINOMIAL, NEGATIVE_BINOMIAL, NORMAL_BELOW, GAMMA_BELOW, BETA_BELOW,
    AUTOREGRESSIVE, ARRIVALS, STEPS, STORE, PUT,
) = range(len(_NAMES))  # fmt: skip

NAMES = dict(enumerate(_NAMES))
"""The name of each code, for listings and messages."""

WITH_CONSTANT = {
    ADD: (ADD_C, ADD_C),
    SUBTRACT: (SUBTRACT_C, C_SUBTRACT),
    MULTIPLY: (MULTIPLY_C, MULTIPLY_C),
    DIVIDE: (DIVIDE_C, C_DIVIDE),
}
"""The codes of an operation whose right operand, or whose left, is a constant (the register is always first)."""
