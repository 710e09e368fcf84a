"""The only place where exp, log and power come from, and how a kernel is compiled.

NumPy's `exp`, `log` and `power` differ in their last bits between array layouts and processors, and
`math` differs from both. Two engines that must agree to the last bit therefore compute them in one
place: compiled by Numba, without `fastmath`, over columns of subjects. The reference engine calls the
same kernels with columns of length one.

`exp` and `log` are written out here in additions, multiplications and divisions, without branches: they have the same
bits on every processor, and a loop over a column does several rows at a time.
"""

from __future__ import annotations

import importlib
import math
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numba import njit, types
from numba.core import entrypoints
from numpy.typing import NDArray

from protocolsim.kernels.machine_code import MachineCode, misses
from protocolsim.notices import heard
from protocolsim.plugins import offered

P = ParamSpec("P")
R = TypeVar("R")


def _compile_with_helpers(kernel: MachineCode, signature: tuple[Any, ...]) -> None:
    """At the first kernel not on the disk, start helper processes for all, if the user is being notified of the wait.

    Registered from here, since compiling.py imports the module that reports the miss.
    """
    if heard():
        from protocolsim.kernels.compiling import begin

        begin()
        misses.missing(kernel, signature)


misses.missing = _compile_with_helpers


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function over columns; the same bits for one row and for a million."""
    return _compiled(function, inline=False)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """A kernel that is copied into those that call it: short, and called in a loop that may do several rows at once."""
    return _compiled(function, inline=True)


def _compiled(function: Callable[P, R], *, inline: bool) -> Callable[P, R]:
    compiled = _offered(function, inline=inline, to_python=True)
    if not hasattr(compiled, "get_call_template"):  # NUMBA_DISABLE_JIT is set: it is the function
        return function

    @cache
    def inside() -> Any:
        """The same for other kernels, without what Python needs to call it, which takes as long to compile."""
        offered = _offered(function, inline=inline, to_python=False)
        offered._cache.made = compiled._cache.made  # noqa: SLF001 - there is no public way to a cache
        return offered

    def template(args: Iterable[Any], kws: Mapping[str, Any]) -> Any:
        """How a kernel is found by another that calls it: alike for every number that is written in the call.

        Numba would compile the kernel once for each of them (each random stream), and again what that one calls.
        """
        kinds = {name: types.unliteral(kind) for name, kind in kws.items()}
        return inside().get_call_template(tuple(map(types.unliteral, args)), kinds)

    compiled.get_call_template = template
    compiled.get_overload = lambda signature: inside().get_overload(signature)
    return cast("Callable[P, R]", compiled)


def _offered(function: Callable[..., Any], *, inline: bool, to_python: bool) -> Any:
    options = {"error_model": "numpy", "fastmath": False, "forceinline": inline, "no_cfunc_wrapper": True}
    compiled: Any = njit(**options, no_cpython_wrapper=not to_python)(function)
    if compiled is not function:
        compiled._cache = MachineCode(function, to_python=to_python)  # noqa: SLF001 - as above
        compiled._compilation_chain_init_hook = _add_extensions  # noqa: SLF001 - as above
    return compiled


def _add_extensions() -> None:
    """What installed packages add to Numba; it would read every package's file once more to find that none does."""
    if offered("numba_extensions"):
        entrypoints.init_all()


def special_functions() -> Any:
    """The functions of `scipy.special`, of that module where it is imported, else of its compiled part alone.

    What the module adds (arrays of other libraries, orthogonal polynomials) takes ten times as long to import, a
    twentieth of a short command. The functions are the same.
    """
    if "scipy.special" in sys.modules or threading.active_count() > 1:
        return _whole()  # another thread might import it meanwhile
    return sys.modules.get(_COMPILED) or _compiled_part() or _whole()


_COMPILED = "scipy.special._ufuncs"


def _whole() -> ModuleType:
    """`scipy.special`, without NumPy's own compiler of Fortran.

    To import it copies every public name of NumPy, and asking for `f2py` imports that: as long as all the rest of it.
    """
    public = vars(np)
    if "scipy.special" in sys.modules or "f2py" in public:
        return importlib.import_module("scipy.special")
    public["f2py"] = None
    try:
        return importlib.import_module("scipy.special")
    finally:
        if public.get("f2py", 0) is None:
            del public["f2py"]


def _compiled_part() -> ModuleType | None:
    """The compiled part of `scipy.special`, below a package that is empty meanwhile; None where that does not go."""
    import scipy

    empty = ModuleType("scipy.special")
    empty.__path__ = [str(Path(folder) / "special") for folder in scipy.__path__]
    sys.modules[empty.__name__] = empty
    try:
        return importlib.import_module(_COMPILED)
    except (ImportError, AttributeError):  # as of a version that is put together otherwise
        for name in [name for name in sys.modules if name.startswith("scipy.special.")]:
            del sys.modules[name]
        return None
    finally:
        del sys.modules[empty.__name__]


@inlined
def unsigned(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Numbers that are not negative, to index with: Numba need not ask of each whether it counts from the end.

    Not to reckon with: together with signed numbers they make floats.
    """
    return numbers.view(np.uint64)


# Adding this to a number below 2^51 and taking it off again rounds to the nearest whole number, which then stands
# in the last bits of the sum.
_ROUND = 6755399441055744.0  # 1.5 * 2^52
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SMALLEST, _TINY, _TO_NORMAL = -708.0, 2.2250738585072014e-308, 18014398509481984.0  # the last: 2^54


@inlined
def exp(x: float) -> float:
    """e to the power x, to about one unit in the last place; 0 below -708 (3e-308), inf above 709.78."""
    shifted = x * 1.4426950408889634 + _ROUND  # nonsense where x is beyond these limits, and not used then
    n = shifted - _ROUND
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW  # x = n log 2 + r
    r2 = r * r
    r4 = r2 * r2
    # Taylor's series, summed in pairs: what is left out is below 2^-57.
    rest = (0.5 + r * 1.6666666666666666e-01) + r2 * (4.1666666666666664e-02 + r * 8.3333333333333332e-03)
    middle = (1.3888888888888889e-03 + r * 1.9841269841269841e-04) + r2 * (
        2.4801587301587302e-05 + r * 2.7557319223985893e-06
    )
    last = (2.7557319223985888e-07 + r * 2.5052108385441720e-08) + r2 * (
        2.0876756987868099e-09 + r * 1.6059043836821613e-10
    )
    series = 1.0 + (r + r2 * (rest + r4 * (middle + r4 * last)))
    half_of_two_to_n = np.int64((np.float64(shifted).view(np.int64) + 1022) << 52).view(np.float64)
    result: float = (series * 2.0) * half_of_two_to_n
    result = 0.0 if x < _SMALLEST else result
    result = math.inf if x > 709.78 else result
    return x if x != x else result


@inlined
def log(x: float) -> float:
    """Natural logarithm, to about one unit in the last place; -inf at 0 (fdlibm's: f = m - 1, s = f / (2 + f))."""
    tiny = x < _TINY
    bits = np.float64(x * _TO_NORMAL if tiny else x).view(np.int64)
    # The exponent of x / m, for m between the square roots of 1/2 and 2; kept positive by 1024 for the shift.
    exponent = np.int64(np.uint64(bits - 0x3FE6A09E00000000 + (1024 << 52)) >> np.uint64(52))
    m = np.int64(bits - ((exponent - 1024) << 52)).view(np.float64)
    n = np.int64(exponent + 0x4338000000000000).view(np.float64) - (_ROUND + 1024.0) - (54.0 if tiny else 0.0)
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01
              + w * 1.479819860511658591e-01)))  # fmt: skip
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    half = 0.5 * f * f
    result: float = n * _LN2_HIGH - ((half - (s * (half + (even + odd)) + n * _LN2_LOW)) - f)
    result = result if x > 0.0 else (-math.inf if x == 0.0 else math.nan)
    return x if x == math.inf else result


@inlined
def power(x: float, y: float) -> float:
    """x to the power y, x >= 0; by `exp` and `log`, so the error grows with abs(y log(x)) units in the last place."""
    return 1.0 if y == 0.0 else exp(y * log(x))


@inlined
def sqrt(x: float) -> float:
    """Square root, exact to the last bit by IEEE 754."""
    return math.sqrt(x)
