"""What the pages show, to whom, and that no name or reason out of a cluster can do more than be read."""

import csv
import io
import re
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser

import msgspec
import pytest

from bridge.asked.story import story
from bridge.core.telling.notice import Telling
from bridge.core.world.event import Severity
from bridge.core.world.incident import State
from bridge.ledger.ledger import Commit
from bridge.ledger.records import Standing
from bridge.page.story import seeking
from bridge.page.story.sorts import SORTS
from bridge.page.story.timeline import ORDER
from bridge.page.words import WORDS, history, now, people, shell
from bridge.page.words import story as words_of_story
from tests.page.story.conftest import BEGIN

EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "=cmd|'/c calc'!A1", "{{ 7*7 }}")


class Elements(HTMLParser):
    """The elements of a page and their attributes; what stands within <style> apart."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def test_a_power_cut_is_told_drawn_and_explained(power_cut, visit):
    answer = visit(power_cut).get("/incidents/1")
    text = answer.text
    assert answer.status_code == 200
    assert "Node n3 failed and was fenced (reboot by n1)." in text
    assert "2026-11-24 04:00" in text, "the reader is in Berlin"
    page = Elements(text)
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [one["href"] for one in page.named("a") if one["href"].startswith("#")]
    assert len(links) > 10
    assert {link[1:] for link in links} <= {*ids, "content"}
    assert {"mark tone-bad", "mark tone-good", "mark tone-work"} <= {one.get("class") for one in page.named("path")}
    assert [one["class"] for one in page.named("rect") if "bar-outage" in one.get("class", "")]
    assert "this fencing of n3 was told before" in text, "the decisions"
    assert "CRM_alert_timestamp_epoch" in text, "a report as it came"
    assert "250 queued" in text, "how the telling went"


def test_without_script_and_style_of_its_own(power_cut, visit):
    for address in ("/incidents/1", "/incidents", "/history"):
        page = Elements(visit(power_cut).get(address).text)
        assert all(set(one) <= {"src", "defer"} and one["src"].startswith("/static/") for one in page.named("script"))
        assert not page.named("style")
        assert not [attributes for _, attributes in page.found if any(name == "style" or name[:2] == "on" for name in attributes)]


def test_in_german(power_cut, visit):
    text = visit(power_cut, language="de").get("/incidents/1").text
    assert '<html lang="de">' in text
    assert "Knoten n3 ist ausgefallen" in text
    assert "Was geschah" in text


def test_a_viewer_is_shown_no_form_that_acts(empty, visit):
    empty.action("web", BEGIN, task="start", rc="1").until(BEGIN + timedelta(minutes=2))
    operator, viewer = (Elements(visit(empty, role=role).get("/incidents/1").text) for role in ("operator", "viewer"))
    targets = [one["action"] for one in operator.named("form")]
    assert targets == ["/logout", "/incidents/1/acknowledge", "/silences/preview"], "what a silence holds back is shown first"
    assert [one["value"] for one in operator.named("input") if one.get("name") == "csrf"] == ["a word"] * 2
    links = [one["href"] for one in operator.named("a")]
    assert "/planned?cluster=alpha&what=resource%3Dweb" in links
    assert [one["action"] for one in viewer.named("form")] == ["/logout"]
    assert [one["data-copied"] for one in viewer.named("button") if one.get("class") == "copy"], "commands are for everybody"


def test_an_incident_that_became_part_of_another_leads_there(empty, visit):
    empty.action("web", BEGIN).until(BEGIN + timedelta(minutes=2))
    one = empty.ledger.incident(1)
    part = msgspec.structs.replace(one, key="part", state=State.CLOSED, closed_at=one.opened_at, absorbed_into=one.key)
    empty.ledger.commit(Commit(now=BEGIN, incidents=[part]))
    answer = visit(empty).get("/incidents/2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/1?was=2")
    assert "Incident 2 became part of this one" in visit(empty).get("/incidents/1?was=2").text
    assert "became part" not in visit(empty).get("/incidents/1?was=3").text


@pytest.mark.parametrize("number", ["2", "0", "9" * 18])
def test_an_incident_that_is_not_there(power_cut, visit, number):
    for address in (f"/incidents/{number}", f"/incidents/{number}/report"):
        answer = visit(power_cut).get(address)
        assert answer.status_code == 404
        assert f"There is no incident {number}." in answer.text


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "-1", "1.0"])
def test_what_is_no_number_of_an_incident_leads_nowhere(power_cut, visit, number):
    for address in (f"/incidents/{number}", f"/incidents/{number}/report", f"/incidents/{number}/news"):
        answer = visit(power_cut).get(address)
        assert (answer.status_code, "There is no such page" in answer.text) == (404, True)


def test_the_report_is_one_file_that_needs_nothing_else(power_cut, visit):
    answer = visit(power_cut).get("/incidents/1/report")
    assert answer.headers["content-disposition"] == 'attachment; filename="quorumbell-incident-1.html"'
    page = Elements(answer.text)
    assert not page.named("script") + page.named("link") + page.named("img") + page.named("form")
    assert [one for one in page.named("a") if "href" in one] == []
    assert "url(http" not in answer.text
    assert "--critical: #cf222e" in answer.text, "its style stands in it"
    assert page.named("svg")
    assert "Node n3 failed and was fenced" in answer.text


def test_names_and_reasons_from_a_cluster_are_words_and_nothing_else(empty, visit):
    for number, evil in enumerate(EVIL):
        at = BEGIN + timedelta(minutes=number)
        empty.action(evil, at, desc=evil, CRM_alert_exit_reason=evil, cluster=evil, node=evil)
    empty.until(BEGIN + timedelta(hours=1))
    numbers = [number for number, _ in empty.ledger.incidents()]
    assert len(numbers) >= len(EVIL)
    client = visit(empty, name=EVIL[1])
    addresses = ["/incidents", f"/incidents?text={EVIL[1]}&cluster={EVIL[0]}&since={EVIL[1]}&before={EVIL[0]}", "/history"]
    addresses += [f"/history?month={EVIL[1]}&cluster={EVIL[0]}"]
    addresses += [f"/incidents/{number}{end}" for number in numbers for end in ("", "/report")]
    for address in addresses:
        answer = client.get(address)
        page = Elements(answer.text)
        assert answer.status_code == 200
        assert not page.named("img")
        assert all("src" in one for one in page.named("script")), address
        assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]
        assert "49" not in re.findall(r"resource (\d+)", answer.text)
        assert len(list(page.named("main"))) == 1


def test_the_list_is_searched(empty, visit):
    for number in range(30):
        empty.action(f"web{number:02}", BEGIN + timedelta(hours=number), task="start")
    empty.until(BEGIN + timedelta(days=2))
    client = visit(empty)

    def found(address):
        return re.findall(r'<a href="/incidents/\d+">[^<]*(web\d\d)', client.get(address).text)

    first = found("/incidents")
    assert len(first) == seeking.PAGE
    assert first[0] == "web29"
    older = re.search(r'href="(/incidents\?before=[^"]+)" rel="next"', client.get("/incidents").text)[1]
    assert found(older) == ["web04", "web03", "web02", "web01", "web00"]
    assert found("/incidents?text=WEB07") == ["web07"]
    assert found("/incidents?text=%238") == ["web07"], "by its number"
    assert found("/incidents?text=web07&state=closed") == []
    assert found("/incidents?cluster=beta") == []
    assert found("/incidents?since=2026-11-25&until=2026-11-25")[-1] == "web20", "days of Berlin"
    assert found("/incidents?kind=no-such-kind")[0] == "web29"
    assert "is no day" in client.get("/incidents?since=yesterday").text
    for odd in ("since=9999-12-31&until=9999-12-31", "since=0001-01-01", "before=1-1-1", "before=99999999999999999999-1"):
        assert client.get(f"/incidents?{odd}").status_code == 200, odd


def test_the_history_counts_and_marks_what_is_still_away(empty, visit):
    empty.action("web", BEGIN, task="start").until(BEGIN + timedelta(hours=1))
    rows = list(csv.DictReader(io.StringIO(visit(empty).get("/history.csv?month=2026-11").text)))
    assert [(row["name"], row["times"], row["still_away"], row["zone"]) for row in rows] == [("web", "1", "1", "Europe/Berlin")]
    text = visit(empty).get("/history?month=2026-11").text
    assert "still away" in text
    assert visit(empty).get("/history.csv").headers["content-disposition"].startswith("attachment; ")
    assert "nothing known" in visit(empty).get("/history?month=2025-11").text
    assert "is no month" in visit(empty).get("/history?month=2025-99").text
    assert "service web" not in visit(empty).get("/history?month=2026-11&cluster=beta").text


def test_planned_work_on_a_service_stands_apart(empty, visit):
    until = int((BEGIN + timedelta(hours=2)).timestamp() * 1e6)
    words = {"do": "silence", "silence": "s1", "author": "ann", "comment": "", "planned": "resource=web", "until_us": until}
    words["matchers"] = 'cluster="alpha"\nroot=~"(resource|guest)/web"'
    empty.say(words, BEGIN)
    for hours in (1, 5):
        at = BEGIN + timedelta(hours=hours)
        empty.action("web", at, task="start").action("web", at + timedelta(minutes=1), task="start", rc="0", desc="ok")
    empty.until(BEGIN + timedelta(hours=9))
    (row,) = csv.DictReader(io.StringIO(visit(empty).get("/history.csv?month=2026-11").text))
    assert (row["times"], row["away_seconds"], row["planned_times"], row["planned_seconds"]) == ("1", "60.0", "1", "60.0")


def test_a_spreadsheet_takes_no_name_for_a_formula(empty, visit):
    empty.action("=1+1", BEGIN, task="start").until(BEGIN + timedelta(hours=1))
    assert ",'=1+1," in visit(empty).get("/history.csv?month=2026-11").text


def test_when_the_ledger_does_not_answer_nothing_old_is_shown(tmp_path, visit, empty):
    (tmp_path / "ledger.db").rename(tmp_path / "elsewhere.db")
    for address in ("/incidents", "/incidents/1", "/incidents/1/report", "/history", "/history.csv"):
        answer = visit(empty).get(address)
        assert answer.status_code == 503
        assert "no ledger at" in answer.text
        assert "Node n3" not in answer.text


def test_the_page_and_explain_tell_the_same(power_cut, visit, empty):
    with_reports = visit(power_cut).get("/incidents/1").text
    ledger = type(empty.ledger).open(power_cut.config.bridge.ledger_url, write=False)
    told = story(ledger, 1)
    ledger.close()
    for number, report in told.reports:
        assert f'id="r{number}"' in with_reports, report


def test_no_word_has_two_meanings():
    keys = Counter(key for part in (history, now, people, shell, words_of_story) for key in part.WORDS)
    assert [key for key, count in keys.items() if count > 1] == []


def test_whatever_is_shown_by_its_own_name_has_a_word():
    kinds = {"severity": Severity, "state": State, "standing": Standing, "telling": Telling, "mark": SORTS, "lane": ORDER}
    kinds |= {"bar": ["outage", *(name for name, sort in SORTS.items() if sort.ends)], "month": range(1, 13)}
    assert [f"{kind}_{name}" for kind, names in kinds.items() for name in names if f"{kind}_{name}" not in WORDS] == []
