"""The life of the relay's line to a bridge, as a table: a pair that is not in it cannot happen, or means nothing."""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    DOWN = "down"  # no socket; the next is opened in a moment
    GREETING = "greeting"  # hello is said until it is answered
    ACTIVE = "active"  # may send, within the window
    STALLED = "stalled"  # nobody answers: the socket is given up


class Step(Enum):
    OPEN = "open"
    WELCOME = "welcome"
    TURNED_AWAY = "turned away"
    LOST = "lost"
    SILENCE = "silence"
    GIVE_UP = "give up"


LIFE: Final = {
    (State.DOWN, Step.OPEN): State.GREETING,
    (State.GREETING, Step.WELCOME): State.ACTIVE,
    (State.GREETING, Step.TURNED_AWAY): State.DOWN,
    (State.GREETING, Step.LOST): State.DOWN,
    (State.GREETING, Step.SILENCE): State.STALLED,
    (State.ACTIVE, Step.WELCOME): State.ACTIVE,  # the answer to a hello that was said twice
    (State.ACTIVE, Step.TURNED_AWAY): State.DOWN,
    (State.ACTIVE, Step.LOST): State.DOWN,
    (State.ACTIVE, Step.SILENCE): State.STALLED,
    (State.STALLED, Step.GIVE_UP): State.DOWN,
}
