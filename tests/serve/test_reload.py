"""The config is read again by a bridge that runs, with real relays, hooks and mail servers around it."""

import json
import signal
import threading
import time
from collections import Counter

import pytest

from examples.mail_sink import MailSink
from tests.commanding import typed
from tests.conftest import times
from tests.handlers.test_lean import links
from tests.receivers.opsview.test_process import opsview  # noqa: F401 - a fixture
from tests.serve.test_bridge import Bridge, stop_failed
from tests.serve.test_watchdog import Watched as WatchedStart
from tests.waiting import eventually

pytestmark = pytest.mark.whole


class Reloading(Bridge):
    sequence = 10

    def rewrite(self, *pairs):
        text = self.config.read_text()
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        self.config.write_text(text)

    def run(self, *words):
        return typed(*words, "-c", str(self.config))

    def log(self):
        return (self.home / "bridge.log").read_text()

    def fail(self, name):
        self.sequence += 1
        words = {"rsc": name, "node": f"{name}-host", "node_sequence": str(self.sequence)}  # of another node: another story
        assert self.hook(**{**stop_failed(time.time()), **words}) == 0

    def told(self):
        return json.loads(self.command("deliveries", "--json", "-n", "1000"))


class SlowSink(MailSink):
    """Takes a mail, and keeps its sender waiting for the answer until it `may` go on."""

    def __init__(self, tell):
        self.may = threading.Semaphore(0)
        super().__init__(tell)

    def take(self, content, recipients):
        super().take(content, recipients)
        self.may.acquire(timeout=20)


@pytest.fixture
def bridge(tmp_path):
    bridge = Reloading(tmp_path)
    yield bridge
    bridge.stop()


@pytest.fixture
def sink(request):
    with getattr(request, "param", MailSink)(lambda _: None) as other:
        yield other


def states(bridge):
    return Counter(one["state"] for one in bridge.told())


def test_what_changed_is_named_and_taken_over(bridge, sink):
    bridge.rewrite((str(bridge.sink.port), str(sink.port)), ('clear_after = "1s"', 'clear_after = "2s"'))
    with bridge.config.open("a") as config:
        config.write(
            '[receivers.other]\nkind = "mail"\nhost = "127.0.0.1"\nsecurity = "none"\nfrom = "q@e.org"\nto = ["b@e.org"]\n'
        )
    said = bridge.command("reload")
    assert said == "taken over: correlation.clear_after, receivers.oncall, receivers.other (added), routes\n"
    bridge.fail("db")
    eventually(lambda: sink.mails)
    assert bridge.mails == []
    assert {one["name"] for one in json.loads(bridge.command("status", "--json"))["receivers"]} == {"oncall", "other"}


def test_what_needs_a_restart_is_named_and_the_rest_is_taken_over(bridge):
    bridge.rewrite(("[bridge]\n", '[bridge]\nmetrics = "127.0.0.1:1"\nname = "another"\nlog_level = "debug"\n'))
    said = bridge.command("reload")
    assert said == "taken over: bridge.log_level\nneeds a restart: bridge.metrics, bridge.name\n"
    assert "CONFIG      needs a restart since" in bridge.command("status")
    assert "needs a restart: bridge.metrics, bridge.name" in bridge.log()
    assert bridge.command("reload") == said.replace("bridge.log_level", "nothing has changed that can be"), "still"
    bridge.rewrite(('metrics = "127.0.0.1:1"\nname = "another"\n', ""))
    assert "restart" not in bridge.command("reload")
    assert "CONFIG" not in bridge.command("status")


def test_a_broken_config_is_refused_and_the_old_one_stays(bridge):
    good = bridge.config.read_text()
    bridge.rewrite(('kind = "mail"', 'kind = "mial"'), ('clear_after = "1s"', 'clear_after = "soon"'))
    checked = bridge.run("check").stderr.splitlines()[:2]
    assert "did you mean mail?" in checked[1]

    refused = bridge.run("reload")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [*checked, "the changed config is refused, the old one is in force"]
    assert all(f"config: {one}" in bridge.log().replace('\\"', '"') for one in checked)
    shown = bridge.run("status")
    assert shown.returncode == 0
    assert "CONFIG      REFUSED" in shown.stdout
    assert "busy" not in shown.stdout
    assert all(one in shown.stdout for one in checked)
    bridge.fail("db")
    eventually(lambda: bridge.mails)
    assert "resource-blocked" in eventually(lambda: "resource-blocked" in (found := bridge.run("status").stdout) and found)

    bridge.config.write_text(good)
    assert "CONFIG      REFUSED" in bridge.command("status"), "until it is read again"
    bridge.command("reload")
    assert "CONFIG" not in bridge.command("status")


def test_a_file_that_is_no_toml_is_refused_by_the_same_way(bridge):
    bridge.config.write_text(bridge.config.read_text() + "[[routes\n")
    refused = bridge.run("reload")
    assert (refused.returncode, f"{bridge.config}:" in refused.stderr) == (1, True)
    assert "the old one is in force" in refused.stderr
    assert "CONFIG      REFUSED" in bridge.run("status").stdout


def test_a_mistake_that_nobody_had_read_again_is_shown_as_well(bridge):
    bridge.rewrite(('kind = "mail"', 'kind = "mial"'))
    assert "did you mean mail?" in bridge.run("status").stdout
    bridge.end(bridge.process)
    without = bridge.run("status")
    assert (without.returncode, without.stdout) == (78, "")
    bridge.rewrite(('kind = "mial"', 'kind = "mail"'))
    bridge.process = bridge.serve()


@pytest.mark.parametrize("sink", [SlowSink], indirect=True)
def test_what_is_being_told_is_told_once_and_what_waits_goes_the_new_way(bridge, sink):
    bridge.rewrite((str(bridge.sink.port), str(sink.port)))
    bridge.command("reload")
    bridge.fail("db")
    eventually(lambda: sink.mails)
    bridge.fail("web")
    eventually(lambda: len(bridge.told()) == 2)
    bridge.rewrite((str(sink.port), str(bridge.sink.port)))
    bridge.command("reload")
    assert bridge.mails == [], "the old one has the word"
    sink.may.release()
    eventually(lambda: states(bridge) == {"delivered": 2})
    assert ([len(one) for one in (sink.mails, bridge.mails)], "web" in bridge.mails[0]["Subject"]) == ([1, 1], True)
    assert all(one["attempts"] == 1 for one in bridge.told())


@pytest.mark.parametrize("sink", [SlowSink], indirect=True)
def test_who_waits_for_a_test_notice_that_was_not_begun_hears_it(bridge, sink):
    bridge.rewrite((str(bridge.sink.port), str(sink.port)))
    bridge.command("reload")
    bridge.fail("db")
    eventually(lambda: sink.mails)
    asked = bridge.start("ring", "-m", "bridge", "ring", "-c", str(bridge.config))
    eventually(lambda: any("socket:" in one for one in links(asked.pid).values()))
    time.sleep(1)  # what it asks for is on its way by now, and waits for the slow one
    bridge.rewrite((str(sink.port), str(bridge.sink.port)))
    bridge.command("reload")
    assert asked.wait(10) == 1
    assert "the config was changed before it was sent" in (bridge.home / "ring.log").read_text()
    sink.may.release()


@pytest.mark.parametrize("change", ['redundancy_after = "11m"', ""], ids=["other understanding", "other routes"])
def test_what_only_time_told_is_not_told_again(bridge, change):
    """The worlds are filled again from the reports, and time is not one."""
    bridge.rewrite(("[correlation]\n", '[correlation]\ndown_after = "1s"\n'))
    bridge.command("reload")
    now = time.time()
    assert bridge.hook(**{**stop_failed(now), "task": "start"}) == 0
    eventually(lambda: bridge.mails)
    assert "db" in bridge.mails[0]["Subject"]
    (before,) = json.loads(bridge.command("incidents", "--json"))
    bridge.rewrite(("[correlation]\n", f"[correlation]\n{change}\n"))
    with bridge.config.open("a") as config:
        config.write("[[routes]]\nreceivers = ['oncall']\n")
    bridge.command("reload")
    time.sleep(2)
    assert len(bridge.mails) == 1
    assert json.loads(bridge.command("incidents", "--json")) == [before]
    assert bridge.hook(**{**stop_failed(now + 1), "task": "start", "rc": "0", "desc": "ok", "node_sequence": "9"}) == 0
    eventually(lambda: len(bridge.mails) == 2)
    assert bridge.mails[0]["Message-ID"] in bridge.mails[1]["References"]


@pytest.mark.parametrize("change", ['redundancy_after = "11m"', ""], ids=["other understanding", "other routes"])
def test_what_people_said_holds_on(bridge, change):
    bridge.command("silence", "add", 'resource="db"', "--for", "1h")
    bridge.fail("web")
    eventually(lambda: bridge.mails)
    bridge.command("ack", "1", "-m", "mine")
    bridge.rewrite(("[correlation]\n", f"[correlation]\n{change}\n"), ('to = ["a@e.org"]', 'to = ["b@e.org"]'))
    bridge.command("reload")
    bridge.fail("db")
    eventually(lambda: len(json.loads(bridge.command("incidents", "--json"))) == 2)
    time.sleep(1)
    assert len(bridge.mails) == 1
    (taken,) = [one for one in json.loads(bridge.command("status", "--json"))["incidents"] if one["id"] == 1]
    assert taken["acknowledged_by"]


def test_nothing_is_lost_and_nothing_told_twice_under_a_stream(bridge, sink):
    """Reports come, mails go, and the config is read again and again: each way of taking over, and refusals."""
    bridge.rewrite(("[receivers.oncall]\n", "[receivers.oncall]\nbrake = false\n"))
    good = bridge.config.read_text()
    variants = [
        good.replace(str(bridge.sink.port), str(sink.port)),
        good.replace("[correlation]\n", '[correlation]\nredundancy_after = "11m"\n'),
        good.replace('kind = "mail"', 'kind = "mial"'),
        good.replace("[bridge]\n", '[bridge]\nlog_level = "debug"\n'),
        good,
    ]
    reports, done = max(times(150), 40), threading.Event()

    def stream():
        for number in range(reports):
            bridge.fail(f"db{number}")
        done.set()

    threading.Thread(target=stream, daemon=True).start()
    turns = 0
    while not done.is_set() or turns < 2 * len(variants):
        bridge.config.write_text(variants[turns % len(variants)])
        bridge.process.send_signal(signal.SIGHUP)
        turns += 1
        time.sleep(0.3)
    bridge.config.write_text(good)
    eventually(lambda: len(bridge.stored()) == reports, 60)
    eventually(lambda: states(bridge) == {"delivered": reports}, 60)
    ids = Counter(mail["Message-ID"] for mail in [*bridge.mails, *sink.mails])
    assert (len(ids), set(ids.values())) == (reports, {1})
    assert bridge.mails
    assert sink.mails
    assert "refused" in bridge.log()
    assert "OUR ERROR" not in bridge.command("status")
    assert bridge.process.poll() is None


def test_the_boards_own_service_says_it_and_a_board_is_replaced(bridge, opsview):  # noqa: F811
    table = (
        f'[receivers.noc]\nkind = "opsview"\nurl = "{opsview.url}"\nuser = "bell"\npassword = "op3n sesame"\n'
        'own_host = "bellhost"\nlook_every = "5s"\n'
    )
    good = bridge.config.read_text()
    bridge.config.write_text(good + table)
    assert "receivers.noc (added)" in bridge.command("reload")
    eventually(lambda: opsview.thing("bellhost", "Quorumbell").output.startswith("OK - Quorumbell"))
    bridge.config.write_text(good + table + "own_service = 4\n")
    assert bridge.run("reload").returncode == 1
    words = "the changed config is refused, the old one is in force, see quorumbell status"
    eventually(lambda: words in opsview.thing("bellhost", "Quorumbell").output)
    assert opsview.state("bellhost", "Quorumbell") == "warning"
    bridge.fail("db")
    eventually(lambda: opsview.state("alpha", "Resource: db") == "critical")
    bridge.config.write_text(good + table.replace('"5s"', '"6s"'))
    assert "receivers.noc" in bridge.command("reload")
    eventually(lambda: opsview.state("bellhost", "Quorumbell") == "ok")


class Watched(WatchedStart, Reloading):
    pass


def test_systemd_hears_when_it_begins_and_when_it_is_over(tmp_path):
    bridge = Watched(tmp_path)
    try:
        good = bridge.config.read_text()
        for text, status in ((good.replace('"mail"', '"mial"'), "refused"), (good, "the config is in force")):
            bridge.process.said.clear()
            bridge.config.write_text(text)
            bridge.process.send_signal(signal.SIGHUP)
            said = eventually(lambda: (found := _said(bridge)) and "STATUS" in found[-1] and found)
            assert [one.partition("=")[0] for one in said] == ["RELOADING", "MONOTONIC_USEC", "READY", "STATUS"]
            assert abs(time.monotonic() - int(said[1].partition("=")[2]) / 1e6) < 20
            assert status in said[3]
        assert bridge.process.fates == []
    finally:
        bridge.stop()


def _said(bridge):
    return [word for _, _, words in bridge.process.said for word in words if not word.startswith("WATCHDOG")]
