"""Results in: by the route that this Opsview has, and never into another object than the one that is meant."""

from typing import Literal

from bridge.core.showing.picture import Shade, Show, Target, words
from bridge.core.telling.notice import GiveUp, Verdict
from bridge.receivers.opsview.api import Api, Reply
from bridge.receivers.opsview.targets import compared, pair, services_of, wild


class Results:
    """`submit` is the route to try first."""

    def __init__(self, api: Api, submit: Literal["detail", "status"]) -> None:
        self._api = api
        self._routes = [self._by_detail, self._by_status]
        if submit == "status":
            self._routes.reverse()

    def show(self, show: Show) -> Verdict:
        """Submits one result. A route that this Opsview does not have is left for the other one."""
        output = words(show.text)
        if show.bad_for is not None:
            output += f"|outage={int(show.bad_for.total_seconds())}s;;;0"
        if wild(show.target):
            return self._by_pair(show.target, show.shade, output)
        reply = self._routes[0](show.target, show.shade, output)
        if reply.status in {404, 405}:
            other = self._routes[1](show.target, show.shade, output)
            if other.ok:
                self._routes.reverse()
                return other.verdict()
        return reply.verdict()

    def _by_detail(self, target: Target, shade: Shade, output: str) -> Reply:
        """(opsview-rest.md 2.2)"""
        named = [("hostname", target.host), ("servicename", target.service)]
        reply = self._api.post("/detail", named, {"set_state": {"result": int(shade), "output": output}})
        if reply.ok and str(reply.data.get("success")) not in {"1", "True"}:
            return Reply(status=400, words="POST /rest/detail was answered without success")
        return reply

    def _by_status(self, target: Target, shade: Shade, output: str) -> Reply:
        """(opsview-rest.md 2.3)"""
        reply = self._api.post("/status", [pair(target)], {"new_state": str(int(shade)), "comment": output})
        return compared(reply, target)

    def _by_pair(self, target: Target, shade: Shade, output: str) -> Verdict:
        """A name with wildcards in it: only a call that takes the exact pair may be used, or one that can hit nothing else."""
        reply = self._by_status(target, shade, output)
        if reply.status not in {404, 405}:
            return reply.verdict()
        found = self._api.get("/status/service", [("host", target.host), ("servicecheck", target.service), ("rows", "all")])
        if not found.ok:
            return found.verdict()
        hit = [(row.get("name"), one.get("name")) for row in found.rows() for one in services_of(row)]
        if hit != [tuple(target)]:
            others = ", ".join(f"{service} on {host}" for host, service in hit if (host, service) != target)
            return GiveUp(
                f"{target} is not there" if not others else f"its name would also hit {others}: give it one without _ or %"
            )
        return self._by_detail(target, shade, output).verdict()
