"""Ports for servers that are started a moment later, by another process.

Not out of those that the kernel hands out (Documentation/networking/ip-sysctl.rst, ip_local_port_range: from 32768): a connection, or a
server of a test beside this one, may be given the same before the server listens.
"""

import socket
from contextlib import suppress
from random import SystemRandom

CHANCE = SystemRandom()
"""The plain one is seeded for each test: tests side by side would draw the same."""


def free_port() -> int:
    while True:
        port = CHANCE.randrange(20000, 32768)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
