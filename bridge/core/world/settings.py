"""What an administrator may set about the understanding of events; the defaults suit most sites."""

from datetime import timedelta
from fnmatch import fnmatchcase
from functools import lru_cache

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All spans are event time. `guests` and `fence_devices` are name patterns, used until a picture tells better."""

    guests: tuple[str, ...] = ("vm-*", "vm_*", "*-vm", "*_vm", "VM*")
    fence_devices: tuple[str, ...] = (
        *("fence*", "*-fence", "*_fence", "fencing*", "*-fencing", "p_fence*", "rsc_fence*"),
        *("stonith*", "*-stonith", "*_stonith", "p_stonith*", "rsc_stonith*", "res_stonith*", "st-*", "rsc_st_*"),
        *("ipmi-*", "*-ipmi", "*_ipmi", "*-redfish", "*_redfish", "sbd"),
    )
    connectivity: tuple[str, ...] = ("ping*", "*[-_.]ping*", "*connectivity*", "ethmonitor-*", "ifspeed*")
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
    planned_too_long: timedelta = timedelta(hours=8)
    """Standby, maintenance and the like that last so long may have been forgotten. Zero: nobody is reminded."""

    def is_guest(self, resource: str) -> bool:
        return _matches(resource, self.guests) and not self.is_fence_device(resource)

    def is_fence_device(self, resource: str) -> bool:
        return _matches(resource, self.fence_devices)

    def is_connectivity(self, attribute: str) -> bool:
        return attribute.startswith("#health") or _matches(attribute, self.connectivity)


@lru_cache(maxsize=65536)
def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Remembered, for every event asks of the same few names."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
