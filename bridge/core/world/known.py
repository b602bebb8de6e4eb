"""What may be asked of a world: about subjects, what hurts them, and the incidents that tell of them; and what is forgotten."""

from collections.abc import Collection
from datetime import datetime

from bridge.core.world.condition import Wound
from bridge.core.world.event import Subject, resource_subject
from bridge.core.world.incident import Incident
from bridge.core.world.journal import Journal
from bridge.core.world.settings import Settings
from bridge.core.world.table import DAY, Key
from bridge.core.world.tables import CONDITION, DEVICE, GUEST, HEARD, HOLDER, INCIDENT, MORE, SORT, WOUND, WOUNDS


class Known(Journal):
    """The tables of one cluster, and what they mean."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings

    def service(self, resource: str) -> Subject:
        """`guest/NAME` for a resource that is a virtual machine, `resource/NAME` for any other."""
        if self.is_guest(resource):
            return Subject(f"guest/{resource}")
        return resource_subject(resource)

    def is_guest(self, resource: str) -> bool:
        """By its agent, or by its name as long as nobody has told which agent it has."""
        sort = self.get(SORT, resource)
        return self.settings.is_guest(resource) if sort is None else sort == GUEST

    def is_fence_device(self, resource: str) -> bool:
        sort = self.get(SORT, resource)
        return self.settings.is_fence_device(resource) if sort is None else sort == DEVICE

    def incident(self, key: str) -> Incident:
        found: Incident = self.facts[INCIDENT, key]
        return found

    def holder(self, subject: Subject) -> Incident | None:
        """The incident, not yet over, that the subject was last drawn into."""
        key = self.get(HOLDER, subject)
        return None if key is None else self.incident(key)

    def wound(self, subject: Subject) -> Wound | None:
        return self.get(WOUND, subject)

    def wounds(self, key: str) -> Collection[str]:
        """What keeps the incident open, by name, in no order: subjects, and holds."""
        return self.rows(WOUNDS, key).keys()

    def members(self, key: str) -> tuple[Subject, ...]:
        """All that was drawn into the incident, whether it names them or not."""
        return (*self.incident(key).subjects, *map(Subject, sorted(self.rows(MORE["subjects"], key))))

    def hear_of(self, resource: str, at: datetime) -> None:
        """There is such a resource: whatever is known of it is not forgotten for a while."""
        before = self.get(HEARD, resource)
        if before is None or at - before > DAY:
            self.put((HEARD, resource), at)

    def _is_wanted(self, key: Key) -> bool:
        if key[0] is not HEARD:
            return False
        subject = self.service(key[-1])
        return bool(self.runs_on.get(key[-1])) or (WOUND, subject) in self.facts or (HOLDER, subject) in self.facts

    def _forget(self, key: Key) -> None:
        super()._forget(key)
        if key[0] is HEARD:
            self.facts.pop((CONDITION, self.service(key[-1])), None)
