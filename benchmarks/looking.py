"""What the cluster's own word costs a node and the wire: a relay at rest, and while 50 services move.

crm_mon is a stand-in that prints a recorded answer; what the real one takes beside that was measured on a cluster of three nodes.
"""

import resource
import select
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.site import Site
from bridge.node.crm_mon import EVERY, Onlooker
from bridge.node.hurry import SETTLES_AFTER
from bridge.node.parts import parts
from bridge.node.present import WHOLE_EVERY
from bridge.wire.body import boot_id, moment

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ROOT / "tests/node/crm_mon/mixed"
REAL = 0.015
"""Seconds of CPU that crm_mon 2.1.5 takes to connect and answer."""
DAY = 86_400
STEPS = 10
"""Looks while 50 services are stopped and started: 20 seconds."""


def looking(site: Site, looks: int) -> None:
    at_rest = _at_rest(site, 10)
    own, children = _looks(looks)
    share = (at_rest + (own + children + REAL) / EVERY) * 100
    print("\n## the cluster's own word\n\n| | |\n|---|---|", flush=True)
    print(f"| relay at rest without it | {at_rest * 100:.2f} % of a core |")
    print(
        f"| one look: the relay, starting and ending the child, crm_mon itself | {own * 1e3:.1f}, {children * 1e3:.1f}, {REAL * 1e3:.0f} ms of CPU |"
    )
    print(f"| relay at rest with it, crm_mon included | {share:.2f} % of a core |")
    told, ping = _size(_cluster(50)), len(',"looked_ms":12345')
    print(f"| a picture of 50 services on three nodes | {told:,} bytes |")
    print(
        f"| unchanged, a day: whole once an hour, and the ping's word | {told * DAY / WHOLE_EVERY:,.0f} + {ping * DAY:,} bytes |"
    )
    moved = sum(_size(_cluster(50, moved=50 * step // STEPS)) for step in range(STEPS + 1))
    print(
        f"| one failover of all 50, a picture every {SETTLES_AFTER:.0f} s: each node, on the wire and in the ledger | {moved:,} bytes |"
    )
    print("\nBound: 0.3 % of a core at rest.")


def _at_rest(site: Site, seconds: float) -> float:
    """The share of a core that a relay takes whose hooks and cluster are silent."""
    before = _spent(site.relay.pid)
    time.sleep(seconds)
    return (_spent(site.relay.pid) - before) / seconds


def _spent(pid: int) -> float:
    """Seconds of CPU of all its threads. (proc(5), schedstat)"""
    return sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _looks(number: int) -> tuple[float, float]:
    """CPU seconds of one look: in this process, and in its children."""
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "crm_mon"
        script.write_text(f"#!/bin/sh\nexec cat {SHOWN}/2.1.5.xml\n")
        script.chmod(0o755)
        onlooker, here, looked = Onlooker(str(script), "off", every=0.0), moment(boot_id()), 0
        before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        while looked < number:
            seen = onlooker.picture
            onlooker.on_tick(time.monotonic(), here)
            if onlooker.fileno() >= 0 and select.select([onlooker.fileno()], [], [], 0.1)[0]:
                onlooker.on_readable(time.monotonic(), here)
            looked += onlooker.picture is not seen
        after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        onlooker.close()
    own, children = ((b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime) / number for a, b in zip(before, after, strict=True))
    return own, children


def _cluster(services: int, moved: int = 0) -> dict[str, Any]:
    nodes = [{"name": f"node-{number}", "online": number < 3 or not moved, "expected_up": True} for number in (1, 2, 3)]
    rows = [
        {
            "id": f"service-{number:02d}",
            "agent": "ocf:heartbeat:VirtualDomain",
            "nodes": [f"node-{1 if number < moved else 3}"],
            "active": True,
        }
        for number in range(services)
    ]
    primitives = [
        {"id": row["id"], "agent": row["agent"], "parameters": [["config", f"/etc/libvirt/qemu/{row['id']}.xml"]]} for row in rows
    ]
    head = {"version": "2.1.5-a3f44794f94", "dc": "node-1", "quorate": True, "configured": True}
    return head | {"nodes": nodes, "resources": rows, "primitives": primitives}


def _size(says: dict[str, Any]) -> int:
    return sum(len(body) for _, body in parts(says, moment(boot_id())))
