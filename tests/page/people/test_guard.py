"""Who comes in, stays in, and what strangers try."""

import asyncio
import logging
from datetime import timedelta

import pytest

from bridge.ledger.records import LedgerError
from bridge.page import watch
from bridge.page.people.bodies import MOST
from bridge.page.people.passwords import hash_of
from tests.conftest import times
from tests.page.people.conftest import PASSWORD

pytestmark = pytest.mark.many

VIEWS = [
    "/",
    "/planned",
    "/account",
    "/incidents/1",
    "/incidents/1/report",
    "/live",
    "/fragments/first",
    "/silences/preview",
    "/history.csv",
]
ACTS = [
    "/incidents/1/acknowledge",
    "/incidents/1/give-back",
    "/silences",
    "/silences/a/end",
    "/planned",
    "/planned/a/end",
    "/ring",
]


# --- nobody is in


@pytest.mark.parametrize(
    "path", [*VIEWS, "/nothing", "//login", "/login/", "/LOGIN", "/static", "/login/../planned", "/planned;/login"]
)
def test_without_a_session_nothing_is_seen(page, path):
    answer = page.browser().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?back=/")
    assert answer.text == ""


@pytest.mark.parametrize("path", VIEWS)
def test_a_script_learns_that_it_is_out_and_is_not_led_to_the_login(page, path):
    assert page.browser(accept="text/event-stream").get(path).status_code == 401


@pytest.mark.parametrize(
    "path", ["/static/../planned", "/static/%2e%2e/planned", "/static/..%2fplanned", "/static/%2e%2e%2f%2e%2e%2fapp.py"]
)
def test_no_path_leads_around_through_what_is_open(page, path):
    assert page.browser().get(path).status_code in {303, 404}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_static_files_are_only_read(page, method):
    assert page.browser().client.request(method, "/static/page.css").status_code == 405


@pytest.mark.parametrize("path", ACTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_without_a_session_nothing_is_done(page, path, method):
    assert page.browser().client.request(method, path, data={"csrf": ""}).headers["location"] == "/login?back=/"
    assert page.site.heard == []


@pytest.mark.parametrize("cookie", ["", "x", "quorumbell", "../../etc", "' OR 1=1 --", "\xff", "a" * 8000])
def test_a_forged_cookie_is_none(page, cookie):
    answer = page.browser().get("/planned", headers={b"cookie": b"quorumbell=" + cookie.encode("latin-1")})
    assert answer.status_code == 303


def test_the_ledger_holds_nothing_that_opens_a_door(page):
    anna = page.inside("anna")
    kept = b"".join(path.read_bytes() for path in page.site.config.path.parent.glob("ledger.db*"))
    assert anna.cookies["quorumbell"].encode() not in kept
    assert PASSWORD.encode() not in kept


# --- in, and out


def test_one_logs_in_is_led_back_and_logs_out(page):
    browser = page.browser()
    wanted = browser.get("/planned?x=1&y=%2F").headers["location"]
    assert wanted == "/login?back=/planned%3Fx%3D1%26y%3D%252F"
    assert 'name="back" value="/planned?x=1&amp;y=%2F"' in browser.get(wanted).text
    answer = browser.log_in("Anna ", back="/planned?x=1&y=%2F")
    assert (answer.status_code, answer.headers["location"]) == (303, "/planned?x=1&y=%2F")
    assert browser.get("/planned").status_code == 200
    assert browser.get("/login").headers["location"] == "/"
    assert browser.post("/logout").headers["location"] == "/login"
    assert "quorumbell" not in browser.cookies
    assert browser.get("/planned").status_code == 303


def test_a_session_that_was_ended_is_ended_for_whoever_kept_its_cookie(page):
    anna = page.inside("anna")
    cookie = anna.cookies["quorumbell"]
    anna.post("/logout")
    assert page.browser().get("/planned", headers={"cookie": f"quorumbell={cookie}"}).status_code == 303


def test_each_login_has_a_secret_of_its_own(page):
    anna = page.inside("anna")
    first = anna.cookies["quorumbell"]
    word = anna.word()
    anna.client.post("/login", data={"csrf": word, "name": "anna", "password": PASSWORD})
    assert anna.cookies["quorumbell"] != first
    assert page.browser().get("/planned", headers={"cookie": f"quorumbell={first}"}).status_code == 303


@pytest.mark.parametrize(
    "host,name,secure",
    [("http://bell.example.org", "quorumbell", False), ("https://bell.example.org", "__Host-quorumbell", True)],
)
def test_the_cookie_is_as_safe_as_the_way(page, host, name, secure):
    line = page.browser(host=host).log_in("anna").headers["set-cookie"]
    assert line.startswith(f"{name}=")
    for word in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"):
        assert f"; {word}" in line
    assert ("; Secure" in line) is secure
    assert "Domain" not in line


def test_with_tls_a_cookie_that_another_page_could_set_does_not_count(page):
    anna = page.inside("anna", host="https://bell.example.org")
    word = anna.cookies["__Host-quorumbell"]
    browser = page.browser(host="https://bell.example.org")
    assert browser.get("/planned", headers={"cookie": f"quorumbell={word}"}).status_code == 303
    assert browser.get("/planned", headers={"cookie": f"__Host-quorumbell={word}"}).status_code == 200


def test_a_session_ends_when_nobody_clicks_and_goes_on_while_somebody_does(page_with):
    page = page_with(session_hours=2)
    anna, away = page.inside("anna"), page.inside("anna")
    for _ in range(5):
        page.now += timedelta(minutes=70)
        assert anna.get("/planned").status_code == 200
    assert away.get("/planned").status_code == 303


@pytest.mark.parametrize(
    "name,password", [("anna", "wrong"), ("eve", PASSWORD), ("", PASSWORD), ("anna", ""), ("anna\0", PASSWORD), ("<b>", "x")]
)
def test_who_does_not_fit_is_told_one_thing_only(page, name, password):
    answer = page.browser().log_in(name, password)
    assert answer.status_code == 403
    assert "Name and password do not fit." in answer.text
    assert "<b>" not in answer.text


def test_who_may_only_come_through_the_proxy_has_no_password(page):
    page.people.change("bob", password="")
    for password in ("", "x", PASSWORD):
        assert page.browser().log_in("bob", password).status_code == 403


def test_who_is_removed_is_out_at_the_next_click_and_another_role_counts_from_then_on(page):
    bob = page.inside("bob")
    page.people.change("bob", role="operator")
    assert bob.post("/silences", {"matchers": "node=n3", "length": "1h"}).status_code == 303
    page.people.remove("bob")
    assert bob.get("/planned").status_code == 303


# --- what lasts


def listening(page, browser, act, headers=()):
    """Somebody has the stream open while `act` happens, and a few seconds pass; whether it has ended."""
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    scope = {
        "type": "http", "method": "GET", "path": "/live", "query_string": b"", "client": ("192.0.2.7", 5000), "scheme": "http",
        "server": ("bell.example.org", 80), "headers": [(b"cookie", cookies.encode()), *headers],
    }  # fmt: skip
    said = []

    async def run():
        gone = asyncio.Event()

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            said.append(message)

        stream = asyncio.create_task(page.app(scope, receive, send))
        await asyncio.sleep(0.3)
        assert not stream.done()
        await asyncio.to_thread(act)
        page.now += timedelta(seconds=4)
        await asyncio.wait([stream], timeout=2)
        ended = stream.done()
        gone.set()
        await asyncio.wait_for(stream, 5)
        return ended

    ended = page.loop.run(run())
    assert said[0]["status"] == 200
    return ended


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(watch, "PING_EVERY", 0.1)


OUT = {
    "logged out": lambda page, hashed: page.people.end(hashed),
    "removed": lambda page, _: page.people.remove("anna"),
    "another password": lambda page, _: page.people.change_password("anna", "x"),
    "run out": lambda page, _: setattr(page, "now", page.now + timedelta(hours=13)),
}


@pytest.mark.parametrize("how", OUT)
def test_the_stream_of_who_is_out_ends(page, often, how):
    anna = page.inside("anna")
    assert listening(page, anna, lambda: OUT[how](page, hash_of(anna.cookies["quorumbell"])))


def test_the_stream_of_who_is_in_goes_on(page, often):
    anna, bob = page.inside("anna"), page.inside("bob")
    assert not listening(page, anna, lambda: page.people.end(hash_of(bob.cookies["quorumbell"])))
    late = page.inside("bob")
    assert not listening(page, late, lambda: page.people.change("bob", role="operator")), (
        "who came in since the last look is in, too"
    )


def test_nobody_is_turned_out_by_a_ledger_that_does_not_answer(page, often, monkeypatch):
    def silent(_):
        raise LedgerError("disk I/O error")

    assert not listening(page, page.inside("anna"), lambda: None)
    late = page.inside("bob")
    assert not listening(page, late, lambda: monkeypatch.setattr(page.people.__class__, "_look", silent))


def test_the_stream_of_whom_a_proxy_names_ends_when_nobody_is_called_so(page_with, often):
    page = page_with(trusted_proxy=["192.0.2.7"], user_header="X-Remote-User")
    named = [(b"x-remote-user", b"bob")]
    assert not listening(page, page.browser(), lambda: page.people.remove("anna"), named)
    assert listening(page, page.browser(), lambda: page.people.remove("bob"), named)


def test_of_two_hundred_streams_one_looks(page, monkeypatch):
    anna = page.inside("anna")
    found = page.loop.run(page.entry.find(anna.cookies["quorumbell"]))
    looks = []
    monkeypatch.setattr(page.entry, "ask", lambda do: looks.append(do) or _given(do()))

    async def many():
        return await asyncio.gather(*(page.entry.still_in(found) for _ in range(200)))

    assert all(page.loop.run(many()))
    page.now += timedelta(seconds=2)
    assert all(page.loop.run(many()))
    assert len(looks) == 1


async def _given(found):
    return found


# --- forms of strangers


@pytest.mark.parametrize("path", ["/login", "/logout", "/account", *ACTS])
def test_a_form_without_the_word_of_the_session_does_nothing(page, path):
    anna, other = page.inside("anna"), page.inside("anna")
    for form in (
        {"a": "b"},
        {"csrf": ""},
        {"csrf": "x"},
        {"csrf": other.word()},
        {"csrf": [anna.word(), anna.word()]},
        {"csrf": "ü"},
    ):
        assert anna.client.post(path, data=form).status_code == 403
    assert page.site.heard == []


def test_a_login_that_another_page_sends_is_refused(page):
    form = {"name": "anna", "password": PASSWORD}
    assert page.browser().client.post("/login", data=form).status_code == 403
    assert page.browser().client.post("/login", data=form | {"csrf": "x"}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://bell.example.org.evil.example"},
        {"origin": "http://bell.example.org:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://bell.example.org"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_what_comes_from_another_place_is_refused_even_with_the_word(page, headers):
    anna = page.inside("anna")
    assert anna.post("/ring", headers=headers).status_code == 403
    assert page.site.heard == []


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://bell.example.org"}, {"sec-fetch-site": "same-origin", "origin": "null"}, {"sec-fetch-site": "none"}],
)
def test_what_comes_from_here_is_taken(page, headers):
    """Also while the referrer policy hides the origin."""
    assert page.inside("anna").post("/ring", headers=headers).status_code == 303


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json", ""])
def test_only_a_plain_form_is_read(page, kind):
    anna = page.inside("anna")
    word = anna.word()
    assert anna.client.post("/ring", content=f"csrf={word}", headers={"content-type": kind}).status_code == 415


def test_a_viewer_cannot_act_whatever_the_path_or_method(page):
    bob = page.inside("bob")
    for path in [*ACTS, "/nothing", "/incidents/1/acknowledge/"]:
        answer = bob.post(path)
        assert answer.status_code == 403
        assert "You may look, but not act." in answer.text
    assert page.site.heard == []
    assert "<button>Ring a test" not in bob.get("/planned").text


@pytest.mark.parametrize("told", [True, False])
def test_much_is_refused_before_it_is_read(page, told):
    anna = page.inside("anna")
    word = anna.word()
    taken = []

    async def pieces():
        yield f"csrf={word}&comment=".encode()
        for _ in range(1000):
            taken.append(1)
            yield b"x" * 4096

    headers = {"content-type": "application/x-www-form-urlencoded"} | ({"content-length": str(10**9)} if told else {})
    assert anna.client.post("/ring", content=pieces(), headers=headers).status_code == 413
    assert page.site.heard == []


def test_a_form_that_just_fits_is_read(page):
    anna = page.inside("anna")
    assert anna.post("/ring", {"comment": "x" * (MOST - 200)}).status_code == 303
    assert anna.post("/ring", {"comment": "x" * MOST}).status_code == 413
    assert (
        anna.client.post(
            "/ring", content=b"&".join([b"a=b"] * 501), headers={"content-type": "application/x-www-form-urlencoded"}
        ).status_code
        == 400
    )
    assert (
        anna.client.post("/ring", content=b"csrf=\xff", headers={"content-type": "application/x-www-form-urlencoded"}).status_code
        == 400
    )


# --- where a form leads back to


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example", "///evil.example", "https://evil.example", "https:evil.example", "https:/evil.example", "/\\evil.example",
        "\\\\evil.example", "/\tevil", "/ /evil.example", "javascript:alert(1)", "evil.example", "", "/\r\nset-cookie: a=b", "/\r", "/\n",
        "/%0d%0a\r\nx: y", "/ü", "/a b", "/a\0", "/login", "/logout", "/api/v1/status", "/live", "/" + "a" * 600, "/<script>", '/"',
    ],
)  # fmt: skip
def test_a_form_leads_back_to_a_path_of_ours_only(page, back):
    answer = page.browser().log_in("anna", back=back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    anna = page.inside("anna")
    assert anna.get("/login", params={"back": back}).headers["location"] == "/", "whoever is in already is led on"
    answer = anna.post("/ring", {"back": back})
    assert answer.headers["location"] == "/"
    assert sum(line.startswith("a=b") for line in answer.headers.get_list("set-cookie")) == 0


@pytest.mark.parametrize(
    "back", ["/", "/incidents/4711", "/incidents?text=web&state=open", "/history?month=2026-11", "/a//b", "/?x=/y"]
)
def test_a_path_of_ours_is_taken(page, back):
    assert page.browser().log_in("anna", back=back).headers["location"] == back


# --- guessing


def test_ten_thousand_logins_are_refused_counted_and_slow(page, caplog):
    """A second apart: so fast only a program is. What was looked at is a handful."""
    browser = page.browser()
    word = browser.word("/login")
    looked, guesses = 0, times(10_000)
    with caplog.at_level(logging.WARNING, "quorumbell.page"):
        for number in range(guesses):
            answer = browser.client.post("/login", data={"csrf": word, "name": "anna", "password": f"guess {number}"})
            looked += answer.status_code == 403
            assert answer.status_code in {403, 429}
            page.now += timedelta(seconds=1)
    assert looked < 50, "five tries, then each waits twice as long, up to five minutes"
    assert int(answer.headers["retry-after"]) > 1
    assert (page.entry.doors.failed_in_all, page.entry.doors.refused_in_all) == (looked, guesses - looked)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("refused without a look" in line for line in lines) <= guesses / 60 + 1, "the log does not grow with them"
    told = sum(int(line.split()[0]) for line in lines if "refused without a look" in line)
    assert told > 0.9 * guesses
    assert browser.client.post("/login", data={"csrf": word, "name": "anna", "password": PASSWORD}).status_code == 429


def test_whoever_waits_comes_in(page):
    browser = page.browser()
    for _ in range(8):
        browser.log_in("anna", "wrong")
    assert browser.log_in("anna").status_code == 429
    page.now += timedelta(minutes=5)
    assert browser.log_in("anna").status_code == 303
    assert page.browser().log_in("anna", "wrong").status_code == 403, "and begins anew"


def test_one_address_does_not_try_many_names_and_many_addresses_not_one_name(page):
    browser = page.browser()
    answers = [browser.log_in(f"name{number}", "wrong").status_code for number in range(30)]
    assert answers == [403] * 20 + [429] * 10
    assert page.browser(address="192.0.2.8").log_in("bob").status_code == 303, "others come in meanwhile"
    answers = [page.browser(address=f"198.51.100.{number}").log_in("anna", "wrong").status_code for number in range(8)]
    assert answers == [403] * 5 + [429] * 3


def test_a_session_goes_on_while_its_name_is_tried(page):
    anna = page.inside("anna")
    for number in range(10):
        page.browser(address=f"198.51.100.{number}").log_in("anna", "wrong")
    assert anna.get("/planned").status_code == 200


# --- behind a proxy

PROXY = {"trusted_proxy": ["10.0.0.0/24"], "user_header": "X-Remote-User"}


def test_whom_a_trusted_proxy_names_is_in(page_with):
    page = page_with(**PROXY)
    browser = page.browser(address="10.0.0.1", **{"x-remote-user": "Anna"})
    answer = browser.get("/planned")
    assert answer.status_code == 200
    assert ">anna<" in answer.text
    assert browser.post("/ring").status_code == 303
    assert page.site.heard[-1].author == "anna (page)"
    assert "quorumbell" not in browser.cookies, "without the proxy it is nobody's"
    other = page.browser(address="10.0.0.1", **{"x-remote-user": "bob"})
    assert other.client.post("/ring", data={"csrf": browser.word()}).status_code == 403, "whose word it is, their browser knows"
    assert ">bob<" in other.get("/planned").text
    assert other.get("/login").headers["location"] == "/"


def test_whom_the_proxy_names_writes_nothing_into_the_ledger(page_with, monkeypatch):
    """A program that asks every second keeps no cookie."""
    page = page_with(**PROXY)
    monkeypatch.setattr(page.people.__class__, "begin", None)
    for _ in range(3):
        assert page.browser(address="10.0.0.1", **{"x-remote-user": "anna"}).get("/account").status_code == 200
    monkeypatch.setattr(page.people.__class__, "account", _away)
    assert page.browser(address="10.0.0.1", **{"x-remote-user": "anna"}).get("/account").status_code == 200, "as it was lately"
    assert page.browser(address="10.0.0.1", **{"x-remote-user": "bob"}).get("/account").status_code == 503


def test_a_session_is_its_persons_whomever_the_proxy_names(page_with):
    page = page_with(**PROXY)
    anna = page.inside("anna")
    cookie = {"cookie": f"quorumbell={anna.cookies['quorumbell']}"}
    assert ">bob<" in page.browser(address="10.0.0.1", **{"x-remote-user": "bob"}).get("/planned", headers=cookie).text


@pytest.mark.parametrize("address", ["10.0.1.1", "192.0.2.7", "127.0.0.1", "::1"])
def test_nobody_else_is_believed(page_with, address):
    page = page_with(**PROXY)
    headers = {"x-remote-user": "anna", "x-forwarded-proto": "https", "x-forwarded-for": "10.0.0.1"}
    answer = page.browser(address=address, **headers).get("/planned")
    assert answer.status_code == 303
    assert "__Host-" not in page.browser(address=address, **headers).log_in("anna").headers["set-cookie"]


def test_without_a_header_in_the_config_none_is_believed(page_with):
    page = page_with(trusted_proxy=PROXY["trusted_proxy"])
    assert page.browser(address="10.0.0.1", **{"x-remote-user": "anna"}).get("/planned").status_code == 303


@pytest.mark.parametrize("name", ["eve", "anna (page)", "../anna", "<b>"])
def test_whom_nobody_added_is_told_so(page_with, name):
    page = page_with(**PROXY)
    answer = page.browser(address="10.0.0.1", **{"x-remote-user": name}).get("/planned")
    assert answer.status_code == 403
    assert "is not known here" in answer.text
    assert "<b>" not in answer.text


def test_of_two_names_one_is_the_visitors_own(page_with):
    page = page_with(**PROXY)
    headers = [("x-remote-user", "anna"), ("x-remote-user", "bob"), ("accept", "text/html")]
    assert page.browser(address="10.0.0.1").client.get("/planned", headers=headers).status_code == 403


def test_a_proxy_says_from_where_and_whether_by_tls(page_with):
    page = page_with(**PROXY)
    headers = {"x-forwarded-for": "203.0.113.9, 198.51.100.1, 10.0.0.7", "x-forwarded-proto": "https"}
    browser = page.browser(address="10.0.0.1", **headers)
    assert "; Secure" in browser.client.get("/login").headers["set-cookie"]
    browser.client.post("/login", data={"csrf": "x"})
    browser.client.get("/api/v1/status", headers={"authorization": "Bearer wrong"})
    assert list(page.entry.doors.addresses._failed) == ["198.51.100.1"], "not what the visitor wrote before it"


# --- while the ledger does not answer


def test_who_was_in_sees_on_for_an_hour_while_the_ledger_is_away(page, monkeypatch):
    anna = page.inside("anna")
    assert anna.get("/account").status_code == 200
    monkeypatch.setattr(page.people.__class__, "session", _away)
    assert anna.get("/account").status_code == 200
    assert page.browser().get("/planned", headers={"cookie": "quorumbell=other"}).status_code == 503
    page.now += timedelta(minutes=59)
    assert anna.get("/account").status_code == 200
    page.now += timedelta(minutes=2)
    assert anna.get("/account").status_code == 503
    monkeypatch.undo()
    page.now += timedelta(seconds=10)
    assert anna.get("/account").status_code == 200


def _away(*_):
    from bridge.ledger.records import LedgerAway

    raise LedgerAway("the disk is full")


# --- what every answer says to the browser


def test_every_answer_keeps_strangers_out_of_the_page(page):
    anna = page.inside("anna")
    for answer in (anna.get("/planned"), page.browser().get("/login"), page.browser().get("/planned"), anna.client.post("/ring")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


def test_the_login_speaks_the_language_that_the_browser_asks_for(page):
    assert "Anmelden" in page.browser(**{"accept-language": "de-AT,de;q=0.9"}).get("/login").text
    assert 'lang="en"' in page.browser(**{"accept-language": "fr"}).get("/login").text


def test_nothing_else_than_http_is_spoken(page):
    said = []

    async def send(message):
        said.append(message)

    page.loop.run(page.app({"type": "websocket", "path": "/live", "headers": []}, None, send))
    assert said == [{"type": "websocket.close", "code": 1008}]
