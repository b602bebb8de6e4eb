"""The page on a port, in a thread of the test: with a guard that lets one person in."""

import asyncio
import socket
import threading

import uvicorn

from bridge.page.app import application
from bridge.page.connections import Connection
from bridge.page.serving import Server
from bridge.page.site import Site
from tests.page.scenes import OPERATOR, guard


class Quiet(Server):
    """Signals belong to the test."""

    def capture_signals(self):
        return threading.Lock()


class Served:
    """Can be stopped, and started again at the same port."""

    def __init__(self, config, person=OPERATOR):
        self.config = config
        self.person = person
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        if self.listener is None:
            self.listener = socket.create_server(("127.0.0.1", self.port))
        ready = threading.Event()
        self.site = Site(self.config)
        settings = uvicorn.Config(
            application(self.site, guard(self.person)),
            log_config=None,
            access_log=False,
            lifespan="off",
            http=Connection,
            timeout_graceful_shutdown=1,
        )
        self.server = Quiet(settings, self.site, ready.set)
        self.site.watch.start()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.server.serve([self.listener])), daemon=True)
        self.thread.start()
        assert ready.wait(20)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)
        self.listener.close()
        self.listener = None

    def close(self):
        if self.listener is not None:
            self.stop()
