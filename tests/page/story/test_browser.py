"""In a real browser: commands are copied, the page is printed, nobody is shut out by how it is made."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.page.story.conftest import BEGIN

pytestmark = pytest.mark.whole

SERIOUS = {"serious", "critical"}


@pytest.fixture
def site(empty, served):
    """One incident is open, one is over."""
    empty.action("web", BEGIN, task="start").action("db", BEGIN + timedelta(minutes=5))
    empty.action("db", BEGIN + timedelta(minutes=6), task="start", rc="0", desc="ok").until(BEGIN + timedelta(hours=1))
    return served(empty)


def test_a_command_is_copied_as_it_stands(browser, site):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], base_url=site)
    page = context.new_page()
    page.goto("/incidents/1")
    button = page.locator("button.copy").first
    command = page.locator(".command code").first.inner_text()
    button.click()
    page.wait_for_function("document.querySelector('.copied').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == command == "crm_mon --one-shot --inactive --failcounts"
    assert button.inner_text() == "Copied"


def test_without_javascript_no_button_is_shown_that_does_nothing(browser, site):
    page = browser.new_context(java_script_enabled=False, base_url=site).new_page()
    page.goto("/incidents/1")
    assert page.locator("button.copy").count() > 1
    assert not page.locator("button.copy").first.is_visible()
    assert page.locator(".command code").first.is_visible()


def test_a_mark_leads_to_its_report(browser, site):
    page = browser.new_context(base_url=site).new_page()
    page.goto("/incidents/1")
    page.locator(".timeline-wide a").first.click()
    target = page.url.partition("#")[2]
    assert page.locator(f"#{target}").is_visible()


def test_an_incident_that_goes_on_while_it_is_read_says_so(browser, site, empty):
    page = browser.new_context(base_url=site).new_page()
    page.goto("/incidents/1")
    page.wait_for_timeout(1500)
    assert not page.locator(".news .notice").count(), "nothing has changed"
    empty.action("web", BEGIN + timedelta(hours=1), task="start", rc="0", desc="ok")
    notice = page.locator(".news .notice a")
    notice.wait_for(timeout=15_000)
    assert page.locator(".state").first.inner_text() == "open", "it is not exchanged under anybody's hands"
    notice.click()
    page.wait_for_load_state()
    assert page.locator(".state").first.inner_text() == "well again, watched for a while"
    assert not page.locator(".news .notice").count()


@pytest.mark.many
@pytest.mark.parametrize("width", [360, 1600])
def test_it_is_readable_on_a_phone_and_on_a_wall(browser, site, width):
    page = browser.new_context(viewport={"width": width, "height": 800}, base_url=site).new_page()
    for address in ("/incidents", "/incidents/1", "/history?month=2026-11"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address
    page.goto("/incidents/1")
    sizes = page.evaluate(
        "[...document.querySelectorAll('.timeline text')].map(one => one.getBoundingClientRect().height).filter(one => one > 0)"
    )
    assert min(sizes) > 10


def test_it_is_printed_with_all_that_counts_and_nothing_to_click(browser, site, tmp_path):
    page = browser.new_context(base_url=site).new_page()
    page.goto("/incidents/1")
    printed = page.pdf(path=tmp_path / "incident.pdf", format="A4")
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 3
    page.emulate_media(media="print")
    assert page.locator(".timeline-wide").is_visible()
    assert page.locator(".command code").first.is_visible()
    assert not page.locator("button").filter(visible=True).count()


@pytest.mark.many
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(browser, site, scheme):
    page = browser.new_context(color_scheme=scheme, base_url=site).new_page()
    for address in ("/incidents", "/incidents/1", "/incidents/2", "/history?month=2026-11"):
        page.goto(address)
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in SERIOUS] == [], address
