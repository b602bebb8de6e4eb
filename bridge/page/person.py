"""Who looks at the page."""

from typing import Literal

import msgspec

Role = Literal["viewer", "operator"]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One who was let in. A viewer sees everything and changes nothing."""

    name: str
    role: Role = "viewer"
    language: Literal["en", "de"] = "en"
    zone: str = "UTC"
    """Of the IANA database, like `Europe/Berlin`: in it all times are shown."""
    csrf: str = ""
    """The word that every form of this session carries in its field `csrf`."""

    @property
    def may_act(self) -> bool:
        return self.role == "operator"
