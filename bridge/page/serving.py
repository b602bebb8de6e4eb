"""The page as a process: a socket, TLS, and uvicorn, which says nothing and stops when it is asked."""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import anyio.to_thread
import uvicorn

from bridge.config.config import Config
from bridge.config.page import PageSettings
from bridge.page.app import application
from bridge.page.connections import Connection
from bridge.page.people.guard import guarding
from bridge.page.site import Site

M_MMAP_THRESHOLD: Final = -3
M_ARENA_MAX: Final = -8
"""Of malloc.h."""
LAST_WORDS: Final = 3
"""Seconds that answers under way have at the end."""

THREADS: Final = 16
"""That wait for the ledger or the bridge at the same time: each has its own stack and connection."""
WAITING: Final = 512
"""Connections that may wait to be taken."""

log = logging.getLogger("quorumbell.page")


class CannotServe(Exception):  # noqa: N818 - what it is
    """What keeps the page from being served, and the cure."""


class Server(uvicorn.Server):
    """Streams have no end of their own: they are ended first, so that nobody waits for them."""

    def __init__(self, config: uvicorn.Config, site: Site, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._site = site
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Being asked to stop is no failure: uvicorn would end the process by the signal once more."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._site.watch.close()
        await super().shutdown(sockets)


def serve(config: Config, ready: Callable[[], object]) -> None:
    """Until SIGTERM or SIGINT. Raises CannotServe."""
    page = config.page
    give_memory_back()
    look_at_certificate(page)
    listener = listen(page)
    site = Site(config)
    settings = uvicorn.Config(
        application(site, guarding(config)),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=LAST_WORDS,
        ssl_certfile=page.certificate,
        ssl_keyfile=page.key,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # its warnings are what strangers send
    log.info("the page is at %s", page.url)
    site.watch.start()
    with listener:
        asyncio.run(Server(settings, site, ready).serve([listener]))


def give_memory_back() -> None:
    """What looking at a password takes, 8 MiB, goes back to the system each time; from the second time on glibc would keep it
    (mallopt(3): a threshold that is set does not grow by itself). And threads share what one of them has freed. Other C libraries
    have no such settings."""
    with suppress(AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, 128 << 10)
        libc.mallopt(M_ARENA_MAX, 2)


def look_at_certificate(page: PageSettings) -> None:
    if page.certificate is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(page.certificate, page.key)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or error
        raise CannotServe(f"{page.certificate}, {page.key}: {why}: both must be PEM, belong together, and be readable") from None


def listen(page: PageSettings) -> socket.socket:
    """The protocol is named: asyncio sends answers at once (TCP_NODELAY) where it knows that it is TCP. Raises CannotServe."""
    host, port = page.place
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        with ExitStack() as opened:
            opened.push(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(WAITING)
            opened.pop_all()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror  # of a name: negative
        raise CannotServe(f"{page.listen}: {why}: stop what listens there, or give [page] another listen") from None
    return listener
