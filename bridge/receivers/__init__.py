"""The ways out, bells and boards, which do not know one another. Imported by `config`, `serve` and `setup opsview`."""

from typing import Final

from bridge.receivers.seam import TRIED, BoardReceiver, Receiver

__all__ = ["BUILT_IN", "TRIED", "BoardReceiver", "Receiver"]

BUILT_IN: Final[dict[str, str]] = {
    # kind in the config -> module:class; each module has a Settings struct (the fields of its table) and this class,
    # which is made as Class(name, settings).
    "mail": "bridge.receivers.mail:Mail",
    "matrix": "bridge.receivers.matrix:Matrix",
    "mattermost": "bridge.receivers.mattermost:Mattermost",
    "slack": "bridge.receivers.slack:Slack",
    "apprise": "bridge.receivers.apprise:AppriseBell",
    "opsview": "bridge.receivers.opsview.board:Opsview",
}
