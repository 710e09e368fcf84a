"""What a worker process does: simulate and draw one part of a view at a time, within its memory.

Nothing that was set up by a visitor runs in the process that serves the page, and no code from outside is loaded.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from protocolsim.app.limits import MOST_HELD
from protocolsim.app.work.material import forget
from protocolsim.app.work.memory import give_back, held
from protocolsim.app.work.orders import Answer, Begun, Figure, Made, Order, Picture, Stopped, Tell
from protocolsim.errors import ProtocolsimError
from protocolsim.executor.worker import Link
from protocolsim.notices import listen
from protocolsim.report.style.lean_drawing import without_address_grammar

_MOMENT, _LONG = 1.0, 20.0  # seconds in which nobody asks for anything


def work(link: Link, memory: int) -> None:
    """Carry out orders until the link closes.

    Sends ("told", ...) on the way, ("begun", ...) where a first figure can be looked at before the others are drawn,
    then one ("done" | "refused", ...).
    """
    from protocolsim.app.view.catalogue import views

    _bound(memory)
    listen(lambda _: None)  # so that the first run on a machine compiles in several processes
    without_address_grammar()
    views()
    ready = False
    while True:
        if not ready and link.idle(_MOMENT):
            _get_ready_to_draw()
            ready = True
        if link.idle(_LONG):
            forget()
            give_back()
        order = link.receive()
        if not isinstance(order, Order):
            continue  # a "stop" that came after the answer

        def wanted() -> None:
            if link.waiting():
                link.receive()
                raise Stopped

        def tell(done: int, total: int) -> None:
            wanted()
            link.send(("told", (done, total)))

        def begun(beginning: Answer) -> None:
            link.send(("begun", beginning))

        _hand_over(link, _outcome(order, tell, begun, wanted))
        give_back()
        if held() > MOST_HELD:
            forget()
            give_back()


def _hand_over(link: Link, outcome: tuple[str, Any]) -> None:
    """Send the outcome; one that cannot travel is refused with the reason, and the worker goes on."""
    try:
        link.send(outcome)
    except Exception as error:  # noqa: BLE001 - whatever pickling raises
        traceback.print_exc()
        link.send(("refused", _fault("what was made cannot leave the process that made it", error)))


def _get_ready_to_draw() -> None:
    """Import what most figures need while nobody waits; who came before that waits for it only where it draws."""
    from protocolsim.report.style.figures import ready_to_draw

    ready_to_draw()


def _outcome(order: Order, tell: Tell, begun: Begun, wanted: Callable[[], None]) -> tuple[str, Any]:
    try:
        return "done", carry_out(order, tell, begun, wanted)
    except Stopped:
        return "refused", "cancelled"
    except ProtocolsimError as error:
        return "refused", str(error)
    except MemoryError:
        return "refused", "this needs more memory than one visitor may use here; ask for fewer replicates"
    except Exception as error:  # noqa: BLE001 - a fault of ours, which is no reason to lose the worker
        traceback.print_exc()  # the server writes it when the worker ends
        return "refused", _fault("this could not be made", error)


def _fault(what: str, error: Exception) -> str:
    return f"{what}, which is a fault of this program, not of what you set: {type(error).__name__}: {error}"[:500]


def carry_out(order: Order, tell: Tell, begun: Begun | None = None, wanted: Callable[[], None] | None = None) -> Any:
    """The answer to an order: an Answer, or the bytes of a file. Who `begun` is told has the rest of an Answer here.

    `wanted` ends it before anything is drawn where nobody wants it any more.
    """
    from protocolsim.app.view.catalogue import part_of

    made = part_of(order.view, order.part).make(order.state, tell)
    if wanted is not None:
        wanted()
    return answer(made, order, begun) if not order.form else file_of(made, order)


def answer(made: Made, order: Order, begun: Begun | None = None) -> Answer:
    """Everything a part made, drawn, as it stands on the page.

    Where several figures are drawn `begun` is told the first one with all facts, and this is the rest.
    """
    from protocolsim.app.figure import drawn_for_page
    from protocolsim.errors import UsageError
    from protocolsim.report.style import figures as style_figures

    result, waiting = Answer({}, made.facts), list(made.charts)
    for name, draw in made.charts.items():
        try:
            chart = draw()
            if isinstance(chart, Picture):
                title, caption, alternative, svg = chart.title, chart.caption, chart.alternative, chart.svg
            else:
                title, caption = chart.title["text"], style_figures.caption(chart)
                alternative, svg = style_figures.alternative(chart), style_figures.svg(chart)
            svg = drawn_for_page((order.view, order.part), name, svg, alternative)
            result.figures[name] = Figure(title, caption, alternative, svg)
        except UsageError as error:
            result.missing[name] = str(error)
        waiting.remove(name)
        if begun is not None and waiting and result.figures:
            result.pending = tuple(waiting)
            begun(result)
            begun, result = None, Answer({})
    return result


def file_of(made: Made, order: Order) -> bytes:
    """One figure as a file: a picture, or the rows it draws."""
    import tempfile
    from pathlib import Path

    from protocolsim.errors import UsageError, unknown
    from protocolsim.report.style import figures as style_figures
    from protocolsim.text.cells import csv_text

    if order.figure not in made.charts:
        raise UsageError(unknown("figure", order.figure, made.charts))
    chart = made.charts[order.figure]()
    if isinstance(chart, Picture):
        return chart.files[order.form]()
    if order.form == "csv":
        return csv_text(style_figures.rows(chart)).encode()
    with tempfile.TemporaryDirectory() as folder:
        return style_figures.save(chart, Path(folder) / f"figure.{order.form}").read_bytes()


def _bound(memory: int) -> None:
    """Let the process write to so many bytes and no more, where the system can say so."""
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory if hard < 0 else min(memory, hard), hard))
