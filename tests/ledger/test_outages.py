"""Every absence lies in the ledger, with the incident that tells of it; also of incidents from before it did."""

from datetime import timedelta

import pytest
from alembic import command
from alembic.config import Config

from bridge.core.telling.digest import IT_WAS_NOTHING
from bridge.core.world.outage import Outage, began, ended
from bridge.ledger import schema
from bridge.ledger.ledger import Ledger
from bridge.ledger.store import Store


@pytest.fixture
def away(make):
    def outage(subject="resource/web", since=0, until=60, **more):
        end = None if until is None else make.now + timedelta(seconds=until)
        return Outage(subject, make.now + timedelta(seconds=since), end, **more)

    return outage


def _read(ledger, make, since=-3600, until=3600, cluster=None):
    return ledger.absences(make.now + timedelta(seconds=since), make.now + timedelta(seconds=until), cluster)


def test_an_absence_is_there_from_its_beginning_and_ends(ledger, make, away):
    ledger.commit(make.commit(incidents=[make.incident(outages=(away(until=None),))]))
    ((cluster, number, planned, outage),) = _read(ledger, make)
    assert (cluster, number, planned, outage) == ("alpha", 1, False, away(until=None))
    ledger.commit(make.commit(incidents=[make.incident(outages=(away(),))]))
    assert [one.outage for one in _read(ledger, make)] == [away()]


def test_only_what_reaches_into_the_span_is_read(ledger, make, away):
    several = (away("resource/a", 0, 10), away("resource/b", 10, 20), away("resource/c", 20, 30), away("resource/d", 5, None))
    ledger.commit(make.commit(incidents=[make.incident(outages=several)]))
    assert {one.outage.subject for one in _read(ledger, make, 10, 20)} == {"resource/b", "resource/d"}
    assert _read(ledger, make, cluster="beta") == []


def test_a_flapping_service_keeps_each_of_its_absences(ledger, make):
    outages = ()
    for number in range(30):
        at = make.now + timedelta(seconds=10 * number)
        outages = ended(began(outages, "resource/web", at), "resource/web", at + timedelta(seconds=3))
        ledger.commit(make.commit(incidents=[make.incident(outages=outages)]))
    found = _read(ledger, make)
    assert len(outages) == 6, "the incident itself keeps but the last five, and the sum of the others"
    assert [(one.outage.times, one.outage.lasted(make.now)) for one in found] == [(1, timedelta(seconds=3))] * 30


def test_what_becomes_part_of_another_is_not_counted_twice(ledger, make, away):
    first, second = make.incident("a", outages=(away(),)), make.incident("b", outages=(away("resource/db"),))
    ledger.commit(make.commit(incidents=[first, second]))
    absorbed = make.closed(make.incident("a", outages=(away(),), absorbed_into="b"))
    ledger.commit(make.commit(incidents=[absorbed, make.incident("b", outages=(away(), away("resource/db")))]))
    assert sorted((one.number, one.outage.subject) for one in _read(ledger, make)) == [(2, "resource/db"), (2, "resource/web")]


def test_each_absence_stays_when_its_incident_becomes_part_of_another(ledger, make):
    outages = ()
    for number in range(12):
        at = make.now + timedelta(seconds=10 * number)
        outages = ended(began(outages, "resource/web", at), "resource/web", at + timedelta(seconds=3))
        ledger.commit(make.commit(incidents=[make.incident("a", outages=outages)]))
    part = make.closed(make.incident("a", outages=outages, absorbed_into="b"))
    ledger.commit(make.commit(incidents=[part, make.incident("b", outages=outages)]))
    assert [(one.number, one.outage.times) for one in _read(ledger, make)] == [(2, 1)] * 12


def test_what_was_nothing_and_what_was_dismissed_leaves_no_absence(ledger, make, away):
    keys = ("a", "b", "c")
    ledger.commit(make.commit(incidents=[make.incident(key, outages=(away(),)) for key in keys]))
    nothing = make.closed(make.incident("a", outages=(away(),), reason=IT_WAS_NOTHING))
    ledger.commit(make.commit(incidents=[nothing, make.closed(make.incident("b"))]))
    assert [one.number for one in _read(ledger, make)] == [3]


def test_what_failed_during_arranged_work_says_so(ledger, make, away):
    ledger.commit(make.commit(incidents=[make.incident(outages=(away(),), facts={"planned": "yes"})]))
    assert [one.planned for one in _read(ledger, make)] == [True]


def test_a_replay_counts_anew(ledger, make, away):
    ledger.commit(make.commit(incidents=[make.incident("a", outages=(away(),)), make.incident("b", outages=(away(),))]))
    with ledger.rebuild():
        ledger.commit(make.commit(incidents=[make.incident("b", outages=(away(until=5),))]))
    assert [(one.number, one.outage) for one in _read(ledger, make)] == [(2, away(until=5))]


def test_a_migration_fills_it_with_what_the_incidents_know(url, make, away):
    several = away(times=4, in_all=timedelta(seconds=20), longest_of_all=timedelta(seconds=9.5))
    ledger = Ledger.open(url)
    told = make.incident("a", outages=(several, away(since=70, until=None)))
    ledger.commit(make.commit(incidents=[told, make.incident("b", outages=(away("resource/db"),), absorbed_into="a")]))
    before = _read(ledger, make)
    ledger.close()
    _migrate(url, "0005")
    ledger = Ledger.open(url)
    assert _read(ledger, make) == before
    assert [one.outage for one in before] == [away(since=70, until=None), several]
    ledger.close()


def _migrate(url, target):
    store = Store.open(url, write=True)
    with store.transaction() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.scripts()))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.downgrade(config, target)
    store.close()
