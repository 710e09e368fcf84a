"""Answers that several visitors share: who asks what is being made waits for it, and the last ones are kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from protocolsim.app.limits import KEPT_ANSWERS
from protocolsim.app.view.catalogue import part_of
from protocolsim.app.work.memory import give_back
from protocolsim.app.work.orders import Answer, Order, Tell
from protocolsim.app.work.pool import Pool

_LARGE = 2**20  # bytes


@dataclass
class _Making:
    """What is being made, and who waits for it; `beginning` can be looked at before it is whole."""

    task: asyncio.Task[Answer]
    beginning: asyncio.Future[Answer]
    watchers: dict[object, Tell] = field(default_factory=dict)


class Answers:
    """The answers to orders, from memory or from the pool."""

    def __init__(self, pool: Pool, most: int = KEPT_ANSWERS) -> None:
        self._pool, self._most = pool, most
        self._kept: OrderedDict[Order, Answer] = OrderedDict()
        self._making: dict[Order, _Making] = {}

    @property
    def size(self) -> int:
        """Bytes that are kept, about."""
        return sum(map(_size, self._kept.values()))

    def kept(self, order: Order) -> Answer | None:
        """The answer, if it is at hand."""
        if order in self._kept:
            self._kept.move_to_end(order)
        return self._kept.get(order)

    async def get(self, order: Order, tell: Tell) -> Answer:
        """The answer to an order. Raises UsageError where it is refused.

        Who cancels stops the work, unless somebody else waits for it too.
        """
        async with aclosing(self.stages(order, tell)) as stages:
            async for answer in stages:
                if not answer.pending:
                    return answer
        raise AssertionError  # the last stage is whole

    async def stages(self, order: Order, tell: Tell) -> AsyncGenerator[Answer, None]:
        """The answer, where it is not at hand perhaps first its beginning; otherwise as `get`."""
        result = self.kept(order)
        if result is not None:
            yield result
            return
        making = self._making.get(order)
        if making is None:
            beginning: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
            making = self._making[order] = _Making(asyncio.create_task(self._make(order, beginning)), beginning)
            making.task.add_done_callback(lambda done: done.cancelled() or done.exception())  # though nobody waits
        me = object()
        making.watchers[me] = tell
        try:
            await asyncio.wait({making.task, making.beginning}, return_when=asyncio.FIRST_COMPLETED)
            if not making.task.done():
                yield making.beginning.result()
            yield await asyncio.shield(making.task)
        finally:
            del making.watchers[me]
            # What has begun to be shown is soon whole, and is wanted again by whoever comes back.
            if not making.watchers and not making.task.done() and not making.beginning.done():
                making.task.cancel()
                self._making.pop(order, None)

    @property
    def lone(self) -> bool:
        """Whether one worker does everything, so that none is ever spare for what is not asked for."""
        return self._pool.workers < 2

    @property
    def spare(self) -> int:
        """Workers that have nothing to do."""
        return self._pool.spare

    async def _make(self, order: Order, beginning: asyncio.Future[Answer]) -> Answer:
        def tell(done: int, total: int) -> None:
            making = self._making.get(order)
            for watcher in list(making.watchers.values()) if making is not None else ():
                watcher(done, total)

        mine, received = asyncio.current_task(), None

        def begun(first: Answer) -> None:
            nonlocal received
            received = asyncio.create_task(self._received(order, first))
            received.add_done_callback(lambda done: _known(done, beginning))

        try:
            answer: Answer = await self._pool.carry_out(order, tell, begun)
            if received is not None:
                answer = (await received).with_rest(answer)
            else:
                answer = await self._received(order, answer)
            self._keep(order, answer)
            if _size(answer) > _LARGE:
                await asyncio.to_thread(give_back)  # what it arrived in
            return answer
        finally:
            if order in self._making and self._making[order].task is mine:
                del self._making[order]

    @staticmethod
    async def _received(order: Order, answer: Answer) -> Answer:
        return await asyncio.to_thread(part_of(order.view, order.part).receive, answer, order.state)

    def _keep(self, order: Order, answer: Answer) -> None:
        self._kept[order] = answer
        while len(self._kept) > 1 and self.size > self._most:
            self._kept.popitem(last=False)


def _known(received: asyncio.Task[Answer], beginning: asyncio.Future[Answer]) -> None:
    """Let those who wait look at the beginning."""
    if not (received.cancelled() or received.exception() or beginning.done()):
        beginning.set_result(received.result())


def _size(answer: Answer) -> int:
    drawn = sum(len(f.svg) + len(f.caption) + len(f.alternative) for f in answer.figures.values())
    return drawn + int(getattr(answer.facts, "size", 0)) + 1000
