"""A Pacemaker cluster on machines: what it is told, and what it says of itself. Imports nothing of ours."""

import contextlib
import json
import xml.etree.ElementTree as ET
from functools import partial

from tests.waiting import eventually

until = partial(eventually, every=0.5)
"""For what costs a look at the cluster."""

TOKEN_MS = 2000
"""Corosync's patience with a silent member; short for a test, long for a busy machine."""
ALERT = "/usr/libexec/quorumbell/quorumbell-alert"
FENCING = (
    '<primitive id="fencing" class="stonith" type="fence_switch"><instance_attributes id="fencing-i">'
    '<nvpair id="fencing-i-check" name="pcmk_host_check" value="dynamic-list"/></instance_attributes>'
    '<operations><op id="fencing-m" name="monitor" interval="60s"/></operations></primitive>'
)
STARTUP_FENCING = "startup-fencing"
OPTIONS = {
    "stonith-enabled": "true",
    "dc-deadtime": "5s",
    "stonith-timeout": "30s",
    "cluster-recheck-interval": "60s",
    STARTUP_FENCING: "false",  # until all have been there once: who boots slowly would be shot at first sight
    "load-threshold": "1000%",  # each machine sees the load of all, and of whatever else runs here
}


def corosync_conf(name, addresses):
    """`addresses` on the ring, by node."""
    nodes = "\n".join(
        f"    node {{\n        name: {node}\n        nodeid: {number}\n        ring0_addr: {address}\n    }}"
        for number, (node, address) in enumerate(addresses.items(), 1)
    )
    return f"""\
totem {{
    version: 2
    cluster_name: {name}
    transport: knet
    token: {TOKEN_MS}
    secauth: off
}}
nodelist {{
{nodes}
}}
quorum {{
    provider: corosync_votequorum
}}
logging {{
    to_logfile: yes
    logfile: /var/log/corosync/corosync.log
    to_syslog: no
    timestamp: hires
}}
"""


def cib(schema, alert):
    """What a new cluster starts with: options, a fence device, and the alert as docs/hook.md has it."""
    options = pairs("options", OPTIONS)
    return (
        f'<cib admin_epoch="0" epoch="1" num_updates="0" validate-with="{schema}"><configuration>'
        f'<crm_config><cluster_property_set id="options">{options}</cluster_property_set></crm_config><nodes/>'
        f"<resources>{FENCING}</resources><constraints/><alerts>{alert}</alerts></configuration><status/></cib>"
    )


def pairs(of, values):
    return "".join(f'<nvpair id="{of}-{name}" name="{name}" value="{value}"/>' for name, value in values.items())


def primitive(name, agent="ocf:pacemaker:Dummy", *, every="3s", parameters=None, meta=None, operations=()):
    """`agent` as crm_mon writes it; `operations` are (name, seconds, more attributes)."""
    kind, *provider, type_ = agent.split(":")
    of = f'provider="{provider[0]}" ' if provider else ""
    made = [("monitor", every, {}), ("start", "0s", {}), ("stop", "0s", {}), *operations]
    given = {task: {"name": task, "interval": interval, "timeout": "30s", **more} for task, interval, more in made}
    ops = "".join(
        f'<op id="{name}-{task}" {" ".join(f"{key}={json.dumps(value)}" for key, value in attributes.items())}/>'
        for task, attributes in given.items()
    )
    sets = "".join(
        f'<{kind_of} id="{name}-{short}">{pairs(f"{name}-{short}", values)}</{kind_of}>'
        for kind_of, short, values in (("instance_attributes", "i", parameters), ("meta_attributes", "m", meta))
        if values
    )
    return f'<primitive id="{name}" class="{kind}" {of}type="{type_}">{sets}<operations>{ops}</operations></primitive>'


def guest(name, **meta):
    """A virtual machine of the pretended libvirt, that can be migrated."""
    parameters = {"config": f"/run/outside/{name}.xml", "hypervisor": "qemu:///system", "migration_transport": "ssh"}
    moves = [("migrate_to", "0s", {}), ("migrate_from", "0s", {})]
    return primitive(
        name, "ocf:heartbeat:VirtualDomain", parameters=parameters, meta={"allow-migrate": "true", **meta}, operations=moves
    )


class Cluster:
    """Asks and tells whichever machine answers, except where one is named."""

    def __init__(self, machines):
        self.machines = machines

    # --- asking

    def picture(self, machine):
        """The cluster as one of its machines sees it, or None: no word."""
        with contextlib.suppress(AssertionError):  # it loses power just now
            return machine.run("crm_mon", "--output-as=xml", "--inactive", seconds=8)
        return None

    def pictures(self):
        asked = {name: self.picture(machine) for name, machine in self.machines.items() if machine.powered and not machine.frozen}
        return {name: text for name, text in asked.items() if text}

    def any(self):
        """A machine that sees a quorum, if there is one."""
        seen = self.pictures()
        assert seen, "no machine of the cluster answers"
        quorate = [
            name for name, text in seen.items() if ET.fromstring(text).find("summary/current_dc[@with_quorum='true']") is not None
        ]
        return self.machines[(quorate or list(seen))[0]]

    def online(self, *names):
        """Whether each of these (all, by default) sees all of them as members, and a coordinator."""
        wanted = names or tuple(self.machines)
        seen = {name: text for name in wanted if self.machines[name].powered and (text := self.picture(self.machines[name]))}
        return len(seen) == len(wanted) and all(_members(text) >= set(wanted) for text in seen.values())

    def wait_online(self, *names, seconds=120):
        until(lambda: self.online(*names), seconds, f"online: {names or 'all'}")

    def settle(self, seconds=90):
        """Until the coordinator has nothing left to do, twice in a row."""
        calm = 0

        def calmly():
            nonlocal calm
            calm = calm + 1 if self._idle() else 0
            return calm == 2

        until(calmly, seconds, "the cluster comes to rest")

    def _idle(self):
        with contextlib.suppress(AssertionError):
            machine = self.any()
            dc = ET.fromstring(self.picture(machine) or "<x/>").find("summary/current_dc[@name]")
            return dc is not None and "S_IDLE" in machine.run("crmadmin", "-t", "5", "-S", dc.get("name"), check=False).stdout
        return False

    def where(self, resource):
        """The nodes on which it runs."""
        root = ET.fromstring(self.picture(self.any()) or "<x/>")
        rows = [row for row in root.iter("resource") if row.get("id") == resource and row.get("active") == "true"]
        return sorted(node.get("name") for row in rows for node in row.iter("node"))

    # --- telling

    def add(self, *resources, constraints=""):
        text = (
            f"<configuration><resources>{''.join(resources)}</resources><constraints>{constraints}</constraints></configuration>"
        )
        self.crm("cibadmin", "--modify", "--allow-create", "--scope", "configuration", "--xml-text", text)

    def constrain(self, text):
        self.crm("cibadmin", "--create", "--scope", "constraints", "--xml-text", text)

    def option(self, name, value=None):
        self.crm("crm_attribute", "--type", "crm_config", "--name", name, *(["--update", value] if value else ["--delete"]))

    def crm(self, *words):
        """A command of the cluster's, on any machine: the cluster is one."""
        return self.any().run(*words)

    def fail(self, machine, resource, action, code=1, reason="it was told to fail"):
        """From now on this action of an ocf:trial:Told fails there."""
        machine.run("sh", "-c", 'mkdir -p /run/told; echo "$2" >"/run/told/$1"', "sh", f"{resource}.{action}", f"{code} {reason}")

    def mend(self, machine, resource, action):
        machine.run("rm", "-f", f"/run/told/{resource}.{action}")


def prefers(resource, node, score="50"):
    return f'<rsc_location id="{resource}-{node}" rsc="{resource}" node="{node}" score="{score}"/>'


def _members(text):
    root = ET.fromstring(text)
    if root.find("summary/current_dc[@present='true']") is None:
        return set()
    return {
        node.get("name") for node in root.findall("nodes/node") if node.get("online") == "true" and node.get("pending") == "false"
    }
