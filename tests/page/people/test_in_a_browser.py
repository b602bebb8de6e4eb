"""A real Chromium, the page as a process, a whole bridge behind it: somebody comes in, acts, and goes."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.serve.test_bridge import ROOT, bridge, stop_failed  # noqa: F401 - a fixture
from tests.servers.ports import free_port
from tests.waiting import eventually

pytestmark = pytest.mark.whole

PASSWORD = "correct horse battery"


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def url(bridge):  # noqa: F811
    port = free_port()
    with bridge.config.open("a") as config:
        config.write(f'[page]\nlisten = "127.0.0.1:{port}"\n')
    for name, role in (("anna", "operator"), ("bob", "viewer")):
        words = ["user", "add", name, "--role", role, "--password-stdin", "-c", str(bridge.config)]
        subprocess.run([sys.executable, "-m", "bridge", *words], input=f"{PASSWORD}\n", text=True, check=True, cwd=ROOT)
    bridge.page = bridge.start("page", "-m", "bridge", "page", "-c", str(bridge.config))
    eventually(lambda: is_open(port))
    yield f"http://127.0.0.1:{port}"
    bridge.page.send_signal(signal.SIGTERM)
    assert bridge.page.wait(20) == 0


def test_whoever_logs_in_leaves_no_memory_behind(bridge, url):  # noqa: F811
    """Each login takes 8 MiB for a moment."""
    status = Path(f"/proc/{bridge.page.pid}/status")

    def log_in():
        with httpx.Client(base_url=url, headers={"accept": "text/html"}) as client:
            word = re.search(r'name="csrf" value="([^"]*)"', client.get("/login").text)[1]
            form = {"csrf": word, "name": "anna", "password": PASSWORD, "back": "/account"}
            assert client.post("/login", data=form).status_code == 303
        return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1])

    first = log_in()
    assert max(log_in() for _ in range(3)) < first + 6000


def log_in(page, url, name, password=PASSWORD):
    page.goto(url)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def grave(page):
    found = [one for one in Axe().run(page).response["violations"] if one["impact"] in {"serious", "critical"}]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


@pytest.mark.many
@pytest.mark.parametrize("javascript", [True, False])
def test_somebody_comes_in_acts_and_goes(bridge, url, browser, javascript):  # noqa: F811
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    context = browser.new_context(java_script_enabled=javascript, viewport={"width": 1280, "height": 900})
    said = []
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if "403" not in message.text else None)
    log_in(page, f"{url}/planned", "anna", "wrong password")
    assert page.get_by_role("alert").inner_text().endswith("Name and password do not fit.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/planned")

    page.get_by_label("On what").fill("resource=db")
    page.locator("[aria-labelledby=begin-work]").get_by_label("Why").fill("new disk")
    page.get_by_role("button", name="Show what it would hold back").first.click()
    page.get_by_role("heading", name="Open now: 1").wait_for()
    page.get_by_role("button", name="Begin planned work").click()
    page.get_by_text("has begun.").wait_for()
    (work,) = json.loads(bridge.command("planned", "list", "--json"))
    assert (work["author"], work["comment"], work["planned"]) == ("anna (page)", "new disk", "resource=db")
    page.get_by_role("button", name=f"End {work['id']} now").click()
    page.get_by_text("No work is planned now.").wait_for()

    page.goto(f"{url}/incidents/1")
    page.locator("form[action='/incidents/1/acknowledge'] button").first.click()
    page.get_by_text("Incident 1 is yours").wait_for()
    assert json.loads(bridge.command("status", "--json"))["incidents"][0]["acknowledged_by"] == "anna (page)"

    page.goto(f"{url}/account")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Gespeichert.").wait_for()
    page.get_by_role("button", name="Abmelden").click()
    page.wait_for_url("**/login")
    page.goto(f"{url}/planned")
    page.wait_for_url("**/login?back=/planned")
    assert said == [], "nothing that the policy refuses, nothing that fails"
    context.close()


def test_a_link_in_a_mail_leads_to_its_incident_through_the_login(bridge, url, browser):  # noqa: F811
    text = bridge.config.read_text()
    bridge.config.write_text(text.replace("[page]\n", f'[page]\naddress = "{url}"\n'))
    assert bridge.command("reload") == "taken over: page.address\n"
    assert bridge.hook(**stop_failed(time.time())) == 0
    mail = eventually(lambda: bridge.mails)[0]
    (link,) = re.findall(r"http\S+", mail.get_body(("plain",)).get_content())
    assert f'<a href="{link}"' in mail.get_body(("html",)).get_content()
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    log_in(page, link, "bob", "wrong password")
    page.get_by_role("alert").wait_for()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/incidents/1")
    assert "db" in page.get_by_role("heading", level=1).inner_text()
    context.close()


def test_who_logs_out_in_one_tab_is_asked_to_come_in_again_in_the_others(bridge, url, browser):  # noqa: F811
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    context = browser.new_context()
    others = {path: context.new_page() for path in ("/", "/incidents/1")}
    log_in(others["/"], f"{url}/", "anna")
    others["/"].wait_for_url(f"{url}/")
    others["/incidents/1"].goto(f"{url}/incidents/1")
    page = context.new_page()
    page.goto(f"{url}/account")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    for path, other in others.items():
        other.wait_for_url(f"**/login?back={path}", timeout=15_000)
    context.close()


def test_the_stream_of_somebody_who_is_removed_ends_soon(bridge, url):  # noqa: F811
    with httpx.Client(base_url=url, headers={"accept": "text/html"}, timeout=30) as client:
        word = re.search(r'name="csrf" value="([^"]*)"', client.get("/login").text)[1]
        client.post("/login", data={"csrf": word, "name": "bob", "password": PASSWORD, "back": "/"})
        with client.stream("GET", "/live") as stream:
            lines = stream.iter_lines()
            assert next(lines)
            bridge.command("user", "remove", "bob")
            gone_at = time.monotonic()
            list(lines)
            assert time.monotonic() - gone_at < 10
        assert client.get("/live", headers={"accept": "text/event-stream"}).status_code == 401


@pytest.mark.many
@pytest.mark.parametrize("size,scheme", [((360, 740), "dark"), ((1440, 900), "light")])
def test_nothing_is_hard_to_read_or_reach(url, browser, size, scheme):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(url)
    assert grave(page) == []
    log_in(page, url, "anna")
    for path in ("/planned", "/account", "/silences/preview?matchers=node%3Dn1"):
        page.goto(f"{url}{path}")
        assert grave(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
    context.close()


def test_a_viewer_finds_nothing_to_press(bridge, url, browser):  # noqa: F811
    assert bridge.hook(**stop_failed(time.time())) == 0
    eventually(lambda: json.loads(bridge.command("incidents", "--json")))
    context = browser.new_context()
    page = context.new_page()
    log_in(page, url, "bob")
    for path in ("/", "/planned", "/incidents/1"):
        page.goto(f"{url}{path}")
        assert page.locator("main").inner_text()
        assert page.locator("main form[method=post]").count() == 0
    context.close()
