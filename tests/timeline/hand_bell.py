"""A receiver whose answers a test decides, and which remembers what it was told: a kind like any other."""

from collections.abc import Mapping

import msgspec

from bridge.core.telling.notice import Delivered, Notice, Verdict

ANSWERS: dict[str, Verdict] = {}
HEARD: dict[str, list[Notice]] = {}
TRIED: dict[str, list[Notice]] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    time_zone: str = "UTC"


class HandBell:
    def __init__(self, name: str, settings: Settings) -> None:
        self._name = name

    def deliver(self, notice: Notice, memory: Mapping[str, str]) -> Verdict:
        answer = ANSWERS.get(self._name, Delivered())
        TRIED.setdefault(self._name, []).append(notice)
        if isinstance(answer, Delivered):
            HEARD.setdefault(self._name, []).append(notice)
        return answer

    def close(self) -> None:
        """Nothing is kept open."""
