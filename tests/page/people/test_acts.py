"""What an operator does on the page, and what becomes of it; and what a person changes of their own."""

import importlib
import pkgutil
import re
from datetime import timedelta

import pytest

from bridge.core.telling.match import parse
from bridge.core.world.condition import Condition
from bridge.core.world.event import Severity, Subject, to_us
from bridge.ledger.ledger import Commit
from bridge.page import words
from bridge.page.people.passwords import fits
from bridge.page.people.planned import parts, running
from bridge.page.people.preview import MOST_NAMED, preview
from bridge.page.words import WORDS
from bridge.serve.control import SHORT, Ack, EndPlanned, EndSilence, Planned, Ring, Silence
from tests.ledger.conftest import Make
from tests.page.people.conftest import NOW, PASSWORD

pytestmark = pytest.mark.many

ANNA = "anna (page)"
HOUR = timedelta(hours=1)
EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'


@pytest.fixture
def make():
    return Make()


@pytest.mark.parametrize(
    "path,form,asked,told",
    [
        ("/incidents/4711/acknowledge", {"comment": " on my\r\nway "}, Ack(incident=4711, comment="on my way", author=ANNA), "Incident 1 is yours"),
        ("/incidents/4711/give-back", {}, Ack(incident=4711, withdraw=True, author=ANNA), "was given back"),
        (
            "/silences",
            {"matchers": 'node="n3"\r\n\r\nkind=~"replica-.*"', "length": "1h", "comment": "x" * 600},
            Silence(matchers=('node="n3"', 'kind=~"replica-.*"'), until_us=to_us(NOW + HOUR), comment="x" * SHORT, author=ANNA),
            "Silence 5eed has begun",
        ),
        ("/silences", {"matchers": ["node=n3", "cluster=ha1"], "length": "1h"}, Silence(matchers=('node="n3"', 'cluster="ha1"'), until_us=to_us(NOW + HOUR), author=ANNA), "has begun"),
        ("/silences/5eed/end", {}, EndSilence(id="5eed", author=ANNA), "is over"),
        ("/planned", {"cluster": "ha1", "what": "node=n3", "length": "90m"}, Planned(cluster="ha1", what="node=n3", until_us=to_us(NOW + 1.5 * HOUR), author=ANNA), "face has begun."),
        ("/planned/face/end", {}, EndPlanned(id="face", author=ANNA), "is over"),
        ("/ring", {"receiver": ["ops", "chat"]}, Ring(receivers=("ops", "chat"), author=ANNA), "ops: delivered (250 ok)"),
        ("/ring", {}, Ring(author=ANNA), "ops: delivered"),
    ],
)  # fmt: skip
def test_an_act_is_asked_of_the_bridge_with_the_persons_name_and_told_once(page, path, form, asked, told):
    anna, other = page.inside("anna"), page.inside("anna")
    answer = anna.post(path, form | {"back": "/planned"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/planned")
    assert page.site.heard == [asked]
    assert told not in other.get("/planned").text, "it is said to whoever did it"
    assert told in anna.get("/planned").text
    assert told not in anna.get("/planned").text


@pytest.mark.parametrize(
    "path,form,why",
    [
        ("/silences", {"matchers": "", "length": "1h"}, "would hold back everything"),
        ("/silences", {"length": "1h"}, "would hold back everything"),
        ("/silences", {"matchers": "node", "length": "1h"}, "is no matcher"),
        ("/silences", {"matchers": "node=~(", "length": "1h"}, "regular expression"),
        ("/silences", {"matchers": "node=n3", "length": "soon"}, "is no duration"),
        ("/silences", {"matchers": "node=n3", "length": "-1h"}, "is no duration"),
        ("/silences", {"matchers": "node=n3", "length": "0s"}, "no time at all"),
        ("/silences", {"matchers": "node=n3", "length": "999w"}, "longer than ten years"),
        ("/planned", {"cluster": "ha1", "what": "node=n3", "length": ""}, "is no duration"),
    ],
)
def test_what_was_typed_wrongly_is_refused_with_the_cure(page, path, form, why):
    answer = page.inside("anna").post(path, form)
    assert answer.status_code == 400
    assert why in answer.text
    assert page.site.heard == []


def test_a_no_of_the_bridge_is_told_in_its_words_and_harmless(page):
    page.site.answers["Ack"] = f"there is no incident {EVIL}"
    answer = page.inside("anna").post("/incidents/1/acknowledge")
    assert answer.status_code == 502
    assert "there is no incident &lt;script&gt;" in answer.text
    assert "<script>" not in answer.text
    page.site.answers["Silences"] = f"no bridge answers there {EVIL}"
    shown = page.inside("anna").get("/planned").text
    assert "nobody can say what is silenced now" in shown
    assert "Nothing is silenced now." not in shown, "nobody knows"
    assert "<script>" not in shown


def test_a_number_that_no_incident_can_have_is_not_asked_for(page):
    for number in ("9" * 19, "9" * 5000):
        assert page.inside("anna").post(f"/incidents/{number}/acknowledge").status_code == 404
    assert page.site.heard == []


def test_planned_work_on_what_was_never_heard_of_says_so(page):
    page.site.answers["Planned"]["known"] = False
    anna = page.inside("anna")
    anna.post("/planned", {"cluster": "ha1", "what": "node=n9", "length": "1h"})
    assert "Is it the right name?" in anna.get("/planned").text


def test_a_ring_that_did_not_arrive_is_not_told_as_a_success(page):
    anna = page.inside("anna")
    anna.post("/ring")
    assert '<p class="said" role="status">Rung. ops: delivered' in anna.get("/planned").text
    page.site.answers["Ring"] = {"verdicts": [{"receiver": "ops", "verdict": "given up", "why": f"550 {EVIL}"}]}
    anna.post("/ring")
    shown = anna.get("/planned").text
    assert '<p class="wrong" role="alert">Rung. ops: given up (550 &lt;script' in shown
    assert "<script>" not in shown


def test_what_was_shown_can_be_changed(page):
    anna = page.inside("anna")
    query = {"matchers": f"node=n3\r\nkind={EVIL}", "length": "3h", "comment": "new <memory>"}
    shown = anna.get("/silences/preview", params=query | {"matchers": "node=n3\r\nkind=x"}).text
    assert anna.get(re.search(r'href="(/planned\?[^"]*)"', shown)[1].replace("&amp;", "&")).status_code == 200
    forms = anna.get("/planned", params=query).text
    for value in ('value="3h"', 'value="new &lt;memory&gt;"', "node=n3\r\nkind=&lt;script"):
        assert value in forms
    assert "<script>" not in forms


def test_what_is_silenced_and_worked_on_is_listed_and_can_be_ended(page):
    one = {
        "id": "a/../b",
        "matchers": ['cluster="ha1"', 'root=~"(resource|guest)/db"'],
        "author": EVIL,
        "comment": EVIL,
        "until_us": to_us(NOW + HOUR),
    }
    other = one | {"id": "s2", "matchers": [f'node="{EVIL}"'], "until_us": to_us(NOW + 2 * HOUR)}
    page.site.answers["Silences"] = {"silences": [other | {"planned": ""}, one | {"planned": "resource=db"}]}
    shown = page.inside("anna").get("/planned").text
    assert "<strong>resource=db of ha1</strong>" in shown
    assert "until 2026-11-24 04:00:00 UTC" in shown
    assert 'action="/planned/a/../b/end"' in shown or 'action="/planned/a%2F../b/end"' in shown
    assert 'action="/silences/s2/end"' in shown
    assert "<script>" not in shown
    assert "<img" not in shown
    assert "/end" not in page.inside("bob").get("/planned").text, "a viewer only looks"


def test_the_forms_know_clusters_parts_and_receivers(page, make):
    subjects = ["node/n1", "guest/vm-a", "drbd/r0@n1", f"resource/{EVIL}", "fencing/n1", "cluster"]
    conditions = [Condition(cluster="ha1", subject=Subject(one), severity=Severity.OK, since=NOW, why="") for one in subjects]
    page.ledger.commit(Commit(now=NOW, conditions=conditions, reports=[make.report(cluster="ha1")]))
    shown = page.inside("anna").get("/planned").text
    assert "<option>ha1</option>" in shown
    for part in ("cluster", "node=n1", "guest=vm-a", "replica=r0"):
        assert f'<option value="{part}">' in shown
    assert 'name="receiver" value="ops"' in shown
    assert "<script>" not in shown


def test_parts_are_named_once():
    assert parts(["drbd/r0", "drbd/r0@n1", "drbd/r0@n2", "node/n1", "fencing/n1", "cluster"]) == [
        "cluster",
        "node=n1",
        "replica=r0",
    ]


def test_what_ends_first_stands_first():
    said = {
        "silences": [
            {"id": str(at), "matchers": ["node=n1"], "author": "", "comment": "", "until_us": at, "planned": ""}
            for at in (3, 1, 2)
        ]
    }
    assert [one.id for one in running(said)] == ["1", "2", "3"]


# --- what it would hold back


def incidents(make, count=1):
    """Open and over, of a node and of a resource; and one that is part of another."""
    node = make.incident("a", facts={"node": EVIL})
    ended = make.closed(make.incident("b", root="resource/web", facts={"resource": "web", "node": "n3"}))
    part = make.incident("c", absorbed_into="a")
    return [node, ended, part, *(make.incident(f"d{number}") for number in range(count))]


def test_a_preview_names_what_is_open_and_what_came_up_lately(make):
    numbered = list(enumerate(incidents(make, MOST_NAMED + 5), 1))
    found = preview([parse("cluster=alpha")], numbered)
    assert (found.open_count, len(found.open), found.over_count) == (MOST_NAMED + 6, MOST_NAMED, 1)
    found = preview([parse("root=resource/web")], numbered)
    assert (found.open_count, [number for number, _ in found.over]) == (0, [2])
    assert preview([parse("cluster=beta")], numbered).over_count == 0


def test_a_preview_is_shown_before_anything_begins(page, make):
    old = make.closed(make.incident("old", opened_at=NOW - timedelta(days=8)))
    page.ledger.commit(Commit(now=NOW, incidents=[*incidents(make), old]))
    anna = page.inside("anna")
    shown = anna.get("/silences/preview", params={"matchers": "cluster=alpha", "length": "2h", "comment": EVIL}).text
    assert "Open now: 2" in shown
    assert "Of the last 7 days, and over: 1" in shown
    assert "until 2026-11-24 05:00:00 UTC" in shown
    assert "<script>" not in shown
    form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown.partition('class="row"')[2]))
    matchers = re.search(r"<textarea name=\"matchers\" hidden>\s*([^<]*)</textarea>", shown)[1].replace("&#34;", '"')
    anna.client.post("/silences", data=form | {"matchers": matchers})
    assert page.site.heard[0].matchers == ('cluster="alpha"',)
    assert page.site.heard[0].until_us == to_us(NOW + 2 * HOUR)


def test_from_an_incident_one_is_led_back_to_it(page):
    anna = page.inside("anna")
    for asked, back in (("/incidents/7", "/incidents/7"), ("//evil.example", "/planned"), ("", "/planned")):
        shown = anna.get("/silences/preview", params={"matchers": "node=n3", "length": "2h", "back": asked}).text
        assert f'name="back" value="{back}"' in shown


def test_a_preview_of_planned_work_leads_to_planned_work(page):
    anna = page.inside("anna")
    shown = anna.get("/silences/preview", params={"cluster": "ha1", "what": "node=n3", "length": "2h"}).text
    assert "node=n3 of ha1" in shown
    form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', shown.partition('class="row"')[2]))
    assert anna.client.post("/planned", data=form).status_code == 303
    assert (page.site.heard[0].cluster, page.site.heard[0].what) == ("ha1", "node=n3")


def test_a_silence_of_everything_is_not_offered(page):
    shown = page.inside("anna").get("/silences/preview?matchers=").text
    assert "write at least one" in shown
    assert 'action="/silences"' not in shown


def test_a_viewer_may_see_what_a_silence_would_hold_back(page):
    shown = page.inside("bob").get("/silences/preview?matchers=node=n3").text
    assert "Open now: 0" in shown
    assert 'action="/silences"' not in shown


@pytest.mark.parametrize(
    "query", ["matchers=node", "matchers=node=n3&length=x", "what=x&cluster=ha1", "matchers=root%3D~%22(%22"]
)
def test_a_preview_of_what_was_typed_wrongly_says_so(page, query):
    assert page.inside("bob").get(f"/silences/preview?{query}").status_code == 400


# --- one's own


def test_language_and_zone_are_a_persons_own(page):
    bob = page.inside("bob")
    answer = bob.post("/account", {"what": "looks", "language": "de", "zone": "Europe/Berlin", "back": "/account"})
    assert answer.headers["location"] == "/account"
    shown = bob.get("/account").text
    assert "Gespeichert." in shown
    assert 'lang="de"' in shown
    assert (page.people.account("bob").language, page.people.account("bob").zone) == ("de", "Europe/Berlin")
    assert page.people.account("anna").language == "en"


@pytest.mark.parametrize(
    "language,zone", [("fr", "UTC"), ("en", "Mars/Olympus"), ("en", "../../etc/passwd"), ("en", ""), ("", "UTC"), ("en", EVIL)]
)
def test_a_language_or_a_zone_that_is_none_changes_nothing(page, language, zone):
    answer = page.inside("bob").post("/account", {"what": "looks", "language": language, "zone": zone})
    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert (page.people.account("bob").language, page.people.account("bob").zone) == ("en", "UTC")


def test_a_password_is_changed_by_who_knows_the_old_one(page):
    bob, elsewhere = page.inside("bob"), page.inside("bob")
    new = "battery staple"
    bob.post("/account", {"what": "password", "old": PASSWORD, "new": new, "again": new})
    assert fits(new, page.people.account("bob").password)
    assert "Your other sessions have ended" in bob.get("/account").text
    assert elsewhere.get("/account").status_code == 303
    assert page.browser().log_in("bob").status_code == 403
    assert page.browser().log_in("bob", new).status_code == 303


@pytest.mark.parametrize(
    "old,new,again,status", [("wrong", "battery staple", "battery staple", 403), (PASSWORD, "battery staple", "staple battery", 400), (PASSWORD, "short", "short", 400), (PASSWORD, "x" * 201, "x" * 201, 400)]
)  # fmt: skip
def test_a_password_is_not_changed_otherwise(page, old, new, again, status):
    assert page.inside("bob").post("/account", {"what": "password", "old": old, "new": new, "again": again}).status_code == status
    assert fits(PASSWORD, page.people.account("bob").password)


def test_a_page_that_was_found_open_is_no_place_to_guess_the_password(page):
    bob = page.inside("bob")
    tries = {"what": "password", "old": "wrong", "new": "battery staple", "again": "battery staple"}
    assert [bob.post("/account", tries).status_code for _ in range(7)] == [403] * 5 + [429] * 2


def test_no_word_of_one_part_of_the_page_hides_that_of_another():
    modules = [importlib.import_module(f"bridge.page.words.{found.name}") for found in pkgutil.iter_modules(words.__path__)]
    assert sum(len(module.WORDS) for module in modules) == len(WORDS)


def test_every_word_is_there_in_both_languages_with_the_same_gaps():
    for key, (english, german) in WORDS.items():
        assert english, key
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", german)), key


@pytest.mark.parametrize("path", ["/planned", "/account", "/silences/preview?matchers=node=n3"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_every_view_is_there_in_both_languages(page, path, language):
    page.people.change("anna", language=language)
    answer = page.inside("anna").get(path)
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    assert "style=" not in answer.text
    assert not re.search(r"<script(?! src=\"/static/)", answer.text), "nothing that the policy would refuse"
