"""Nagstamon's Opsview module without its window: `with_nagstamon.py FOLDER URL`, then one JSON line [what, arguments] per act.

FOLDER holds the unpacked Debian package (the folder above `Nagstamon`). Its code does the talking; what is replaced here is
around it: HTML parsing, process and password-store modules, which this server class needs to be importable and never uses.
"""

import json
import sys
import types


def stand_in(name, **what):
    module = types.ModuleType(name)
    module.__dict__.update(what)
    sys.modules[name] = module
    return module


def load(folder):
    sys.path.insert(0, folder)
    stand_in("bs4", BeautifulSoup=None)
    stand_in("psutil")
    stand_in("requests_kerberos", HTTPKerberosAuth=None)
    stand_in("keyring")
    # Servers/__init__ would import twenty other monitoring systems.
    stand_in("Nagstamon.Servers").__path__ = [f"{folder}/Nagstamon/Servers"]
    sys.argv = ["nagstamon"]
    from Nagstamon.Servers.Opsview import OpsviewServer  # only now can it be imported

    return OpsviewServer


def connected(server_class, url):
    server = server_class(name="test")
    server.monitor_url, server.username, server.password = url, "admin", "initial"
    server.authentication, server.session, server.refresh_authentication = "basic", None, False
    server.ignore_cert = server.custom_cert_use = False
    server.timeout = 10
    server.init_HTTP()
    return server


ACTS = {
    "submit": lambda s, host, service, state, comment: s._set_submit_check_result(host, service, state, comment, "", ""),
    "acknowledge": lambda s, host, service, comment, sticky: s._set_acknowledge(
        host, service, "me", comment, sticky, False, False
    ),
    "downtime": lambda s, host, service, comment: s._set_downtime(
        host, service, "me", comment, True, *s.get_start_end(host), 2, 0
    ),
    "recheck": lambda s, host, service: s._set_recheck(host, service),
}


def status(server):
    server.new_hosts.clear()
    result = server._get_status()
    seen = {name: {s.name: looks(s) for s in host.services.values()} for name, host in server.new_hosts.items()}
    return {"error": str(result.error), "hosts": seen}


def looks(service):
    return {
        "status": service.status,
        "text": service.status_information,
        "acknowledged": bool(service.acknowledged),
        "downtime": bool(service.scheduled_downtime),
    }


def main(folder, url):
    server = connected(load(folder), url)
    for line in sys.stdin:
        what, arguments = json.loads(line)
        told = status(server) if what == "status" else ACTS[what](server, *arguments)
        print(json.dumps(told), flush=True)


main(sys.argv[1], sys.argv[2])
