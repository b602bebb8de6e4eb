"""Rehearsal: recordings go through the same core, with the recording's own clock. What would have been told?"""

import glob
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from bridge.core.line import Line, Outcome
from bridge.core.normalise import stamp_ns
from bridge.core.telling.brake import Brake
from bridge.core.telling.match import Route
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import EPOCH, Report, from_ns
from bridge.core.world.fault import Fault
from bridge.core.world.incident import Incident, State
from bridge.core.world.lag import PRESENT, Lags, Watermark
from bridge.core.world.settings import Settings
from bridge.rehearse.drbd_recording import SUFFIX, NotARecording, read_folder
from bridge.texts import summary, take_broken

QUIET: Final = timedelta(hours=1)
"""How long the rehearsal goes on after the last report."""
LATE: Final = timedelta(minutes=1)
"""No agent takes so long: a report that is older when it comes has waited, and others with it. (A bridge takes less for late: it
knows how far each clock is off.)"""
LOOKS_AGAIN: Final = timedelta(seconds=1)
CLUSTER: Final = "rehearsal"
PICTURES: Final = ".crm_mon.jsonl"
"""One line a report of crm_mon: {host, received, body}. `tools/look.py` writes such a file."""


class BadRecording(ValueError):  # noqa: N818 - the name of the mistake
    """The file is no recording; says which record and what is wrong."""


def read_recording(path: Path) -> list[Report]:
    """The reports of a recording: a JSON array of `{host, received, env}`, with the pictures of the cluster that lie beside it
    (`NAME.HOST.crm_mon.jsonl` for `NAME.json`); such a file alone; or a folder of DRBD's. Raises BadRecording."""
    if path.is_dir():
        beside = sorted(path.glob(f"*{PICTURES}"))
        try:
            states = read_folder(path, CLUSTER) if not beside or any(path.glob("*.json")) or any(path.glob(f"*{SUFFIX}")) else []
        except NotARecording as error:
            raise BadRecording(str(error)) from None
        return [*states, *(report for one in beside for report in _lines(one))]
    if path.name.endswith(PICTURES):
        return _lines(path)
    records = _json(path, _bytes(path))
    if not isinstance(records, list):
        raise BadRecording(f"{path}: a recording is a JSON array of {{host, received, env}}")
    beside = sorted(path.parent.glob(f"{glob.escape(path.stem)}.*{PICTURES}"))
    alerts = [_report(path, number, record) for number, record in enumerate(records)]
    return [*alerts, *(report for one in beside for report in _lines(one))]


def _lines(path: Path) -> list[Report]:
    return [_told(path, number, _json(path, line)) for number, line in enumerate(_bytes(path).splitlines(), 1)]


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadRecording(f"{path}: cannot be read: {error}") from None


def _json(path: Path, text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRecording(f"{path}: cannot be read as JSON: {error}") from None


def _told(path: Path, number: int, record: Any) -> Report:
    """A report as a relay sent it."""
    try:
        body: Mapping[str, Any] = record["body"]
        return Report(
            uid=bytes.fromhex(body["id"]),
            cluster=CLUSTER,
            node=record["host"],
            source=body["src"],
            received_at=EPOCH + timedelta(seconds=record["received"]),
            body=body,
        )
    except (TypeError, KeyError, ValueError, OverflowError) as error:
        raise BadRecording(f"{path}: line {number} has no usable host, received and body ({error!r})") from None


def _report(path: Path, number: int, record: Any) -> Report:
    try:
        env: Mapping[str, Any] = record["env"]
        source = "pacemaker" if "CRM_alert_kind" in env else "clustermon"
        return Report(
            uid=number.to_bytes(8, "big") + path.name.encode()[-8:],
            cluster=CLUSTER,
            node=record["host"],
            source=source,
            received_at=EPOCH + timedelta(seconds=record["received"]),
            body=env,
        )
    except (TypeError, KeyError, OverflowError) as error:
        raise BadRecording(f"{path}: record {number} has no usable host, received and env ({error!r})") from None


class Rehearsal:
    """The core with a hand-moved clock, and a memory of every notice."""

    def __init__(
        self,
        settings: Settings,
        routes: tuple[Route, ...],
        brakes: Mapping[str, Brake] | None = None,
        languages: Mapping[str, str] | None = None,
    ) -> None:
        self._line = Line(settings, routes, languages, brakes=brakes)
        self._watermark = Watermark()
        self._lags = PRESENT
        self._now = EPOCH
        self.incidents: dict[str, Incident] = {}
        self.notices: list[Notice] = []
        self.reports = 0
        self.unreadable = 0
        self.faults: list[Fault] = []
        """Errors of Quorumbell itself: what they were met with was set aside, so what would have been told may lack something."""

    def take(self, reports: Iterable[Report]) -> None:
        last: datetime | None = None
        for report in sorted(reports, key=lambda one: one.received_at):
            self._pass_time(report.received_at)
            last = report.received_at
            self.reports += 1
            self._note_age(report)
            outcome = self._line.take([report], report.received_at, self._look(report.received_at))
            self.unreadable += len(outcome.unreadable)
            self._keep(outcome)
        if last is not None:
            self._pass_time(last + QUIET)

    def _note_age(self, report: Report) -> None:
        stamp = stamp_ns({**report.body, "src": report.source})
        if stamp is not None and report.received_at - (at := from_ns(stamp)) > LATE:
            self._watermark.came(report.cluster, at, report.received_at)

    def _look(self, now: datetime) -> Lags:
        self._now = now
        clusters = self._watermark.look((), now)
        self._lags = Lags(clusters=clusters) if clusters else PRESENT
        return self._lags

    def _pass_time(self, until: datetime) -> None:
        """Stops at each moment at which something is due, as the bridge would; while the past comes in, each second."""
        while (due := self._next_due()) is not None and due <= until:
            self._tick(due)
        self._tick(until)

    def _next_due(self) -> datetime | None:
        again = self._now + LOOKS_AGAIN if self._lags is not PRESENT else None
        return min((at for at in (self._line.next_due(self._lags), again) if at is not None), default=None)

    def _tick(self, now: datetime) -> None:
        self._keep(self._line.tick(now, self._look(now)))

    def _keep(self, outcome: Outcome) -> None:
        self.incidents |= outcome.incidents
        self.notices += outcome.notices
        self.faults += outcome.faults

    def result(self) -> dict[str, Any]:
        """The told.json form: incidents that stand for themselves, each with the notices of those that it absorbed."""
        rows: dict[str, dict[str, Any]] = {
            key: _row(incident) for key, incident in self.incidents.items() if incident.absorbed_into is None
        }
        for notice in self.notices:
            told_of = {self._final(one.key): one for one in notice.items or (notice.incident,)}
            for row, one in ((rows[key], one) for key, one in told_of.items() if key in rows):
                if (kind := _kind_to(row, notice, one)) is not None:
                    row["notices"].append(
                        {"at": notice.at.isoformat(), "kind": kind.value, "reason": notice.reason, "receiver": notice.receiver}
                    )
        ordered = sorted(rows.values(), key=lambda row: (row["opened_at"], row["root"]))
        faults = [{"where": one.place, "what": one.what, "trace": one.trace} for one in [*self.faults, *take_broken()]]
        return {"incidents": ordered, "reports": self.reports, "unreadable": self.unreadable, "faults": faults}

    def _final(self, key: str) -> str:
        while (incident := self.incidents.get(key)) is not None and incident.absorbed_into is not None:
            key = incident.absorbed_into
        return key


def _kind_to(row: Mapping[str, Any], notice: Notice, one: Incident) -> Telling | None:
    """What the notice is to one who follows this incident: a summary may be the first word of it, or the last. One that says only
    what nobody needed to hear is none."""
    if notice.kind is not Telling.SUMMARY:
        return notice.kind
    heard = any(told["receiver"] == notice.receiver for told in row["notices"])
    if one.state is State.CLOSED:
        return Telling.CLOSED if heard else None
    return Telling.UPDATED if heard else Telling.OPENED


def _row(incident: Incident) -> dict[str, Any]:
    return {
        "kind": incident.kind.value,
        "root": incident.root,
        "peak": incident.peak.value,
        "severity": incident.severity.value,
        "state": incident.state.value,
        "opened_at": incident.opened_at.isoformat(),
        "closed_at": incident.closed_at.isoformat() if incident.closed_at else None,
        "subjects": sorted(incident.subjects),
        "outages": incident.seconds_away,
        "planned": incident.planned,
        "summary": summary(incident, "en"),
        "notices": [],
    }


def bell() -> tuple[Route, ...]:
    """Without a config: one bell on the default routes."""
    return (Route(receivers=("bell",)),)


def recordings(paths: Iterable[Path]) -> Iterator[Report]:
    """All recordings laid over one another, as of one cluster."""
    for path in paths:
        yield from read_recording(path)


def rehearsed(
    paths: Iterable[Path],
    settings: Settings | None = None,
    routes: tuple[Route, ...] | None = None,
    brakes: Mapping[str, Brake] | None = None,
    languages: Mapping[str, str] | None = None,
) -> Rehearsal:
    """Rehearses recordings, all at once. Raises BadRecording."""
    rehearsal = Rehearsal(settings or Settings(), routes or bell(), brakes, languages)
    rehearsal.take(recordings([Path(path) for path in paths]))
    return rehearsal


def run(paths: Iterable[Path], settings: Settings | None = None, routes: tuple[Route, ...] | None = None) -> dict[str, Any]:
    """What would have been told of recordings. Raises BadRecording."""
    return rehearsed(paths, settings, routes).result()
