"""What the bridge was told in a scenario, as a recording for `quorumbell rehearse`: alerts, and beside them what crm_mon showed."""

import json
import sqlite3
from collections import defaultdict

PICTURES, ALERTS = "crm_mon", "pacemaker"


def record(ledger, folder, name):
    """NAME.json, and NAME.HOST.crm_mon.jsonl of each node, from the ledger of a bridge that is up or was killed."""
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
    (folder / f"{name}.json").write_text(json.dumps(alerts, indent=0) + "\n")
    for host, lines in shown.items():
        (folder / f"{name}.{host}.crm_mon.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def _reports(ledger):
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as read:
        wanted = "SELECT source, node, received_at / 1e6, body FROM report WHERE source IN (?, ?) ORDER BY seq"
        return read.execute(wanted, (ALERTS, PICTURES)).fetchall()
