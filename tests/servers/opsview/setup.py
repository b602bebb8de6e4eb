"""Configuration objects and the reload that makes a runtime of them [doc 6.8-6.10 Config; core: ResultSet*.pm; rs]."""

import json
import re

from tests.servers.opsview.rules import Refused
from tests.servers.opsview.world import Freshness

# Name rules of 6.8+ as a client enforces them [rs]; a variable's as the 2013 schema had them [core].
NAMES = {
    "host": r"[\w.-]{1,64}",
    "servicecheck": r"[\w./ -]{1,64}",
    "hosttemplate": r"[^\W_][\w ./()-]{0,127}",
    "servicegroup": r"[^\W_][\w ./+()-]{0,127}",
    "hostgroup": r"[^\W_][\w ./+()-]{0,127}",
    "attribute": r"[A-Z0-9_]{1,64}",
    "keyword": r"[^\W_][\w-]{0,127}",
}
VARIABLE_VALUE = r"[\w ./\\()-]{0,64}"  # [core; rs]
TYPES = (
    *("host", "servicecheck", "servicegroup", "hosttemplate", "hostgroup", "attribute", "keyword", "contact", "role"),
    *("timeperiod", "hostcheckcommand", "notificationmethod", "sharednotificationprofile", "monitoringserver"),
    *("monitoringcluster", "collector", "bsmcomponent", "bsmservice", "plugin", "tenancy", "hosticons", "netflow_collector"),
    *("netflow_source", "checktype"),
)
ONE = {
    "host": {"hostgroup": "hostgroup", "check_command": "hostcheckcommand", "monitored_by": "monitoringserver"},
    "servicecheck": {"checktype": "checktype", "servicegroup": "servicegroup", "attribute": "attribute", "plugin": "plugin"},
    "hostgroup": {"parent": "hostgroup"},
}
MANY = {
    "host": {"hosttemplates": "hosttemplate", "keywords": "keyword", "servicechecks": "servicecheck", "parents": "host"},
    "servicecheck": {"hosttemplates": "hosttemplate", "keywords": "keyword", "hosts": "host"},
    "hosttemplate": {"servicechecks": "servicecheck"},
}
IGNORED = {"ref", "id", "uncommitted", "last_updated"}
IGNORED_HERE = {"servicegroup": {"servicechecks"}, "attribute": {"servicechecks"}, "hostgroup": {"hosts", "children"}}
FIELDS = {
    "host": {
        **dict.fromkeys(("alias", "other_addresses", "event_handler"), ""),
        "ip": "",
        "hosttemplates": [],
        "keywords": [],
        "servicechecks": [],
        "parents": [],
        "hostattributes": [],
        "check_interval": "300",
        "check_attempts": "2",
        "retry_check_interval": "60",
        "notification_options": "u,d,r",
    },
    "servicecheck": {
        "description": "",
        "args": "",
        "keywords": [],
        "hosttemplates": [],
        "hosts": [],
        "attribute": None,
        "plugin": None,
        # The database's defaults of 2013: not watched [core]. Stock passive checks have it on [rs].
        "check_freshness": "0",
        "stale_threshold_seconds": "1800",
        "stale_state": "3",
        "stale_text": "",
        "alert_from_failure": "1",
        "notification_options": "w,c,r,u",
        "volatile": "0",
        "cascaded_from": None,
    },
    "hosttemplate": {"description": "", "servicechecks": []},
    "hostgroup": {"parent": None},
    "attribute": {"value": "", "label1": "", "arg1": ""},
}
CHECKTYPES = {"1": "Active Plugin", "2": "Passive", "4": "SNMP trap", "5": "SNMP Polling"}  # [core: bin/db_opsview]


class Setup:
    def __init__(self, rules):
        self.rules = rules
        self.kinds = {kind: {} for kind in TYPES}
        self.pending = False
        self.reloaded_at = 0.0
        self.reload_ends_at = None
        self._meant = None
        self.status = "0"
        self._last_id = 10
        for number, name in CHECKTYPES.items():
            self.kinds["checktype"][number] = {"id": number, "name": name, "ref": f"/rest/config/checktype/{number}"}
        top = self.put("hostgroup", {"name": "Opsview"})
        self.put("hostgroup", {"name": "Monitoring Servers", "parent": {"id": top["id"]}})
        self.put("hostcheckcommand", {"name": "ping"})
        self.put("timeperiod", {"name": "24x7"})
        self.put("monitoringserver", {"name": "Master Monitoring Server"})
        self.pending = False

    # --- reading

    def kind(self, name):
        if name not in self.kinds:
            raise Refused(404, "Not Found")
        return self.kinds[name]

    def named(self, kind, name):
        return next((o for o in self.kinds[kind].values() if o["name"] == name), None)

    def one(self, kind, ident):
        try:
            return self.kind(kind)[ident]
        except KeyError:
            raise Refused(404, f"Cannot find {kind} with id {ident}") from None

    def listing(self, kind, params):
        everything = list(self.kind(kind).values())
        matching = [o for o in everything if _wanted(o, params)]
        return paged(matching, params, len(everything))

    # --- writing

    def post(self, kind, body):
        known = self.named(kind, str(body.get("name", "")))
        if known and self.rules.duplicate_post == "error":
            raise Refused(400, "Error creating object", detail=f"Duplicate entry '{known['name']}' for key 'name'")
        return self.put(kind, body)

    def put(self, kind, body, ident=None):
        """Create or update; keys not sent keep their value, unknown keys are ignored, arrays replace [doc 6.10 Config]."""
        objects = self.kind(kind)
        old = objects.get(ident) if ident else self.named(kind, str(body.get("name", "")))
        new = dict(old) if old else {"name": "", **FIELDS.get(kind, {})}
        for key, value in body.items():
            if key in IGNORED or key in IGNORED_HERE.get(kind, ()):
                continue
            new[key] = self._value(kind, key, value)
        self._check(kind, new)
        if not old:
            self._last_id += 1
            new["id"] = str(self._last_id)
        new["ref"], new["uncommitted"] = f"/rest/config/{kind}/{new['id']}", "1"
        objects[new["id"]] = new
        self.pending = True
        return new

    def put_many(self, kind, bodies):
        """One transaction [doc 6.10 Config - Request Format]."""
        kept = {k: dict(v) for k, v in self.kinds.items()}
        for place, body in enumerate(bodies):
            try:
                self.put(kind, body)
            except Refused as refusal:
                self.kinds = kept
                words = f"Rollback. Error trying to synchronise object: {place}"
                told = {"message": words, "detail": refusal.message, "objects_updated": 0}
                raise Refused(400, words, body=told) from None
        return len(bodies)

    def delete(self, kind, idents):
        if not idents:
            raise Refused(400, "No ids given")
        for ident in idents:
            self.one(kind, ident)
            if kind == "hosttemplate" and any(ident in _ids(h["hosttemplates"]) for h in self.kinds["host"].values()):
                raise Refused(400, "Cannot delete as object still in use")
        for ident in idents:
            del self.kinds[kind][ident]
        self.pending = True
        return len(idents)

    def clone(self, kind, ident, body):
        """POST to an id copies it, the body overrides [doc 6.10 Config]."""
        source = {k: v for k, v in self.one(kind, ident).items() if k not in IGNORED}
        return self.put(kind, {**source, **body})

    def _value(self, kind, key, value):
        if key in ONE.get(kind, {}):
            return None if value in ("", None) else self._related(ONE[kind][key], key, value)
        if key in MANY.get(kind, {}):
            value = value if isinstance(value, list) else [value]
            for each in value:
                if isinstance(each, str):
                    raise Refused(400, "Error when parsing data", detail=f"Not a HASH: {each}")  # [doc 6.10 Request]
            return [self._related(MANY[kind][key], key, each) for each in value]
        if key == "hostattributes":
            return [self._variable(each) for each in value or []]
        return _string(value)

    def _related(self, kind, field, value):
        wanted = value if isinstance(value, dict) else {"id": str(value)}
        if wanted.get("id") is not None and "name" not in wanted:
            found, words = self.kinds[kind].get(str(wanted["id"])), f"id={wanted['id']}"
        else:
            found, words = self.named(kind, wanted.get("name")), f"name={wanted.get('name')}"
        if found is None and kind == "keyword" and wanted.get("name"):
            found = self.put("keyword", {"name": wanted["name"]})  # hashtags are made on the fly, nothing else is [core]
        if found is None:
            raise Refused(400, f"No related object for {field} '{words}'")
        return {"id": found["id"], "name": found["name"], "ref": found["ref"]}

    def _variable(self, given):
        name, value = str(given.get("name", "")), str(given.get("value", ""))
        if self.named("attribute", name) is None:
            raise Refused(400, f"No related object for hostattributes 'name={name}'")  # variables must exist first [core]
        if not re.fullmatch(VARIABLE_VALUE, value):
            raise Refused(400, "hostattributes: Invalid")
        return {**{k: _string(v) for k, v in given.items()}, "name": name, "value": value}

    def _check(self, kind, new):
        problems = []
        if not re.fullmatch(NAMES.get(kind, r".{1,128}"), str(new["name"])):
            problems.append("name: Invalid")
        if kind == "host":
            problems += self._check_host(new)
        if kind == "servicecheck" and not new.get("servicegroup"):
            problems.append("Service group not specified")
        if kind == "servicecheck" and (new.get("checktype") or {}).get("id") == "1" and not new.get("plugin"):
            problems.append("Plugin not specified")
        if problems:
            raise Refused(400, "; ".join(problems))  # several problems are joined so [core]

    def _check_host(self, new):
        problems = []
        if not re.fullmatch(r"[^\[\]'\"`~| !$%^&*<>?,=]{1,254}", str(new["ip"])):
            problems.append("ip: Invalid")
        leaves = self._leaves()
        if new.get("hostgroup") is None:
            first = min(leaves, key=lambda g: g["name"])  # the alphabetically first leaf [core]
            new["hostgroup"] = {k: first[k] for k in ("id", "name", "ref")}
        elif new["hostgroup"]["id"] not in {g["id"] for g in leaves}:
            problems.append("Host group is not a leaf")
        pairs = [(v["name"], v["value"]) for v in new["hostattributes"]]
        twice = sorted({p for p in pairs if pairs.count(p) > 1})
        return problems + [f"attributes duplicated for name '{n}', value '{v}'" for n, v in twice]

    def _leaves(self):
        groups = self.kinds["hostgroup"].values()
        parents = {g["parent"]["id"] for g in groups if g.get("parent")}
        return [g for g in groups if g["id"] not in parents]

    # --- reload

    def start_reload(self, now):
        if self.reload_ends_at is not None:
            body = {"server_status": "1", "messages": ["Reload already running"]}  # plain strings, here only [doc Reload]
            raise Refused(409, "Reload already running", body=body)
        self.reload_ends_at, self.status = now + self.rules.reload_takes, "1"
        if not self.rules.reload_takes_later:
            self._meant, self.pending = self.wanted(), False

    def finish_reload(self, now):
        """What it has made live, when a reload has just ended well."""
        if self.reload_ends_at is None or now < self.reload_ends_at:
            return None
        self.reload_ends_at, self.status, self.reloaded_at = None, self.rules.reload_ends, now
        meant, self._meant = self._meant, None
        if self.status == "3":
            self.pending = True
            return None
        if meant is not None:
            return meant
        self.pending = False
        for objects in self.kinds.values():
            for each in objects.values():
                each["uncommitted"] = "0"
        return self.wanted()

    def reload_status(self):
        bad = [{"detail": "Configuration error", "monitoringserver": "Master Monitoring Server", "severity": "critical"}]
        return {
            "server_status": self.status,
            "configuration_status": "pending" if self.pending else "uptodate",
            "average_duration": "10",
            "lastupdated": str(int(self.reloaded_at)),
            "auditlog_entries": None,
            "messages": bad if self.status == "3" else [],
        }

    def wanted(self):
        """Which hosts and services the configuration means: (host, service or None) -> fields of the runtime object."""
        found = {}
        for host in self.kinds["host"].values():
            found[host["name"], None] = {"checktype": 1, "hostgroups": self._path(host["hostgroup"]["id"])}
            for check in self._checks_of(host):
                for name in _service_names(check, host):
                    found[host["name"], name] = _service_fields(check)
        return found

    def _checks_of(self, host):
        templates = _ids(host["hosttemplates"])
        direct = _ids(host["servicechecks"])
        from_templates = {i for t in templates for i in _ids(self.kinds["hosttemplate"][t]["servicechecks"])}
        for check in self.kinds["servicecheck"].values():
            on = (
                check["id"] in direct | from_templates
                or host["id"] in _ids(check["hosts"])
                or _ids(check["hosttemplates"]) & templates
            )
            if on:
                yield check

    def _path(self, ident):
        names = []
        while ident:
            group = self.kinds["hostgroup"][ident]
            names.append(group["name"])
            ident = (group.get("parent") or {}).get("id")
        return tuple(names)


def _service_names(check, host):
    """One service per value of the check's variable: `<check>: <value>`; none without a value [core: bin/nagconfgen.pl]."""
    if not check["attribute"]:
        return [check["name"]]
    return [f"{check['name']}: {v['value']}" for v in host["hostattributes"] if v["name"] == check["attribute"]["name"]]


def _service_fields(check):
    watched = check["check_freshness"] in ("1", "true", "True")
    after = _seconds(check["stale_threshold_seconds"])
    return {
        "checktype": int((check.get("checktype") or {"id": "2"})["id"]),
        "freshness": Freshness(after, int(check["stale_state"]), check["stale_text"] or "UNKNOWN: Service results are stale")
        if watched
        else None,
        "keywords": tuple(k["name"] for k in check["keywords"]),
        "servicegroup": check["servicegroup"]["name"],
    }


def _seconds(text):
    """Seconds, or as Jira writes durations: 30m, 1h 30m, 2d [doc 6.8 Config; core: Common.pm]."""
    text = str(text).strip()
    if re.fullmatch(r"\d+", text):
        return float(text)
    parts = re.findall(r"(\d+)\s*([wdhms])", text)
    if not parts or re.sub(r"(\d+)\s*([wdhms])", "", text).strip():
        raise ValueError("Jira style duration invalid")
    return float(sum(int(n) * {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}[u] for n, u in parts))


seconds = _seconds


def paged(matching, params, allrows=None):
    """`rows` (default 50, `all`, 0 for the summary only) and `page`; the summary is strings [doc 6.10 Response; rs]."""
    rows = params.first("rows", "50")
    if rows == "all":
        return {
            "list": matching,
            "summary": _text({"rows": len(matching), "totalrows": len(matching), "allrows": allrows or len(matching)}),
        }
    rows, page = max(0, int(rows)), max(1, int(params.first("page", "1")))
    shown = matching[(page - 1) * rows : page * rows]
    pages = max(1, -(-len(matching) // rows)) if rows else 1
    summary = {
        "rows": len(shown),
        "page": page,
        "totalpages": pages,
        "totalrows": len(matching),
        "allrows": allrows or len(matching),
    }
    return {"summary": _text(summary), **({"list": shown} if rows else {})}


def _text(numbers):
    return {k: str(v) for k, v in numbers.items()}


def _ids(relations):
    return {r["id"] for r in relations}


def _string(value):
    """Scalars become strings, booleans "0" and "1" [core: Utils.pm; pyopsview]."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return {k: _string(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_string(v) for v in value]
    return value


def _wanted(found, params):
    """`s.column=value`, repeated = OR, columns = AND, unknown columns ignored [doc 6.12]; `json_filter` [doc 6.10]."""
    for name, values in params.items():
        if name.startswith("s.") and name[2:] in found and str(found[name[2:]]) not in values:
            return False
    filters = params.first("json_filter")
    return not filters or _abstract(found, json.loads(filters))


def _abstract(found, terms):
    if isinstance(terms, list):
        return any(_abstract(found, t) for t in terms)
    return all(_term(found, k, v) for k, v in terms.items())


def _term(found, key, value):
    if key == "-or":
        return any(_abstract(found, {k: v}) for k, v in value.items()) if isinstance(value, dict) else _abstract(found, value)
    if key == "-and":
        return all(_abstract(found, v) for v in value) if isinstance(value, list) else _abstract(found, value)
    if isinstance(value, dict) and "-like" in value:
        return like(value["-like"], str(found.get(key, "")))
    if isinstance(value, list):
        return str(found.get(key)) in map(str, value)
    return str(found.get(key)) == str(value)


def like(pattern, text, *, ignore_case=True):
    """SQL LIKE: `%` any run, `_` any one character [core: OpsviewHostObjects.pm filter_objects]."""
    expression = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in pattern)
    return re.fullmatch(expression, text, (re.IGNORECASE if ignore_case else 0) | re.DOTALL) is not None
