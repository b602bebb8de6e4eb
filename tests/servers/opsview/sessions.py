"""Users, tokens, permissions [doc 6.0-6.10 Introduction, Authentication; core: ApiSessions.pm]."""

import secrets
from dataclasses import dataclass, field

from tests.servers.opsview.rules import Refused

# "View all, change some", a stock role of 6.8.8 [rs], and what an administrator has beyond it.
OPERATOR = frozenset(("ACTIONSOME", "DOWNTIMESOME", "NOTIFYSOME", "RELOADVIEW", "TESTSOME", "VIEWALL"))
_CONFIGURE = ("CONFIGUREVIEW", "CONFIGURESAVE", "CONFIGUREHOSTS", "CONFIGUREHOSTGROUPS", "CONFIGUREKEYWORDS")
ADMIN = OPERATOR.union(_CONFIGURE, ("ACTIONALL", "VIEWSOME", "DOWNTIMEALL", "ADMINACCESS", "RELOADACCESS"))


@dataclass
class User:
    name: str
    password: str
    rights: frozenset = ADMIN
    hosts: set | None = None
    """Which hosts may be seen and changed; None is all."""


@dataclass
class Session:
    user: User
    expires_at: float


@dataclass
class Sessions:
    rules: object
    users: dict = field(default_factory=dict)
    open: dict = field(default_factory=dict)
    fail_to_make: int = 0

    def login(self, name, password, now):
        user = self.users.get(name)
        if user is None or user.password != password:
            raise Refused(401, "Invalid username/password")  # 401 with a message [O::REST t/01; web]
        if self.fail_to_make > 0:
            self.fail_to_make -= 1
            raise Refused(503, "", body="Error creating session token after 5 attempts")  # [doc 6.8-6.10 Authentication]
        token = secrets.token_hex(36)[: self.rules.token_length]
        self.open[token] = Session(user, now + self.rules.token_lifetime)
        return token, user

    def check(self, token, name, now):
        """The session a call belongs to. Unknown and expired are different answers, as rows are swept a day later [core; web]."""
        session = self.open.get(token or "")
        if session is None or now > session.expires_at + 86400:
            raise Refused(401, "Token invalid")
        if now > session.expires_at:
            raise Refused(401, "Token has expired")
        if self.rules.user_header == "required" and not name:
            raise Refused(401, "Token invalid")
        if self.rules.user_header != "ignored" and name and name != session.user.name:
            raise Refused(401, "Token invalid")
        return session

    def renew(self, session, now):
        session.expires_at = now + self.rules.token_lifetime

    def need(self, user, *rights):
        """One of the rights [doc 6.x, per call]. The status of its absence is believed."""
        if not user.rights.intersection(rights):
            raise Refused(self.rules.forbidden_status, "Access denied")
