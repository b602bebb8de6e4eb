"""`python -m tests.servers.mattermost --port 8065`: the server as a program, with a channel and a bot in it."""

from tests.servers.chat_server import main
from tests.servers.mattermost import Mattermost

main(
    Mattermost,
    """kind = "mattermost"\nurl = "{server.url}"\ntoken = "{token}"\nchannel = "{server.team}/{channel}" """,
    __doc__ or "",
)
