"""What stays of a scenario: a recording for `quorumbell rehearse`, and what helps to understand a failure."""

import contextlib
import json
import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing

PICTURES, ALERTS = "crm_mon", "pacemaker"


def record(ledger, folder, name):
    """The alerts as NAME.json, and what crm_mon showed on each node as NAME.HOST.crm_mon.jsonl, from the ledger of a bridge that
    is up or was killed."""
    alerts, shown = [], defaultdict(list)
    for source, host, received, body in _reports(ledger):
        told = json.loads(body)
        if source == ALERTS:
            env = {key: value for key, value in told.items() if key.startswith("CRM_")}
            alerts.append({"host": host, "received": received, "env": env})
        else:
            del told["crc"]
            shown[host].append({"host": host, "received": received, "body": told})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text("[" + ",\n".join(map(_compact, alerts)) + "]\n")
    for host, lines in shown.items():
        (folder / f"{name}.{host}.crm_mon.jsonl").write_text("".join(f"{_compact(line)}\n" for line in lines))


def _compact(record):
    return json.dumps(record, separators=(",", ":"))


def _reports(ledger):
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as read:
        wanted = "SELECT source, node, received_at / 1e6, body FROM report WHERE source IN (?, ?) ORDER BY seq"
        return read.execute(wanted, (ALERTS, PICTURES)).fetchall()


def keep(site, folder):
    """Logs, pictures, the ledger, and what was told."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in site.cluster.pictures().items():
        (folder / f"{name}.crm_mon.xml").write_text(text)
    for place in ("bridge.log", "ledger.db", "ledger.db-wal", "quorumbell.toml"):
        with contextlib.suppress(OSError):
            shutil.copy(site.folder / place, folder)
    for machine in site.machines.values():
        for log in (*machine.upper.glob("var/log/*.log"), *machine.upper.glob("var/log/*/*.log")):
            shutil.copy(log, folder / f"{machine.name}.{log.name}")
    told = [*site.rings(), *sorted(site.board().items())]
    with contextlib.suppress(AssertionError):  # the bridge may be what failed
        told += site.status()["incidents"]
    (folder / "told.txt").write_text("\n".join(map(str, told)))
