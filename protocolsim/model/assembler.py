"""From terms to programs: each term is computed once, into a register that is free again after its last use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from protocolsim.arrays import LEAST_EXTENT, Floats, Integers
from protocolsim.errors import RuleError
from protocolsim.model import instructions as code
from protocolsim.model.terms import NUMBER, PARAMETER, ColumnTerm

MOST_INSTRUCTIONS = 5000
NOBODY = np.zeros((1, 2), dtype=np.int64)
ONE = np.zeros(1, dtype=np.int64)
NO_NUMBERS = np.zeros((1, 1))
# Laid out as an engine's, for which the interpreter is compiled.
_NO_BODY = np.zeros((LEAST_EXTENT, LEAST_EXTENT), order="F")


@dataclass(frozen=True)
class Program:
    """Instructions, [lines, WIDTH], and how many registers they need."""

    lines: Integers
    size: int

    def __bool__(self) -> bool:
        return len(self.lines) > 0


@dataclass(frozen=True)
class Constants:
    """A model's constants: the program that computes them of the parameters' values, and the numbers it contains."""

    program: Program
    count: int
    literals: Floats

    def __call__(self, values: Sequence[float]) -> Floats:
        """All constants, for these values of the parameters in internal units."""
        out = np.zeros((max(1, self.count), 1))
        given = np.array(values, dtype=np.float64).reshape(-1, 1) if len(values) else NO_NUMBERS
        from protocolsim.model.interpreter import run_program  # where a model is declared, and not before

        run_program(
            self.program.lines, self.program.size, self.literals, _NO_BODY, ONE, ONE, 0, 0, NOBODY, ONE, ONE, ONE,
            given, out,
        )  # fmt: skip
        return out[:, 0].copy()


class Assembler:
    """Assembles the programs of one model, which share one table of constants.

    Stores are done after all loads of a program: a field that is read is what it was before.
    """

    def __init__(self) -> None:
        self._constants: dict[ColumnTerm, int] = {}

    def program(
        self, stores: Mapping[int, ColumnTerm], puts: Sequence[ColumnTerm] = (), also: Sequence[ColumnTerm] = ()
    ) -> Program:
        """A program that stores terms in fields and puts others out, in their order; `also` is only done.

        Raises RuleError where it would be longer than MOST_INSTRUCTIONS.
        """
        lines = _Lines(self.constant)
        stored = {place: lines.register(term) for place, term in stores.items()}
        shown = [lines.register(term) for term in puts]
        for term in also:
            lines.register(term)
        for place, register in stored.items():
            lines.add(code.STORE, -1, (register,), place)
        for column, register in enumerate(shown):
            lines.add(code.PUT, -1, (register,), column)
        return lines.allocated()

    def constant(self, term: ColumnTerm) -> int:
        """The place of a term among the constants."""
        return self._constants.setdefault(term, len(self._constants))

    def constants(self) -> Constants:
        """What computes the table of constants; after all programs were made."""
        literals: dict[float, int] = {}

        def literal(term: ColumnTerm) -> int:
            return literals.setdefault(term.data[0], len(literals))

        lines = _Lines(literal, of_parameters=True)
        shown = [lines.register(term) for term in self._constants]
        for column, register in enumerate(shown):
            lines.add(code.PUT, -1, (register,), column)
        table = np.array(list(literals) or [0.0])
        return Constants(lines.allocated(), len(self._constants), table)


@dataclass(frozen=True)
class ProgramLine:
    """One instruction over registers that are each filled once: the first `registers` operands are registers.

    `reads` are all registers that it reads.
    """

    code: int
    to: int
    operands: tuple[int, ...]
    registers: int
    reads: tuple[int, ...]


class _Lines:
    """The lines of one program while it is made; `allocated` gives them as few registers as they need."""

    def __init__(self, constant: Callable[[ColumnTerm], int], *, of_parameters: bool = False) -> None:
        self._constant, self._of_parameters = constant, of_parameters
        self._register: dict[ColumnTerm, int] = {}
        self._lines: list[ProgramLine] = []
        self._made = 0
        self._side_by_side: dict[int, int] = {}  # where registers stand that an instruction wants in a row

    def add(self, what: int, to: int, registers: Sequence[int], *plain: float, reads: Sequence[int] = ()) -> None:
        """One instruction on registers and plain numbers; `reads`: what it reads besides."""
        if len(self._lines) >= MOST_INSTRUCTIONS:
            raise RuleError(f"more than {MOST_INSTRUCTIONS:,} steps of arithmetic in one program; at most so many run")
        operands = (*registers, *map(int, plain))
        self._lines.append(ProgramLine(what, to, operands, len(registers), (*registers, *reads)))

    def _new(self) -> int:
        self._made += 1
        return self._made - 1

    def _plain(self, term: ColumnTerm) -> bool:
        """Whether a term is looked up among the constants."""
        return term.code == NUMBER if self._of_parameters else term.is_constant

    def register(self, term: ColumnTerm) -> int:
        """The register in which a term stands, computed before if it is not there yet."""
        open_ = [term]
        while open_:
            top = open_[-1]
            wanted = [p for p in self._needed(top) if p not in self._register] if top not in self._register else []
            if wanted:
                open_ += reversed(wanted)
                continue
            open_.pop()
            if top not in self._register:
                self._register[top] = self._computed(top)
        return self._register[term]

    def _needed(self, term: ColumnTerm) -> list[ColumnTerm]:
        """The parts that must stand in registers."""
        if self._plain(term):
            return []
        if term.code in code.WITH_CONSTANT:
            registers = [p for p in term.of if not self._plain(p)]
            return registers if len(registers) == 1 else list(term.of)
        return list(term.of)

    def _computed(self, term: ColumnTerm) -> int:
        to = self._new()
        parts = self._needed(term)
        registers = [self._register[p] for p in parts]
        if self._plain(term):
            self.add(code.CONSTANT, to, (), self._constant(term))
        elif term.code == PARAMETER:
            self.add(code.GIVEN, to, (), term.data[0])
        elif term.code in code.WITH_CONSTANT and len(parts) == 1:
            left_is_register = not self._plain(term.of[0])
            number = term.of[1] if left_is_register else term.of[0]
            which = code.WITH_CONSTANT[term.code][0 if left_is_register else 1]
            self.add(which, to, registers, self._constant(number))
        elif term.code == code.STEPS:
            row = [self._new() for _ in registers]
            for place, (copy, register) in enumerate(zip(row, registers, strict=True)):
                self._side_by_side[copy] = place
                self.add(code.MAX, copy, (register, register))
            self.add(term.code, to, row[:1], *term.data, reads=row[1:])
        else:
            self.add(term.code, to, registers, *term.data)
        return to

    def allocated(self) -> Program:
        """The program, its registers used again after the last line that reads them."""
        last: dict[int, int] = {}
        for number, line in enumerate(self._lines):
            last.update(dict.fromkeys((*line.reads, line.to), number))
        size = max(self._side_by_side.values(), default=-1) + 1
        free: list[int] = []
        place = {-1: 0, **self._side_by_side}
        table = np.zeros((len(self._lines), code.WIDTH), dtype=np.int64)
        for number, line in enumerate(self._lines):
            if line.to not in place:
                if not free:
                    free.append(size)
                    size += 1
                place[line.to] = free.pop()
            of = [place[o] if k < line.registers else o for k, o in enumerate(line.operands)]
            table[number, : 2 + len(of)] = [line.code, place[line.to], *of]
            ended = {r for r in (*line.reads, line.to) if r >= 0 and last[r] == number}
            free += [place[r] for r in sorted(ended) if r not in self._side_by_side]
        return Program(table, max(1, size))
