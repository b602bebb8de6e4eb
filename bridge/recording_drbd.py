"""A folder of handler dumps (*.json) and HOST.events2.txt, as reports in the order of time. (DESIGN 7.13)

A dump is one call of a handler: `host`, `handler`, `started`, `finished`, `env`, `exit_code`. A handler whose answer means
something is told when it was finished, as ours is when it is chained behind it; every other when it was started.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bridge.core.drbd import ANSWERING
from bridge.core.event import EPOCH, Report, to_us
from bridge.wire.events2 import Differences

SUFFIX: Final = ".events2.txt"
NOT_DUMPS: Final = frozenset({"summary.json", "index.json"})


class NotARecording(ValueError):  # noqa: N818 - a state of a folder, not a mistake of ours
    """Names the file and what is wrong in it."""


def is_recording(folder: Path) -> bool:
    return folder.is_dir() and any(True for _ in (*folder.glob(f"*{SUFFIX}"), *folder.glob("*.json")))


def read(folder: Path, cluster: str) -> list[Report]:
    """All reports of the folder; `received_at` is when the hook or the relay wrote them down."""
    reports = [report for path in sorted(folder.glob(f"*{SUFFIX}")) for report in _states(path, cluster)]
    reports += [report for path in sorted(folder.glob("*.json")) for report in _calls(path, cluster)]
    return sorted(reports, key=lambda report: (report.received_at, report.uid))


def _calls(path: Path, cluster: str) -> Iterator[Report]:
    if path.name in NOT_DUMPS:
        return
    try:
        dump = json.loads(path.read_text(encoding="utf-8"))
        host, handler, environ = dump["host"], dump["handler"], dump["env"]
        at = dump["finished"] if handler in ANSWERING and dump.get("finished") else dump["started"]
        at = datetime.fromtimestamp(at, UTC)
    except (ValueError, KeyError, TypeError, OverflowError) as wrong:
        raise NotARecording(f"{path}: not the dump of a handler ({type(wrong).__name__}: {wrong})") from None
    body: dict[str, Any] = {name: value for name, value in environ.items() if name.startswith("DRBD_")}
    body["handler"] = handler
    if handler in ANSWERING and isinstance(dump.get("exit_code"), int):
        body["rc"] = str(dump["exit_code"])
    yield _report(cluster, host, "drbd", at, body, path.name)


def _states(path: Path, cluster: str) -> Iterator[Report]:
    host = path.name.removesuffix(SUFFIX)
    differences, at, number = Differences(), EPOCH, 0
    for line in path.read_text(encoding="utf-8").splitlines():
        ready = list(differences.take(line))
        for fields in ready:
            number += 1
            yield _of_states(cluster, host, at if "dump" not in fields else _instant(line, at), fields, number)
        at = _instant(line, at)
    for fields in differences.flush():
        yield _of_states(cluster, host, at, fields, number + 1)


def _of_states(cluster: str, host: str, at: datetime, fields: Mapping[str, Any], number: int) -> Report:
    at = _instant(str(fields.get("line1", "")), at)
    return _report(cluster, host, "drbd-events", at, {**fields, "boot": "recording", "boot_ns": to_us(at) * 1000}, str(number))


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
