"""`[receivers.NAME]` of the config: what all receivers share, and beside it the keys of their kind."""

from datetime import timedelta
from typing import Annotated, Any

import msgspec

from bridge.config.fields import read
from bridge.config.findings import Findings, did_you_mean
from bridge.config.intervals import read_digest
from bridge.config.routes import Language
from bridge.core.telling.brake import Brake
from bridge.core.telling.intervals import Daily
from bridge.receivers.registry import KindError, kinds, load


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """`[receivers.NAME]`: `settings` is the struct of the kind's own module."""

    name: str
    kind: str
    language: str
    board: bool
    settings: Any
    factory: Any
    brake: Brake | None = None
    digest: Daily | None = None
    """When it is told what healed by itself."""

    def make(self) -> Any:
        return self.factory(self.name, self.settings)


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    """What every receiver's table may have, beside its kind's own keys."""

    kind: str
    language: Language | None = None
    brake: Any = None
    digest: Any = None


class _Brake(msgspec.Struct, frozen=True, kw_only=True):
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = Brake().count
    window: timedelta = Brake().window


def read_receiver(name: str, table: object, language: str, findings: Findings) -> Receiver | None:
    key = ("receivers", name)
    if not isinstance(table, dict):
        findings.wrong(key, f"must be a table; write [receivers.{name}]")
        return None
    of_all = {field.name for field in msgspec.structs.fields(_Common)}
    own = {field: value for field, value in table.items() if field not in of_all}
    common = read(_Common, {field: value for field, value in table.items() if field not in own}, key, findings)
    if common is None:
        return None
    if common.kind not in kinds():
        findings.wrong((*key, "kind"), f"there is no kind {common.kind!r}; {did_you_mean(common.kind, kinds())}")
        return None
    try:
        kind = load(common.kind)
    except KindError as error:
        findings.wrong((*key, "kind"), str(error))
        return None
    settings = read(kind.settings, own, key, findings)
    if settings is None:
        return None
    if kind.board:
        for field in ("brake", "digest"):
            if field in table:
                findings.wrong((*key, field), "is for bells; a board shows what is, and tells nothing: remove it")
    zone = getattr(settings, "time_zone", "UTC")
    return Receiver(
        name=name,
        kind=common.kind,
        language=common.language or language,
        board=kind.board,
        settings=settings,
        factory=kind.make,
        brake=None if kind.board else _brake(common.brake, (*key, "brake"), findings),
        digest=None if kind.board else read_digest(table.get("digest", "07:30"), zone, (*key, "digest"), findings),
    )


def _brake(raw: Any, key: tuple[str, ...], findings: Findings) -> Brake | None:
    if raw is False:
        return None
    if raw is not None and not isinstance(raw, dict):
        findings.wrong(key, 'must be a table; write brake = { count = 10, window = "10m" }, or false for none')
        return None
    said = read(_Brake, raw or {}, key, findings)
    if said is None:
        return None
    if not timedelta(0) < said.window <= timedelta(days=1):
        findings.wrong((*key, "window"), 'must be longer than nothing and at most a day; write "10m"')
    return Brake(count=said.count, window=said.window)
