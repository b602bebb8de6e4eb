"""The daily digests: due by each receiver's own clock, told once, also when the bridge was down at that hour."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bridge.config.receivers import Receiver
from bridge.core.telling.digest import digest
from bridge.core.telling.route import Router
from bridge.ledger.ledger import Commit, Ledger

LATE: Final = timedelta(days=1)
"""What ended so long before a digest may have become known after it."""
LONGEST: Final = timedelta(days=31)


class Digests:
    """In the writer's thread. How far each receiver was told stands in the ledger, beside the digest itself."""

    def __init__(self, receivers: Mapping[str, Receiver], ledger: Ledger, router: Router, now: datetime) -> None:
        self._ledger = ledger
        self.take_over(receivers, router, now)

    def take_over(self, receivers: Mapping[str, Receiver], router: Router, now: datetime) -> None:
        """These receivers and routes from now on. Raises LedgerError before anything is changed."""
        of = {name: (one, one.digest) for name, one in receivers.items() if one.digest is not None}
        known = self._ledger.digested()
        new = {name: daily.last(now) for name, (_, daily) in of.items() if name not in known}
        if new:
            self._ledger.commit(Commit(now=now, digested=new))
        self._of, self._router, self._until = of, router, known | new

    def tell(self, now: datetime) -> bool:
        """Decides on the digests that are due; whether there is one to hand out."""
        told = False
        for name, (receiver, daily) in self._of.items():
            until = daily.last(now) if now >= daily.after(self._until[name]) else self._until[name]
            if until > self._until[name]:
                told |= self._tell(receiver, max(self._until[name], until - LONGEST), until, now)
                self._until[name] = until
        return told

    def _tell(self, receiver: Receiver, since: datetime, until: datetime, now: datetime) -> bool:
        ended = [
            (number, one)
            for number, one in self._ledger.closed(since - LATE, until)
            if receiver.name in self._router.receivers(one)
        ]
        heard = self._ledger.heard(receiver.name, [number for number, _ in ended], digests=True)
        notice = digest(receiver.name, ended, heard, since, until, now, receiver.language)
        notices = [] if notice is None else [notice]
        self._ledger.commit(Commit(now=now, notices=notices, digested={receiver.name: until}))
        return notice is not None
