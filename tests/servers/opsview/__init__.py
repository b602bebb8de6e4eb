"""An Opsview REST server with rules, for tests and demonstrations: the session, the objects, results, and what goes wrong.

It shares nothing with the bridge. What it knows and what it only believes stands in `rules.py`, each rule with its source.
`python -m tests.servers.opsview --port 8080` runs it as a program.
"""

from tests.servers.opsview.rules import Rules
from tests.servers.opsview.server import Fault, Opsview
from tests.servers.opsview.sessions import ADMIN, OPERATOR

__all__ = ["ADMIN", "OPERATOR", "Fault", "Opsview", "Rules"]
