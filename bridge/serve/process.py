"""What concerns the process as such: how many files it may open, when memory is looked through, what ends its sleep."""

import gc
import logging
import os
import resource
from typing import Final

MOST_FILES: Final = 65_536

log = logging.getLogger("quorumbell.bridge")


def raise_file_limit() -> None:
    """As far as we may: a descriptor for each connection, also for those that come to nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(hard, MOST_FILES)
    if soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError) as error:
            log.warning("no more than %d files can be open (%s): raise LimitNOFILE of the service", soft, error)


def calm_the_collector() -> None:
    """What is in memory now stays: the collector need not walk over ten thousand incidents again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


class Waker:
    """Ends the loop's sleep from another thread."""

    def __init__(self) -> None:
        self.fd, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wake(self) -> None:
        try:
            os.write(self._in, b"!")
        except BlockingIOError:
            log.debug("awake already")

    def clear(self) -> None:
        os.read(self.fd, 4096)

    def close(self) -> None:
        os.close(self._in)
        os.close(self.fd)
