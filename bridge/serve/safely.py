"""A receiver's mistake must not end the thread that calls it: whatever it raises is tried again."""

import logging
from collections.abc import Callable
from typing import TypeVar

from bridge.core.telling.notice import TryLater
from bridge.secret import redact

R = TypeVar("R")

log = logging.getLogger("quorumbell.bridge")


def safely(call: Callable[[], R], crashed: str, *names: object) -> R | TryLater:
    """What the call gives. When it raises, `crashed` (with its `names`) and the trace go to the log."""
    try:
        return call()
    except Exception as error:  # whatever a receiver does, no notice must be lost
        log.exception(crashed, *names)
        return TryLater(f"the receiver itself crashed ({redact(f'{type(error).__name__}: {error}')}); the log has the trace")
