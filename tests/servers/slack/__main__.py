"""`python -m tests.servers.slack --port 8066`: the server as a program, with a channel and a bot in it."""

from tests.servers.chat_server import main
from tests.servers.slack import Slack

main(Slack, """kind = "slack"\nurl = "{server.url}/api"\ntoken = "{token}"\nchannel = "{number}" """, __doc__ or "")
