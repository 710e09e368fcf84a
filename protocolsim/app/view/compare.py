"""Compare: two designs with common random numbers, so that their difference is sharper than either."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from htmltools import Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import bounded
from protocolsim.app.state import VisitorState, other_of, scenario_of
from protocolsim.app.view.base import Part, View
from protocolsim.app.work.material import Progress, replicates_of
from protocolsim.app.work.orders import Answer, Made, Tell
from protocolsim.report.comparison.console import PAIRED, difference, written
from protocolsim.report.comparison.figures import differences
from protocolsim.report.style import numbers
from protocolsim.scenario.file.library import names, title_of
from protocolsim.study.compare import Difference, Pair, compare


@dataclass(frozen=True)
class ComparisonFacts:
    """What differs in the files, and in the results; `only` are endpoints that one of the two has."""

    titles: tuple[str, str]
    files: tuple[Difference, ...]
    pairs: tuple[Pair, ...]
    only: tuple[str, ...]
    told: str


class PairsPart(Part):
    """Both designs, endpoint by endpoint."""

    name: ClassVar[str] = "pairs"

    def reduced(self, state: VisitorState) -> VisitorState:
        """Both designs; beside a shipped one the kept settings say nothing."""
        kept = () if state.beside else state.other
        return replace(state.simulated, beside=state.beside, other=kept)

    def make(self, state: VisitorState, tell: Tell) -> Made:
        """Simulate both under the same seed."""
        mine, other = scenario_of(state), other_of(state)
        number = bounded(other, replicates_of(state))
        seed = mine.seed if state.seed is None else state.seed
        result = compare(other, mine, replicates=number, seed=seed, progress=Progress(tell, 2 * number).add)
        told = f"{numbers.count(number, 'simulated trial')} of each, seed {seed}."
        only = tuple(dict.fromkeys([*result.only_a, *result.only_b]))
        matters = tuple(d for d in result.differences if d.matters and d.path not in ("seed", "replicates"))
        facts = ComparisonFacts((other.title, mine.title), matters, result.pairs, only, told)
        return Made({"differences": lambda: differences(result)}, facts)

    def show(self, answer: Answer, state: VisitorState) -> Tag | TagList:
        """The choice of A, what differs in the files, the figure, the table."""
        facts: ComparisonFacts = answer.facts
        files: Tag = tags.p(
            "Nothing differs that changes what happens, so that A and B are the same trials: move something in the "
            "form, or hold this scenario against another one.",
            class_="missing",
        )
        if facts.files:
            rows = [
                tags.tr(tags.td(tags.code(d.path)), tags.td(written(d.a)), tags.td(written(d.b))) for d in facts.files
            ]
            files = _table(["in the file", "A", "B"], rows)
        heads = ["", "A", "B, as set up", "B minus A"]
        numbers_of_both = _table(heads, [_row(pair) for pair in facts.pairs])
        return TagList(
            _choice(state),
            tags.p(tags.strong("A: "), facts.titles[0], tags.br(), tags.strong("B: "), facts.titles[1]),
            files,
            tags.div(figure(("compare", self.name), "differences", answer, state), numbers_of_both, class_="pictures")
            if facts.files
            else tags.details(tags.summary("The numbers of both"), numbers_of_both),
            tags.p(f"{PAIRED} {facts.told}", class_="note"),
            tags.p(f"Only one of the two has: {', '.join(facts.only)}.", class_="note") if facts.only else None,
        )


def _choice(state: VisitorState) -> Tag:
    kept = ", ".join(f"{name} = {value}" for name, value in state.other) or "nothing changed"
    options = [tags.option(f"this scenario, as kept ({kept})", value="", selected=None if state.beside else "")]
    options += [
        tags.option(f"{name}: {title_of(name)}", value=name, selected="" if name == state.beside else None)
        for name in names()
        if name != state.scenario or state.text is not None
    ]
    return tags.p(
        tags.label("A: ", for_="beside"),
        tags.select(*options, {"data-shiny-no-bind-input": ""}, id="beside", data_ask="beside", class_="form-select"),
        tags.button("Keep what is set up now as A", type="button", id="keep", class_="btn btn-sm btn-outline-primary"),
        class_="choice",
    )


def _row(pair: Pair) -> Tag:
    values = [(numbers.simulated(e), e.value) for e in (pair.a, pair.b)] + [(difference(pair), pair.difference)]
    cells = [tags.td(said, data_exact=repr(float(value)), data_column=str(k)) for k, (said, value) in enumerate(values)]
    return tags.tr(tags.th(pair.a.label, scope="row"), *cells, data_estimate=pair.name)


def _table(heads: list[str], rows: list[Tag]) -> Tag:
    head = tags.thead(tags.tr(*[tags.th(h, scope="col") if h else tags.td() for h in heads]))
    return tags.div(tags.table(head, tags.tbody(*rows), class_="estimates"), class_="scroll")


def _head() -> Tag:
    return tags.p(
        "Two designs, A and B, with the same patients and common random numbers. Keep what is set up as A, move "
        "something, and "
        "see what it changes; or hold it against another scenario.",
        class_="lead",
    )


VIEW: Any = View(7, "compare", "Compare", _head(), (PairsPart(),))
