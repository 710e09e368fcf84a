"""What a worker process does: simulate and draw one part of a view at a time, within its memory.

Nothing that was set up by a visitor runs in the process that serves the page, and no code from outside is loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from protocolsim.app.work.memory import give_back
from protocolsim.app.work.orders import Answer, Figure, Made, Order, Picture, Stopped, Tell
from protocolsim.errors import ProtocolsimError
from protocolsim.executor.worker import Link
from protocolsim.notices import listen


def work(link: Link, memory: int) -> None:
    """Carry out orders until the link closes. Sends ("told", ...) on the way, then one ("done" | "refused", ...)."""
    _bound(memory)
    listen(lambda _: None)  # so that the first run on a machine compiles in several processes
    _imported()
    while True:
        order = link.receive()
        if not isinstance(order, Order):
            continue  # a "stop" that came after the answer

        def tell(done: int, total: int) -> None:
            if link.waiting():
                link.receive()
                raise Stopped
            link.send(("told", (done, total)))

        link.send(_outcome(order, tell))
        give_back()


def _imported() -> None:
    """What every answer needs, imported while nobody waits for one."""
    from protocolsim.app.view.catalogue import views
    from protocolsim.report.style.figures import ready_to_draw

    views()
    with _left_out("rfc3987_syntax"):
        ready_to_draw()


@contextmanager
def _left_out(module: str) -> Iterator[None]:
    """Import as if a module were not installed.

    Altair validates by jsonschema, which does without this one where it is missing. It builds its grammar of
    addresses, which no figure has, for two seconds.
    """
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment] # as Python says that it cannot be imported
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


def _outcome(order: Order, tell: Tell) -> tuple[str, Any]:
    try:
        return "done", carry_out(order, tell)
    except Stopped:
        return "refused", "cancelled"
    except ProtocolsimError as error:
        return "refused", str(error)
    except MemoryError:
        return "refused", "this needs more memory than one visitor may use here; ask for fewer replicates"


def carry_out(order: Order, tell: Tell) -> Any:
    """The answer to an order: an Answer, or the bytes of a file."""
    from protocolsim.app.view.catalogue import part_of

    made = part_of(order.view, order.part).make(order.state, tell)
    return answer(made, order) if not order.form else file_of(made, order)


def answer(made: Made, order: Order) -> Answer:
    """Everything a part made, drawn, as it stands on the page."""
    from protocolsim.app.figure import drawn_for_page
    from protocolsim.errors import UsageError
    from protocolsim.report.style import figures as style_figures

    result = Answer({}, made.facts)
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
