"""`[correlation]` of the config -> the core's Settings: how long things take before they mean something."""

from datetime import timedelta
from typing import Annotated, Final

import msgspec

from bridge.core.world.settings import Settings

Count = Annotated[int, msgspec.Meta(ge=2, le=1000)]
_CORE: Final = Settings()


class Flapping(msgspec.Struct, frozen=True, kw_only=True):
    count: Count = _CORE.flapping_count
    window: timedelta = _CORE.flapping_window
    quiet: timedelta = _CORE.flapping_quiet


class FencingLoop(msgspec.Struct, frozen=True, kw_only=True):
    count: Count = _CORE.loop_count
    window: timedelta = _CORE.loop_window


class CorrelationSettings(msgspec.Struct, frozen=True, kw_only=True):
    guests: tuple[str, ...] = _CORE.guests
    fence_devices: tuple[str, ...] = _CORE.fence_devices
    connectivity: tuple[str, ...] = _CORE.connectivity
    clear_after: timedelta = _CORE.clear_after
    down_after: timedelta = _CORE.down_after
    unfenced_after: timedelta = _CORE.unfenced_after
    redundancy_after: timedelta = _CORE.redundancy_after
    planned_too_long: timedelta = _CORE.planned_too_long
    edge_silent_after: timedelta = timedelta(seconds=60)
    flapping: Flapping = Flapping()
    fencing_loop: FencingLoop = FencingLoop()

    def core(self) -> Settings:
        """The same in the words of the core, which knows no tables."""
        names = {field.name for field in msgspec.structs.fields(Settings)}
        plain = {name: value for name, value in msgspec.structs.asdict(self).items() if name in names}
        return Settings(
            **plain,
            flapping_count=self.flapping.count,
            flapping_window=self.flapping.window,
            flapping_quiet=self.flapping.quiet,
            loop_count=self.fencing_loop.count,
            loop_window=self.fencing_loop.window,
        )
