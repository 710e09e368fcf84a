"""What a calibration found, in sentences and in the rows of its tables."""

from __future__ import annotations

from protocolsim.report.style import numbers as style_numbers
from protocolsim.study.calibration.abc_posterior import COVERAGE_BOUNDS, INTERVALS, MOST_SD_RATIO
from protocolsim.study.calibration.calibrate import Calibration, Fitted, Predicted
from protocolsim.study.calibration.identified import EDGE, MOST_AT_EDGE, MOST_WIDENED, STRONG
from protocolsim.study.calibration.misfit import PLANTED

SD_RATIO_MEANS = (
    f"SD ratio: the posterior's standard deviation over the prior's, on the prior's scale; above "
    f"{MOST_SD_RATIO:g} the targets say next to nothing of that parameter (not identified): its range is assumed. "
    f"Identified: it is not above that; the outermost {100 * EDGE:.0f} % of the prior on either side hold at most "
    f"{100 * MOST_AT_EDGE:g} % of the posterior (else it leans on an edge); doubling the width of the prior widens "
    f"the posterior by less than {MOST_WIDENED:g} (else the prior decides); and it is not known only together with one "
    f"that fails this (correlation of {STRONG:g} or more: with another)."
)
PREDICTED_MEANS = (
    "Predicted, 5-95 %: where 90 % of fresh simulated trials fall whose parameters were drawn from the posterior."
)
_MANNERS = {
    "calibrated": "as they should",
    "over-dispersed": "more often than they should: the posterior is over-dispersed, wider than the data ask for",
    "over-confident": "less often than they should: the posterior is over-confident, and its intervals are too narrow",
}


def sentences(calibration: Calibration) -> list[str]:
    """What the numbers say, in words."""
    plan, lost = calibration.plan, calibration.not_identified
    points, trials = style_numbers.count(plan.points, "point"), style_numbers.count(plan.trials, "trial")
    posterior = calibration.posterior
    kept = f"the {len(posterior.weights):,} trials nearest to the published one, from {posterior.points:,}"
    told = [f"{points} of the prior were simulated, {trials} at each; {kept} points, make the posterior."]
    if lost:
        told.append(f"Not identified by these targets: {', '.join(lost)}. {_why(calibration)}")
    else:
        told.append("The targets identify every parameter.")
    outside = [p for p in calibration.parameters if p.own_inside is False]
    compared = [p for p in calibration.parameters if p.own_inside is not None]
    if outside:
        told.append(
            "The scenario's own values lie outside the posterior's 5-95 % for "
            + ", ".join(p.free.name for p in outside)
            + "."
        )
    elif compared:
        told.append("The scenario's own values all lie inside the posterior's 5-95 %.")
    strong = _strong(calibration)
    if strong:
        told.append(f"Go together, so that only a combination is known well: {strong}.")
    told.append(_check(calibration))
    held = ", ".join(
        f"{100 * s:.0f} % intervals held the truth in {100 * min(h):.0f} to {100 * max(h):.0f} % "
        f"(expected within {100 * COVERAGE_BOUNDS[s][0]:.0f} to {100 * COVERAGE_BOUNDS[s][1]:.0f} %)"
        for s, h in ((s, calibration.coverage.held[s]) for s in INTERVALS)
    )
    told.append(
        f"Whether to believe this: of {calibration.coverage.fits:,} simulated trials fitted as if published, "
        f"{held}, over the parameters; {_MANNERS[calibration.coverage.believed]}."
    )
    return told


def _why(calibration: Calibration) -> str:
    """By which criterion each parameter that is not identified fails."""
    why: dict[str, list[str]] = {}
    for p in calibration.parameters:
        if not p.identified:
            why.setdefault(p.found.verdict, []).append(p.free.name)
    said = {
        "not identified": "what the prior said before, the posterior says again",
        "leans on an edge": "the posterior leans on an edge of the prior, and another edge would move it",
        "prior decides": "a prior of twice the width would widen the posterior nearly as much",
        "with another": "known only together with one of these",
    }
    return "; ".join(f"{', '.join(names)}: {said[verdict]}" for verdict, names in why.items()) + "."


def _check(calibration: Calibration) -> str:
    """Whether the model can have the targets together, and whether the check would notice if it could not."""
    check, failing = calibration.misfit, calibration.check_fails
    if failing:
        where = ", ".join(f"{p.label} (published {p.text})" for p in failing)
        said = f"The posterior predictive check fails: outside the 5-95 % of fresh trials lies {where}."
    else:
        said = "The posterior predictive check holds for every target."
    seen = [share for share in check.noticed if share == share]
    if check.p != check.p or not seen:
        return said
    far = f"{100 * check.p:.0f} % of simulated trials lie as far from the others as what was published"
    fails = ": the model does not fit" if check.fails else ""
    return (
        f"{said} {far}{fails}. A planted misfit, one result moved by {PLANTED:g} of its spreads, is noticed in "
        f"{100 * min(seen):.0f} to {100 * max(seen):.0f} % of trials, by target."
    )


def _strong(calibration: Calibration) -> str:
    rows = calibration.posterior.correlation
    names = [p.free.name for p in calibration.parameters]
    pairs = [(names[i], names[j], float(rows[i, j])) for i in range(len(names)) for j in range(i)]
    return "; ".join(f"{a} and {b} (correlation {r:.2f})" for a, b, r in pairs if abs(r) >= STRONG)


def parameter_row(p: Fitted) -> dict[str, str]:
    """A fitted parameter: its prior, its posterior and whether the targets identify it."""
    unit = p.free.unit
    own = "" if p.free.value is None else f"{p.free.value:.4g}"
    return {
        "name": p.free.name,
        "short": f"{p.free.name.rpartition('.')[2]}{f' ({unit})' if unit else ''}",
        "meaning": p.free.meaning,
        "unit": unit,
        "prior": f"{p.free.low:.3g} to {p.free.high:.3g}{', log' if p.free.log else ''}",
        "median": f"{p.median:.3g}",
        "range": f"{p.low:.3g} to {p.high:.3g}",
        "sd_ratio": f"{p.sd_ratio:.2f}",
        "verdict": p.found.verdict,
        "own": own,
        "own_percentile": "" if p.own_percentile is None else f"{p.own_percentile:.0f}",
        "coverage": " / ".join(f"{100 * p.held[s]:.0f}" for s in INTERVALS),
    }


def predicted_row(p: Predicted) -> dict[str, str]:
    """A published result beside what the posterior predicts."""
    return {
        "label": p.label,
        "published": style_numbers.published_as(p.text, p.value, p.unit, p.mark),
        "error": p.target.error if p.target is not None else "one simulated trial",
        "use": "target" if p.target is not None else "not used",
        "range": style_numbers.span(p.lo, p.hi, p.unit),
        "percentile": "" if p.percentile is None else f"{p.percentile:.0f}",
        "source": p.target.source if p.target is not None else "",
        "note": p.target.note if p.target is not None else "",
    }
