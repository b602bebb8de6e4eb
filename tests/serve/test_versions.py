"""A relay of another version is told of once, and its upgrade too; also by the bridge that comes after."""

import pytest

from bridge import __version__
from bridge.core.world.event import EPOCH
from bridge.intake.peers import PeerState
from bridge.serve.versions import Versions


class Bridge:
    """What Versions is given: a writer, and what is shown."""

    def __init__(self):
        self.versions, self.said, self.shown = {}, [], {}

    def relays(self):
        return [PeerState(cluster="ha1", node=name, version=version) for name, version in self.versions.items()]

    def report(self, source, cluster, fields, _now):
        self.said.append((source, cluster, fields["node"], fields["edge"], fields["over"]))
        self.shown = {} if fields["over"] else {(cluster, fields["node"]): fields["why"]}


@pytest.fixture
def bridge():
    return Bridge()


def test_it_is_told_once_and_when_it_is_over(bridge):
    versions = Versions(bridge, bridge.shown)
    bridge.versions = {"n1": __version__, "n2": "0.0.1", "n3": ""}
    versions.look(EPOCH)
    versions.look(EPOCH)
    assert bridge.said == [("bridge", "ha1", "n2", "version", False)]
    later = Versions(bridge, bridge.shown)
    bridge.versions["n2"] = __version__
    later.look(EPOCH)
    later.look(EPOCH)
    assert bridge.said[1:] == [("bridge", "ha1", "n2", "version", True)]
