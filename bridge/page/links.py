"""Ways out of the page: Opsview's page of a service, and the cluster's own GUI, by the templates of the config."""

from urllib.parse import quote

from bridge.config.config import Config
from bridge.core.world.event import Subject


class Links:
    def __init__(self, config: Config) -> None:
        self._opsview = config.page.opsview
        self._cluster_gui = config.page.cluster_gui
        boards = [one for one in config.receivers.values() if one.kind == "opsview"]
        self._names = boards[0].settings.placing() if boards else None

    def opsview(self, cluster: str, subject: str) -> str:
        """Where Opsview shows the subject; "" where it does not."""
        if not self._opsview or self._names is None:
            return ""
        target = self._names.place(cluster, Subject(subject))
        if target is None:
            return ""
        return self._filled(self._opsview, host=target.host, service=target.service, cluster=cluster)

    def cluster_gui(self, cluster: str, nodes: tuple[str, ...]) -> str:
        """Its own GUI, on the first of the nodes."""
        if not self._cluster_gui or not nodes:
            return ""
        return self._filled(self._cluster_gui, cluster=cluster, node=nodes[0])

    def _filled(self, template: str, **fields: str) -> str:
        return template.format(**{name: quote(value, safe="") for name, value in fields.items()})
