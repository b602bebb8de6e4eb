"""Times, durations, outages, quoting, versions: what stands in a text besides its sentences."""

import html
import logging
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
import msgspec
import pytest

from bridge.core.telling.notice import Telling
from bridge.core.world.event import Subject
from bridge.core.world.incident import Incident, Kind
from bridge.core.world.outage import Outage
from bridge.texts import LANGUAGES, render, render_strictly, sentences, summary, words
from tests.missing import missing
from tools import gallery
from tools.notices import BEGAN_AT, notice
from tools.scenes import SCENES

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "seconds,english,german",
    [
        (0, "under 0.1 s", "unter 0,1 s"),
        (0.04, "under 0.1 s", "unter 0,1 s"),
        (0.45, "0.4 s", "0,4 s"),
        (1, "1 s", "1 s"),
        (4.9, "4 s", "4 s"),
        (60, "1 min", "1 min"),
        (125, "2 min 5 s", "2 min 5 s"),
        (3600, "1 h", "1 h"),
        (3780, "1 h 3 min", "1 h 3 min"),
        (86_400, "1 day", "1 Tag"),
        (2 * 86_400 + 3 * 3600 + 59, "2 days 3 h", "2 Tage 3 h"),
        (-5, "under 0.1 s", "unter 0,1 s"),
    ],
)
def test_durations(seconds, english, german):
    length = timedelta(seconds=seconds)
    assert (words.span(length, "en"), words.span(length, "de")) == (english, german)


def test_outages_are_lower_bounds():
    assert words.at_least(timedelta(seconds=4.2), "en") == "at least 4 s"
    assert words.at_least(timedelta(seconds=4.2), "de") == "mindestens 4 s"


@pytest.mark.parametrize(
    "instant,zone,english,german",
    [
        (datetime(2026, 11, 24, 2, 12, 5, tzinfo=UTC), UTC, "Tue 24 Nov 2026, 02:12:05 (UTC)", "Di. 24.11.2026, 02:12:05 (UTC)"),
        (
            datetime(2026, 7, 1, 22, 30, tzinfo=UTC),
            BERLIN,
            "Thu 2 Jul 2026, 00:30:00 (UTC+02:00)",
            "Do. 02.07.2026, 00:30:00 (UTC+02:00)",
        ),
        (
            datetime(2026, 1, 1, 2, 0, tzinfo=UTC),
            ZoneInfo("America/St_Johns"),
            "Wed 31 Dec 2025, 22:30:00 (UTC-03:30)",
            "Mi. 31.12.2025, 22:30:00 (UTC-03:30)",
        ),
    ],
)
def test_times_are_the_readers_and_say_their_offset(instant, zone, english, german):
    assert (words.moment(instant, "en", zone), words.moment(instant, "de", zone)) == (english, german)


def closing(outages: tuple[Outage, ...], **facts: str) -> Incident:
    told = notice(Kind.NODE_FAILURE, Telling.CLOSED, "en").incident
    return msgspec.structs.replace(told, outages=outages, facts={**told.facts, **facts})


def test_the_end_says_how_long_and_who_was_away():
    at = BEGAN_AT
    outages = (
        Outage(Subject("guest/vm-a"), at, at + timedelta(seconds=4.7)),
        Outage(Subject("resource/web"), at, at + timedelta(seconds=2)),
        Outage(Subject("resource/web"), at + timedelta(seconds=60), at + timedelta(seconds=61)),
        Outage(Subject("resource/db"), at),
    )
    text = render(closing(outages, recovered_at=(at + timedelta(minutes=4)).isoformat()), "en", zone=BERLIN)
    assert "Over after 4 min: Node n3 failed" in text.body
    assert "and was over at 03:16:05: it\nlasted 4 min." in text.body
    rows = [line.split("  ", 3)[2:] for line in text.body.splitlines() if line.startswith("    ")]
    table = {
        line.strip().split("  ")[0]: line.strip().split("  ")[-1].strip() for line in text.body.splitlines() if "   " in line
    }
    assert rows
    assert table == {
        "service db": "still away, for at least 4 h 31 min",
        "guest vm-a": "at least 4 s",
        "service web": "at least 3 s, 2 times",
    }
    assert list(table) == ["service db", "guest vm-a", "service web"]
    assert all(row in text.html for row in table.values())


@pytest.mark.parametrize(
    "language, row, more, failed",
    [
        ("en", "at least 3 h 10 min, 4,312 times, the longest 2 min 5 s", "and 7 more", "4,312 failures"),
        ("de", "mindestens 3 h 10 min, 4.312-mal, am längsten 2 min 5 s", "und 7 weitere", "4.312"),
    ],
)
def test_of_very_many_outages_the_sum_the_number_and_the_longest_are_told(language, row, more, failed):
    at, longest = BEGAN_AT, timedelta(minutes=2, seconds=5)
    past = timedelta(hours=3, minutes=10) - timedelta(seconds=2)
    outages = (
        Outage(Subject("resource/web"), at, at + timedelta(days=2), times=4310, in_all=past, longest_of_all=longest),
        *(Outage(Subject("resource/web"), at + timedelta(days=2), at + timedelta(days=2, seconds=1)) for _ in range(2)),
    )
    told = notice(Kind.RESOURCE_FLAPPING, Telling.CLOSED, language).incident
    facts = told.facts | {"failures": "4312"}
    told = msgspec.structs.replace(told, outages=outages, subjects=("resource/db",), more_subjects=7, more_away=3, facts=facts)
    text = render(told, language)
    assert row in text.body
    assert more in " ".join(text.body.split())
    assert failed in text.summary
    assert msgspec.json.decode(msgspec.json.encode(told), type=Incident) == told


def test_a_long_list_of_names_is_cut_between_names_and_says_how_many_more():
    names = [f"service-with-a-long-name-{number}" for number in range(40)]
    told = msgspec.structs.replace(closing((), moved=", ".join([*names, "+5"])), closed_at=None)
    (shown,) = re.findall(r"Moved: (.*?)\.", " ".join(render(told, "en").body.split()))
    *whole, rest = shown.split(", ")
    assert whole == names[: len(whole)]
    assert len(whole) > 10
    assert rest == f"+{45 - len(whole)}"
    assert words.listed("n1, n2, +5", "en") == "n1, n2 and 5 more"
    assert words.some("r0", "r0, r1, r2, r3, r4, +5", "en") == "r0, r1, r2 and 7 more"


def test_two_hundred_outages_stay_readable():
    outages = tuple(Outage(Subject(f"guest/vm-{n}"), BEGAN_AT, BEGAN_AT + timedelta(seconds=n)) for n in range(1, 201))
    text = render(closing(outages), "de")
    assert "160 weitere" in text.body
    assert text.body.count("mindestens") == 40
    assert len(text.html) < 30_000


def test_an_end_on_another_day_says_the_day():
    told = msgspec.structs.replace(closing(()), closed_at=BEGAN_AT + timedelta(days=1))
    assert "was over at Wed 25 Nov 2026, 02:12:05 (UTC)" in " ".join(render(told, "en").body.split())


NASTY = "we b;reboot' $(id)<b>&"


@pytest.mark.parametrize("kind,language", list(product(Kind, LANGUAGES)))
def test_what_is_pasted_stays_one_harmless_word(kind, language):
    """A name out of a report may hold anything: in a command it is quoted, in HTML escaped, in a header one line."""
    known = dict.fromkeys(SCENES[kind].facts, NASTY) | {"pacemaker_version": "2.1.5", "generation": ""}
    told = notice(kind, Telling.OPENED, language, facts=known)
    named = msgspec.structs.replace(told.incident, root=Subject(f"{told.incident.root.partition('/')[0]}/{NASTY}"))
    text = render_strictly(msgspec.structs.replace(told, incident=named), language, UTC)
    for command in (line for line in text.body.splitlines() if line.startswith("    ") and "reboot'" in line):
        typed = shlex.split(command.partition("    #")[0], comments=True)
        assert any(NASTY in word for word in typed), command
        assert "b;reboot" not in typed, command
    assert "<b>&" not in text.html


def test_in_a_narrow_mail_each_command_is_a_block_and_no_option_is_torn():
    text = render_strictly(notice(Kind.REPLICA_SPLIT_BRAIN, Telling.OPENED, "en"), "en", UTC)
    commands = [line.strip() for line in text.body.splitlines() if line.startswith("    drbdadm ")]
    blocks = [html.unescape(re.sub("<[^>]*>", "", one)) for one in re.findall("<pre[^>]*>(.*?)</pre>", text.html, re.DOTALL)]
    assert [one for one in blocks if one.startswith("drbdadm ")] == commands
    assert '<span style="white-space:nowrap">--discard-my-data</span>' in text.html


def test_control_characters_and_endless_values_are_cut():
    told = notice(Kind.RESOURCE_FAILURE, Telling.OPENED, "en", facts={"rc_words": "a\r\nBcc: x@y\x1b[2J" + "z" * 9000})
    text = render_strictly(msgspec.structs.replace(told), "en", UTC)
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text.subject + text.headline + text.body)
    assert "\n" not in text.headline
    assert len(text.body) < 4000


def runbook(version: str) -> str:
    facts = {"resource": "db", "action": "stop", "failed_on": "n1", "timed_out": "yes"} | (
        {"pacemaker_version": version} if version else {}
    )
    return render(notice(Kind.RESOURCE_BLOCKED, Telling.OPENED, "en", facts=facts)).body


def test_commands_fit_the_pacemaker_of_the_report():
    old, new, unknown = runbook("1.1.24"), runbook("2.1.5"), runbook("")
    assert "pcs resource show db" in old
    assert "corosync.log" in old
    assert "pcs resource config db" in new
    assert "corosync.log" not in new
    assert "pacemaker/pacemaker.log" in unknown
    assert "corosync.log" in unknown
    for text in (old, new):
        assert "crm configure show db" in text


def test_a_split_brain_shows_both_ways_out_with_names():
    body = render(notice(Kind.REPLICA_SPLIT_BRAIN, Telling.OPENED, "en")).body
    for loser, keeper in (("alpha", "bravo"), ("bravo", "alpha")):
        assert f"to throw away what only {loser} has and keep {keeper}" in " ".join(body.split())
        assert f"drbdadm connect --discard-my-data r0    # on {loser}" in body


@pytest.mark.parametrize(
    "generation,there,absent", [("9", "--reset-bitmap=no", "disconnect"), ("8.4", "disconnect", "--reset-bitmap")]
)
def test_repairs_fit_the_drbd_of_the_report(generation, there, absent):
    told = notice(
        Kind.REPLICA_OUT_OF_SYNC, Telling.OPENED, "en", facts={"generation": generation, "nodes": "alpha, bravo", "sure": "yes"}
    )
    body = render(told).body
    assert there in body
    assert absent not in body


@pytest.mark.parametrize(
    "kind,root,facts,names",
    [
        (Kind.NODE_FAILURE, "node/n1", {"behind": "db"}, ["n1", "db"]),
        (Kind.NODE_FAILURE, "node/n3", {"unfenced": "yes"}, ["n3"]),
        (Kind.FENCING_LOOP, "resource/ghost3", {"behind": "ghost3", "node": "n2"}, ["ghost3", "n2"]),
        (Kind.FENCING_LOOP, "node/n2", {"behind": "ghost3"}, ["ghost3", "n2"]),
        (Kind.FENCING_FAILURE, "fencing/n3", {"behind": "db"}, ["n3", "db"]),
        (Kind.QUORUM_LOST, "cluster", {"lost_nodes": "n2, n3"}, ["n2", "n3"]),
        (Kind.CLUSTER_PARTITION, "node/n3", {"cut_off": "n3"}, ["n3"]),
        (Kind.RESOURCE_DOWN, "resource/a", {"tried_on": "n1, n2"}, ["a", "n1", "n2"]),
        (Kind.REPLICA_IO_ERROR, "drbd/r0@alpha", {}, ["r0", "alpha"]),
        (Kind.REPLICA_SPLIT_BRAIN, "drbd/r0", {"nodes": "alpha, bravo", "victim": "alpha"}, ["r0", "alpha", "bravo"]),
        (Kind.REPLICA_SPLIT_BRAIN, "drbd/r0", {"side": "alpha", "peer": "bravo"}, ["alpha", "bravo"]),
        (Kind.REPLICA_SPLIT_BRAIN, "drbd/r0", {"link": "alpha, bravo; alpha, charlie"}, ["alpha", "bravo", "charlie"]),
        (Kind.REPLICA_DISCONNECTED, "drbd/r0", {"side": "bravo", "handler": "before-resync-target"}, ["r0", "bravo"]),
        (Kind.CONNECTIVITY, "attribute/pingd@n1", {}, ["pingd", "n1"]),
    ],
)
def test_the_sentence_names_who_matters(kind, root, facts, names):
    told = notice(kind, Telling.OPENED, "en", facts=facts).incident
    for language in LANGUAGES:
        sentence = summary(msgspec.structs.replace(told, root=Subject(root), subjects=()), language)
        assert all(re.search(rf"\b{name}\b", sentence) for name in names), sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_it_failed_is_not_where_a_start_was_tried_before(language):
    told = notice(Kind.RESOURCE_DOWN, Telling.OPENED, language).incident
    facts = {"resource": "pg", "action": "monitor", "failed_on": "n3", "tried_on": "n1", "absence": "promoted"}
    sentence = summary(msgspec.structs.replace(told, root=Subject("resource/pg"), subjects=(), facts=facts), language)
    assert "n3" in sentence, sentence
    assert "n1" not in sentence, sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_a_guest_could_not_be_started_is_said_once(language):
    told = notice(Kind.GUEST_FAILURE, Telling.OPENED, language).incident
    facts = {"resource": "vm-a", "action": "start", "failed_on": "n3", "tried_on": "n1, n2, n3"}
    sentence = summary(msgspec.structs.replace(told, root=Subject("guest/vm-a"), subjects=(), facts=facts), language)
    assert sentence.count("n3") == 1, sentence
    assert "n1" in sentence, sentence


@pytest.mark.parametrize("language, words", [("en", "not reach every copy"), ("de", "nicht jede Kopie")])
def test_a_cut_between_two_of_three_leaves_a_second_copy(language, words):
    told = notice(Kind.REPLICA_DISCONNECTED, Telling.OPENED, language, facts={"many": "yes", "nodes": "a, b"}).incident
    assert words in summary(msgspec.structs.replace(told, root=Subject("drbd/r0"), subjects=()), language)


@pytest.mark.parametrize("language, words", [("en", "promoted nowhere"), ("de", "nirgends Primary")])
def test_what_is_promoted_nowhere_is_not_restarted_each_time(language, words):
    told = notice(Kind.RESOURCE_FLAPPING, Telling.OPENED, language).incident
    facts = {"resource": "pg", "action": "promote", "failed_on": "n1", "restarted": "yes", "unpromoted": "pg", "down": ""}
    sentence = summary(msgspec.structs.replace(told, root=Subject("resource/pg"), subjects=(), facts=facts), language)
    assert words in sentence, sentence


def test_a_broken_template_does_not_keep_an_alarm_back(monkeypatch, caplog):
    loader = jinja2.DictLoader({"en/node-failure.j2": "{{ f.nonsense }}"})
    monkeypatch.setattr(sentences, "_TEXT", jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=True))
    with caplog.at_level(logging.ERROR):
        text = render(notice(Kind.NODE_FAILURE, Telling.OPENED, "en"))
    assert "node/n3" in text.subject
    assert "fenced_by: n1" in text.body
    assert "its template is broken" in caplog.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_test_notice_says_only_that_it_is_one(language):
    told = notice(Kind.RESOURCE_FAILURE, Telling.OPENED, language, facts={})
    incident = msgspec.structs.replace(told.incident, key="test@now", root=Subject("resource/test-of-the-bell"))
    text = render_strictly(msgspec.structs.replace(told, incident=incident, incident_id=0), language, UTC)
    assert "crm_" not in text.body
    assert {"en": "nothing is wrong", "de": "es ist nichts geschehen"}[language] in text.headline


def test_the_gallery_is_up_to_date():
    folder = Path(__file__).parents[2] / "docs" / "notices"
    stored = {page.name: page.read_text(encoding="utf-8") for page in folder.iterdir()}
    assert stored == gallery.pages(), "run: python -m tools.gallery docs/notices"


TOOLS = ("attrd_updater", "cibadmin", "crm_attribute", "crm_mon", "crm_resource", "crm_verify", "stonith_admin")


@pytest.mark.parametrize("tool", TOOLS)
def test_every_option_we_print_exists(tool):
    if shutil.which(tool) is None:
        missing(f"{tool} is not installed here: apt-get install pacemaker-cli-utils")
    known = "".join(
        subprocess.run([tool, asked], capture_output=True, text=True, check=False).stdout for asked in ("--help-all", "--help")
    )
    printed = {
        option
        for kind, page in product(Kind, [gallery.pages()])
        for line in page[f"{kind}.md"].splitlines()
        if line.strip().startswith(f"{tool} ")
        for option in re.findall(r"--[a-z-]+", line.partition("    #")[0])
    }
    assert printed
    assert printed <= set(re.findall(r"--[a-z-]+", known))


@pytest.mark.parametrize("kind", Kind)
def test_what_is_over_is_told_in_the_past(kind):
    story = notice(kind, Telling.CLOSED, "en").incident
    assert not re.search(r"\b(cannot|can no longer|is running|runs nowhere)\b", summary(story, "en"))


def test_a_fence_device_is_no_resource_to_pcs():
    text = render(notice(Kind.FENCE_DEVICE_FAILURE, Telling.OPENED, "en")).body
    assert "pcs stonith config fence-n1" in text
    assert "pcs resource" not in text
