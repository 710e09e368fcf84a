from __future__ import annotations

import dataclasses
import io
import math
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from protocolsim.endpoint.base import Endpoint, Published
from protocolsim.endpoint.reduction import Reduction
from protocolsim.endpoint.share import Share
from protocolsim.endpoint.subjects.population import Population, populations
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.records import Records
from protocolsim.report.run.console import print_summary
from protocolsim.report.run.page import page
from protocolsim.report.style import numbers
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import StateRow
from protocolsim.scenario.settable import SettableParameter
from protocolsim.study.estimation.endpoint_sums import rows_in
from protocolsim.study.estimation.estimate import Estimate, estimate
from protocolsim.study.result import Result
from protocolsim.study.run import run
from tests.endpoint.test_endpoint import Course, made_records

LONG_RULE = "to Rescue, after scan, when recent_count > 0.5 * baseline_count"


SCENARIO = dataclasses.replace(
    load("ms_no_drug"),
    name="made_up",
    title="A drug <where> others & fail",
    question="Does stopping the old drug cost anything?",
    description="A made-up trial.",
    sources=("Nobody 2001, https://example.org/paper",),
    notes=("The <drug> effect is not separated from regression to the mean.",),
    warnings=(),
    findings=(),
    beside=(),
    follow="count",
    document=parse("title: a <b>\nprotocol: {transitions: [" + 20 * "{from: x}, " + "]}\n", "made_up.yaml"),
    parameters=(
        SettableParameter("disease.rate", "rate", "cohort.disease.rate", "disease", "", 1.2, 0.6, 2.5,
        "new ones per scan", mark="D", source="derived", default=1.0, changed=True),
        SettableParameter("drug.clearance", "clearance", "drugs.drug.clearance", "drug", "L/day", 0.36, 0.2, 0.5,
        "clearance", mark="F", source="label", default=0.36),
    ),
    own_parameters=(SettableParameter("threshold", "threshold", "parameters.threshold.value", "", "%", 75.0, 0.0, 100.0,
                                      "what earns it", mark="F", source="abstract", text="75 %",
                                      range="0 % to 100 %"),),
    design=(
        StateRow("baseline", "Old drug alone", "", "12 weeks", "old drug", "scan at weeks 0, 4, 8, 12",
                 ("to Both drugs, when entry_count >= 2",)),
        StateRow("treated", "Both drugs", "", "40 weeks", "new drug 1 mg/kg", "scan every 4 weeks", (LONG_RULE,)),
        StateRow("rescued", "Rescue", "", "", "", "", ()),
        StateRow("completed", "", "completed", "", "", "", ()),
        StateRow("withdrawn", "", "stopped", "", "", "", ()),
        StateRow("screen_failure", "", "not enrolled", "", "", "", ()),
    ),
)  # fmt: skip
"""A scenario of whose trial nothing is simulated here: what is drawn are records that were made up."""


def of_scenario(result: Result, **changes: Any) -> Result:
    """The result as it were of a scenario that says something else."""
    return dataclasses.replace(result, scenario=dataclasses.replace(result.scenario, **changes))


def of_records(result: Result, records: Records) -> Result:
    """The result of other records."""
    return dataclasses.replace(result, kept=(records,), rows=rows_in(records), replicates=records.replicates)


def course(rng: np.random.Generator) -> Course:
    """A patient with scattered counts, some missed scans, a larger dose after rescue, and an early end for some."""
    rate = float(rng.lognormal(0.6, 0.8))
    if rng.random() < 0.2:
        return Course(path=(("baseline", 0), ("screen_failure", 12)), seen=(("baseline", 0, 0.0),))
    stop = 54.0 if rng.random() > 0.15 else float(rng.integers(18, 40)) + 0.5
    back = 30.0 if rng.random() < 0.35 and stop > 30 else None
    path: list[tuple[str, float]] = [("baseline", 0.0), ("treated", 12.0)]
    if back:
        path.append(("rescued", back))
    path.append(("completed" if stop == 54 else "withdrawn", stop))
    seen: list[tuple[str, float, float | None]] = [("baseline", 4.0 * k, float(rng.poisson(rate))) for k in range(4)]
    given: list[tuple[str, float, float | None]] = []
    for week in np.arange(14.0, stop, 4.0).tolist():
        state = "rescued" if back and week > back else "treated"
        seen.append((state, week, None if rng.random() < 0.07 else float(rng.poisson(0.3 * rate))))
        given.append((state, week, 2.0 if state == "rescued" else 1.0))
    return Course(tuple(path), tuple(seen), tuple(given), 20.0 if rng.random() < 0.3 else None)


ENDPOINTS: list[Endpoint] = [
    Reduction(name="reduction", label="Reduction of new counts on treatment", among="evaluable", variable="count",
              baseline=("baseline",), during=("treated", "rescued"), per="scan",
              published=Published(0.72, "72 %", "fitted", "abstract", "F", note="phase not stated")),
    Share(name="alone", label="Never needed rescue", among="evaluable", not_entered=("rescued",),
          published=Published(9 / 13, "9/13", "checked", "abstract", "F", 9, 13)),
    Share(name="stops", label="Stopped early", ended_in=("withdrawn",),
          published=Published(0.8, "12/15", "checked", "abstract", "F2", 12, 15)),
    TimeTo(name="rescue", label="Mean time from the start of treatment to rescue, in those who were rescued",
           start=("treated",), to=("rescued",), reading="mean"),
]  # fmt: skip


def made(replicates: int = 60, size: int = 16) -> Result:
    """A result as a study hands it over, of made-up records."""
    rng = np.random.default_rng(4)
    records = made_records([[course(rng) for _ in range(size)] for _ in range(replicates)])
    declared = {"evaluable": Population(of="enrolled", not_ended_in=("withdrawn",))}
    known = populations(records, declared)
    estimates = {e.name: estimate(e, e.sums(records, known)) for e in ENDPOINTS}
    return Result(SCENARIO, 7, replicates, "batch", estimates, 1.2, rows_in(records), kept=(records,))


@pytest.fixture(scope="module")
def result() -> Result:
    """One result for the tests that only look."""
    return made()


def said_of(**changes: Any) -> Estimate:
    """An estimate with these fields."""
    plain = Estimate(
        name="e", label="E", unit="%", among="enrolled", counting="of all", value=0.7, mcse=0.004, lo=0.5, hi=0.85,
        median=0.7, n_undefined=0, n_replicates=200, published=None, percentile=None,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def published_as(value: float, role: Any = "checked", text: str = "72 %") -> Published:
    return Published(value, text, role, "abstract", "F")


class Reader(HTMLParser):
    """Keeps what a browser would fetch, and checks that tags close in order."""

    VOID = ("meta", "br", "link", "img", "hr", "input")

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses and ids."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
                self.fetched.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """The last opened tag closes first."""
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "70.0 ± 0.4 %"),
        ({"mcse": 0.023}, "70 ± 2 %"),
        ({"mcse": 0.0004}, "70.00 ± 0.04 %"),
        ({"value": 0.002, "mcse": 0.0003, "unit": "points"}, "0.0020 ± 0.0003 points"),
        ({"mcse": math.nan}, "70 %"),
        ({"value": math.nan}, "undefined"),
        ({"value": 12.345, "mcse": 0.06, "unit": "mg/kg"}, "12.35 ± 0.06 mg/kg"),
        ({"value": -1.5, "mcse": 0.2, "unit": "points"}, "-1.5 ± 0.2 points"),
        ({"name": "bias[difference][look_1]", "value": 0.17, "mcse": 0.011}, "17 ± 1 % points"),
        ({"name": "bias[weeks]", "value": 2.0, "mcse": 0.2, "unit": "weeks"}, "2.0 ± 0.2 weeks"),
    ],
)
def test_digits_follow_the_error(changes: dict[str, float], said: str) -> None:
    """A value is printed to the digit that its Monte Carlo error leaves meaningful."""
    assert numbers.simulated(said_of(**changes)) == said


@pytest.mark.parametrize(
    ("value", "error", "unit", "said"),
    [
        (-0.5396, 0.01054, "%", "-54 ± 1 % points"),
        (0.0023, 0.0034, "points", "+0.002 ± 0.003 points"),
        (0.0, 0.0, "%", "0 % points"),
        (0.004, math.nan, "%", "+0.4 % points"),
        (math.nan, math.nan, "%", "undefined"),
    ],
)
def test_a_difference_has_a_sign_and_the_digits_of_its_error(value: float, error: float, unit: str, said: str) -> None:
    """A difference is never printed as zero where it is not; without an error, as of the same trials, none is said."""
    assert numbers.difference(value, error, unit) == said


def test_published_values_show_their_count_share_and_mark() -> None:
    """A count is printed as it was, with its share and evidence mark; a share is not repeated."""
    assert numbers.published(said_of(published=published_as(9 / 13, text="9/13"))) == "9/13 (69 %) [F]"
    assert numbers.published(said_of(published=published_as(5 / 40, text="5/40"))) == "5/40 (13 %) [F]"
    assert numbers.published(said_of(published=published_as(0.72))) == "72 % [F]"
    assert numbers.published(said_of(published=published_as(12, text="12 weeks"), unit="weeks")) == "12 weeks [F]"
    assert numbers.published(said_of()) == ""


def verdict_of(result: Result, *published: Published, replicates: int = 200) -> str:
    estimates = {str(k): said_of(name=str(k), label=f"E{k}", published=p) for k, p in enumerate(published)}
    return numbers.verdict(dataclasses.replace(result, estimates=estimates, replicates=replicates))


def test_verdict_follows_the_numbers(result: Result) -> None:
    """The words change with what lies inside, with the roles, and with there being nothing to compare."""
    good, bad = published_as(0.72), published_as(0.99, text="99 %")
    fit = published_as(0.72, "fitted")

    assert "No published result is set beside them" in verdict_of(result)
    assert "All 2 published results lie inside" in verdict_of(result, good, good)
    assert "The one published result lies outside" in verdict_of(result, bad)
    assert "None of the 2 published results lie" in verdict_of(result, bad, bad)
    mixed = verdict_of(result, good, bad, fit)
    assert "2 of the 3 published results lie inside" in mixed
    assert "Outside: E1 (published 99 % [F], sampling range 50 to 85 %)." in mixed
    assert "1 of the 3 was used to choose the model's parameters and so tests nothing" in mixed
    assert "of the 2 not so used, 1 lies inside" in mixed
    assert "of the 2 not so used, all lie inside" in verdict_of(result, good, good, fit)
    assert "of the 2 not so used, none lie inside" in verdict_of(result, bad, bad, fit)
    assert "the 1 not so used lies outside" in verdict_of(result, bad, fit)
    assert "nothing here tests the model" in verdict_of(result, fit, fit)
    assert "None of them was used to choose" in verdict_of(result, good, good)
    alone = verdict_of(result, good, replicates=1)
    assert "1 trial was simulated." in alone
    assert "inside" not in alone


@pytest.mark.parametrize("width", [80, 100, 160])
def test_summary_fits_its_terminal(result: Result, width: int) -> None:
    """No line is wider than the terminal, and no number, mark or role is cut off."""
    out = io.StringIO()
    print_summary(result, Console(file=out, width=width, color_system=None), explain=True)
    lines = out.getvalue().splitlines()

    assert max(map(len, lines)) <= width
    text = " ".join(out.getvalue().split())
    for found in result.estimates.values():
        assert numbers.bare(numbers.simulated(found), found) in text
        assert numbers.bare(numbers.one_trial(found), found) in text
    assert "(weeks; of" in text
    assert [line.split()[-1] for line in lines if "72 % [F]" in line and "%  " in line] == ["fitted"]
    assert [line.split()[-1] for line in lines if "9/13" in line] == ["checked"]
    for word in ("[F]", "[F2]", f"seed 7, 60 replicates, batch engine, protocolsim {result.version}, 1.2 s"):
        assert word in text
    for sentence in (numbers.RANGE_MEANS, numbers.ROLES_MEAN, numbers.verdict(result), *result.scenario.notes):
        assert sentence in text


def test_summary_without_published_values_has_no_columns_for_them(result: Result) -> None:
    """Where nothing is published nothing is said of percentiles or roles."""
    bare = {
        n: dataclasses.replace(e, label=f"[red]{n}", published=None, percentile=None)
        for n, e in result.estimates.items()
    }
    out = io.StringIO()
    console = Console(file=out, width=100, color_system=None)
    bare_result = dataclasses.replace(result, estimates=bare)
    print_summary(of_scenario(bare_result, warnings=("Two [of] them.",)), console, explain=True)

    assert "Percentile" not in out.getvalue()
    assert "Role" not in out.getvalue()
    assert "[red]alone (of evaluable)" in out.getvalue()
    assert "Warning: Two [of] them." in out.getvalue()


def test_a_number_without_a_unit_names_none(result: Result) -> None:
    """An endpoint that is a bare number has no empty place for a unit beside its label."""
    plain = {n: dataclasses.replace(e, label="Highest", unit="") for n, e in result.estimates.items()}
    out = io.StringIO()
    console = Console(file=out, width=100, color_system=None)
    print_summary(dataclasses.replace(result, estimates=plain), console, explain=True)
    assert "Highest (of " in out.getvalue()
    assert "(;" not in out.getvalue()


def test_summary_reads_on_an_old_terminal(result: Result) -> None:
    """A terminal without the sign ± gets +- and no error."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as out:
        print_summary(of_scenario(result, title="Étude"), Console(file=out, width=100, color_system=None))
        out.flush()
        text = raw.getvalue().decode("ascii")

    assert "±" not in text
    assert numbers.simulated(result.estimates["alone"]).replace("±", "+-") in text
    assert "?tude" in text


def test_page_is_whole_and_loads_nothing(result: Result) -> None:
    """The page's tags close, its ids are unique, it fetches nothing, and each figure has words."""
    text = page(result)
    reader = read(text)

    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert all(a.startswith("#") and a[1:] in reader.ids for a in reader.fetched)
    assert not {"script", "link", "iframe", "img", "object"} & set(reader.tags)
    assert "@import" not in text
    inside = re.findall(r"url\(([^)]*)\)", text)
    assert all(place.strip('"').startswith(("#", "data:font/")) for place in inside)
    assert reader.tags.count("figure") == reader.tags.count("svg") == reader.tags.count("figcaption") == 5
    assert text.count('role="img"') == 5
    used = set(re.findall(r"url\(#([^)]+)\)", text))
    assert used <= set(reader.ids)


def test_page_says_everything(result: Result) -> None:
    """Every number, rule, mark, caveat and fact of the result stands on the page, and nothing breaks its HTML."""
    text = page(of_scenario(result, warnings=("One & two.",)))

    for found in result.estimates.values():
        assert numbers.bare(numbers.simulated(found), found) in text
        assert numbers.bare(numbers.one_trial(found), found) in text
        assert numbers.published(found) in text
    for words in (
        "A drug &lt;where&gt; others &amp; fail",
        "The &lt;drug&gt; effect",
        "recent_count &gt; 0.5 * baseline_count",
        "title: a &lt;b&gt;",
        "One &amp; two.",
        "found second-hand",
        "0.36 L/day",
        "(default 1)",
        "what earns it",
        "Nobody 2001",
        "run time",
        "phase not stated",
    ):
        assert words in text
    assert text.count('<tr class="changed">') == 1
    assert text.count('class="outside"') == 2  # in the table of results, and in its own row of the comparison
    assert "<where>" not in text
    assert "<drug>" not in text


def test_page_of_a_bare_result(result: Result) -> None:
    """Without published values, a variable to follow or anything to say, the page still stands."""
    estimates = {n: dataclasses.replace(e, published=None, percentile=None) for n, e in result.estimates.items()}
    bare = of_scenario(
        dataclasses.replace(result, estimates=estimates),
        follow=None, notes=(), own_parameters=(), parameters=(), sources=(), question="", description="",
    )  # fmt: skip
    reader = read(page(bare))

    assert reader.open == []
    assert reader.tags.count("figure") == 3
    assert "Percentile" not in page(bare)


def test_page_ink_follows_the_reader(result: Result) -> None:
    """No figure on the page keeps the ink of white paper, which could not be read in the dark."""
    body = page(result).split("</style>")[1]

    assert "var(--ink)" in body
    assert "#1b1f24" not in body


def test_one_trial_has_no_range():
    """With one replicate neither a range nor a percentile is shown: one value is no 5-95 %."""
    ran = run(load("ms_daclizumab"), replicates=1)
    for found in ran.estimates.values():
        assert numbers.percentile(found) == ""
        if found.decides:  # one trial never has a range of yes and no
            assert numbers.one_trial(found) == "yes or no"
            continue
        assert numbers.one_trial(found) == ("one trial only" if found.n_undefined == 0 else numbers.UNDEFINED)
