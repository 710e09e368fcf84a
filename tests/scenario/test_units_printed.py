"""Units that are printed are units that `--set` reads, and a plain 0 is a rate."""

from __future__ import annotations

import math
from textwrap import indent

import pytest

from protocolsim.component import Parameter
from protocolsim.errors import ScenarioError
from protocolsim.report.documentation.model_page import model_page
from protocolsim.report.documentation.reference import components
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped
from protocolsim.scenario.file.library import names
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.study.sweep.grid_values import axis
from protocolsim.units import in_unit, in_words, quantity, unit_in_words, with_unit
from tests.support.toys import TEXT, scenario

DIGITS = 1e-5  # six digits are printed

SHIPPED = [("disease", n) for n in disease_names()] + [("drug", n) for n in drug_names()]


def parameters() -> list[tuple[str, Parameter]]:
    """Every parameter of every shipped disease and drug, with its component's name."""
    return [(name, p) for room, name in SHIPPED for p in load_shipped(room, name).parameters]


@pytest.mark.parametrize("name", names())
def test_what_describe_prints_is_what_set_reads(name):
    """Of every parameter of every shipped scenario: its value, its default, and what the page and sweeps write."""
    settables = load(name).settables
    assert settables
    for p in settables:
        for words, value in ((p.words, p.value), (p.default_words, p.default)):
            if value is not None:
                assert math.isclose(p.read(words), value, rel_tol=DIGITS), (p.key, words)
        for value in (p.value, p.low, p.high):
            if value is not None:
                assert math.isclose(p.read(p.write(value)), value, rel_tol=1e-11), p.key
                assert math.isclose(p.read(f"{value:g} {unit_in_words(p.unit)}".rstrip()), value, rel_tol=DIGITS)


def test_what_the_reference_and_the_model_pages_print_is_what_set_reads():
    """Every default and every end of a plausible range; the pages print these words."""
    defaults = {e.name: e.default for e in components() if e.topic == "parameter"}
    pages = {name: model_page(room, name) for room, name in SHIPPED}
    for name, p in parameters():
        printed = in_words(p.value, p.unit)
        assert defaults[f"{name}.{p.name}"] == printed
        assert f"| {printed} |" in pages[name]
        for value in (p.value, p.low, p.high):
            for words in (in_words(value, p.unit), with_unit(value, p.unit)):
                read = in_unit(quantity(words), p.unit)
                assert read is not None, words
                assert math.isclose(read, value, rel_tol=DIGITS), words


@pytest.mark.parametrize("name", ["ms_daclizumab", "maa_daclizumab"])
def test_a_scenario_set_to_what_it_prints_is_the_same(name):
    """Through the builder, all of them at once."""
    own = load(name)
    same = load(name, set={p.key: p.words for p in own.settables if not p.expression and p.value is not None})
    for p, q in zip(own.settables, same.settables, strict=True):
        if p.value is not None:
            assert q.value is not None
            assert math.isclose(p.value, q.value, rel_tol=DIGITS), p.key


def test_a_sweep_takes_what_is_printed():
    """From the lowest to the highest plausible value of every parameter, in the words of the docs."""
    for name, p in parameters():
        if p.low == p.high:
            continue
        low, high = (in_words(value, p.unit) for value in (p.low, p.high))
        for value, setting in zip((p.low, p.high), axis(p.name, f"{low},{high}").settings, strict=True):
            read = in_unit(quantity(setting), p.unit)
            assert read is not None, (name, p.name, setting)
            assert math.isclose(read, value, rel_tol=DIGITS)


ZERO = """
states:
  treated:
    enrolled: true
    assessments: {scan: {days: [0]}}
    lasts: 1 week
  done: {final: done}
transitions:
  - {from: treated, to: done}
"""


@pytest.mark.parametrize("zero", ["0", "0.0", '"0"', "0 / 4 weeks", "0 %/week"])
def test_a_plain_zero_is_a_rate(zero):
    """Of dropout, and of an event's rate; whether written as a number or as text."""
    built = scenario(ZERO, cohort=f"size: 1\ndropout: {zero}", infusion=f"fever: {zero}")
    assert built.trial.cohort.dropout == 0.0
    fever = next(p for p in built.settables if p.name == "fever")
    assert fever.value == 0.0
    assert fever.read(zero.strip('"')) == 0.0


@pytest.mark.parametrize("part", ["value: 0, range: [0, 2 / week]", "value: 0 / week, range: [0, 2 / week]"])
def test_a_plain_zero_is_a_rate_among_the_scenario_s_own(part):
    """As a value, and as an end of a range."""
    text = TEXT.format(
        protocol=indent(ZERO, "  "), cohort="  size: 1\n  dropout: leaving", infusion="", pill="", drugs=""
    )
    text += f"\nparameters:\n  leaving: {{{part}, meaning: a rate}}\n"
    built = build(parse(text, "toy.yaml"), allow_plugins=True)
    assert (built.named["leaving"].low, built.trial.cohort.dropout) == (0.0, 0.0)
    assert built.settable("parameters.leaving.value").read("0.5 / week") == 0.5


@pytest.mark.parametrize("text", ["0 mg", "1", "0 weeks"])
def test_what_is_no_rate_is_still_refused(text):
    """Only a plain 0 needs no unit."""
    with pytest.raises(ScenarioError, match="expected a rate"):
        scenario(ZERO, cohort=f"size: 1\ndropout: {text}")


@pytest.mark.parametrize("text", ["0", "0 / week"])
def test_arrivals_of_nobody_are_refused_for_what_they_are(text):
    """Not for their unit."""
    with pytest.raises(ScenarioError, match="nobody would ever come"):
        scenario(ZERO, cohort=f"size: 1\narrivals: {text}")


@pytest.mark.parametrize("name", ["ms_daclizumab", "maa_daclizumab", "hcv_response_guided"])
def test_what_a_refusal_prints_is_what_set_reads(name):
    """The bound that a value of a model is beyond, of each of its parameters that has one."""
    told = 0
    trial = load(name).trial
    for placed in (trial.disease, *trial.drugs):
        for p in placed.component.parameters:
            room = "cohort" if placed is trial.disease else f"drugs.{placed.component.name}"
            ends = [(p.lowest, "below", -1.0), (p.most, "above", 1.0)]
            for end, word, further in [e for e in ends if math.isfinite(e[0])][:1]:
                beyond = with_unit(end + further * max(1.0, abs(end)), p.unit)
                with pytest.raises(ScenarioError) as caught:
                    load(name, set={f"{room}.{p.name}": beyond})
                said = caught.value.faults[0].message.split(f" is {word} ")[1].split(" (")[0]
                assert math.isclose(in_unit(quantity(said), p.unit) or 0.0, end, rel_tol=DIGITS, abs_tol=1e-12), said
                told += 1
    assert told > 5
