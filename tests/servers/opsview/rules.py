"""What is known and what is only believed of an Opsview server's behaviour.

Sources, as cited in this package:
  [doc X]      the vendor's manual of version X (docs.opsview.com, knowledge.opsview.com, docs.itrsgroup.com/docs/opsview/X)
  [core]       the model code of Opsview Core, build 3.20131016 (GPL)
  [base]       the vendor's patches to Nagios, Opsview 4.5
  [pyopsview]  the vendor's Python client        [nagstamon]  Nagstamon's Servers/Opsview.py
  [RestAPI]    Opsview::RestAPI, Perl            [O::REST]    Opsview::REST, Perl
  [rs]         the Rust crate `opsview` and the replies of a live 6.8.8 recorded in its tests
  [web]        opsview-web, a browser client     [catalyst]   Catalyst::Action::REST, the framework under the API

What no source settles stands here as a switch, never as a fact: a client has to live with either position.
"""

from dataclasses import dataclass, field


@dataclass
class Rules:
    # --- documented, and settable by whoever runs a server
    token_lifetime: float = 3600.0  # one hour, pushed out by each successful call [doc 6.0-6.10 Introduction]
    error_detail: bool = False  # `detail` is only sent when include_error_detail is set [doc Errors]
    version: str = "6.8.8.202304061253"
    zone: str = "UTC"  # event filters and downtime texts are in the server's zone [doc 6.10 Event]
    text_limit: int = 16384  # output with perfdata [base: nagios_increased_plugin_output.patch; doc 6.8 Detail]
    host_check_interval: float = 300.0  # a host's own ping overwrites what was submitted for it [doc: host check command]

    # --- differs between versions
    token_length: int = 40  # 40 hex digits up to 6.4, 32 from 6.5; 72 in the 2013 schema
    status_route: bool = True  # POST /rest/status: documented for 6.3, not found in the pages of 6.8+
    detail_route: bool = True  # POST /rest/detail: documented for 6.x
    delete_acknowledge: bool = True  # 6.5+; not implemented in 4.6
    duplicate_post: str = "update"  # "error" in 4.x [O::REST t/08], "update" in 6.10's manual
    reload_view_right: str = "RELOADVIEW"  # RELOADACCESS up to 6.8.0

    # --- believed: no source settles it
    forbidden_status: int = 403  # or 401
    unknown_object_status: int = 400  # set-state on an object that is not there
    unknown_object_words: str = "No objects chosen for set state"  # after the documented texts of acknowledge and recheck
    bad_value_status: int = 400  # empty output, state out of range
    failed_calls_renew: bool = False  # whether a failed call extends the token
    user_header: str = "checked"  # "required": always; "checked": must fit when there; "ignored" (one 6.x script sends none)
    names_ignore_case: bool = True  # MySQL's usual collations
    detail_several: str = "all"  # several objects match a POST /rest/detail: "all" or "refuse"
    event_rows: int = 10  # default page of /rest/event
    new_events_only: bool = False  # whether saved_maxeventid also restricts the rows
    newlines: str = (
        "kept"  # in output: "kept", or "refused" as the 2013 code did for external commands [core: Externalcommand.pm]
    )
    sessions_survive_restart: bool = True  # they are rows of a table [core: ApiSessions.pm]
    reload_takes_later: bool = True  # what is changed while a reload goes on is made live by it, too

    # --- the weather
    delays: list[float] = field(default_factory=lambda: [0.05])
    """Seconds from a POST to its effect, used in turn: acting calls are queued [doc]. Unequal ones let a later one overtake."""
    reload_takes: float = 1.0
    reload_ends: str = "0"  # server_status after a reload; "4" with warnings, "3" failed [doc Reload]


class Refused(Exception):  # noqa: N818  # a reply, not a mistake
    """The API's error reply."""

    def __init__(self, status, message, *, detail=None, body=None, headers=()):
        super().__init__(message)
        self.status = status
        self.message = message
        self.detail = detail
        self.body = body
        self.headers = tuple(headers)
