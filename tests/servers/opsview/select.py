"""Which hosts and services a call means [core: OpsviewHostObjects.pm filter_objects; doc 6.5, 6.10 Acknowledge]."""

from tests.servers.opsview.setup import like

HOST_NAMES = ("host", "hostname")
SERVICE_NAMES = ("servicecheck", "servicename")
SERVICE_KIND = ("servicename", "servicecheck", "serviceid", "hs", "keyword")  # any of these: services are meant, else hosts
PLAIN = (*HOST_NAMES, *SERVICE_NAMES, "hostid", "serviceid", "hs", "hostgroupid", "hostgroupname", "keyword", "monitoredby")
SVC_IDS = ("svc.serviceid", "svc.hs", "svc.hostid", "svc.hostgroupid", "svc.keywordid", "svc.servicecheckid")
SVC = (*SVC_IDS, "svc.hostname", "svc.servicename", "svc.hostgroupname", "svc.keywordname", "svc.servicegroupname")
HST = ("hst.hostid", "hst.hostname", "hst.hostgroupid", "hst.hostgroupname")
HG = ("hg.hostgroupid", "hg.hostgroupname")
KNOWN = frozenset((*PLAIN, *SVC, *HST, *HG))


class Selector:
    def __init__(self, world, rules, user):
        self.world = world
        self.rules = rules
        self.user = user

    def acting(self, params):
        """(hosts, services). No parameter at all selects nothing; what is not there or not allowed is silently left out."""
        if not any(name in KNOWN for name in params):
            return [], []
        hosts = self._where(params, HST, "hst.", services=False) if _has(params, HST) else []
        services = self._where(params, SVC, "svc.", services=True) if _has(params, SVC) else []
        if _has(params, PLAIN):
            if any(name in params for name in SERVICE_KIND):
                services = services + self._where(params, PLAIN, "", services=True)
            else:
                hosts = hosts + self._where(params, PLAIN, "", services=False)
        return _once(hosts), _once(services)

    def listing(self, params):
        """Services by the plain filters; no parameter selects everything."""
        return self._where(params, PLAIN, "", services=True)

    def hosts_listed(self, params):
        only_host_filters = {k: v for k, v in params.items() if k in (*HOST_NAMES, "hostid", "hostgroupid", "hostgroupname")}
        return [t for t in self._visible(services=False) if self._fits(t, only_host_filters, "")]

    def _where(self, params, names, prefix, *, services):
        chosen = {k: v for k, v in params.items() if k in names}
        return [t for t in self._visible(services=services) if self._fits(t, chosen, prefix)]

    def _visible(self, *, services):
        allowed = self.user.hosts
        return [
            t
            for t in self.world.things.values()
            if (t.service is not None) == services and (allowed is None or t.host in allowed)
        ]

    def _fits(self, thing, chosen, prefix):
        """Values of one filter are OR, `host` and `hostname` are one filter, different filters are AND."""
        grouped = {}
        for name, values in chosen.items():
            short = name.removeprefix(prefix)
            grouped.setdefault({"hostname": "host", "servicename": "servicecheck"}.get(short, short), []).extend(values)
        return all(any(self._matches(thing, name, v) for v in values) for name, values in grouped.items())

    def _matches(self, thing, name, value):
        match name:
            case "host":
                return like(value, thing.host, ignore_case=self.rules.names_ignore_case)
            case "servicecheck":
                return thing.service is not None and like(value, thing.service, ignore_case=self.rules.names_ignore_case)
            case "hs":
                return f"{thing.host}::{thing.service}" == value
            case "serviceid":
                return thing.service is not None and str(thing.id) == value
            case "hostid":
                host = self.world.things.get((thing.host, None))
                return host is not None and str(host.id) == value
            case "hostgroupname":
                return value in self._groups(thing)
            case "keyword" | "keywordname":
                return value in thing.keywords
            case "servicegroupname":
                return value == thing.servicegroup
        return False  # the remaining ids are not modelled: nothing matches

    def _groups(self, thing):
        host = self.world.things.get((thing.host, None))
        return host.hostgroups if host else ()


def _has(params, names):
    return any(name in params for name in names)


def _once(things):
    return list({id(t): t for t in things}.values())
