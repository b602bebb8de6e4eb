"""A folder of handler dumps (*.json) and HOST.events2.txt, as reports in the order of time.

A dump is one call of a handler: `host`, `handler`, `started`, `finished`, `env`, `exit_code`. A handler whose answer means
something is told when it was finished, as ours is when it is chained behind it; every other when it was started.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bridge.core.drbd.handlers import ANSWERING
from bridge.core.world.event import EPOCH, Report, to_us
from bridge.node.events2 import Differences, is_foreign
from bridge.node.loops import QUIET

SUFFIX: Final = ".events2.txt"
NOT_DUMPS: Final = frozenset({"summary.json", "index.json"})
PEERS_STATE: Final = "UP_TO_DATE_NODES"


class NotARecording(ValueError):  # noqa: N818 - a state of a folder, not a mistake of ours
    """Names the file and what is wrong in it."""


def read_folder(folder: Path, cluster: str) -> list[Report]:
    """All reports of the folder; `received_at` is when the hook or the relay wrote them down. Raises NotARecording."""
    states, dumps = (
        sorted(folder.glob(f"*{SUFFIX}")),
        sorted(path for path in folder.glob("*.json") if path.name not in NOT_DUMPS),
    )
    if not states and not dumps:
        raise NotARecording(f"{folder}: neither a dump of a handler (*.json) nor HOST{SUFFIX} is in this folder")
    reports = [report for path in states for report in _states(path, cluster)]
    reports += [_call(path, cluster) for path in dumps]
    return sorted(reports, key=lambda report: (report.received_at, report.uid))


def _call(path: Path, cluster: str) -> Report:
    try:
        dump = json.loads(path.read_text(encoding="utf-8"))
        host, handler, environ = str(dump["host"]), str(dump["handler"]), dict(dump["env"])
        at = dump["finished"] if handler in ANSWERING and dump.get("finished") else dump["started"]
        at = EPOCH + timedelta(seconds=at)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as wrong:
        raise NotARecording(f"{path}: not the dump of a handler ({type(wrong).__name__}: {wrong})") from None
    body: dict[str, Any] = {name: value for name, value in environ.items() if name.startswith("DRBD_") or name == PEERS_STATE}
    body["handler"] = handler
    if handler in ANSWERING and isinstance(dump.get("exit_code"), int):
        body["rc"] = str(dump["exit_code"])
    return _report(cluster, host, "drbd", at, body, path.name)


def _states(path: Path, cluster: str) -> Iterator[Report]:
    """As the relay would tell it; a second dump in the file is a second life of the relay."""
    host = path.name.removesuffix(SUFFIX)
    differences, dumped, number = Differences(), False, 0
    at = EPOCH
    for line in _lines(path):
        ready = []
        now = to_us(_instant(line, at)) / 1e6
        if dumped and " exists " in f" {line}":
            ready, differences, dumped = list(differences.flush(now)), Differences(), False
        ready += differences.take(line, now)
        ready += [{"line1": line}] if is_foreign(line) else []  # which the bridge cannot read either, and counts
        dumped = dumped or line.endswith("exists -")
        for fields in ready:
            number += 1
            yield _of_states(cluster, host, at if "dump" not in fields else _instant(line, at), fields, number)
        at = _instant(line, at)
    for more, fields in enumerate(differences.flush(to_us(at) / 1e6 + QUIET), 1):
        yield _of_states(cluster, host, at, fields, number + more)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as wrong:
        raise NotARecording(f"{path}: cannot be read: {wrong}") from None


def _of_states(cluster: str, host: str, at: datetime, fields: Mapping[str, Any], number: int) -> Report:
    at = _instant(str(fields.get("line1", "")), at)
    order = {"boot": "recording", "boot_ns": to_us(at) * 1000 + number}
    return _report(cluster, host, "drbd-events", at, {**fields, **order}, str(number))


def _instant(line: str, otherwise: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(line.partition(" ")[0])
    except ValueError:
        return otherwise
    return at if at.tzinfo is not None else otherwise


def _report(cluster: str, host: str, source: str, at: datetime, body: dict[str, Any], name: str) -> Report:
    uid = hashlib.blake2b(f"{cluster}/{host}/{source}/{at.isoformat()}/{name}".encode(), digest_size=16).digest()
    return Report(
        uid=uid, cluster=cluster, node=host, source=source, received_at=at, body=body | {"wall_ns": to_us(at) * 1000, "v": 1}
    )
