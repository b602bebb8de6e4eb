"""A real browser looks at it: the recorded power cut is seen as it happens, a lost connection is said, phone and wall fit."""

import json
import subprocess
import sys
import threading
import time
from contextlib import closing

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe

from bridge.config.config import load_config
from bridge.core.world.incident import State
from bridge.ledger.ledger import Commit, Ledger
from bridge.page.person import Person
from examples.demo import Demo
from tests.page.scenes import NOW, Place, condition, edges, node_lost, planned, service, several, silent, well
from tests.page.served import Served
from tests.waiting import eventually

pytestmark = pytest.mark.whole

SEEN = """
window.states = [];
const look = () => {
  const sight = document.querySelector(".sight");
  const state = document.body.classList.contains("is-lost") ? "lost" : sight ? sight.dataset.state : "";
  const words = sight ? sight.innerText : "";
  if (state && (!states.length || states[states.length - 1][0] !== state)) states.push([state, Date.now(), words]);
};
addEventListener("DOMContentLoaded", () => {
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
});
"""


@pytest.fixture
def look(browser):
    """A page of its own; what its console says is kept, and must be nothing."""
    opened, said = [], []

    def one(served, path="/", script="", **settings):
        context = browser.new_context(**settings)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.add_init_script(SEEN)
        page.add_init_script(script)
        page.goto(served.url + path, wait_until="domcontentloaded")
        opened.append(context)
        return page

    one.said = said
    yield one
    for context in opened:
        context.close()


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def served(place):
    made = Served(place.config)
    yield made
    made.close()


def until(page, words, seconds=20):
    """Waits for it: playwright's own way evaluates text in the page, which the page forbids."""
    eventually(lambda: page.evaluate(words), seconds, words)


def opened_at(url, found):
    """Writes down when the ledger first had an incident that needs somebody, in milliseconds since 1970."""
    with closing(Ledger.open(url, write=False)) as ledger:
        while not found:
            if any(one.state is State.OPEN and not one.planned for one in ledger.overview().briefs):
                found.append(time.time() * 1000)
            time.sleep(0.02)


@pytest.fixture
def demo(tmp_path):
    made = Demo(tmp_path)
    made.start()
    eventually((tmp_path / "control.sock").exists)
    served = Served(load_config(made.config))
    yield made, served
    served.close()
    made.stop()
    made.sink.server_close()


def test_the_recorded_power_cut_is_seen_live(look, demo):
    demo, served = demo
    page = look(served)
    watching = threading.Thread(target=opened_at, args=(served.config.bridge.ledger_url, found := []), daemon=True)
    playing = threading.Thread(target=demo.play, daemon=True)
    watching.start()
    playing.start()
    until(page, "states.some(([state]) => state === 'critical')", 40)
    assert page.get_attribute('link[rel="icon"]', "href") == "/static/icon-critical.svg"
    assert page.title().startswith("(1) ")
    watching.join(20)
    playing.join(60)
    until(page, "document.querySelector('h1').textContent === 'All is well in 1 cluster'", 60)
    red = [(at, words) for state, at, words in page.evaluate("states") if state in {"warning", "critical"}]
    assert red[0][0] - found[0] < 1000, "within a second of the commit"
    assert "Node n3" in red[0][1]
    assert page.evaluate("states.at(-1)[0]") == "ok"
    assert page.get_attribute('link[rel="icon"]', "href") == "/static/icon-ok.svg"
    assert page.inner_text(".banner a").startswith("demo, "), "when the last failover was"
    assert json.loads(demo_status(demo))["counts"]["open_incidents"] == 0, "status says the same"


def demo_status(demo):
    run = subprocess.run(
        [sys.executable, "-m", "bridge", "status", "--json", "-c", str(demo.config)], capture_output=True, text=True
    )
    return run.stdout


def test_a_lost_connection_is_said_and_nothing_is_green_until_it_is_back(look, place, served):
    place.commit(well("berlin"))
    page = look(served)
    until(page, "states.at(-1)[0] === 'ok'")
    served.stop()
    page.wait_for_selector("#lost:not([hidden])", timeout=20_000)
    assert "Connection lost: this is how it was at" in page.inner_text("#lost")
    assert page.title().startswith("(\N{EN DASH}) Connection lost")
    assert page.get_attribute('link[rel="icon"]', "href") == "/static/icon-lost.svg"
    assert "grayscale" in page.evaluate("getComputedStyle(document.querySelector('.sight')).filter")
    place.commit(node_lost())
    served.start()
    until(page, "states.at(-1)[0] === 'critical'", 30)
    assert page.is_hidden("#lost")
    assert page.title().startswith("(1) ")


def test_a_page_that_hears_nothing_does_not_wait_for_an_error(look, place, served):
    """A cut that nobody notices: packets go nowhere, and the stream stays open. The page's own timers stand still, as those of a
    tab in the background nearly do."""
    place.commit(well("berlin"))
    page = look(served, script="window.setInterval = () => 0; window.setTimeout = () => 0")
    until(page, "states.at(-1)[0] === 'ok'")
    served.site.watch._wake_all = lambda: None
    page.evaluate("const was = Date.now; Date.now = () => was() + 20000")
    page.wait_for_selector("#lost:not([hidden])", timeout=5_000)


def test_a_clock_that_is_set_back_keeps_nothing_green(look, place, served):
    place.commit(well("berlin"))
    page = look(served)
    until(page, "states.at(-1)[0] === 'ok'")
    served.site.watch._wake_all = lambda: None
    page.evaluate("const was = Date.now; Date.now = () => was() - 3600000")
    page.evaluate("const ran = performance.now.bind(performance); performance.now = () => ran() + 20000")
    page.wait_for_selector("#lost:not([hidden])", timeout=5_000)


def test_a_lost_page_says_when_by_the_bridge_s_time_where_the_reader_is(look, place):
    place.commit(well("berlin"))
    served = Served(place.config, Person(name="anna", zone="Asia/Kathmandu", csrf="w"))
    try:
        page = look(served, timezone_id="America/New_York")
        until(page, "states.at(-1)[0] === 'ok'")
    finally:
        served.close()
    page.wait_for_selector("#lost:not([hidden])", timeout=20_000)
    assert "this is how it was at 08:5" in page.inner_text("#lost"), "03:12 of UTC"


def test_what_is_old_stays_grey_until_the_new_is_there(look, place, served):
    place.commit(well("berlin"))
    page = look(served)
    until(page, "states.at(-1)[0] === 'ok'")
    served.stop()
    page.wait_for_selector("#lost:not([hidden])", timeout=20_000)
    held = []
    page.route("**/fragments/now", lambda route: held.append(route))  # noqa: PLW0108 - playwright marks the function
    place.commit(node_lost())
    served.start()
    eventually(lambda: page.evaluate("1") and held, 20)
    assert page.evaluate("states.at(-1)[0]") == "lost"
    held[0].continue_()
    until(page, "states.at(-1)[0] === 'critical'")
    assert [state for state, *_ in page.evaluate("states")][-3:] == ["ok", "lost", "critical"]


def test_another_page_that_was_lost_has_its_title_back(look, place, served):
    page = look(served, "/incidents")
    title = page.title()
    served.stop()
    page.wait_for_selector("#lost:not([hidden])", timeout=20_000)
    assert page.title() != title
    served.start()
    page.wait_for_selector("#lost", state="hidden", timeout=20_000)
    assert page.title() == title


def test_a_screen_reader_is_told_the_sentence_when_it_changes_and_no_ticking(look, place, served):
    place.commit(well("berlin"))
    page = look(served)
    until(page, "states.at(-1)[0] === 'ok'")
    place.commit(node_lost())
    until(page, "document.querySelector('[role=status]').textContent === '1 incident needs somebody'")
    assert page.locator("[aria-live] [data-ticks], [role=status] [data-ticks]").count() == 0


def test_a_page_that_nobody_touches_stays_in_though_nothing_happens(look, place):
    page_settings = msgspec.structs.replace(place.config.page, session_hours=4 / 3600)
    place.config = msgspec.structs.replace(place.config, page=page_settings)
    place.commit(well("berlin"))
    served = Served(place.config)
    try:
        page = look(served)
        asked = []
        page.on("request", lambda request: asked.append(request.url) if "/fragments/" in request.url else None)
        eventually(lambda: page.evaluate("1") and len(asked) > 2, 20)
    finally:
        served.close()


def test_whoever_is_no_longer_let_in_is_asked_to_come_in_again(look, place, served):
    place.commit(well("berlin"))
    page = look(served)
    until(page, "states.at(-1)[0] === 'ok'")
    served.person = None
    served.stop()
    served.start()
    page.wait_for_url("**/login", timeout=30_000)
    assert "log in" in page.inner_text("body")


def test_what_is_folded_open_and_where_one_is_stays_so(look, place, served):
    names = [f"vm-{number:02}" for number in range(40)]
    place.commit(
        Commit(
            now=NOW,
            conditions=[condition("big", f"node/{n}", why="member") for n in ("n1", "n2")]
            + [condition("big", f"guest/{name}", why="runs") for name in names],
            layout=[service("big", name, "n1", subject=f"guest/{name}") for name in names],
            edges=edges("big", "n1", "n2"),
        )
    )
    page = look(served)
    page.wait_for_selector("summary")
    page.click("summary")
    page.focus("summary")
    before = page.get_attribute("#live .sight", "data-at")
    place.commit(Commit(now=NOW, conditions=[condition("big", "node/n3", why="member")]))
    until(page, "document.querySelectorAll('thead th').length === 3")
    assert before
    assert page.evaluate("document.querySelector('details').open")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_outages_tick(look, place, served):
    place.commit(well("berlin"), node_lost())
    page = look(served)
    page.wait_for_selector(".still time")
    first = page.inner_text(".still time")
    until(page, f"document.querySelector('.still time').textContent !== {first!r}", 4)
    assert page.inner_text(".still time").startswith("7 min ")


@pytest.mark.many
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path, width, height", [("/", 360, 740), ("/", 1440, 900), ("/?wall=1", 1920, 1080)])
def test_it_fits_and_everybody_can_read_it(look, place, path, width, height, scheme, language):
    place.commit(well("berlin"), well("hamburg"), well("koeln"), node_lost(), planned("hamburg"), silent("koeln"), several())
    served = Served(place.config, Person(name="anna", role="operator", language=language, zone="Europe/Berlin", csrf="w"))
    try:
        page = look(served, path, viewport={"width": width, "height": height}, color_scheme=scheme)
        until(page, "states.at(-1)[0] === 'critical'")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "nothing stands out to the right"
        found = Axe().run(page).response["violations"]
        serious = [
            (one["id"], [node["target"] for node in one["nodes"]][:3])
            for one in found
            if one["impact"] in {"serious", "critical"}
        ]
        assert serious == []
    finally:
        served.close()
    assert look.said == []


def test_a_cluster_of_sixteen_nodes_fits_on_a_phone(look, place, served):
    nodes = [f"node-{number:02}" for number in range(16)]
    place.commit(
        Commit(
            now=NOW,
            conditions=[condition("big", f"node/{node}", why="member") for node in nodes] + [condition("big", "resource/dlm")],
            layout=[service("big", "dlm", *nodes, clone="dlm-clone")],
            edges=edges("big", *nodes),
        )
    )
    page = look(served, viewport={"width": 360, "height": 740})
    page.wait_for_selector("thead th")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the picture scrolls, and not the page"


def test_a_wall_shows_all_of_it_without_scrolling(look, place, served):
    place.commit(well("berlin"), well("hamburg"), well("koeln"), well("wien"), node_lost(), several())
    page = look(served, "/?wall=1", viewport={"width": 1920, "height": 1080})
    until(page, "states.at(-1)[0] === 'critical' && document.querySelectorAll('.cluster').length === 4")
    until(page, "document.documentElement.scrollHeight <= innerHeight", 5)
    assert page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") >= 10, "and it can be read"


def test_on_paper_it_is_light_and_its_bars_are_there(look, place, served):
    place.commit(well("berlin"))
    page = look(served, color_scheme="dark")
    page.wait_for_selector(".run.ok")
    page.emulate_media(media="print")
    style = "getComputedStyle(document.querySelector('{0}')).{1}".format
    assert page.evaluate(style(".run.ok", "printColorAdjust")) == "exact"
    assert page.evaluate(style(".badge.ok", "backgroundColor")) == "rgb(227, 244, 232)"
    assert page.is_hidden(".top")


def test_a_sound_is_heard_when_another_incident_needs_somebody_if_it_is_wished_for(look, place, served):
    place.commit(well("berlin"), well("hamburg"))
    page = look(served)
    until(page, "states.at(-1)[0] === 'ok'")
    page.evaluate("tones = 0; Object.assign(OscillatorNode.prototype, { start: () => { tones += 1; }, stop: () => {} }); 0")
    place.commit(node_lost("hamburg"))
    until(page, "states.at(-1)[0] === 'critical'")
    assert page.evaluate("tones") == 0, "nobody has asked for it"
    page.get_by_role("button", name="Sound: off").click()
    assert page.evaluate("tones") == 3, "as it will be"
    place.commit(node_lost("berlin"))
    until(page, "document.querySelector('h1').textContent === '2 incidents need somebody'")
    assert page.evaluate("tones") == 6
    page.reload()
    page.get_by_role("button", name="Sound: on").click()
    assert page.evaluate("localStorage.getItem('sound')") == "off"


def test_without_javascript_everything_is_there(look, place, served):
    place.commit(well("berlin"), node_lost())
    eventually(lambda: served.site.watch.seen.piles.get("needs"))
    page = look(served, java_script_enabled=False)
    assert page.inner_text("h1") == "1 incident needs somebody"
    assert page.locator('meta[http-equiv="refresh"]').count() == 1
    assert page.locator(".run.ok").count() > 3


def test_the_keyboard_reaches_what_can_be_done(look, place, served):
    place.commit(well("berlin"), node_lost())
    page = look(served)
    page.wait_for_selector("button.act")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.className || document.activeElement.tagName"))
    assert reached[0] == "skip"
    assert "act" in reached
