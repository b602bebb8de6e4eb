"""How requests are read and replies are written [doc 6.x Introduction, Errors; core: API.pm; catalyst]."""

import json
import re
from urllib.parse import parse_qs

from tests.servers.opsview.rules import Refused

JSON, PERL, YAML, XML = "application/json", "text/x-data-dumper", "text/x-yaml", "text/xml"
FORM = ("application/x-www-form-urlencoded", "multipart/form-data")


class Params(dict):
    """name -> list of values, as both the URL and the body may repeat them."""

    def first(self, name, default=None):
        return self[name][0] if self.get(name) else default


def media(header):
    return (header or "").split(";")[0].strip().lower()


def reply_format(headers):
    """Content-Type decides, also on a GET; then Accept; without either it is Perl's own form, not JSON."""
    for header in ("Content-Type", "Accept"):
        if media(headers.get(header)) in (JSON, PERL, YAML, XML):
            return media(headers.get(header))
    return PERL


def read(query, headers, raw):
    """(params, body). The body's fields win over the URL's [doc 6.x Acknowledge, Downtime]."""
    params = Params(parse_qs(query, keep_blank_values=True))
    kind = media(headers.get("Content-Type"))
    if not raw:
        return params, None
    if kind == FORM[0]:
        params.update(parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True))
        return params, None
    if kind not in (JSON, ""):
        raise Refused(415, "", body=f"Content-Type {kind} is not supported.\n")
    body = _json(raw)
    if isinstance(body, dict):
        params.update({k: _values(v) for k, v in body.items() if not isinstance(v, dict)})
    return params, body


def _json(raw):
    text = raw.decode("utf-8", "replace")
    try:
        return json.loads(re.sub(r",\s*([}\]])", r"\1", text))  # relaxed: trailing commas [doc Errors]
    except ValueError as error:
        place = getattr(error, "pos", 0)
        words = (
            f'malformed JSON string, neither array, object, number, string or atom, at character offset {place} (before "...")'
        )
        what = f"Content-Type {JSON} had a problem with your request.\n***ERROR***\n{words}\n"
        raise Refused(400, "", body=what) from None


def _values(value):
    values = value if isinstance(value, list) else [value]
    return ["" if v is None else {True: "1", False: "0"}.get(v, str(v)) if isinstance(v, bool) else str(v) for v in values]


def write(kind, body):
    """(content type, bytes). Compact JSON: some clients take it apart with string tools. YAML and XML are not modelled."""
    if isinstance(body, str):
        return "text/plain", body.encode()
    if kind in (YAML, XML):
        return "text/plain", f"this test server writes {JSON} and {PERL} only\n".encode()
    if kind == PERL:
        return PERL, f"$VAR1 = {_perl(body)};\n".encode()
    return JSON, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _perl(value):
    match value:
        case dict():
            return "{" + ",".join(f"{_perl(k)} => {_perl(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_perl, value)) + "]"
        case None:
            return "undef"
        case bool():
            return "1" if value else "''"
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"
