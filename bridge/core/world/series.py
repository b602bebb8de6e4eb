"""What happens again and again: how often in all, and the last few times."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

LAST: Final = 20


class Series(msgspec.Struct, frozen=True):
    """`last` holds when, and in which incident."""

    count: int = 0
    last: tuple[tuple[datetime, str], ...] = ()

    def and_then(self, at: datetime, key: str, *, within: timedelta, least: int, goes_on: bool) -> "Series":
        """Once more. As long as it is no story of its own (`goes_on`), only what lies within the span counts; of that, at least
        so many are kept."""
        last = (*(row for row in self.last if at - row[0] < within), (at, key))[-max(LAST, least) :]
        return Series(self.count + 1 if goes_on else len(last), last)
