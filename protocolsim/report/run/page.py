"""One self-contained HTML page: question, verdict, numbers, figures, protocol, parameters, caveats, provenance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from protocolsim.component import MARKS
from protocolsim.errors import UsageError
from protocolsim.report.looks.figures import boundaries, endings
from protocolsim.report.looks.frames import bounded
from protocolsim.report.looks.summary import OVER_ALL_MEANS, summary_of
from protocolsim.report.parameters import summary as parameters
from protocolsim.report.parameters.figures import variance_shares
from protocolsim.report.protocol.diagram import TOLD_OF_CHART, chart_for_page
from protocolsim.report.protocol.state_chart import counts, state_chart
from protocolsim.report.run import decision, figures, findings, levels
from protocolsim.report.run.flow import flow
from protocolsim.report.run.outcomes import outcomes_by_arm
from protocolsim.report.run.warnings import warnings
from protocolsim.report.style import numbers
from protocolsim.report.style.figures import inline
from protocolsim.report.style.stylesheet import style
from protocolsim.study.companions import MOST
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.validation import PublishedComparison, inside, published_rows
from protocolsim.text.html import rendered, safe

_TEMPLATE = Path(__file__).with_name("page.html.j2")


def page(result: Result) -> str:
    """The page as text. It loads nothing from anywhere, follows the reader's light or dark mode, and prints."""
    estimates = list(result.estimates.values())
    looks, drawn = _looks(result), _figures(result)
    first, *others = [*(looks["figures"][:1] if looks else []), *drawn] or [None]
    parts: dict[str, Any] = {
        "looks": looks,
        "shares": _shares(result),
        "validation": _validation(result),
        "tests": [_test(result, e) for e in numbers.tests(result)],
        "contrasts": [_characteristic(e) for e in numbers.over_trials(result)],
        "beside": findings.beside(result),
        "figures": others,
        "parameters": _parameters(result),
    }
    titles, said, decided = _titles(result, parts), findings.sentences(result), decision.sentence(result)
    return rendered(
        _TEMPLATE,
        result=result,
        verdict=numbers.verdict(result),
        findings=said,
        decision=decided,
        marks_mean=numbers.marks_mean(*said, decided),
        first=first,
        titles=titles,
        contents=[{"id": name, "title": title} for name, title in titles.items()],
        chart=_state_chart(result),
        style=style(),
        **parts,
        most_beside=MOST,
        rows=_rows(result),
        compared=any(e.published is not None for e in estimates),
        range_means=numbers.RANGE_MEANS,
        prediction_means=numbers.PREDICTION_MEANS,
        levels_mean=levels.LEVELS_MEAN if result.levels else "",
        warnings=warnings(result),
        contrasts_mean=numbers.CONTRASTS_MEAN,
        tests_mean=numbers.TESTS_MEAN,
        verdict_means=numbers.VERDICT_MEANS,
        roles_mean=numbers.ROLES_MEAN,
        undefined=numbers.undefined_note(estimates),
        own_parameters=[asdict(k) for k in result.scenario.own_parameters],
        design=[asdict(s) for s in result.scenario.design],
        changed=sum(1 for p in result.scenario.parameters if p.changed),
        marks=MARKS,
        provenance=_provenance(result),
    )


def _titles(result: Result, parts: Mapping[str, Any]) -> dict[str, str]:
    """The headings of the parts that this page has, in their order, by the name that links lead to."""
    compared = any(e.published is not None for e in result.estimates.values())
    titles = {
        "beside": "The same trial otherwise",
        "looks": "The looks",
        "results": "Simulated and published" if compared else "Simulated",
        "shares": "What makes single trials differ",
        "tests": "Analysing the trial",
        "contrasts": "Estimates between arms, over trials",
        "validation": "Row by row: could the model have produced the published trial?",
        "caveats": "Caveats",
        "figures": "More figures",
        "protocol": "The protocol",
        "parameters": "Parameters of the disease and the drugs",
        "provenance": "Where this comes from",
    }
    there = {**parts, "caveats": result.scenario.notes}
    return {name: title for name, title in titles.items() if there.get(name, True)}


def _state_chart(result: Result) -> dict[str, Any]:
    """The states and rules, with how many subjects took each way in the trials that a report draws from."""
    chart = state_chart(result.scenario, counts([result.shown]))
    return {
        "title": "States and rules",
        "caption": f"{TOLD_OF_CHART} {chart.told}.",
        "svg": safe(chart_for_page(chart)),
    }


def _rows(result: Result) -> list[dict[str, Any]]:
    return [
        {
            "label": e.label,
            "among": e.among,
            "counting": e.counting,
            "simulated": numbers.bare(numbers.simulated(e), e),
            "unit": "" if e.unit == "%" else e.unit,
            "range": numbers.bare(numbers.one_trial(e), e),
            "prediction": numbers.bare(numbers.one_trial(judged), judged),
            "published": numbers.published(e),
            "source": e.published.source if e.published else "",
            "note": e.published.note if e.published else "",
            "percentile": numbers.percentile(judged),
            "role": e.role or "",
            "outside": inside(judged) is False and e.n_replicates > 1,
        }
        for e in numbers.of_subjects(result)
        for judged in [e if result.drawn is None else result.drawn.estimates[e.name]]
    ]


def _shares(result: Result) -> dict[str, Any] | None:
    """Whose the variance of single trials is; None where parameters are fixed."""
    if result.drawn is None:
        return None
    figure = _drawn(variance_shares(result), "variance") if parameters.shown(result) else None
    return {
        "rows": parameters.rows(result), "figure": figure, "means": parameters.MEANS, "drawn": parameters.drawn(result),
        "held": parameters.held(result), "coupling": parameters.coupling(result),
        "learn_next": parameters.learn_next(result), "notes": parameters.notes([*result.shares.values()]),
    }  # fmt: skip


def _test(result: Result, estimate: Estimate) -> dict[str, str]:
    return {
        "label": estimate.label, "counting": estimate.counting, "rejects": numbers.simulated(estimate),
        "level": levels.level(result, estimate),
    }  # fmt: skip


def _looks(result: Result) -> dict[str, Any] | None:
    """The looks: figures, how trials end at each, and the numbers of all trials; None where none are declared."""
    summary = summary_of(result)
    design = result.scenario.interim
    if summary is None or design is None:
        return None
    draws: list[Callable[[], Any]] = [
        *(partial(boundaries, result, statistic) for statistic in bounded(design)),
        partial(endings, result),
    ]
    drawn: list[dict[str, Any]] = []
    for draw in draws:
        try:
            drawn.append(_drawn(draw(), f"looks{len(drawn)}"))
        except UsageError:
            continue  # a statistic that is undefined in every trial
    return {
        "figures": drawn, "reasons": summary.reasons, "rows": summary.rows, "means": OVER_ALL_MEANS,
        "over_all": [_characteristic(e) for e in summary.over_all],
    }  # fmt: skip


def _characteristic(estimate: Estimate) -> dict[str, str]:
    return {
        "label": estimate.label, "counting": estimate.counting,
        "simulated": numbers.simulated(estimate), "range": numbers.one_trial(estimate),
    }  # fmt: skip


def _figures(result: Result) -> list[dict[str, Any]]:
    """Each figure that this result has something to draw for."""
    drawn: list[dict[str, Any]] = []
    for draw in (flow, outcomes_by_arm, figures.through_states, figures.patients_over_time):
        try:
            chart = draw(result)
        except UsageError:
            # Nobody enrolled, nothing to follow: the page does without that figure.
            continue
        drawn.append(_drawn(chart, f"figure{len(drawn)}"))
    return drawn


def _drawn(chart: Any, name: str) -> dict[str, Any]:
    """A figure for the page; `name` keeps its ids apart from those of other figures."""
    return {
        "title": chart.title["text"],
        "caption": figures.caption(chart),
        "svg": inline(chart, name),
    }


def _validation(result: Result) -> dict[str, Any] | None:
    """The published results one by one, and their figure; None where nothing is published or one trial was run."""
    rows = published_rows(result)
    if not rows or result.replicates < 2:
        return None
    figure = None
    if any(r.verdict != "undefined" for r in rows):
        figure = _drawn(figures.simulated_against_published(result), "validation")
    return {"rows": [_compared(r) for r in rows], "figure": figure, "warnings": numbers.warnings_of(rows)}


def _compared(one: PublishedComparison) -> dict[str, str]:
    e = one.estimate
    return {
        "label": e.label,
        "published": numbers.published(e),
        "exact": numbers.exact(one),
        "range": numbers.one_trial(e),
        "of": "" if one.size is None else f"{one.size:,}",
        "fixed": numbers.fixed_range(one),
        "width": numbers.width(one),
        "ends": numbers.ends(one),
        "holds": numbers.holds(one),
        "percentile": numbers.percentile(e),
        "verdict": one.verdict,
        "role": one.published.role,
        "evidence": one.evidence,
    }


def _parameters(result: Result) -> list[dict[str, Any]]:
    """One group per component, in the order in which they come."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in map(asdict, result.scenario.parameters):
        shown = {key: _shown(one[key]) for key in ("value", "default", "low", "high")}
        groups.setdefault(str(one["component"]), []).append({**one, **shown})
    return [{"component": name, "parameters": each} for name, each in groups.items()]


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _provenance(result: Result) -> dict[str, str]:
    first = {
        "scenario": result.scenario.name,
        "seed": str(result.seed),
        "replicates": f"{result.replicates:,}",
        "engine": result.engine,
        "protocolsim": result.version,
    }
    return {**first, **{str(k): str(v) for k, v in result.provenance.items()}}
