"""The grammar that the docs print is the language that the parser reads."""

from __future__ import annotations

import itertools
import re
from functools import cache

import numpy as np
import pytest

from protocolsim.errors import RuleError
from protocolsim.protocol.rules import GRAMMAR, parse

# One word for each kind of token: what the grammar leaves open, and every sign and word that it names.
OPEN = {"number": ("5",), "unit": ("week", "%"), "name": ("cel", "max"), "function": ("max",)}
SIGNS = ("(", ")", "-", "+", "*", "/", "and", "or", "not", "<", "<=", ">", ">=", "==", "!=", "=", ",")
TOKENS = ("5", "week", "%", "cel", "max", *SIGNS)

Shape = tuple[str, object]


@cache
def rules() -> dict[str, Shape]:
    """The grammar as read: each rule's name and its right-hand side."""
    found = {}
    for line in GRAMMAR.strip().split(";"):
        if line.strip():
            name, _, right = line.partition("=")
            tokens = re.findall(r'"[^"]*"|[a-z]+|[{}\[\]()|,]', right)
            shape, rest = _choice(tokens)
            assert rest == []
            found[name.strip()] = shape
    return found


def _choice(tokens: list[str]) -> tuple[Shape, list[str]]:
    options = []
    while True:
        sequence, tokens = _sequence(tokens)
        options.append(sequence)
        if tokens[:1] != ["|"]:
            return ("choice", options), tokens
        tokens = tokens[1:]


def _sequence(tokens: list[str]) -> tuple[Shape, list[str]]:
    parts: list[Shape] = []
    while True:
        first, tokens = tokens[0], tokens[1:]
        if first in ("{", "[", "("):
            inner, tokens = _choice(tokens)
            assert tokens[0] == {"{": "}", "[": "]", "(": ")"}[first]
            tokens = tokens[1:]
            parts.append(({"{": "many", "[": "once", "(": "group"}[first], inner))
        else:
            parts.append(("sign", first[1:-1]) if first.startswith('"') else ("rule", first))
        if tokens[:1] != [","]:
            return ("sequence", parts), tokens
        tokens = tokens[1:]


class Derivation:
    """Where each part of the grammar may end in one row of words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.known: dict[tuple[str, int], set[int]] = {}

    def ends(self, shape, at: int) -> set[int]:
        what, inner = shape
        here = self.words[at : at + 1]
        if what == "sign":
            return {at + 1} if here == (inner,) else set()
        if what == "rule" and inner in OPEN:
            return {at + 1} if here and here[0] in OPEN[inner] else set()
        if what == "rule":
            if (inner, at) not in self.known:
                self.known[inner, at] = self.ends(rules()[inner], at)
            return self.known[inner, at]
        if what == "choice":
            return set().union(*(self.ends(option, at) for option in inner))
        if what == "sequence":
            places = {at}
            for part in inner:
                places = set().union(*(self.ends(part, place) for place in places))
            return places
        if what == "group":
            return self.ends(inner, at)
        reached, new = {at}, {at}
        while new:
            new = set().union(*(self.ends(inner, place) for place in new)) - reached
            reached |= new
            if what == "once":
                break
        return reached


def by_grammar(words: tuple[str, ...]) -> bool:
    return len(words) in Derivation(words).ends(("rule", "rule"), 0)


def by_parser(words: tuple[str, ...]) -> bool:
    try:
        parse(" ".join(words))
    except RuleError:
        return False
    return True


@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_parser_reads_what_the_grammar_has_and_nothing_else(length):
    """Of all rows of so many tokens the parser accepts exactly those that the grammar derives."""
    both = 0
    for words in itertools.product(TOKENS, repeat=length):
        assert by_grammar(words) == by_parser(words), " ".join(words)
        both += by_parser(words)
    assert both > 0


def sentence(shape, chance: np.random.Generator, depth: int) -> list[str]:
    """A sentence that the grammar derives, drawn at random."""
    what, inner = shape
    if what == "sign":
        return [inner]
    if what == "rule":
        if inner in OPEN:
            return [OPEN[inner][chance.integers(len(OPEN[inner]))]]
        return sentence(rules()[inner], chance, depth + 1)
    if what == "choice":
        options = inner[:2] if depth > 16 else inner  # an atom without brackets
        return sentence(options[chance.integers(len(options))], chance, depth)
    if what == "sequence":
        return [word for part in inner for word in sentence(part, chance, depth)]
    if what == "group":
        return sentence(inner, chance, depth)
    times = 0 if chance.random() < 0.7 else 1 if what == "once" else chance.integers(1, 3)
    return [word for _ in range(times) for word in sentence(inner, chance, depth)]


def test_long_sentences_are_read_alike_and_so_are_their_misspellings():
    """What the grammar derives is read at any length; with a token changed, both say the same of it."""
    chance = np.random.default_rng(16)
    read = 0
    for _ in range(300):
        words = tuple(sentence(("rule", "rule"), chance, 0))[:30]
        for at in (None, *range(min(len(words), 6))):
            other = TOKENS[chance.integers(len(TOKENS))]
            changed = words if at is None else (*words[:at], other, *words[at + 1 :])
            assert by_grammar(changed) == by_parser(changed), " ".join(changed)
            read += by_parser(changed)
    assert read > 150
