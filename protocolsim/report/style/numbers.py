"""Numbers as a reader meets them, and the verdict in words; terminal, figures and page all say it this way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from protocolsim.component import MARKS
from protocolsim.interim.estimates.made import is_bias
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.validation import PublishedComparison, data, published_rows

NO_RANGE = "one trial only"
UNDEFINED = "undefined"
_POINTS = "% points"
_MOST_DIGITS = 6
_NO_ERROR = 1e-12  # less than that is what rounding leaves
VERDICT_MEANS = (
    "Verdict: whether the published value lies between the 5th and the 95th percentile of single simulated trials; of "
    "a published count, of trials that count as many patients as were published (Of). Width: of that range; a wide one "
    "holds much, and lying inside it says little. Ends: the 95 % intervals of both "
    "percentiles, from their Monte Carlo error. Holds: how many of the simulated trials lie in the range; counts move "
    "in steps, so that theirs holds more than 90 %. "
    "Exact 95 %: the Clopper-Pearson confidence interval of a published count, worked out here [D]."
)
# What every table of results has to say under it.
RANGE_MEANS = (
    "Sampling range at fixed parameters, 5-95 %: where 90 % of single simulated trials of this size fall, if every "
    "parameter of the models is as it stands there. It is no confidence interval, more replicates do not narrow it, "
    "and it says nothing of how far the parameters are known. The ± is the Monte Carlo standard error of the "
    "simulated value, which more replicates do narrow."
)
PARAMETERS_FIXED = (
    "The parameters of the models were held at their values; --parameters plausible draws those that are uncertain, "
    "and then says how far the next real trial may differ."
)
PREDICTION_MEANS = (
    "Prediction range, parameters included, 5-95 %: the same of trials for which the uncertain parameters are drawn, "
    "each draw for two trials of different patients. It is what may be expected of the next real trial as far as the "
    "parameters are known; published values are judged by it."
)
TESTS_MEAN = (
    "Rejects: the share of simulated trials in which the test rejects its null hypothesis, with its Monte Carlo "
    "standard error. Where there is an effect this is the power, where there is none the type I error. A test of "
    "something else than the effect (that counts fell, by whatever) may reject far more often than its level."
)
CONTRASTS_MEAN = (
    "Coverage: how many of the trials' confidence intervals hold the value of all simulated trials together; it should "
    "be the level of the interval. Bias: by how much estimates of single trials are too high (+) or too low (-) on "
    "average; of significant trials alone, by how much a reader errs who sees only those (the winner's curse)."
)
ROLE_MEANS = (
    "Role: a fitted result was used to choose the model's parameters, so that it lies inside its range validates "
    "nothing; one that is not independent comes from patients among those the parameters were taken from. A checked "
    "result is neither."
)
ROLES_MEAN = f"{ROLE_MEANS} Percentile: the share of simulated trials below the published value, ties counting half."


def marks_mean(*texts: str) -> str:
    """What the evidence marks in these texts mean, of those that stand there: "[F] found in text."; '' without any."""
    said = [f"[{mark}] {meaning}" for mark, meaning in MARKS.items() if any(f"[{mark}]" in text for text in texts)]
    return f"{'; '.join(said)}." if said else ""


def scaled(value: float, unit: str) -> float:
    """A value as it is printed: shares in per cent, all else as it is."""
    return 100.0 * value if unit == "%" else value


def plain(value: float) -> str:
    """A number to about three digits, without exponents or idle zeros."""
    if math.isnan(value):
        return UNDEFINED
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def simulated(estimate: Estimate) -> str:
    """The value and its standard error, to the digits that the error leaves meaningful."""
    value, error = scaled(estimate.value, estimate.unit), scaled(estimate.mcse, estimate.unit)
    unit = unit_of(estimate.name, estimate.unit)
    return UNDEFINED if math.isnan(value) else f"{with_error(value, error)} {unit}".rstrip()


def unit_of(name: str, unit: str) -> str:
    """The unit as it is printed: the bias of a share is a difference, and so in percentage points."""
    return _POINTS if unit == "%" and is_bias(name) else unit


def difference(value: float, error: float, unit: str) -> str:
    """'+12.3 ± 0.4 % points': a difference with its sign, in the unit of the endpoint; of shares in percentage points.

    The error is zero where both are the same trials, and nan with a single replicate; neither is said.
    """
    value, error = scaled(value, unit), scaled(error, unit)
    if math.isnan(value):
        return UNDEFINED
    said = with_error(value, error)
    return f"{'+' if value > 0 else ''}{said} {_POINTS if unit == '%' else unit}".rstrip()


def with_error(value: float, error: float) -> str:
    """'70.9 ± 0.8', to the digits that the error leaves meaningful; the value alone where there is no error."""
    if math.isnan(error) or error < _NO_ERROR:
        return plain(value)
    digits = min(_MOST_DIGITS, max(0, -math.floor(math.log10(error))))
    if digits and float(f"{error:.{digits}f}") >= 10.0 ** (1 - digits):
        digits -= 1  # 0.96 is 1 to one digit, and not 1.0
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def of_subjects(result: Result) -> list[Estimate]:
    """The estimates of endpoints: those of a trial's subjects, which are of no test, no look and not over trials."""
    return [e for e in result.estimates.values() if not (e.decides or e.of_looks or e.over_trials)]


def tests(result: Result) -> list[Estimate]:
    """The estimates of tests."""
    return [e for e in result.estimates.values() if e.decides and not e.of_looks]


def over_trials(result: Result) -> list[Estimate]:
    """The estimates of how contrasts between arms do over trials: coverage and bias."""
    return [e for e in result.estimates.values() if e.over_trials]


def one_trial(estimate: Estimate) -> str:
    """The range that holds 90 % of single trials; one trial has none."""
    if estimate.over_trials:
        return "over trials"
    if estimate.decides:
        return "yes or no"
    return NO_RANGE if _alone(estimate) else span(estimate.lo, estimate.hi, estimate.unit)


def _alone(estimate: Estimate) -> bool:
    """Whether a single trial has a value."""
    return estimate.n_replicates - estimate.n_undefined == 1


def bare(text: str, estimate: Estimate) -> str:
    """A printed number without its unit, for a table that names the unit once; per cent stays."""
    return text if estimate.unit == "%" else text.removesuffix(f" {estimate.unit}")


def span(low: float, high: float, unit: str) -> str:
    """Two numbers and their unit; shares in whole per cent."""
    if math.isnan(low) or math.isnan(high):
        return UNDEFINED
    ends = [scaled(low, unit), scaled(high, unit)]
    shown = [f"{e:.0f}" for e in ends] if unit == "%" else [plain(e) for e in ends]
    shown = ["0" if s == "-0" else s for s in shown]
    return (f"{shown[0]} {unit}" if shown[0] == shown[1] else f"{shown[0]} to {shown[1]} {unit}").rstrip()


def published(estimate: Estimate) -> str:
    """The published value as printed, in per cent where it is a count, with its evidence mark; '' without one."""
    said = estimate.published
    return "" if said is None else published_as(said.text, said.value, estimate.unit, said.mark)


def published_as(text: str, value: float, unit: str, mark: str) -> str:
    """A published value as printed: a count in per cent too, halves up, as readers round them ('5/40 (13 %) [F]')."""
    if unit != "%" or "%" in text:
        return f"{text} [{mark}]"
    return f"{text} ({math.floor(scaled(value, unit) + 0.5 + _NO_ERROR)} %) [{mark}]"


def percentile(estimate: Estimate) -> str:
    """Where the published value lies among simulated trials; '' without one, or where there is a single trial."""
    return "" if estimate.percentile is None or _alone(estimate) else f"{estimate.percentile:.0f}"


def count(number: int, noun: str) -> str:
    """'1 trial', '2 trials'."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def part_of(number: int, whole: int) -> str:
    """So many of so many in whole per cent."""
    return percent(number / whole)


def percent(share: float) -> str:
    """A share in whole per cent: '0 %' is none and '100 %' all of something, and no other share is either."""
    value = 100.0 * share
    if min(abs(value), abs(value - 100.0)) < 100.0 * _NO_ERROR:
        return f"{value:.0f} %"
    if 0.0 < value < 0.5:
        return "< 0.5 %"
    if 99.5 < value < 100.0:
        return "> 99.5 %"
    return f"{value:.1f} %" if value in (0.5, 99.5) else f"{value:.0f} %"


def verdict(result: Result) -> str:
    """What the numbers say of the published trial, in one paragraph built from them alone."""
    rows = [row for row in published_rows(result) if row.estimate.lo == row.estimate.lo]
    compared = data(rows)
    said = [f"{count(result.replicates, 'trial')} {'was' if result.replicates == 1 else 'were'} simulated."]
    if result.drawn is not None:
        said.append("As many again were simulated with the uncertain parameters drawn.")
    if not compared:
        said.append("No published result is set beside them, so nothing here says how near they are to a real trial.")
        return " ".join(said)
    if result.replicates == 1:
        said.append("One trial has no range; run more replicates to see whether the published results lie within it.")
        return " ".join(said)
    agree = [datum for datum in compared if _inside(datum)]
    said.append(_agreement(len(agree), len(compared), rows[0].range_used))
    if len(rows) > len(compared):
        said.append(_said_twice(compared))
    said.extend(
        f"Outside: {r.estimate.label} (published {published(r.estimate)}, {_range_word(r)} {one_trial(r.estimate)})."
        for r in rows
        if r.verdict == "outside"
    )
    if result.published_size is None and _of_other_sizes(rows, result):
        said.append(_of_other_sizes(rows, result))
    said.append(_evidence(compared))
    return " ".join(said)


def warnings_of(rows: Iterable[PublishedComparison]) -> list[str]:
    """Of published results: verdicts that the error of an end could turn, and counts not judged at their own size."""
    said = []
    for row in rows:
        e = row.estimate
        if row.within_error and row.range is not None:
            said.append(
                f"{e.label}: {row.verdict}, but within the error of the end: the 5 % end lies in "
                f"{_end(row.range.lo_error, e.unit)}, the 95 % end in {_end(row.range.hi_error, e.unit)}, and "
                f"{e.published.text if e.published else ''} is published. More replicates may turn it."
            )
        if row.why_not:
            said.append(
                f"{e.label}: {e.published.text if e.published else ''} is judged among trials as they are simulated, "
                f"not of that size: {row.why_not}."
            )
    return said


def ends(row: PublishedComparison) -> str:
    """The 95 % intervals of both ends of a range, '' where nothing is known of them."""
    if row.range is None or row.verdict == "undefined":
        return ""
    return f"{_end(row.range.lo_error, row.estimate.unit)}, {_end(row.range.hi_error, row.estimate.unit)}"


def holds(row: PublishedComparison) -> str:
    """How much of the simulated trials a range really holds; '' where nothing is known of that."""
    return "" if row.range is None or row.verdict == "undefined" else f"{100.0 * row.range.holds:.0f} %"


def width(row: PublishedComparison) -> str:
    """How wide the range is that a verdict rests on; '' where there is none."""
    if row.verdict == "undefined" or math.isnan(row.width):
        return ""
    unit = row.estimate.unit
    return f"{scaled(row.width, unit):.0f} points" if unit == "%" else plain(row.width)


def fixed_range(row: PublishedComparison) -> str:
    """The sampling range at fixed parameters, where the verdict rests on another."""
    return "" if row.fixed is None else span(row.fixed.lo, row.fixed.hi, row.estimate.unit)


def _end(error: tuple[float, float], unit: str) -> str:
    """'46-54': an interval, open ('?') where so few trials do not bound it."""
    shown = []
    for value in error:
        at = scaled(value, unit)
        shown.append("?" if math.isinf(at) else f"{at:.0f}" if unit == "%" else plain(at))
    return shown[0] if shown[0] == shown[1] else "-".join(shown)


def _inside(datum: Sequence[PublishedComparison]) -> bool:
    """Whether a datum lies inside, in every way in which it is said."""
    return all(row.verdict == "inside" for row in datum)


def _role(datum: Sequence[PublishedComparison]) -> str:
    """The role of a datum: where its rows have several, the one that is worth least as evidence."""
    roles = {row.published.role for row in datum}
    return next(role for role in ("fitted", "not independent", "checked") if role in roles)


def _said_twice(compared: Sequence[Sequence[PublishedComparison]]) -> str:
    """Which rows are one datum."""
    same = [" and ".join(r.published.text for r in datum) for datum in compared if len(datum) > 1]
    return f"Counted as one datum: {'; '.join(same)}."


def _of_other_sizes(rows: Sequence[PublishedComparison], result: Result) -> str:
    """Which published counts stand among trials of clearly another size; '' where none does."""
    found = []
    for row in rows:
        sums, number = result.sums.get(row.estimate.name), row.published.denominator
        if sums is None or number is None or not result.scenario.endpoints[row.estimate.name].binary:
            continue
        counted = float(sums[:, 1].mean())
        if abs(counted - number) > 0.2 * number:
            found.append(f"{row.published.text} among trials that count {counted:.0f}")
    if not found:
        return ""
    return f"Of another size: {'; '.join(found)}; 'protocolsim validate' judges them among trials of their own."


def _range_word(row: PublishedComparison) -> str:
    """The range that a verdict rests on, in two words."""
    return row.range_used.partition(" range")[0] + " range"


def _agreement(agree: int, of: int, used: str) -> str:
    held = f"inside the range that holds 90 % of single simulated trials ({used})"
    if of == 1:
        return f"The one published result lies {held if agree else held.replace('inside', 'outside')}."
    if agree == of:
        return f"All {of} published results lie {held}."
    return f"{'None' if agree == 0 else agree} of the {of} published results {'lies' if agree == 1 else 'lie'} {held}."


def _evidence(compared: Sequence[Sequence[PublishedComparison]]) -> str:
    checked = [datum for datum in compared if _role(datum) == "checked"]
    fitted = sum(1 for datum in compared if _role(datum) == "fitted")
    shared = len(compared) - len(checked) - fitted
    if not checked:
        return _no_evidence(fitted, shared)
    good = sum(1 for datum in checked if _inside(datum))
    weak = "Small trials have wide ranges, and lying inside a wide range is weak evidence."
    if fitted + shared == 0:
        return f"None of them was used to choose the model's parameters. {weak}"
    used = " ".join(
        f"{number} of the {len(compared)} {was if number == 1 else were};"
        for number, was, were in (
            (
                fitted,
                "was used to choose the model's parameters and so tests nothing",
                "were used to choose the model's parameters and so test nothing",
            ),
            (
                shared,
                "comes from patients among those the parameters were taken from and so tests little",
                "come from patients among those the parameters were taken from and so test little",
            ),
        )
        if number
    )
    if len(checked) == 1:
        return f"{used} the 1 not so used lies {'inside' if good else 'outside'}. {weak}"
    many = "all" if good == len(checked) else "none" if good == 0 else str(good)
    return f"{used} of the {len(checked)} not so used, {many} {'lies' if good == 1 else 'lie'} inside. {weak}"


def _no_evidence(fitted: int, shared: int) -> str:
    """What can be said where no result was kept apart from the model."""
    if shared == 0:
        only = "It was" if fitted == 1 else "All of them were"
        return f"{only} used to choose the model's parameters, so nothing here tests the model."
    if fitted == 0:
        only = "It comes" if shared == 1 else "All of them come"
        return f"{only} from patients among those the parameters were taken from, so little here tests the model."
    return (
        "All of them were used to choose the model's parameters, or come from patients among those the parameters were "
        "taken from, so little here tests the model."
    )


def exact(row: PublishedComparison) -> str:
    """The exact 95 % confidence interval of a published count, in whole per cent; '' where it is no count."""
    return "" if row.interval is None else f"{span(*row.interval, '%')} [D]"


def undefined_note(estimates: Iterable[Estimate]) -> str:
    """How many single trials had no value, per endpoint; '' where all had."""
    parts = [
        f"{e.label}: {e.n_undefined:,} of {count(e.n_replicates, 'trial')}"
        for e in estimates
        if e.n_undefined > 0 and not (e.of_looks or e.over_trials)
    ]
    return "Without a value (nobody in the denominator): " + "; ".join(parts) + "." if parts else ""
