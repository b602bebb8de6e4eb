"""What an administrator may set about the understanding of events; the defaults suit most sites."""

from datetime import timedelta
from fnmatch import fnmatchcase

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All spans are event time. `guests` and `fence_devices` are name patterns, used until a snapshot tells better."""

    guests: tuple[str, ...] = ("vm-*", "vm_*")
    fence_devices: tuple[str, ...] = ("fence*", "fencing*", "stonith*", "st-*", "ipmi-*")
    connectivity: tuple[str, ...] = ("pingd", "ping", "ethmonitor-*")
    clear_after: timedelta = timedelta(seconds=20)
    """Quiet time between the last good word and the end of an incident."""
    down_after: timedelta = timedelta(seconds=30)
    """A failed resource that runs nowhere for so long is down, not being restarted."""
    unfenced_after: timedelta = timedelta(seconds=60)
    """A lost node that nobody announced and nobody fenced for so long: the cluster is stuck."""
    flapping_count: int = 3
    flapping_window: timedelta = timedelta(minutes=10)
    flapping_quiet: timedelta = timedelta(minutes=10)
    loop_count: int = 3
    loop_window: timedelta = timedelta(minutes=10)
    redundancy_after: timedelta = timedelta(minutes=10)
    """All services run again, and a node has not come back for so long: longer than a server takes to boot."""

    def is_guest(self, resource: str) -> bool:
        return any(fnmatchcase(resource, pattern) for pattern in self.guests)

    def is_fence_device(self, resource: str) -> bool:
        return any(fnmatchcase(resource, pattern) for pattern in self.fence_devices)

    def is_connectivity(self, attribute: str) -> bool:
        return attribute.startswith("#health") or any(fnmatchcase(attribute, pattern) for pattern in self.connectivity)
