"""Links to the page of the incident: in every message that has one, and in none that has not."""

from datetime import UTC
from itertools import product

import jinja2
import pytest
from msgspec.structs import replace

from bridge.core.telling.notice import Telling
from bridge.core.world.incident import Kind
from bridge.texts import LANGUAGES, render, render_strictly, sentences
from bridge.texts.chat import Part, chat, chat_strictly, fit, plain
from tools.notices import PAGE, bundle, drill, nothing_stored, notice

SINGLE = [one for one in Telling if not one.bundles]
BUNDLES = [one for one in Telling if one.bundles]
WORDS = {"en": "Incident 17 on the page", "de": "Vorfall 17 auf der Seite"}
LINK = f"{PAGE}/incidents/17"


def everything(told):
    """All that any receiver may show of it."""
    text, said = render(told, zone=UTC), chat(told, UTC)
    return [text.body, text.html, *(plain(parts) for parts in (said.overview, said.news, said.whole, (said.cut,)))]


@pytest.mark.parametrize("telling,language", list(product(SINGLE, LANGUAGES)))
def test_every_word_about_an_incident_leads_to_its_page(telling, language):
    told = notice(Kind.NODE_FAILURE, telling, language)
    text, said = render_strictly(told, language, UTC), chat_strictly(told, UTC)
    assert f"\n\n{WORDS[language]}: {LINK}\n\n" in text.body, "above the signature, which some programs fold"
    assert f'<a href="{LINK}"' in text.html
    for parts in (said.overview, said.news, said.whole):
        assert Part(text=WORDS[language], link=LINK) in parts


@pytest.mark.parametrize("telling", BUNDLES)
def test_what_is_about_several_leads_to_each(telling):
    told = bundle(telling, "en")
    for shown in everything(told)[:-1]:
        assert [number for number in range(100) if f"{PAGE}/incidents/{number}" in shown.split('"') + shown.split()] == list(
            told.numbers
        )


def test_what_goes_on_as_another_leads_there():
    told = notice(Kind.NODE_FAILURE, Telling.UPDATED, "en")
    moved = replace(told, incident=replace(told.incident, absorbed_into="a larger story"), goes_on_as=18)
    assert all(f"{PAGE}/incidents/18" in shown and LINK not in shown for shown in everything(moved))
    assert "Incident 18 on the page" in render(moved).body


NO_INCIDENT = [
    replace(notice(Kind.NODE_FAILURE, Telling.OPENED, "en"), page=""),
    replace(bundle(Telling.DIGEST, "en"), page=""),
    replace(drill(Kind.NODE_FAILURE, Telling.OPENED, "en"), page=PAGE, incident_id=17),
    replace(bundle(Telling.SUMMARY, "en"), drill="3f2a91c0 anna"),
    replace(nothing_stored("en", "sqlite:////l.db", "disk full", over=False), page=PAGE),
]


@pytest.mark.parametrize("told", NO_INCIDENT, ids=["no page", "a digest, no page", "a drill", "a drill's summary", "our own"])
def test_what_is_about_no_incident_leads_nowhere(told):
    for shown in everything(told):
        assert "http" not in shown
        assert "href" not in shown
        assert "on the page" not in shown


def test_a_broken_text_leads_there_too(monkeypatch):
    loader = jinja2.DictLoader({"en/node-failure.j2": "{{ f.nonsense }}"})
    broken = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=True)
    monkeypatch.setattr(sentences, "_TEXT", broken)
    assert all(LINK in shown for shown in everything(notice(Kind.NODE_FAILURE, Telling.OPENED, "en")) if shown)


def test_what_is_cut_before_its_link_still_has_one():
    said = chat_strictly(notice(Kind.NODE_FAILURE, Telling.OPENED, "en"), UTC)
    cut = plain(fit(said.whole, 200, lambda parts: len(plain(parts)), said.cut))
    assert cut.endswith(f"The rest is cut off here; the page shows it all.\n{LINK}")
