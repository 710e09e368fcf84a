"""What every disease and every drug must be, whichever they are: a new file is tested without being named here."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import pkgutil
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import protocolsim.disease
import protocolsim.drug
from protocolsim.component import MARKS, Component
from protocolsim.disease.base import Disease
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.randomness import STREAM_BLOCK
from protocolsim.units import unit_product
from tests.support.bodies import Bodies


def _found(room: ModuleType) -> list[Any]:
    names = [m.name for m in pkgutil.iter_modules(room.__path__) if m.name != "base" and not m.name.startswith("_")]
    return [importlib.import_module(f"{room.__name__}.{name}").COMPONENT for name in names]


DISEASES, DRUGS = _found(protocolsim.disease), _found(protocolsim.drug)
KINDS = DISEASES + DRUGS
every = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.name)


def _bodies(kind: Component, count: int, first: int = 1, seed: int = 7) -> Bodies:
    """One component alone: traits it needs and signals it reads come from plain columns."""
    return Bodies(
        [kind],
        count,
        traits=dict.fromkeys(kind.needs, 70.0),
        signals=dict.fromkeys(kind.reads, -0.5),
        first=first,
        seed=seed,
    )


def _life(bodies: Bodies, kind: Component) -> list[Any]:
    """Everything a component can do, for ten weeks: all columns and all that was seen. Each has days of their own."""
    seen = [bodies.body.copy()]
    own = 1 + bodies.who[:, 1] / 8
    for index, week in enumerate((0, 2, 10), start=1):
        bodies.advance(week * own)
        for assessment in kind.assessments:
            value, truth = bodies.observe(assessment.name, index)
            seen += [np.stack(list(value.values()), axis=1), np.stack(list(truth.values()), axis=1)]
        if isinstance(kind, Drug):
            bodies.field(kind.name, "level")[:] = 1.0
            if kind.give is not None:
                seen.append(bodies.give(kind.name, 1.0)[:, None])
        seen.append(bodies.body.copy())
    return seen


def test_both_rooms_are_searched():
    """Discovery finds the components that the first trial is made of."""
    assert {"relapsing_ms"} <= {k.name for k in DISEASES}
    assert {"daclizumab", "interferon_beta"} <= {k.name for k in DRUGS}


@every
def test_a_component_is_found_under_its_own_name(kind: Any):
    """The file, the name and the type agree, and it is a value: nobody can change it."""
    assert kind.start.__module__.split(".")[-1] == kind.name
    assert type(kind) is (Disease if kind in DISEASES else Drug)
    assert kind.meaning
    assert kind.description
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(kind, "name", "other")  # noqa: B010 - what the type checker would refuse


@every
def test_every_number_says_how_it_is_known(kind: Any):
    """Each parameter has a meaning, a mark, a readable unit, a source unless assumed, and lies in its range."""
    names = [p.name for p in kind.parameters]
    assert len(set(names)) == len(names)
    for p in kind.parameters:
        assert p.meaning.strip(), p.name
        assert p.mark in MARKS, p.name
        assert p.source.strip() or p.mark == "A", p.name
        assert p.low <= p.value <= p.high, p.name
        assert unit_product(p.unit).value > 0.0, p.name


@every
def test_every_parameter_matters(kind: Any):
    """Moving any one parameter changes what the kernels read: none is there for show."""
    defaults = kind.defaults()
    plain = kind.constants(defaults)
    assert plain.dtype == np.float64
    assert np.isfinite(plain).all()
    for p in kind.parameters:
        moved = kind.constants({**defaults, p.name: p.low if p.low != p.value else p.high})
        assert moved.shape == plain.shape, p.name
        assert np.isfinite(moved).all(), p.name
        assert (moved != plain).any(), p.name


def test_no_two_components_share_a_stream():
    """Blocks of streams are disjoint, and every hazard draws from its own drug's block."""
    begins = sorted(k.stream for k in KINDS)
    assert begins[0] >= STREAM_BLOCK
    assert all(b - a >= STREAM_BLOCK for a, b in itertools.pairwise(begins))
    hazards = [(h.stream, k.stream) for k in KINDS for h in k.hazards]
    assert all(block <= stream < block + STREAM_BLOCK for stream, block in hazards)
    assert len({stream for stream, _ in hazards}) == len(hazards)


@every
def test_fields_traits_and_variables_are_declared_once(kind: Any):
    """Names are unique, traits and signals point at fields, and units can be read."""
    for names in (kind.fields, [t.name for t in kind.traits], [a.name for a in kind.assessments]):
        assert len(set(names)) == len(names)
    for t in kind.traits:
        assert 0 <= t.field < len(kind.fields)
        assert t.meaning
        unit_product(t.unit)
    assert all(0 <= field < len(kind.fields) for field in kind.writes.values())
    variables = [v for a in kind.assessments for v in a.variables]
    assert len({v.name for v in variables}) == len(variables)
    for v in variables:
        assert v.meaning
        unit_product(v.unit)
    if kind in DRUGS:
        assert kind.fields[LEVEL] == "level"
        assert all(t.hidden for t in kind.traits)


def test_a_signal_that_is_read_is_also_written():
    """Each signal a disease reads has at least one drug behind it."""
    written = {signal for k in DRUGS for signal in k.writes}
    assert {signal for k in KINDS for signal in k.reads} <= written


@every
def test_rows_and_chunks_do_not_change_a_bit(kind: Any):
    """A column of 40 subjects, the same column in reverse, and 40 columns of one are byte-identical."""
    together = _bodies(kind, 40)
    reverse = _bodies(kind, 40)
    reverse.rows = reverse.rows[::-1].copy()
    whole, backwards = _life(together, kind), _life(reverse, kind)
    alone = [_life(_bodies(kind, 1, first=n), kind) for n in range(1, 41)]
    for k, table in enumerate(whole):
        assert table.tobytes() == backwards[k].tobytes()
        assert table.tobytes() == np.concatenate([life[k] for life in alone]).tobytes()


@every
def test_the_seed_is_all_the_luck_there_is(kind: Any):
    """The same seed gives the same patients, another seed gives others."""
    first, again, other = (_life(_bodies(kind, 5, seed=s), kind) for s in (7, 7, 8))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, again, strict=True))
    assert first[0].tobytes() != other[0].tobytes()


@every
def test_only_the_rows_asked_for_are_touched(kind: Any):
    """Advancing or observing some subjects leaves every other row as it was, to the bit."""
    bodies = _bodies(kind, 6)
    before = bodies.body[3:].copy()
    bodies.rows = np.arange(3, dtype=np.int64)
    changed = _life(bodies, kind)[-1]
    levels = bodies.at[kind.name] + LEVEL if kind in DRUGS else None
    if levels is not None:
        before[:, levels] = changed[3:, levels]  # the test's own doing
    assert changed[3:].tobytes() == before.tobytes()


@every
def test_hazards_are_silent_off_treatment(kind: Any):
    """A hazard's rate per minute is 0 at level 0 and positive on treatment, where it is the same for everybody."""
    constants = kind.constants(kind.defaults())
    for hazard in (h for h in kind.hazards if h.rate is not None):
        assert hazard.rate(constants, 0.0) == 0.0
        assert 0.0 < hazard.rate(constants, 1.0) < 1.0


@every
def test_plain_functions_make_the_same_component(kind: Any):
    """A component whose functions are not compiled does the same to the bit: nothing asks where functions come from."""
    plain = dataclasses.replace(
        kind,
        start=kind.start.py_func,
        advance=kind.advance and kind.advance.py_func,
        assessments=tuple(dataclasses.replace(a, observe=a.observe.py_func) for a in kind.assessments),
        hazards=tuple(dataclasses.replace(h, multiplier=h.multiplier and h.multiplier.py_func) for h in kind.hazards),
        **({"give": kind.give and getattr(kind.give, "py_func")} if isinstance(kind, Drug) else {}),  # noqa: B009 - Numba's
    )
    pairs = zip(_life(_bodies(kind, 3), kind), _life(_bodies(plain, 3), plain), strict=True)
    assert all(mine.tobytes() == others.tobytes() for mine, others in pairs)
