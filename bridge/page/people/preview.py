"""What a silence would hold back: of what is open now, and of what came up lately. Pure."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

import msgspec

from bridge.core.telling.digest import was_nothing
from bridge.core.telling.match import Compiled, all_hold, labels_of
from bridge.core.world.incident import Incident, State

LATELY: Final = timedelta(days=7)
MOST_NAMED: Final = 30

Numbered = tuple[int, Incident]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The newest first, some of them by name, and how many they are."""

    open: Sequence[Numbered]
    open_count: int
    over: Sequence[Numbered]
    over_count: int


def preview(matchers: Sequence[Compiled], incidents: Iterable[Numbered]) -> Preview:
    """Of `incidents`, the newest first: those that it describes, and that anybody could have been told of. They may be many."""
    named: dict[bool, list[Numbered]] = {False: [], True: []}
    counts = dict.fromkeys(named, 0)
    for number, one in incidents:
        if one.absorbed_into is None and not was_nothing(one) and all_hold(matchers, labels_of(one)):
            is_over = one.state is State.CLOSED
            counts[is_over] += 1
            if counts[is_over] <= MOST_NAMED:
                named[is_over].append((number, one))
    return Preview(open=named[False], open_count=counts[False], over=named[True], over_count=counts[True])
