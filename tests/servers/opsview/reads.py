"""The calls that only read: status, detail, events, which objects exist, the server itself."""

import json

from tests.servers.opsview.rules import Refused
from tests.servers.opsview.times import instant


def version(_call):
    """GET /rest, without a login [doc 6.5; shapes: RestAPI's tests]."""
    return {"api_version": 6.008008, "api_min_version": "2.0", "easyxdm_version": "2.4.19"}


def info(call):
    """GET /rest/info [doc 6.5; RestAPI]; pyopsview asks right after its login."""
    number = call.rules.version
    return {
        "opsview_version": ".".join(number.split(".")[:3]),
        "opsview_build": number,
        "opsview_edition": "commercial",
        "opsview_name": "Opsview",
        "server_timezone": call.rules.zone,
        "server_timezone_offset": "0",
        "uuid": "5c0d1d3a-6b1c-4b8e-9f53-0d1f4a6d2b10",
        "hosts_limit": "300",
    }


def serverinfo(_call):
    return {"list": [{"name": "Master Monitoring Server"}]}  # its fields are documented nowhere that could be read


def user(call):
    """GET /rest/user: real numbers here [doc 6.8-6.9]."""
    return user_data(call.user)


def user_data(of):
    rights = dict.fromkeys(sorted(of.rights), 1)
    return {
        "access_list": rights,
        "fullname": of.name.title(),
        "language": "",
        "name": of.name,
        "realm": "local",
        "role": "Administrator",
    }


def _see(call):
    call.need("VIEWALL", "VIEWSOME")


# --- detail


def detail(call):
    """GET /rest/detail: one object, real numbers, upper-case words [doc 6.8-6.10 Detail - Listing]."""
    _see(call)
    hosts, services = call.select.acting(call.params)
    if not hosts and not services:
        raise Refused(404, "Object not found")
    thing = (services or hosts)[0]
    limit = call.rules.text_limit
    named = {"servicename": thing.service} if thing.service else {}
    return {
        "object": {
            "hostname": thing.host,
            "alias": thing.host,
            "state": thing.word.upper(),
            "output": thing.output[:limit],
            **named,
            "perfdata": thing.perfdata[:limit],
            "state_type": 1,
            "check_type": thing.checktype,
            "current_attempt": 1,
            "max_attempts": 1,
            "state_duration": int(call.now - thing.changed_at),
            "last_check": int(thing.updated_at),
            "last_state_change": int(thing.changed_at),
            "status_update_time": int(thing.updated_at),
            "is_flapping": False,
            "acknowledged": thing.ack is not None,
            "in_downtime": call.world.in_downtime(thing, call.now) == 2,
            "monitored_by": "Master Monitoring Server",
            "latency": 0.0,
            "duration": 0.0,
            "next_check_expected": 0,
        }
    }


# --- status


def status_service(call):
    """GET /rest/status/service: hosts with their services, strings, `acknowledged` only when so [core; doc 6.8; nagstamon]."""
    _see(call)
    services = [t for t in call.select.listing(call.params) if _asked(call, t)]
    hosts = {t.host for t in services}
    if not _narrowed(call.params) or "includehosts" in call.params:
        hosts |= {t.host for t in call.select.hosts_listed(call.params)}
    shown = [t for t in call.world.things.values() if t.service is None and t.host in hosts]
    rows = [_host_row(call, h, [s for s in services if s.host == h.host]) for h in shown]
    return {"list": rows, "summary": _totals(call, shown, services)}


def _narrowed(params):
    return any(name in params for name in ("state", "filter", "servicename", "servicecheck", "hs", "serviceid", "keyword"))


def _asked(call, thing):
    states, kind = call.params.get("state"), call.params.first("filter")
    if states and str(thing.state) not in states and thing.word not in states:
        return False
    return kind is None or (kind == "unhandled") == call.world.unhandled(thing, call.now)


def _row(call, thing, *, of_service):
    down = call.world.in_downtime(thing, call.now) if of_service else thing.downtime(call.now)
    row = {
        "name": thing.service if of_service else thing.host,
        "state": thing.word,
        "state_type": "hard",
        "unhandled": "1" if call.world.unhandled(thing, call.now) else "0",
        "downtime": str(down),
        "last_check": str(int(thing.updated_at)),  # epoch in 5.x and later, as Nagstamon reads it
        "state_duration": str(int(call.now - thing.changed_at)),
        "current_check_attempt": "1",
        "max_check_attempts": "1",
        "output": thing.output,
        "markdown": "0",
    }
    if thing.ack:
        row["acknowledged"] = "1"
    return row


def _service_row(call, thing):
    row = _row(call, thing, of_service=True) | {
        "service_object_id": str(thing.id),
        "perfdata_available": "1" if thing.perfdata else "0",
    }
    running = next((d for d in thing.downtimes if d.start <= call.now < d.end), None)
    return row | ({"downtime_username": running.author, "downtime_comment": running.comment} if running else {})


def _host_row(call, host, services):
    row = _row(call, host, of_service=False)
    own = [t for t in call.world.things.values() if t.host == host.host and t.service is not None]
    return row | {
        "alias": host.host,
        "icon": "LOGO - Opsview",
        "ip": "192.0.2.1",
        "hostgroup": host.hostgroups[0] if host.hostgroups else "",
        "num_interfaces": "0",
        "num_services": str(len(own)),
        "summary": _counts(call, own),
        "services": [_service_row(call, s) for s in services],
    }


def _counts(call, things):
    unhandled = sum(call.world.unhandled(t, call.now) for t in things)
    counts = {"total": len(things), "unhandled": unhandled, "handled": len(things) - unhandled}
    for thing in things:
        counts[thing.word] = counts.get(thing.word, 0) + 1  # states that do not occur are missing
    return {k: str(v) for k, v in counts.items()}


def _totals(call, hosts, services):
    both = _counts(call, hosts + services)
    totals = {k: both[k] for k in ("handled", "unhandled", "total")}
    return totals | {"host": _counts(call, hosts), "service": _counts(call, services)}


# --- which objects exist


def runtime_service(call):
    """GET /rest/runtime/service?group_by=host: what exists at run time [doc 6.9-6.10; core]."""
    _see(call)
    grouped = {}
    by_host = call.params.first("group_by", "host") == "host"
    for thing in call.select.listing(call.params):
        key, value = (thing.host, thing.service) if by_host else (thing.service, thing.host)
        grouped.setdefault(key, []).append(value)
    rows = call.params.first("rows", "50")
    names = sorted(grouped)
    page = max(1, int(call.params.first("page", "1")))
    shown = names if rows == "all" else names[(page - 1) * int(rows) : page * int(rows)]
    numbers = {"rows": str(len(shown)), "allrows": str(len(names)), "total": str(len(names))}
    return {**numbers, "list": [{"name": n, "list": sorted(grouped[n])} for n in shown]}


# --- events


def events(call):
    """GET /rest/event, newest first; the summary has names of its own and no filter says "since id" [doc 6.8.0-6.10.4 Event]."""
    _see(call)
    allowed = call.user.hosts
    everything = [e for e in call.world.events if allowed is None or e["hostname"] in allowed]
    found = [e for e in everything if _event_wanted(call, e)]
    seen = call.params.first("saved_maxeventid")
    newer = [e for e in found if seen is not None and int(e["eventid"]) > int(seen)]
    if seen is not None and call.rules.new_events_only:
        found = newer
    order = json.loads(call.params.first("sortby", '[{"col":"time","order":"desc"}]'))
    found.sort(key=lambda e: int(e["eventid"]), reverse=order[0].get("order") == "desc")
    rows, page = int(call.params.first("rows", str(call.rules.event_rows))), int(call.params.first("page", "1"))
    shown = found[(page - 1) * rows : page * rows]
    summary = {
        "entries": len(shown),
        "page": page,
        "pages": max(1, -(-len(found) // rows)),
        "total_entries": len(found),
        "maxeventid": _newest(everything),
        "filtered_maxeventid": _newest(found),
        **({"filtered_new_event_count": len(newer)} if seen is not None else {}),
    }
    return {"list": shown, "summary": {k: str(v) for k, v in summary.items()}}


def _newest(found):
    return max((int(e["eventid"]) for e in found), default=0)


def _event_wanted(call, event):
    get, zone = call.params.first, call.rules.zone
    begin, end = get("startTime"), get("endTime")
    if begin and int(event["time"]) < instant(begin, call.now, zone):
        return False
    if end and int(event["time"]) > instant(end, call.now, zone):
        return False
    for name, key in (("host", "hostname"), ("service", "servicename"), ("eventtype", "eventtype")):
        # by service alone one gets all hosts' events: a documented limitation
        if call.params.get(name) and event.get(key) not in call.params.get(name):
            return False
    if get("serviceonly") == "1" and "servicename" not in event:
        return False
    text = " ".join(str(event.get(k, "")) for k in ("hostname", "servicename", "output"))
    return all(word in text for word in call.params.get("search", []))
