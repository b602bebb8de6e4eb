"""Path and verb to call. Every success is 200, never 201 or 204 [RestAPI]; unknown paths 404, other verbs 405 [catalyst]."""

from dataclasses import dataclass
from typing import Any

from tests.servers.opsview import acts, reads
from tests.servers.opsview.formats import Params
from tests.servers.opsview.rules import Refused
from tests.servers.opsview.select import Selector


@dataclass
class Call:
    server: Any
    verb: str
    path: str
    params: Params
    body: Any
    user: Any
    now: float

    @property
    def rules(self):
        return self.server.rules

    @property
    def world(self):
        return self.server.world

    @property
    def setup(self):
        return self.server.setup

    @property
    def select(self):
        return Selector(self.world, self.rules, self.user)

    def need(self, *rights):
        self.server.sessions.need(self.user, *rights)


def reload_status(call):
    call.need(call.rules.reload_view_right, "RELOADACCESS")
    return call.setup.reload_status()


def reload(call):
    """Synchronous unless asynchronous=1; 409 when one is running; 400 when it failed [doc 6.x Reload]."""
    call.need("RELOADACCESS")
    call.setup.start_reload(call.now)
    if call.params.first("asynchronous") not in acts.TRUE:
        call.server.finish_reload(call.setup.reload_ends_at)
    status = call.setup.reload_status()
    if status["server_status"] == "3":
        raise Refused(400, "Reload failed", body=status)
    return status


def config(call):
    """The configuration tree [doc 6.8-6.10 Config]."""
    _, _, kind, *rest = call.path.strip("/").split("/")
    ident = rest[0] if rest else None
    if call.verb == "GET":
        call.need("CONFIGUREVIEW", "CONFIGURESAVE")
        return _config_get(call, kind, ident)
    call.need("CONFIGURESAVE")
    if call.verb == "DELETE":
        return _config_delete(call, kind, ident)
    body = call.body if isinstance(call.body, dict) else {}
    body = body["object"] if isinstance(body.get("object"), dict) else body  # one client wraps it [rs]
    if isinstance(body.get("list"), list):
        return {"objects_updated": str(call.setup.put_many(kind, body["list"]))}
    if call.verb == "POST":
        return {"object": call.setup.clone(kind, ident, body) if ident else call.setup.post(kind, body)}
    if ident:
        call.setup.one(kind, ident)
    return {"object": call.setup.put(kind, body, ident)}


def _config_get(call, kind, ident):
    if ident == "exists":
        return {"exists": "1" if call.setup.named(kind, call.params.first("name", "")) else "0"}
    if ident:
        return {"object": call.setup.one(kind, ident)}
    return call.setup.listing(kind, call.params)


def _config_delete(call, kind, ident):
    if ident:
        call.setup.delete(kind, [ident])
        return {"success": "1"}
    return {"objects_deleted": str(call.setup.delete(kind, call.params.get("id") or call.params.get("s.id")))}


ROUTES = {
    "/rest": {"GET": reads.version},
    "/rest/info": {"GET": reads.info},
    "/rest/serverinfo": {"GET": reads.serverinfo},
    "/rest/user": {"GET": reads.user},
    "/rest/detail": {"GET": reads.detail, "POST": acts.set_detail},
    "/rest/status": {"POST": acts.set_status},
    "/rest/status/service": {"GET": reads.status_service},
    "/rest/acknowledge": {"GET": reads.status_service, "POST": acts.acknowledge, "DELETE": acts.unacknowledge},
    "/rest/recheck": {"GET": reads.status_service, "POST": acts.recheck},
    "/rest/downtime": {"GET": acts.list_downtimes, "POST": acts.make_downtime, "DELETE": acts.end_downtime},
    "/rest/event": {"GET": reads.events},
    "/rest/runtime/service": {"GET": reads.runtime_service},
    "/rest/reload": {"GET": reload_status, "POST": reload},
}


def find(server, verb, path):
    """The function of a call, or the refusal."""
    if path.startswith("/rest/config/"):
        return _verb(dict.fromkeys(("GET", "POST", "PUT", "DELETE"), config), verb)
    gone = (path == "/rest/status" and not server.rules.status_route) or (
        path == "/rest/detail" and not server.rules.detail_route
    )
    if path not in ROUTES or gone:
        raise Refused(404, "Not Found")
    return _verb(ROUTES[path], verb)


def _verb(by_verb, verb):
    if verb not in by_verb:
        raise Refused(
            405, "", body=f"Method {verb} not implemented for this URL\n", headers=[("Allow", ", ".join(sorted(by_verb)))]
        )
    return by_verb[verb]
