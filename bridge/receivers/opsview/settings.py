"""One `[receivers.NAME]` table of kind opsview."""

import re
import socket
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from bridge.core.showing.picture import Target
from bridge.core.telling.intervals import Daily
from bridge.receivers.opsview.api import Account
from bridge.receivers.opsview.names import DEFAULTS, Name, Names, check_names, service_name
from bridge.receivers.settings import check_zone
from bridge.secret import Secret

LONGEST_TIMEOUT: Final = timedelta(seconds=100)
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    user: str
    password: Secret
    ca_file: Path | None = None
    insecure: bool = False
    timeout: timedelta = timedelta(seconds=20)
    submit: Literal["detail", "status"] = "detail"
    refresh: timedelta = timedelta(minutes=10)
    stale_after: timedelta = timedelta(minutes=30)
    look_every: timedelta = timedelta(seconds=30)
    feedback: bool = True
    own_host: str = ""
    own_service: str = "Quorumbell"
    drill_service: str = ""
    names: dict[str, Name] = {}
    hide: tuple[str, ...] = ()
    create: bool = False
    """The bridge makes there what is missing."""
    hostgroup: str = ""
    """Of hosts that it makes."""
    reload: str = "never"
    """When it makes live what it has made: `at-once`, `never`, or a time of the day like `03:30`."""
    reload_others: bool = False
    """Also when changes of others wait there, which are then made live as well."""
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        self.account()
        check_names(self.names)
        for kind in self.hide:
            if kind not in DEFAULTS:
                raise ValueError(f"hide: there is no kind of subject {kind!r}; known are {', '.join(DEFAULTS)}")
        if not timedelta(seconds=1) <= self.timeout <= LONGEST_TIMEOUT:
            raise ValueError('timeout must lie between one and 100 seconds; write timeout = "20s"')
        if not timedelta(minutes=1) <= self.refresh * 2 <= self.stale_after:
            raise ValueError(
                "refresh must be half of stale_after at most, and 30 s at least, so that one lost result makes nothing stale; "
                'write refresh = "10m", stale_after = "30m"'
            )
        if not timedelta(seconds=5) <= self.look_every <= timedelta(minutes=10):
            raise ValueError('look_every must lie between 5 s and 10 min; write look_every = "30s"')
        check_zone(self.time_zone)
        self._check_making()

    def _check_making(self) -> None:
        if self.reload not in {"at-once", "never"} and not _CLOCK.fullmatch(self.reload):
            raise ValueError(f'reload = "{self.reload}" is no time; write "at-once", "never", or a time of the day like "03:30"')
        if not self.create and (self.hostgroup or self.reload != "never" or self.reload_others):
            raise ValueError("hostgroup, reload and reload_others say how things are made: write create = true with them")
        if self.reload_others and self.reload == "never":
            raise ValueError('reload_others means nothing with reload = "never"; write reload = "at-once", or a time')

    @property
    def reload_daily(self) -> Daily | None:
        """When on each day; None for at once, and for never."""
        found = _CLOCK.fullmatch(self.reload)
        return Daily(minute=int(found[1]) * 60 + int(found[2]), zone=ZoneInfo(self.time_zone)) if found else None

    def account(self, user: str = "", password: Secret | None = None) -> Account:
        return Account(
            url=self.url,
            user=user or self.user,
            password=password or self.password,
            timeout=self.timeout,
            ca_file=str(self.ca_file) if self.ca_file else None,
            insecure=self.insecure,
        )

    def own(self) -> Target:
        """The bridge's own object: by default on the host that has this machine's name."""
        return Target(self.own_host or socket.gethostname().partition(".")[0], service_name(self.own_service))

    def drill(self) -> Target | None:
        """What shows the results of drills, on the same host; None where nothing is to."""
        return Target(self.own().host, service_name(self.drill_service)) if self.drill_service else None

    def placing(self) -> Names:
        return Names(self.names, frozenset(self.hide))
