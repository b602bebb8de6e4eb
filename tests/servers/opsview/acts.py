"""The calls that change something: results, acknowledgements, downtimes, rechecks."""

from tests.servers.opsview.rules import Refused
from tests.servers.opsview.times import downtime_span, words
from tests.servers.opsview.world import Acknowledgement, Downtime

TRUE = {"1", "true", "True", "yes", "on"}  # Nagstamon sends Python's True and False


def clean(comment):
    """`<`, `>`, `;` and newlines are removed [doc 6.x; core: clean_comment]."""
    return "".join(c for c in comment if c not in "<>;\n\r")


def listed(hosts, services):
    return {
        "summary": {"num_hosts": str(len(hosts)), "num_services": str(len(services))},
        "list": {
            "hosts": [{"id": str(t.id), "hostname": t.host} for t in hosts],
            "services": [{"id": str(t.id), "hostname": t.host, "servicename": t.service} for t in services],
        },
    }


# --- results


def set_status(call):
    """POST /rest/status [doc 6.3 Set Service Status; nagstamon]: one state for all that is selected, and says what was hit."""
    call.need("ACTIONALL", "ACTIONSOME")
    output = call.params.first("comment", "")
    hosts, services = _chosen(call)
    _submit(call, hosts + services, call.params.first("new_state"), output)
    return listed(hosts, services)


def set_detail(call):
    """POST /rest/detail [doc 6.7-6.11 Detail - Setting]. Other switches of the same body are taken and do nothing here."""
    call.need("ACTIONALL", "ACTIONSOME")
    hosts, services = _chosen(call)
    if len(hosts) + len(services) > 1 and call.rules.detail_several == "refuse":
        raise Refused(400, "More than one object found")
    setting = call.body.get("set_state") if isinstance(call.body, dict) else None
    if setting is not None:  # the body only; unknown keys in it (`perfdata`, `state_type`) are ignored
        _submit(call, hosts + services, setting.get("result"), setting.get("output") or "")
    return {"success": "1"}


def _chosen(call):
    hosts, services = call.select.acting(call.params)
    if not hosts and not services:
        raise Refused(call.rules.unknown_object_status, call.rules.unknown_object_words)
    return hosts, services


def _submit(call, things, state, output):
    if not str(output).strip():
        raise Refused(call.rules.bad_value_status, "output: Invalid")  # must be set and not empty [doc 6.7]
    if "\n" in output and call.rules.newlines == "refused":
        raise Refused(400, "Command contains invalid characters")
    for thing in things:
        if str(state) not in (("0", "1", "2", "3") if thing.service else ("0", "1", "2")):
            raise Refused(call.rules.bad_value_status, "result: Invalid")
    for thing in things:
        call.world.later(call.now, call.world.result, thing, int(state), str(output))


# --- acknowledgements


def acknowledge(call):
    """POST /rest/acknowledge [doc 4.6-6.8]."""
    call.need("ACTIONALL", "ACTIONSOME")
    comment = clean(call.params.first("comment", ""))
    if not comment:
        raise Refused(400, "Error validating acknowledge parameters", detail="comment: Missing")
    hosts, services = call.select.acting(call.params)
    if not hosts and not services:
        raise Refused(400, "No objects chosen for acknowledgements")
    ack = Acknowledgement(call.user.name, comment, call.params.first("sticky", "0") in TRUE)
    for thing in hosts + services:
        call.world.later(call.now, call.world.acknowledge, thing, ack)
    return listed(hosts, services)


def unacknowledge(call):
    """DELETE /rest/acknowledge: 6.5 and later, not implemented in 4.6 [doc]."""
    if not call.rules.delete_acknowledge:
        raise Refused(405, "Method DELETE not implemented", headers=[("Allow", "GET, HEAD, POST")])
    call.need("ACTIONALL", "ACTIONSOME")
    hosts, services = call.select.acting(call.params)
    if not hosts and not services:
        raise Refused(400, "No objects chosen for acknowledgements")
    for thing in hosts + services:
        call.world.later(call.now, call.world.unacknowledge, thing)
    return listed(hosts, services)


def recheck(call):
    """A recheck of a passive check without cascaded_from does nothing [doc 3.13-4.6]."""
    call.need("ACTIONALL", "ACTIONSOME")
    hosts, services = call.select.acting(call.params)
    if not hosts and not services:
        raise Refused(400, "No objects chosen for recheck")
    return listed(hosts, services)


# --- downtimes


def make_downtime(call):
    """POST /rest/downtime [doc 6.3-6.9; core: Common.pm, OpsviewHosts.pm]."""
    call.need("DOWNTIMESOME", "DOWNTIMEALL")
    comment = clean(call.params.first("comment", ""))
    start, end = downtime_span(call.params, call.now, call.rules.zone)
    if not comment:
        raise Refused(400, "Error validating downtime parameters", detail="comment: Missing")
    groups, hosts, services = _for_downtime(call)
    for thing in hosts + services:
        prefix = call.params.first("comment_prefix") or _name(thing)
        downtime = Downtime(start, end, f"{prefix}: {comment}", call.user.name)
        call.world.later(call.now, call.world.schedule, thing, downtime)
    return _with_groups(listed(hosts, services), groups)


def end_downtime(call):
    """DELETE /rest/downtime: parameters in the URL only; only_objects_set says whether the objects or a search are meant."""
    call.need("DOWNTIMESOME", "DOWNTIMEALL")
    groups, hosts, services = _for_downtime(call, must=False)
    start, comment = call.params.first("start_time"), call.params.first("comment")

    def unwanted(downtime):
        at_start = start is None or start in (str(int(downtime.start)), words(downtime.start, call.rules.zone))
        return at_start and (comment is None or downtime.comment == comment)

    for thing in hosts + services:
        call.world.later(call.now, call.world.unschedule, thing, unwanted)
    return _with_groups(listed(hosts, services), groups)


def list_downtimes(call):
    """GET /rest/downtime: rows with equal start, end, comment and author are one entry, cut before grouping [core]."""
    call.need("DOWNTIMESOME", "DOWNTIMEALL")
    if any(name.startswith(("hst.", "svc.", "hg.")) for name in call.params):
        raise Refused(400, "Invalid parameters for listing downtimes")
    things = call.select.listing(call.params)
    if "hs" not in call.params:
        things = call.select.hosts_listed(call.params) + things  # filtering by service name also returns hosts [doc]
    found = sorted(((d.start, d.end, d.comment, d.author), t.key, t, d) for t in things for d in t.downtimes)
    rows = call.params.first("rows", "50")
    shown = found if rows == "all" else found[: int(rows)]
    grouped = {}
    for key, _, thing, downtime in shown:
        grouped.setdefault(key, []).append((thing, downtime))
    services = sum(t.service is not None for t in things if t.downtimes)
    numbers = {"num_hosts": sum(t.service is None for t in things if t.downtimes), "num_services": services}
    numbers |= {"rows": len(shown), "allrows": len(found)}
    if rows not in ("all", "0"):
        numbers |= {"totalrows": len(found), "totalpages": max(1, -(-len(found) // int(rows))), "page": 1}
    body = {"summary": {k: str(v) for k, v in numbers.items()}}
    return body if rows == "0" else {**body, "list": [_entry(key, of, call.rules.zone) for key, of in grouped.items()]}


def _entry(key, of, zone):
    started = next((d.started_at for _, d in of if d.started_at is not None), None)
    names = listed([t for t, _ in of if t.service is None], [t for t, _ in of if t.service is not None])["list"]
    return {
        "started": "0" if started is None else "1",
        "start_time": words(key[0], zone),
        **({"actual_start_time": words(started, zone)} if started is not None else {}),
        "scheduled_end_time": words(key[1], zone),
        "comment": key[2],
        "author": key[3],
        "objects": names,
    }


def _for_downtime(call, *, must=True):
    """A downtime of a group is one of its hosts and their services as of now [doc 6.3]; of a host it also covers its services."""
    wanted = call.params.get("hg.hostgroupname", [])
    of_groups = [t for t in call.world.things.values() if t.service is None and set(wanted) & set(t.hostgroups)]
    hosts, services = call.select.acting(call.params)
    hosts = [*hosts, *(t for t in of_groups if t not in hosts)]
    if must and not hosts and not services:
        raise Refused(400, "No objects chosen for downtime")
    return wanted, hosts, services


def _with_groups(reply, groups):
    reply["summary"]["num_hostgroups"] = str(len(groups))
    reply["list"]["hostgroups"] = [{"name": g, "id": "0"} for g in groups]
    return reply


def _name(thing):
    """`Host 'node1': text` [doc 6.3]; the service's form is believed."""
    return f"Service '{thing.host}::{thing.service}'" if thing.service else f"Host '{thing.host}'"
