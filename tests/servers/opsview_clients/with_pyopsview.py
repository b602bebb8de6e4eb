"""Run by the interpreter that has pyopsview: login, info, configuration, reload, the vendor's way. Prints JSON."""

import json
import sys
import time

from pyopsview.v2.client import Client

TYPE = {"name": "Passive"}
SERVER = {"monitored_by": {"name": "Master Monitoring Server"}}


def main(url):
    client = Client(url, "admin", "initial")
    told = {"version": client.version, "user": client.user_info()["name"], "zone": client.info()["server_timezone"]}
    client.server_info()
    config = client.config
    config.hostgroups.create(name="KVM", parent={"name": "Opsview"})
    config.servicegroups.create(name="HA Cluster")
    config.variables.create(name="DRBD_RESOURCE")
    config.hosttemplates.create(name="HA Cluster - Bell")
    common = {
        "args": "",
        "plugin": None,
        "check_type": TYPE,
        "service_group": {"name": "HA Cluster"},
        "host_templates": [{"name": "HA Cluster - Bell"}],
    }
    config.servicechecks.create(name="DRBD", attribute={"name": "DRBD_RESOURCE"}, check_freshness=False, **common)
    config.servicechecks.create(name="Cluster", check_freshness=True, stale_threshold_seconds=900, stale_state=3, **common)
    variables = [{"name": "DRBD_RESOURCE", "value": v} for v in ("r0", "r1")]
    templates = [{"name": "HA Cluster - Bell"}]
    node = {"name": "node1", "host_group": {"name": "KVM"}, "variables": variables, "host_templates": templates, **SERVER}
    made = config.hosts.create(address="192.0.2.11", **node)
    told["created"] = made["name"]
    told["updated"] = config.hosts.update(made["id"], address="192.0.2.12", **node)["address"]
    told["many"] = int(
        config.hosts.create_many(
            [{"name": f"extra{n:02}", "address": "192.0.2.1", "host_group": {"name": "KVM"}, **SERVER} for n in range(60)]
        )
    )
    told["listed"] = len(list(config.hosts.list()))
    told["like"] = sorted(h["name"] for h in config.hosts.list(search={"name": {"-like": "extra0%"}}))
    told["found"] = [h["name"] for h in config.hosts.find(name="node1")]
    told["none"] = config.hosts.find_one(name="nobody")
    config.hosts.delete(config.hosts.find_one(name="extra59")["id"])
    told["pending"] = client.reload_status()["configuration_status"]
    client.reload(asynchronous=True)
    told["reload"] = wait_for_reload(client)
    told["bad_group"] = refused(
        lambda: config.hosts.create(name="node2", address="192.0.2.1", host_group={"name": "nowhere"}, **SERVER)
    )
    told["bad_login"] = refused(lambda: Client(url, "admin", "wrong"))
    print(json.dumps(told))


def wait_for_reload(client):
    for _ in range(200):
        status = client.reload_status()
        if status["server_status"] != "1":
            return [status["server_status"], status["configuration_status"]]
        time.sleep(0.05)
    return None


def refused(what):
    try:
        what()
    except Exception as error:  # the client's own error class differs between its versions
        return str(error).splitlines()[0]
    return None


main(sys.argv[1])
