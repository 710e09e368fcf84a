"""Counter-based random numbers: each draw is a pure function of its key, independent of the order of draws.

`uniform(seed, replicate, subject, stream, index)` is Philox4x32-10 (Salmon et al., SC 2011) with the seed as key and
(replicate, subject, stream, index) as counter. A stream belongs to one purpose (each disease and drug owns a block of
stream numbers); the index counts planned uses: the third scan of this subject has index 3, however often and on
whichever engine it is computed. This gives common random numbers across scenarios, engines and workers.

Other distributions are sampled by inversion (quantile functions).
"""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import exp, inlined, kernel, log, sqrt
from protocolsim.arrays import Floats, Integers

# Streams of the trial itself; components own blocks of STREAM_BLOCK from their `stream` on.
STREAM_BLOCK = 100
FIRST_OUTSIDE = 1_000_000
"""The first stream number of components of other packages; those below belong to the ones that are shipped."""
ARRIVAL = 1
SITE = 2
DROPOUT = 3
NO_SHOW = 4
RANDOMISATION = 5
DENOMINATOR = 6
"""Which members of a population stand for a published denominator (study/denominators.py)."""
PARAMETERS = 7
"""Which values uncertain parameters have in a trial (study/parameters/)."""

# Draws that belong to the trial and to no subject use subject numbers from here on.
TRIAL_LEVEL = 2**31
MAX_SEED = 2**63 - 1
MAX_REPLICATES = 2**31

_MASK = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_TWO_TO_52 = np.uint64(0x4330000000000000)
_VANISHING = 1e-290  # P(0) below which the recurrence for the other probabilities underflows
_STEPS = 5  # steps of the search for a count that are vectorised over all rows; most rows end earlier
_TWENTY = np.uint64(20)
_TWELVE = np.uint64(12)
# Where the formulae for a normal quantile change, as distances from 1/2; beyond _FAR lie 2 draws in 10^10.
_CENTRAL, _FAR = 0.425, 0.4999999999


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Philox4x32-10: four 32-bit words from a counter of four and a key of two (each in a uint64)."""
    for _ in range(10):
        # Only the lower 32 bits of each word count; what stands above them is dropped where it would be read.
        p0 = _M0 * (c0 & _MASK)
        p1 = _M1 * (c2 & _MASK)
        c0, c1, c2, c3 = (p1 >> _SHIFT) ^ c1 ^ k0, p1, (p0 >> _SHIFT) ^ c3 ^ k1, p0
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0 & _MASK, c1 & _MASK, c2 & _MASK, c3 & _MASK


@inlined
def _uniform(seed: int, replicate: int, subject: int, stream: int, index: int) -> float:
    """A number in (0, 1), never 0 and never 1, that belongs to this key alone."""
    key = np.uint64(seed)
    a, b, _, _ = philox(
        np.uint64(replicate) & _MASK,
        np.uint64(subject) & _MASK,
        np.uint64(stream) & _MASK,
        np.uint64(index) & _MASK,
        key & _MASK,
        key >> _SHIFT,
    )
    # 52 bits behind the sign and exponent of 2^52, which is then taken off: the quickest way from bits to their number.
    bits = np.uint64((a << _TWENTY) | (b >> _TWELVE) | _TWO_TO_52).view(np.float64) - 4503599627370496.0
    number: float = (bits + 0.5) * 2.220446049250313e-16  # 52 bits and a half, times 2^-52
    return number


@kernel
def uniform(seed: int, replicate: int, subject: int, stream: int, index: int) -> float:
    """A number in (0, 1), never 0 and never 1, that belongs to this key alone."""
    return _uniform(seed, replicate, subject, stream, index)


@kernel
def keys(who: Integers, rows: Integers, index: Integers) -> Integers:
    """The keys of draws of the subjects in rows, [3, subjects]: replicate, subject, index[i].

    Contiguous, so that the loop over them is vectorised (SIMD); shared by all streams of the same use.
    """
    result = np.empty((3, rows.shape[0]), dtype=np.int64)
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        result[0, k], result[1, k], result[2, k] = who[i, 0], who[i, 1], index[i]
    return result


@kernel
def keys_of_use(who: Integers, rows: Integers, use: int) -> Integers:
    """As `keys`, with one index for all subjects."""
    result = np.empty((3, rows.shape[0]), dtype=np.int64)
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        result[0, k], result[1, k], result[2, k] = who[i, 0], who[i, 1], use
    return result


@kernel
def uniforms(seed: int, key: Integers, stream: int) -> Floats:
    """`uniform` of each key, [subjects]."""
    drawn = np.empty(key.shape[1])
    for k in range(key.shape[1]):
        drawn[k] = _uniform(seed, key[0, k], key[1, k], stream, key[2, k])
    return drawn


@kernel
def normals(seed: int, key: Integers, stream: int) -> Floats:
    """Standard normal draws: the normal quantile of `uniforms`."""
    return normal_quantiles(uniforms(seed, key, stream))


@kernel
def normal_quantiles(u: Floats) -> Floats:
    """Vectorised (SIMD) `normal_quantile`, equal to it bit for bit."""
    drawn = np.empty(u.shape[0])
    for k in range(u.shape[0]):
        drawn[k] = _central_normal(u[k] - 0.5)
    # The few in the tails are gathered and computed separately.
    which = np.empty(u.shape[0], dtype=np.int64)
    few = 0
    for k in range(u.shape[0]):
        which[few] = k
        few += abs(u[k] - 0.5) > _CENTRAL
    r = np.empty(few)
    for j in range(few):
        r[j] = min(u[which[j]], 1.0 - u[which[j]])
    for j in range(few):
        r[j] = _outer_normal(sqrt(-log(r[j])))
    for j in range(few):
        k = which[j]
        far = abs(u[k] - 0.5) > _FAR
        drawn[k] = normal_quantile(u[k]) if far else (-r[j] if u[k] < 0.5 else r[j])
    return drawn


@inlined
def exponential_quantile(u: float) -> float:
    """Quantile of the unit exponential."""
    return -log(1.0 - u)


@inlined
def _central_normal(q: float) -> float:
    """AS 241 for q = u - 0.5 within 0.425 of 0."""
    r = 0.180625 - q * q
    return q * (
        (((((((2.5090809287301226727e3 * r + 3.3430575583588128105e4) * r + 6.7265770927008700853e4) * r
             + 4.5921953931549871457e4) * r + 1.3731693765509461125e4) * r
           + 1.9715909503065514427e3) * r + 1.3314166789178437745e2) * r + 3.3871328727963666080e0)
        / (((((((5.2264952788528545610e3 * r + 2.8729085735721942674e4) * r + 3.9307895800092710610e4) * r
               + 2.1213794301586595867e4) * r + 5.3941960214247511077e3) * r
             + 6.8718700749205790830e2) * r + 4.2313330701600911252e1) * r + 1.0)
    )  # fmt: skip


@inlined
def _outer_normal(r: float) -> float:
    """AS 241 for r = sqrt(-log(the smaller tail)) up to 5; positive."""
    r -= 1.6
    return (
        (((((((7.74545014278341407640e-4 * r + 2.27238449892691845833e-2) * r + 2.41780725177450611770e-1) * r
             + 1.27045825245236838258e0) * r + 3.64784832476320460504e0) * r
           + 5.76949722146069140550e0) * r + 4.63033784615654529590e0) * r + 1.42343711074968357734e0)
        / (((((((1.05075007164441684324e-9 * r + 5.47593808499534494600e-4) * r + 1.51986665636164571966e-2) * r
               + 1.48103976427480074590e-1) * r + 6.89767334985100004550e-1) * r
             + 1.67638483018380384940e0) * r + 2.05319162663775882187e0) * r + 1.0)
    )  # fmt: skip


@kernel
def _farthest_normal(r: float) -> float:
    """AS 241 for r above 5; positive."""
    r -= 5.0
    return (
        (((((((2.01033439929228813265e-7 * r + 2.71155556874348757815e-5) * r + 1.24266094738807843860e-3) * r
             + 2.65321895265761230930e-2) * r + 2.96560571828504891230e-1) * r
           + 1.78482653991729133580e0) * r + 5.46378491116411436990e0) * r + 6.65790464350110377720e0)
        / (((((((2.04426310338993978564e-15 * r + 1.42151175831644588870e-7) * r + 1.84631831751005468180e-5) * r
               + 7.86869131145613259100e-4) * r + 1.48753612908506148525e-2) * r
             + 1.36929880922735805310e-1) * r + 5.99832206555887937690e-1) * r + 1.0)
    )  # fmt: skip


@kernel
def normal_quantile(u: float) -> float:
    """Quantile of the standard normal, to about 1e-16 (Wichura 1988, algorithm AS 241, PPND16)."""
    q = u - 0.5
    if abs(q) <= _CENTRAL:
        return _central_normal(q)
    r = sqrt(-log(u if q < 0.0 else 1.0 - u))
    x = _outer_normal(r) if r <= 5.0 else _farthest_normal(r)
    return -x if q < 0.0 else x


@kernel
def log_sd(cv: float) -> float:
    """SD of the logarithm of a lognormal with this coefficient of variation."""
    return sqrt(log(1.0 + cv * cv))


@kernel
def poisson_search(u: float, mean: float, none: float) -> float:
    """Smallest count whose Poisson distribution function reaches u; `none` is exp(-mean), the probability of none.

    Exact up to a mean of 500; above it, where exp(-mean) would vanish, the Cornish-Fisher
    approximation, whose error is far below one event in such a count.
    """
    if mean <= 0.0:
        return 0.0
    if mean > 500.0:
        z = normal_quantile(u)
        return float(max(0.0, np.floor(mean + sqrt(mean) * z + (z * z - 1.0) / 6.0 + 0.5)))
    count = 0.0
    probability = below = none
    # Beyond the mode, terms this small no longer change the sum: u is so near 1 that it is never reached.
    while u > below and (count < mean or probability > 1e-17):
        count += 1.0
        probability *= mean / count
        below += probability
    return count


@kernel
def poisson_counts(u: Floats, mean: Floats, none: Floats) -> Floats:
    """Vectorised (SIMD) `poisson_search`, equal to it bit for bit."""
    counts, left = np.empty(u.shape[0]), np.empty(u.shape[0], dtype=np.bool_)
    for k in range(u.shape[0]):
        count, probability, below, going = 0.0, none[k], none[k], True
        for n in range(_STEPS):
            going = going & (u[k] > below) & ((n < mean[k]) | (probability > 1e-17))
            count = n + 1.0 if going else count
            probability *= mean[k] / (n + 1.0)
            below += probability
        counts[k], left[k] = count, going
    for k in range(u.shape[0]):
        if left[k]:
            counts[k] = poisson_search(u[k], mean[k], none[k])
    return counts


@kernel
def binomial_quantile(u: float, trials: float, p: float) -> float:
    """Smallest count whose binomial distribution function reaches u.

    Exact unless both outcomes are expected more than some 480 times; then the Cornish-Fisher approximation.
    """
    if trials <= 0.0 or p <= 0.0:
        return 0.0
    if p >= 1.0:
        return trials
    # For p > 0.5 count failures instead, so that the search starts from a probability that does not underflow.
    failures = p > 0.5
    if failures:
        p, u = 1.0 - p, 1.0 - u
    count = binomial_search(u, trials, p, exp(trials * log(1.0 - p)))
    return float(trials - count if failures else count)


@kernel
def binomial_search(u: float, trials: float, p: float, none: float) -> float:
    """`binomial_quantile` for p <= 0.5 and trials > 0, given none = exp(trials * log(1 - p)), the probability of 0."""
    if none < _VANISHING:
        z = normal_quantile(u)
        skew = (1.0 - 2.0 * p) * (z * z - 1.0) / 6.0
        many = np.floor(trials * p + sqrt(trials * p * (1.0 - p)) * z + skew + 0.5)
        return float(min(trials, max(0.0, many)))
    count = 0.0
    probability = below = none
    odds = p / (1.0 - p)
    while u > below and count < trials and (count < trials * p or probability > 1e-17):
        count += 1.0
        probability *= odds * (trials - count + 1.0) / count
        below += probability
    return count


@kernel
def binomial_counts(u: Floats, trials: Floats, p: Floats, none: Floats) -> Floats:
    """Vectorised (SIMD) `binomial_quantile`, equal to it bit for bit; none = exp(trials * log(1 - p))."""
    counts, left = np.empty(u.shape[0]), np.empty(u.shape[0], dtype=np.bool_)
    for k in range(u.shape[0]):
        count, probability, below, going = 0.0, none[k], none[k], True
        odds = p[k] / (1.0 - p[k])
        for n in range(_STEPS):
            more = (n < trials[k] * p[k]) | (probability > 1e-17)
            going = going & (u[k] > below) & (n < trials[k]) & more
            count = n + 1.0 if going else count
            probability *= odds * (trials[k] - (n + 1.0) + 1.0) / (n + 1.0)
            below += probability
        counts[k] = count
        left[k] = (trials[k] > 0.0) & (going | (p[k] > 0.5) | (p[k] <= 0.0) | (none[k] < _VANISHING))
    for k in range(u.shape[0]):
        if left[k]:
            usual = 0.0 < p[k] <= 0.5
            counts[k] = (
                binomial_search(u[k], trials[k], p[k], none[k]) if usual else binomial_quantile(u[k], trials[k], p[k])
            )
    return counts
