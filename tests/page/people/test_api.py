"""The page for programs: what it says has the shapes that are described, and a token does what its scope says."""

import json
import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, Subject, to_us
from bridge.ledger.ledger import Commit
from bridge.page.people import api
from bridge.serve.control import Ack, EndPlanned, EndSilence, Planned, Ring, Silence
from tests.ledger.conftest import Make
from tests.page.people.conftest import NOW

pytestmark = pytest.mark.many

DESCRIBED = json.loads(Path(api.__file__).with_name("openapi.json").read_text())
SCHEMAS = DESCRIBED["components"]["schemas"]
PROGRAM = "token grafana (page)"
HOUR = timedelta(hours=1)
LOOKS = ["/status", "/incidents", "/incidents/1", "/silences", "/planned", "/conditions"]
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def wrong(value, schema, where="$"):
    """What in a value is not as described: enough of JSON Schema for what the file uses."""
    if "$ref" in schema:
        return wrong(value, SCHEMAS[schema["$ref"].rpartition("/")[2]], where)
    unknown = set(schema) - {
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "enum",
        "description",
        "format",
        "default",
    }
    assert not unknown, unknown
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds):
        return [f"{where}: {value!r} is no {kinds}"]
    found = [f"{where}: {value!r}"] if "enum" in schema and value not in schema["enum"] else []
    if isinstance(value, list):
        return found + [
            text for place, one in enumerate(value) for text in wrong(one, schema.get("items", {}), f"{where}[{place}]")
        ]
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{where}: {name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, one in value.items():
            if name in known:
                found += wrong(one, known[name], f"{where}.{name}")
            elif isinstance(more, dict):
                found += wrong(one, more, f"{where}.{name}")
            elif not more:
                found.append(f"{where}: {name} is not described")
    return found


def described(path, method="get", status="200"):
    answer = DESCRIBED["paths"][path][method]["responses"][status]
    answer = DESCRIBED["components"]["responses"]["No"] if "$ref" in answer else answer
    return answer["content"]["application/json"]["schema"]


def test_every_address_is_described_and_no_other():
    ours = {(route.path.replace(":incident}", "}"), (route.methods - {"HEAD"}).pop().lower()) for route in api.routes}
    assert ours == {(path, method) for path, methods in DESCRIBED["paths"].items() for method in methods}


def test_what_is_sent_with_an_act_is_described_as_it_is_read():
    kinds = [api.Body, api.Taken, api.NewSilence, api.NewWork, api.NewRing]
    _, read = msgspec.json.schema_components(kinds)
    for kind in kinds:
        ours = SCHEMAS[kind.__name__]
        assert sorted(read[kind.__name__].get("required", [])) == ours["required"]
        assert ours["additionalProperties"] is read[kind.__name__]["additionalProperties"] is False
        types = {name: one["type"] for name, one in ours["properties"].items()}
        assert {name: one["type"] for name, one in read[kind.__name__]["properties"].items()} == types


@pytest.fixture
def full(page):
    make = Make()
    incident = make.incident(outages=())
    ended = make.closed(make.incident("b", root="resource/web", opened_at=NOW - HOUR))
    condition = Condition(cluster="alpha", subject=Subject("node/n3"), severity=Severity.CRITICAL, since=NOW, why="lost")
    gone = Condition(cluster="alpha", subject=Subject("node/n4"), severity=Severity.INFO, since=NOW, why="gone", gone=True)
    page.ledger.commit(
        Commit(now=NOW, incidents=[incident, ended], notices=[make.notice(incident)], conditions=[condition, gone])
    )
    one = {"id": "s1", "matchers": ["node=n3"], "author": "ann", "comment": "", "until_us": 1}
    page.site.answers["Silences"] = {"silences": [one | {"planned": ""}, one | {"id": "w1", "planned": "node=n3"}]}
    return page


@pytest.mark.parametrize("path", LOOKS)
def test_what_is_said_has_the_shape_that_is_described(full, path):
    answer = full.browser().get(f"/api/v1{path}", headers=full.token("read"))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert wrong(found, described(path.replace("/1", "/{id}"))) == []
    assert found, "an empty list would prove nothing"


def test_the_checker_sees_what_is_wrong():
    good = {"cluster": "a", "subject": "node/n1", "severity": "ok", "since": "2026-11-24T03:00:00+00:00", "why": ""}
    schema = {"$ref": "#/components/schemas/Condition"}
    assert wrong(good, schema) == []
    for bad in (good | {"severity": "bad"}, good | {"why": None}, good | {"more": 1}, {"cluster": "a"}, []):
        assert wrong(bad, schema)


def test_lists_can_be_narrowed(full):
    browser, token = full.browser(), full.token("read")

    def roots(query):
        return [one["root"] for one in browser.get(f"/api/v1/incidents?{query}", headers=token).json()]

    assert roots("") == roots("state=all") == ["node/n3", "resource/web"]
    assert roots("state=open") == roots("limit=1") == roots("since=2026-11-24T03:30:00%2B01:00") == ["node/n3"]
    assert roots("state=closed") == roots("until=2026-11-24T02:30:00") == ["resource/web"]
    planned = browser.get("/api/v1/planned", headers=token).json()
    assert [one["id"] for one in planned] == ["w1"]
    assert [one["subject"] for one in browser.get("/api/v1/conditions", headers=token).json()] == ["node/n3"]


@pytest.mark.parametrize(
    "query", ["state=bad", "limit=0", "limit=1001", "limit=x", "limit=-1", "limit=²", "since=now", "until=2026-13-01"]
)
def test_what_cannot_be_asked_is_refused_with_the_cure(full, query):
    answer = full.browser().get(f"/api/v1/incidents?{query}", headers=full.token("read"))
    assert answer.status_code == 400
    assert wrong(answer.json(), described("/incidents", "get", "400")) == []


def test_an_incident_that_is_none_is_not_found(full):
    answer = full.browser().get("/api/v1/incidents/99", headers=full.token("read"))
    assert (answer.status_code, answer.json()) == (404, {"error": "There is no incident 99."})


def test_what_is_no_number_of_an_incident_is_not_found(full):
    answer = full.browser().get(f"/api/v1/incidents/{'9' * 5000}", headers=full.token("read"))
    assert (answer.status_code, wrong(answer.json(), described("/incidents/{id}", "get", "404"))) == (404, [])


ACTS = [
    ("/incidents/1/acknowledge", {"comment": "mine"}, Ack(incident=1, comment="mine", author=PROGRAM)),
    ("/incidents/1/give-back", None, Ack(incident=1, withdraw=True, author=PROGRAM)),
    ("/silences", {"matchers": ["node=n3"], "length": "1h"}, Silence(matchers=('node="n3"',), until_us=to_us(NOW + HOUR), author=PROGRAM)),
    ("/silences/5eed/end", None, EndSilence(id="5eed", author=PROGRAM)),
    ("/planned", {"cluster": "a", "what": "node=n3", "length": "1h"}, Planned(cluster="a", what="node=n3", until_us=to_us(NOW + HOUR), author=PROGRAM)),
    ("/planned/face/end", {}, EndPlanned(id="face", author=PROGRAM)),
    ("/ring", {"receivers": ["ops"]}, Ring(receivers=("ops",), author=PROGRAM)),
]  # fmt: skip


def post(page, path, body, headers):
    content = b"" if body is None else json.dumps(body).encode()
    return page.browser().client.post(f"/api/v1{path}", content=content, headers={"content-type": "application/json", **headers})


@pytest.mark.parametrize("path,body,asked", ACTS)
def test_a_token_of_scope_act_acts_under_its_own_name(full, path, body, asked):
    answer = post(full, path, body, full.token("act"))
    assert answer.status_code == 200, answer.text
    assert full.site.heard == [asked]
    assert wrong(answer.json(), described(re.sub(r"/(1|5eed|face)(?=/)", "/{id}", path), "post")) == []


@pytest.mark.parametrize("path,body,_", ACTS)
def test_a_token_of_scope_read_only_reads(full, path, body, _):
    answer = post(full, path, body, full.token("read"))
    assert (answer.status_code, answer.json()) == (403, {"error": "You may look, but not act."})
    assert full.site.heard == []


@pytest.mark.parametrize("path,body,_", ACTS)
def test_without_a_token_nothing_is_done_or_said(full, path, body, _):
    anna = full.inside("anna")
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer "}):
        answer = post(full, path, body, headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert wrong(answer.json(), described("/ring", "post", "401")) == []
    assert anna.client.post(f"/api/v1{path}", data={"csrf": anna.word()}).status_code == 401, "a session is no token"
    assert full.site.heard == []


@pytest.mark.parametrize("path", [*LOOKS, "/nothing", "/openapi.json/", "//openapi.json", "/../v1/status"])
def test_without_a_token_nothing_is_seen(full, path):
    assert full.browser().get(f"/api/v1{path}").status_code in {303, 401}


def test_the_description_is_for_everybody(page):
    assert page.browser().get("/api/v1/openapi.json").json() == DESCRIBED
    assert page.browser().client.post("/api/v1/openapi.json").status_code == 405


def test_a_token_that_has_run_out_or_was_revoked_is_none(page):
    token = page.token("read")
    browser = page.browser()
    assert browser.get("/api/v1/silences", headers=token).status_code == 200
    page.now += timedelta(days=1)
    assert browser.get("/api/v1/silences", headers=token).status_code == 401
    other = page.token("read", "other")
    page.people.revoke("other")
    assert browser.get("/api/v1/silences", headers=other).status_code == 401


def test_a_token_opens_the_api_only(page):
    assert page.browser().get("/planned", headers=page.token("act")).status_code == 303


def test_tokens_are_not_guessed(page):
    browser = page.browser()
    answers = [browser.get("/api/v1/status", headers={"authorization": f"Bearer {number}"}).status_code for number in range(25)]
    assert answers == [401] * 20 + [429] * 5


@pytest.mark.parametrize(
    "body,status",
    [(b"[]", 400), (b"{", 400), (b'{"matchers": "node=n3", "length": "1h"}', 400), (b'{"more": 1}', 400), (b"\xff", 400), (b"[" * 60_000, 400), (b'{"matchers": [], "length": "1h"}', 400), (b'{"matchers": ["x"], "length": "1h"}', 400), (b"x" * 70_000, 413)],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(page, body, status):
    headers = {"content-type": "application/json", **page.token("act")}
    answer = page.browser().client.post("/api/v1/silences", content=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert page.site.heard == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(page, kind):
    headers = {"content-type": kind, **page.token("act")}
    assert page.browser().client.post("/api/v1/ring", content=b"{}", headers=headers).status_code == 415


def test_a_no_of_the_bridge_is_told(page):
    page.site.answers["Ring"] = "no bridge answers there"
    answer = post(page, "/ring", {}, page.token("act"))
    assert (answer.status_code, answer.json()) == (409, {"error": "The bridge says: no bridge answers there"})
