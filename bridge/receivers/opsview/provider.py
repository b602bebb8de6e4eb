"""What Opsview lacks, made by the bridge itself, if the config says so; and live when the config says.

A reload makes live all that anybody has changed. What waits there and was not made by this bridge in this life counts therefore
as others': then nothing is made, unless `reload_others` allows it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from bridge.core.showing.picture import Target
from bridge.core.telling.notice import Delivered, GiveUp, TryLater, Verdict
from bridge.receivers.opsview.api import Api
from bridge.receivers.opsview.settings import Settings
from bridge.receivers.opsview.setup import (
    OWN_STALE_AFTER,
    TO_APPLY,
    TO_LOOK,
    TO_RELOAD,
    SetupError,
    Survey,
    Wish,
    apply,
    begin_reload,
    pending,
    reload_ended,
    survey,
)

SOON: Final = timedelta(seconds=30)
LATER: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)


class Provider:
    """Belongs to the board's thread; each call is short, a reload goes on between them."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self._api = api
        self._settings = settings
        self._ours = False
        """What waits for a reload is this bridge's own."""
        self._reloads = False

    def provide(self, missing: Mapping[Target, bool], now: datetime) -> Verdict:
        """Of each object that is not there, whether its host is a machine, which is then reached by its name.

        Delivered says what was done; TryLater that it goes on; GiveUp that a person is needed.
        """
        try:
            return self._follow() if self._reloads else self._make(missing, now)
        except SetupError as error:
            return TryLater(f"nothing can be made there: {error}", LATER)

    def _follow(self) -> Verdict:
        self._reloads = False
        words = reload_ended(self._api)
        if words is None:
            self._reloads = True
            return TryLater("it reloads", SOON)
        self._ours = False
        return Delivered(f"it has reloaded{f', with warnings: {words}' if words else ''}")

    def _make(self, missing: Mapping[Target, bool], now: datetime) -> Verdict:
        daily = self._settings.reload_daily
        if daily is not None and now - daily.last(now) >= HOUR:
            return TryLater(f"{len(missing)} services are made at {self._settings.reload}", min(daily.after(now) - now, HOUR))
        found = survey(self._api, self._wish(missing))
        if found.disputed and len(found.disputed) < len(missing):  # that goes on for people; the rest need not wait for them
            missing = {target: machine for target, machine in missing.items() if target not in found.disputed}
            found = survey(self._api, self._wish(missing))
        reloads = self._settings.reload != "never"
        if found.pending is False:
            self._ours = False
        if set(found.states.values()) == {"there"}:
            return Delivered("all of it is there now")
        why = self._hindrance(found, reloads=reloads)
        if why:
            return GiveUp(why)
        self._apply(found)
        done = f"made or changed {len(found.changes)} objects"
        if not reloads:
            waits = 'they wait for a reload: quorumbell setup opsview --reload, or set reload = "at-once"'
            return (
                Delivered(f"{done}; {waits}") if found.changes else GiveUp(f"{len(missing)} services {waits.partition(' ')[2]}")
            )
        if not begin_reload(self._api):
            return TryLater(f"{done}; another reload goes on there, which is waited for", SOON)
        self._reloads = True
        return TryLater(f"{done}; it reloads", SOON)

    def _apply(self, found: Survey) -> None:
        """What is refused in the middle leaves a part that waits for a reload: this bridge's own, as nothing waited before."""
        try:
            apply(self._api, found)
        except SetupError:
            self._ours = pending(self._api) is not False
            raise
        self._ours = self._ours or bool(found.changes)

    def _hindrance(self, found: Survey, *, reloads: bool) -> str:
        """Why nothing may be made now; "" when nothing hinders."""
        lacks = found.lacks((*TO_LOOK, *TO_APPLY, *(TO_RELOAD if reloads else ())))
        if lacks:
            return f"this user lacks {', '.join(lacks)}, which create = true needs"
        if found.conflicts:
            return "; ".join(found.conflicts)
        if not found.changes and found.pending is False:
            return "all of it is there and live, but this user may not see it"
        if reloads and found.pending is None:
            return "this user may not know whether changes of others wait (RELOADVIEW)"
        if reloads and found.pending and not self._ours and not self._settings.reload_others:
            known = "not all of them are known to be this bridge's"
            return f"changes wait there, and {known}: look at them and reload it, or set reload_others = true"
        return ""

    def _wish(self, missing: Mapping[Target, bool]) -> Wish:
        stale = dict.fromkeys(missing, self._settings.stale_after)
        own = self._settings.own()
        if own in stale:
            stale[own] = OWN_STALE_AFTER
        addresses = {target.host: target.host for target, machine in missing.items() if machine}
        return Wish(stale_after=stale, hostgroup=self._settings.hostgroup, addresses=addresses)
