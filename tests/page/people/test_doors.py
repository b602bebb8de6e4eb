"""How often somebody may try, from where somebody comes, and what a try costs: without a server."""

import asyncio
import threading
from datetime import timedelta

import pytest

from bridge.config.page import PageSettings
from bridge.page.people import entry, passwords
from bridge.page.people.doors import FORGOTTEN_AFTER, MOST_KEPT, ZERO, Doors
from bridge.page.people.passwords import Cost, Unfit, fits, kept, name_of
from bridge.page.people.visitor import Visitor, visitor_of
from tests.page.people.conftest import CHEAP, NOW, PASSWORD

SECOND = timedelta(seconds=1)


def failed(times, door=None, name="anna", address="192.0.2.7", at=NOW):
    door = door or Doors()
    for _ in range(times):
        door.failed(name, address, at)
    return door


@pytest.mark.parametrize("times,seconds", [(0, 0), (4, 0), (5, 1), (6, 2), (9, 16), (13, 256), (14, 300), (1000, 300)])
def test_each_try_of_a_name_waits_twice_as_long_as_the_one_before(times, seconds):
    door = failed(times)
    assert door.wait("anna", "elsewhere", NOW) == seconds * SECOND
    assert door.wait("anna", "elsewhere", NOW + seconds * SECOND) == ZERO
    assert door.wait("bob", "elsewhere", NOW) == ZERO


@pytest.mark.parametrize("times,seconds", [(19, 0), (20, 1), (29, 512), (30, 900), (10**4, 900)])
def test_and_so_does_each_try_from_an_address(times, seconds):
    door = Doors()
    for number in range(times):
        door.failed(f"n{number}", "192.0.2.7", NOW)
    assert door.wait("anna", "192.0.2.7", NOW) == seconds * SECOND


def test_who_came_in_begins_anew_and_the_address_does_not():
    door = failed(21)
    door.opened("anna")
    assert door.wait("anna", "elsewhere", NOW) == ZERO
    assert door.wait("anna", "192.0.2.7", NOW) == 2 * SECOND


def test_what_is_long_ago_is_forgotten():
    door = failed(9, at=NOW)
    later = NOW + FORGOTTEN_AFTER + SECOND
    door.failed("anna", "192.0.2.7", later)
    assert door.wait("anna", "elsewhere", later) == ZERO


def test_a_clock_that_steps_back_keeps_nobody_out_for_longer():
    assert failed(1000).wait("anna", "elsewhere", NOW - timedelta(days=1)) == timedelta(minutes=5)


def test_memory_is_bounded_whoever_tries():
    door = Doors()
    for number in range(MOST_KEPT + 500):
        door.failed(f"n{number}", f"a{number}", NOW)
    assert (len(door.names), len(door.addresses)) == (MOST_KEPT, MOST_KEPT)
    assert door.failed_in_all == MOST_KEPT + 500


# --- from where


PROXIES = PageSettings(trusted_proxy=("10.0.0.0/8", "fd00::/8"), user_header="X-Remote-User")


@pytest.mark.parametrize(
    "client,headers,wanted",
    [
        ("192.0.2.7", {}, Visitor("192.0.2.7", False)),
        (
            "192.0.2.7",
            {"x-forwarded-for": "1.2.3.4", "x-forwarded-proto": "https", "x-remote-user": "a"},
            Visitor("192.0.2.7", False),
        ),
        ("10.0.0.1", {}, Visitor("10.0.0.1", False)),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4"}, Visitor("1.2.3.4", False)),
        ("10.0.0.1", {"x-forwarded-for": "6.6.6.6, 1.2.3.4,10.9.9.9"}, Visitor("1.2.3.4", False)),
        ("10.0.0.1", {"x-forwarded-for": "10.0.0.2"}, Visitor("10.0.0.1", False)),
        ("10.0.0.1", {"x-forwarded-for": "1.2.3.4, rubbish"}, Visitor("10.0.0.1", False)),
        ("10.0.0.1", {"x-forwarded-proto": "https"}, Visitor("10.0.0.1", True)),
        ("10.0.0.1", {"x-forwarded-proto": "http"}, Visitor("10.0.0.1", False)),
        ("10.0.0.1", {"x-remote-user": " Anna "}, Visitor("10.0.0.1", False, "anna")),
        ("10.0.0.1", {"x-remote-user": ""}, Visitor("10.0.0.1", False)),
        ("10.0.0.1", {"x-remote-user": "a b"}, Visitor("10.0.0.1", False, "")),
        ("10.0.0.1", {"x_remote_user": "anna"}, Visitor("10.0.0.1", False)),
        ("::ffff:10.0.0.1", {"x-remote-user": "anna"}, Visitor("10.0.0.1", False, "anna")),
        ("fd00::1", {"x-forwarded-for": "2001:db8:1:2:3::4"}, Visitor("2001:db8:1:2::/64", False)),
        ("2001:db8:1:2:ffff::", {}, Visitor("2001:db8:1:2::/64", False)),
        ("::1", {}, Visitor("::1", False)),
        ("", {}, Visitor("nowhere", False)),
    ],
)
def test_from_where_somebody_comes(client, headers, wanted):
    scope = {"client": (client, 1) if client else None, "scheme": "http"}
    found = visitor_of(scope | {"headers": [(name.encode(), value.encode()) for name, value in headers.items()]}, PROXIES)
    assert found == wanted


def test_tls_of_its_own():
    assert visitor_of({"client": ("192.0.2.7", 1), "scheme": "https", "headers": []}, PROXIES).tls


# --- what a try costs


def test_a_password_costs_what_it_should_and_so_does_a_name_that_nobody_has(monkeypatch):
    """As much as OWASP asks for, whoever is tried: else the time would say who is here."""
    costs = []
    monkeypatch.setattr(passwords, "_scrypt", lambda password, salt, cost: costs.append(cost) or b"x")
    record = kept(PASSWORD)
    assert fits("wrong", record) is True, "the double says yes to all"
    assert fits("wrong", "") is False
    assert costs == [Cost(8192, 8, 10)] * 3


def test_a_record_is_checked_with_the_cost_that_it_was_made_with():
    record = kept(PASSWORD, CHEAP)
    assert record.startswith("scrypt:16:1:1:")
    assert fits(PASSWORD, record)
    assert not fits(PASSWORD + " ", record)
    assert kept(PASSWORD, CHEAP) != record, "each has its own salt"
    assert not fits("x" * 10**6, record), "nothing so long is looked at"


@pytest.mark.parametrize(
    "name", ["", " ", "-x", "a" * 65, "a b", "ä", "a/b", "a\nb", "a\0", "anna (page)", "token x", "<b>", "a:b"]
)
def test_what_is_no_name(name):
    with pytest.raises(Unfit, match="is no name"):
        name_of(name)


def test_passwords_are_looked_at_one_after_another_and_few_wait(page, monkeypatch):
    """Each takes memory and time: many at once would take all of it."""
    at_once, most, lock = [0], [0], threading.Lock()

    def slow(password, record):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        threading.Event().wait(0.02)
        with lock:
            at_once[0] -= 1
        return False

    monkeypatch.setattr(entry, "fits", slow)

    async def all_of_them():
        tries = [page.entry.known(f"name{number}", "x", Visitor(f"a{number}", False)) for number in range(30)]
        return await asyncio.gather(*tries, return_exceptions=True)

    found = page.loop.run(all_of_them())
    assert most == [1]
    assert found.count(None) == entry.MOST_WAITING
    assert sum(isinstance(one, entry.NotNow) for one in found) == 30 - entry.MOST_WAITING
