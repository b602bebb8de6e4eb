"""Connections of strangers: whoever connects and asks nothing is not waited for, and does not take what others need."""

import asyncio
from typing import ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE: Final = 10.0
"""Seconds in which a connection must have brought a whole request; uvicorn alone would wait for ever."""
MOST_SILENT: Final = 64
"""Connections of one address that have not asked anything yet; for one more the oldest goes. A browser asks as soon as it is
connected, and so is never the oldest."""


class Connection(H11Protocol):
    _silent: ClassVar[dict[str, dict["Connection", None]]] = {}
    """By address, the oldest first."""
    _where = ""
    _looking: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._where = self.client[0] if self.client else ""
        silent = self._silent.setdefault(self._where, {})
        silent[self] = None
        if len(silent) > MOST_SILENT:
            oldest = next(iter(silent))
            oldest.speaks()
            oldest.transport.abort()
        self._look_later()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None:
            self.speaks()

    def connection_lost(self, exc: Exception | None) -> None:
        self.speaks()
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def speaks(self) -> None:
        """It is no longer one of the silent."""
        silent = self._silent.get(self._where, {})
        silent.pop(self, None)
        if not silent:
            self._silent.pop(self._where, None)

    def _look_later(self) -> None:
        self._last = self.cycle
        self._looking = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Between two looks it has asked, or is being answered; else it goes."""
        is_idle = self.cycle is None or self.cycle.response_complete
        if is_idle and self.cycle is self._last:
            self.transport.close()
        else:
            self._look_later()
