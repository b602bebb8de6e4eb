"""The first sight as it is answered: to whom, with what around it, in both languages, and with names that mean no good."""

import asyncio
import re
from datetime import timedelta
from html.parser import HTMLParser
from types import SimpleNamespace

import msgspec
import pytest

from bridge.core.world.event import Severity
from bridge.ledger.ledger import Commit, LedgerAway
from bridge.page import headers
from bridge.page.app import application
from bridge.page.history import views as history
from bridge.page.people import api
from bridge.page.people import views as people
from bridge.page.person import Person
from bridge.page.site import Site, one_at_a_time
from bridge.page.story import views as story
from bridge.serve.control import ControlError
from tests.page.scenes import (
    NOW,
    OPERATOR,
    Client,
    Place,
    always,
    condition,
    edges,
    guard,
    incident,
    node_lost,
    notice,
    service,
    several,
    storm,
    well,
)

LINKS = """
[page]
cluster_gui = "https://{node}:7630/?of={cluster}"
opsview = "https://opsview.example.com/{host}/{service}"
[receivers.board]
kind = "opsview"
url = "https://opsview.example.com"
user = "q"
password = "x"
"""


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path, LINKS)
    yield made
    made.close()


def client(place, person=OPERATOR, **more):
    site = Site(place.config)
    site.watch.look()
    return Client(application(site, guard(person)), **more)


def test_without_a_guard_nobody_is_let_in(place):
    alone = Client(application(Site(place.config)))
    for path in ("/", "/live", "/fragments/now", "/static/page.css", "/nowhere"):
        assert alone.get(path).status_code == 401
    assert alone.post("/").status_code == 401


def test_every_answer_carries_what_keeps_a_browser_in_check(place):
    page = client(place)
    for path in ("/", "/fragments/now", "/static/page.css", "/nowhere", "/static/../site.py"):
        found = page.get(path).headers
        wanted = headers.HEADERS | ({"cache-control": "no-cache"} if path == "/static/page.css" else {})
        assert {name: found[name] for name in headers.HEADERS} == wanted, path
    assert "'unsafe" not in headers.HEADERS["content-security-policy"]
    assert "strict-transport-security" not in page.get("/").headers


def elements(text):
    """Every tag with its attributes, as a browser reads them."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(text)
    return found


def test_nothing_of_it_needs_what_the_policy_forbids(place):
    place.commit(well("berlin"), node_lost(), several())
    for tag, attributes in elements(client(place).get("/").text):
        assert tag != "style"
        assert not any(name.startswith("on") or name == "style" for name in attributes), attributes
        for name in ("src", "href", "action"):
            address = attributes.get(name) or ""
            assert not address or address.startswith(("/", "#")) or attributes.get("rel") == "noreferrer", attributes


def test_all_is_well(place):
    place.commit(well("berlin"), well("hamburg"))
    text = client(place).get("/").text
    assert "<h1>All is well in 2 clusters</h1>" in text
    assert '<link rel="icon" type="image/svg+xml" href="/static/icon-ok.svg">' in text
    assert "<title>All is well in 2 clusters · Quorumbell</title>" in text
    assert 'href="https://n1:7630/?of=berlin"' in text


def test_somebody_is_needed(place):
    place.commit(well("berlin"), node_lost())
    place.deliver(1)
    text = client(place).get("/").text
    assert "<title>(1) 1 incident needs somebody · Quorumbell</title>" in text
    assert '<a href="/incidents/1">Node n3 is lost.</a>' in text
    assert "nobody is on it" in text
    assert re.search(r"woke: oncall 04:06:45, room \(not arrived yet\)", text)
    assert 'datetime="2026-11-24T03:05:45+00:00"' in text, "what ticks says since when"
    assert "https://opsview.example.com/n3/Cluster%20Node" in text
    assert "→ n2 40 %" in text


def test_in_german_and_in_the_zone_of_who_looks(place):
    place.commit(well("berlin"), node_lost())
    text = client(place, Person(name="b", language="de", zone="Asia/Tokyo")).get("/").text
    assert '<html lang="de">' in text
    assert "1 Vorfall braucht jemanden" in text
    assert re.search(r"Stand 12:1[23]:\d\d", text)
    assert "Knoten n3 ist verloren." in text


def test_who_only_looks_is_offered_nothing_to_do(place):
    place.commit(node_lost(), several())
    assert 'action="/incidents/1/acknowledge"' in client(place).get("/").text
    assert 'name="csrf" value="word"' in client(place).get("/").text
    looking = client(place, Person(name="v")).get("/").text
    assert "/acknowledge" not in looking
    assert "/give-back" not in looking


def test_who_looks_alike_is_shown_the_same_but_for_their_own_word(place):
    place.commit(node_lost())
    site = Site(place.config)
    site.watch.look()
    site.watch._closing.set()
    one, other = (Client(application(site, guard(Person(name=name, role="operator", csrf=f'{name}\'s "word"')))) for name in "ab")
    assert 'value="a&#39;s &#34;word&#34;"' in one.get("/").text
    assert 'value="b&#39;s &#34;word&#34;"' in other.get("/fragments/now").text
    assert len(site.drawn) == 1
    assert "/acknowledge" not in Client(application(site, guard(Person(name="v")))).get("/").text
    place.commit(several())
    site.watch.look()
    assert "DRBD mail" in one.get("/").text


def test_time_goes_on_though_nothing_changes(place):
    place.commit(node_lost())
    site = Site(place.config)
    site.watch.look()
    page = Client(application(site, guard(OPERATOR)))
    assert '(<time data-ticks datetime="2026-11-24T03:05:45+00:00">7 min' in page.get("/").text
    clock, at = site.watch._clock
    site.watch._clock = clock + timedelta(hours=2), at
    assert '(<time data-ticks datetime="2026-11-24T03:05:45+00:00">2 h 7 min' in page.get("/").text


def test_the_fragment_is_what_stands_in_the_page(place):
    place.commit(well("berlin"), node_lost())
    page = client(place)
    fragment = re.sub(r"\d\d:\d\d:\d\d|\d+ s|data-at=\"[^\"]*\"", "", page.get("/fragments/now").text.strip())
    assert fragment in re.sub(r"\d\d:\d\d:\d\d|\d+ s|data-at=\"[^\"]*\"", "", page.get("/").text)
    assert "<html" not in page.get("/fragments/now").text


def test_on_a_wall_there_is_nothing_to_press(place):
    text = client(place).get("/?wall=1").text
    assert "<nav" not in text
    assert 'class="now wall"' in text
    assert 'data-fragment="/fragments/now?wall=1"' in text


def test_without_javascript_it_loads_itself_again(place):
    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in client(place).get("/").text


EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "' onmouseover='alert(1)",
    "](javascript:alert(1))",
    "a/../../b",
]


@pytest.mark.parametrize("name", EVIL)
def test_names_out_of_reports_are_only_names(place, name):
    story = incident("k", cluster=name, root=f"resource/{name}", facts={"resource": name, "reason": name}, reason=name)
    place.commit(
        Commit(
            now=NOW,
            incidents=[story],
            notices=[notice(story, name)],
            conditions=[
                condition(name, f"node/{name}", Severity.CRITICAL, name),
                condition(name, f"resource/{name}", Severity.WARNING, name),
                condition(name, f"attribute/{name}@{name}", Severity.WARNING, name),
            ],
            layout=[service(name, name, name, group=name)],
            edges=edges(name, name),
        )
    )
    place.bridge.words["acknowledged"] = {"k": name}
    for path in ("/", "/fragments/now", "/?wall=1"):
        text = client(place).get(path).text
        for tag, attributes in elements(text):
            assert tag not in {"img", "iframe", "style"}
            assert tag != "script" or attributes == {"src": "/static/live.js", "defer": None}
            assert not any(each.startswith(("on", "style")) for each in attributes), attributes
            assert not (attributes.get("href") or "").startswith("javascript"), attributes


def test_ten_thousand_open_incidents_are_counted_and_the_gravest_told(place):
    place.commit(well("berlin"), storm(10_000))
    answer = client(place).get("/")
    assert "10,000 incidents need somebody" in answer.text
    assert answer.text.count('<li class="story') == 20
    assert "and 9,980 more" in answer.text
    assert len(answer.content) < 40_000


def test_a_bridge_that_does_not_run_is_said_and_nothing_is_green(place):
    place.commit(well("berlin"))
    place.bridge.close()
    place.close = lambda: None
    text = client(place).get("/").text
    assert "The bridge does not run: nobody knows how anything is now" in text
    assert "no bridge answers there" in text
    assert 'class="run ok' not in text
    assert "icon-unknown.svg" in text
    place.bridge.close = lambda: None


def test_a_ledger_that_cannot_be_read_is_said_with_what_the_bridge_knows(place):
    place.commit(well("berlin"))
    (place.home / "ledger.db").rename(place.home / "away.db")
    words = {"en": "Node n3 is lost.", "de": "Knoten n3 ist verloren."}
    place.bridge.words["gravest"] = [{"summary": words["en"], "summaries": words, "severity": "critical", "cluster": "berlin"}]
    german = client(place, Person(name="b", language="de")).get("/").text
    assert words["de"] in german
    assert words["en"] not in german
    text = client(place).get("/").text
    assert "The ledger cannot be read: nobody knows how anything is now" in text
    assert "Node n3 is lost." in text
    assert 'class="run ok' not in text


@pytest.mark.parametrize("path", ["/nowhere", "/static/nothing.css", "/static/%2e%2e/app.py", "/static/..%2fapp.py"])
def test_what_is_not_there_is_said_in_words(place, path):
    answer = client(place, Person(name="b", language="de")).get(path)
    assert answer.status_code == 404
    assert "Diese Seite gibt es nicht" in answer.text


def test_what_cannot_be_done_here(place):
    answer = client(place).post("/")
    assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


@pytest.mark.parametrize(
    "error, status, words",
    [
        (RuntimeError("secret thing"), 500, "An error of Quorumbell itself"),
        (LedgerAway("it is full"), 503, "it is full"),
        (ControlError("no bridge answers there"), 502, "no bridge answers there"),
    ],
)
def test_what_goes_wrong_is_answered_in_words_and_without_a_trace(place, monkeypatch, error, status, words):
    def broken(*_):
        raise error

    monkeypatch.setattr("bridge.page.watch.Watch.sight", broken)
    answer = client(place).get("/")
    assert (answer.status_code, words in answer.text) == (status, True)
    assert "Traceback" not in answer.text
    assert "secret thing" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_on_a_network_nobody_but_the_proxy_is_spoken_to(place):
    page = msgspec.structs.replace(place.config.page, listen="192.0.2.1:80", trusted_proxy=("192.0.2.0/28",))
    place.config = msgspec.structs.replace(place.config, page=page)
    assert client(place, address="192.0.2.7").get("/").status_code == 200
    assert client(place, address="192.0.2.77").get("/").status_code == 403


def test_on_this_machine_a_proxy_is_not_the_only_one(place):
    page = msgspec.structs.replace(place.config.page, trusted_proxy=("127.0.0.2",))
    place.config = msgspec.structs.replace(place.config, page=page)
    assert client(place).get("/").status_code == 200


def test_with_a_certificate_browsers_keep_to_it(place):
    page = msgspec.structs.replace(place.config.page, certificate=place.home / "c.pem", key=place.home / "k.pem")
    place.config = msgspec.structs.replace(place.config, page=page)
    assert client(place).get("/").headers["strict-transport-security"] == "max-age=31536000"


def test_the_stream_begins_with_what_is_seen(place):
    site = Site(place.config)
    site.watch.look()
    place.commit(well("berlin"))
    site.watch.look()
    site.watch._closing.wait = lambda _=None: True
    lines = []

    async def read():
        from bridge.page.sight.view import _events

        async for piece in _events(site, "en", always):
            lines.append(piece.decode())
            if len(lines) > 1:
                site.watch.close()

    asyncio.run(read())
    assert lines[1:] == [f"event: state\ndata: ok\n\nevent: revision\ndata: {site.watch.seen.number}\n\n"]


def test_of_answers_that_may_be_large_one_is_made_at_a_time(place):
    site = Site(place.config)
    running, most = 0, 0

    @one_at_a_time
    async def view(_):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    async def ask():
        request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(site=site)))
        await asyncio.gather(*(view(request) for _ in range(5)))

    asyncio.run(ask())
    assert most == 1
    large = {
        "/history",
        "/history.csv",
        "/planned",
        "/silences/preview",
        "/incidents/{id:incident}",
        "/incidents/{id:incident}/report",
    }
    looks = {route.path: route.endpoint for route in [*story.routes, *history.routes, *people.routes] if "GET" in route.methods}
    assert {path for path, endpoint in looks.items() if hasattr(endpoint, "__wrapped__")} == large
    assert {route.path for route in api.routes if hasattr(route.endpoint, "__wrapped__")} == {
        "/status",
        "/incidents",
        "/conditions",
    }
