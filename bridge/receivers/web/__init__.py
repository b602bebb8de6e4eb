"""HTTP for receivers: in one place, how long we wait, whom we trust, how much we read, and what a status means.

An answer is an `Answer` whatever its status; what is not an answer (refused, cut, too slow, half, too long) is `NoAnswer`.
Neither ever holds a secret: addresses are told as scheme and host, other sides' words are scrubbed. One `Web` belongs to one
worker thread. Nothing is retried here except a connection that was never made: when to try again is the outbox's decision.
"""

from bridge.receivers.web.answer import Answer, NoAnswer, one_line, retry_after, scrub
from bridge.receivers.web.client import PASSING, Web

__all__ = ["PASSING", "Answer", "NoAnswer", "Web", "one_line", "retry_after", "scrub"]
