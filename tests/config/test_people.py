"""Intervals, digests, brakes and escalation in a config: what they become, what is wrong with them, and whom they leave out."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.config.config import parse_config
from bridge.config.findings import ConfigError
from bridge.core.telling.brake import Brake
from bridge.core.world.incident import Kind

MAIL = 'kind = "mail"\nhost = "m"\nfrom = "q@e.org"\nto = ["a@e.org"]\n'
NOC = f"[receivers.noc]\n{MAIL}"
BOSS = f"[receivers.boss]\n{MAIL}"
OFFICE = '[intervals.office]\nweekdays = ["mon-fri"]\ntimes = ["08:00-18:00"]\nlocation = "Europe/Berlin"\n'
NOON, NIGHT = datetime(2026, 11, 24, 11, tzinfo=UTC), datetime(2026, 11, 24, 22, tzinfo=UTC)


def parse(text, tmp_path):
    return parse_config(text, tmp_path / "q.toml")


def wrong(text, tmp_path):
    with pytest.raises(ConfigError) as caught:
        parse(text, tmp_path)
    return {problem.line: problem.text for problem in caught.value.problems}


def told_with_the_cure(text, tmp_path, line, told):
    """It is the only mistake; behind a semicolon stands what to do."""
    found = wrong(text, tmp_path)
    assert list(found) == [line]
    assert told in found[line]
    assert ";" in found[line]


def warned(text, tmp_path):
    return [problem.text for problem in parse(text, tmp_path).warnings]


def test_what_is_written_is_what_is_meant(tmp_path):
    route = '[[routes]]\nreceivers = ["noc"]\nonly = ["office"]\nanytime = ["critical", "quorum-lost"]\ngroup = "30s"\n'
    step = '[[routes.escalate]]\nafter = "15m"\nreceivers = ["boss"]\n'
    config = parse(
        NOC + 'brake = { count = 5, window = "1h" }\ntime_zone = "Europe/Berlin"\n' + BOSS + OFFICE + route + step, tmp_path
    )
    (route,) = config.routes
    assert route.calendar.is_open(NOON)
    assert not route.calendar.is_open(NIGHT)
    assert (route.anytime, route.anytime_critical, route.group) == ({Kind.QUORUM_LOST}, True, timedelta(seconds=30))
    assert [(step.after, step.receivers) for step in route.escalate] == [(timedelta(minutes=15), ("boss",))]
    noc, boss = config.receivers["noc"], config.receivers["boss"]
    assert noc.brake == Brake(count=5, window=timedelta(hours=1))
    assert boss.brake == Brake(), "there is a brake unless it is taken off"
    assert noc.digest.after(NOON) == datetime(2026, 11, 25, 6, 30, tzinfo=UTC), "half past seven where the receiver is"
    assert boss.digest.after(NOON) == datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
    assert config.warnings == ()


def test_brake_and_digest_can_be_taken_off_or_moved(tmp_path):
    config = parse(NOC + "brake = false\ndigest = false\n", tmp_path)
    assert (config.receivers["noc"].brake, config.receivers["noc"].digest) == (None, None)
    moved = parse(NOC + 'digest = { at = "06:00", weekdays = ["mon"], location = "Europe/Berlin" }\n', tmp_path)
    assert moved.receivers["noc"].digest.after(NOON) == datetime(2026, 11, 30, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "line, told",
    [
        ('times = ["8-18"]', '"07:30"'),
        ('times = ["08:00"]', '"08:00-18:00"'),
        ('times = ["08:00-08:00"]', "no length"),
        ('times = ["08:00-25:00"]', "no time of the day"),
        ('weekdays = ["mondey"]', "did you mean monday"),
        ('weekdays = ["mo"]', "no weekday"),
        ('days = ["32"]', '"-1" for the last'),
        ('days = ["7-1"]', "backwards"),
        ('months = ["13"]', "no month"),
        ('location = "Europe/Berln"', "Europe/Berlin"),
        ("hours = 3", "unknown key"),
    ],
)
def test_a_wrong_interval_names_the_line_and_the_cure(tmp_path, line, told):
    told_with_the_cure(NOC + "[intervals.x]\n" + line + "\n", tmp_path, 7, told)


@pytest.mark.parametrize(
    "line, told",
    [
        ('only = ["offce"]', "did you mean office"),
        ('anytime = ["quorum-loss"]', "did you mean quorum-lost"),
        ('escalate = [{ after = "15m", receivers = ["bos"] }]', "there is no receiver 'bos'"),
        ('escalate = [{ after = "15m", receivers = [] }]', "names nobody"),
        ('escalate = [{ receivers = ["noc"] }]', "is missing"),
        ('hold = { replica-split-brain = "5m" }', "always rings at once"),
        ('group = "soon"', "no duration"),
    ],
)
def test_a_wrong_route_names_the_line_and_the_cure(tmp_path, line, told):
    told_with_the_cure(NOC + OFFICE + '[[routes]]\nreceivers = ["noc"]\n' + line + "\n", tmp_path, 12, told)


@pytest.mark.parametrize(
    "line, told",
    [
        ("brake = 3", "must be a table"),
        ("brake = { count = 0 }", "out of range"),
        ('brake = { window = "0s" }', "longer than nothing"),
        ('digest = "25:00"', "no time of the day"),
        ("digest = 7", "must be a time"),
        ('digest = { at = "07:30", location = "Mars" }', "no time zone"),
    ],
)
def test_a_wrong_brake_or_digest_names_the_line_and_the_cure(tmp_path, line, told):
    told_with_the_cure(NOC + line + "\n", tmp_path, 6, told)


def test_a_critical_incident_without_a_receiver_is_warned_of(tmp_path):
    routes = NOC + '[[routes]]\nmatch = [\'kind="node-failure"\']\nreceivers = ["noc"]\n'
    (warning,) = warned(routes, tmp_path)
    assert warning.startswith("nobody hears of a critical fencing-failure, ")
    assert "node-failure" not in warning
    assert warned(routes + '[[routes]]\nreceivers = ["noc"]\n', tmp_path) == []
    nobody = NOC + '[[routes]]\nreceivers = ["noc"]\nmatch = [\'cluster="a"\']\n[[routes]]\nreceivers = []\n'
    assert any("nobody hears" in one for one in warned(nobody, tmp_path))


def test_an_hour_without_anybody_is_warned_of(tmp_path):
    day = NOC + OFFICE + '[[routes]]\nreceivers = ["noc"]\nonly = ["office"]\ncontinue = true\n'
    (warning,) = warned(day, tmp_path)
    assert "UTC nobody is rung" in warning
    assert "split-brain" not in warning, "that rings at any time"
    assert warned(day.replace("continue = true", 'anytime = ["critical"]'), tmp_path) == []
    assert warned(day + '[[routes]]\nreceivers = ["noc"]\nnever = ["office"]\n', tmp_path) == []
    no_split_brain = day.replace("continue = true", "anytime = []")
    assert "node-failure" in " ".join(warned(no_split_brain, tmp_path))


def test_intervals_that_never_hold_are_warned_of(tmp_path):
    text = NOC + '[intervals.x]\ndays = ["30"]\nmonths = ["feb"]\n[[routes]]\nreceivers = ["noc"]\nonly = ["x"]\n'
    assert any("never let it ring" in one for one in warned(text, tmp_path))


def test_several_tables_of_one_name_are_alternatives(tmp_path):
    text = (
        NOC
        + '[[intervals.x]]\ntimes = ["11:00-12:00"]\n[[intervals.x]]\ntimes = ["22:00-23:00"]\n[[routes]]\nreceivers = ["noc"]\nonly = ["x"]\n'
    )
    (route,) = parse(text, tmp_path).routes
    assert [route.calendar.is_open(at) for at in (NOON, NIGHT, NOON - timedelta(hours=1))] == [True, True, False]
