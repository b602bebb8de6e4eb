"""What every view of the page has at hand: the config, the ledger to read, and the bridge to ask."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bridge.asked.asking import read, running
from bridge.config.config import Config
from bridge.ledger.reader import Reader
from bridge.page.watch import Watch
from bridge.serve.control import Asked, ask

R = TypeVar("R")
View = Callable[[Request], Awaitable[Response]]


class Site:
    """One for the process; its methods may be called by many requests at once. Nothing here blocks the loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watch = Watch(config)
        self.drawn: dict[tuple[str, str, bool, bool], tuple[tuple[int, datetime], str]] = {}
        """The same as HTML: by language, zone, whether one may act, and whether it is for a wall; of what was seen, and when."""

        self.alone = asyncio.Semaphore(1)

    async def bridge(self) -> dict[str, Any]:
        """What the running bridge says of itself; `running` is false, with `why`, when it does not answer."""
        return await run_in_threadpool(running, self.config)

    async def read(self, look: Callable[[Reader], R]) -> R:
        """What `look` finds in the ledger. Raises Silent or LedgerError when it does not answer."""
        bridge = await self.bridge()
        return await run_in_threadpool(read, self.config, bridge, look)

    async def ask(self, request: Asked) -> dict[str, Any]:
        """Has the bridge do something. Raises ControlError, with its reason."""
        return await run_in_threadpool(ask, self.config.bridge.control, request)


def one_at_a_time(view: View) -> View:
    """For views whose answer may be made of ten thousand rows: however many ask, the memory of one is enough."""

    @wraps(view)
    async def alone(request: Request) -> Response:
        async with request.app.state.site.alone:
            return await view(request)

    return alone
