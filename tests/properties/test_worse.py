"""At every moment at which a bridge that knows nothing would ring for what is there, this one has rung for it, or for something not less.

Not less is also not fewer services: each that has been away for a while was away at one of its rings.
"""

from datetime import timedelta
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from bridge.core.line import Line
from bridge.core.telling.away import LASTS, OFTEN, times_away
from bridge.core.telling.holds import GRAVITY
from bridge.core.telling.route import Router
from bridge.core.world.incident import Kind, State
from bridge.core.world.settings import Settings
from bridge.rehearse.rehearse import bell
from tests.conftest import examples
from tests.properties.recordings import HOUR, NAMES, REPORTS, SINGLE, overlaid, shifted

UNFOLDS = timedelta(seconds=30)


class Watched:
    """A bridge, what it has rung for, and since when each incident has been what it is."""

    def __init__(self):
        self.line = Line(Settings(), bell())
        self.incidents, self.rung, self.since, self.gone = {}, {}, {}, {}

    def play(self, reports):
        for report in reports:
            self.pass_time(report.received_at)
            self.keep(self.line.take([report], report.received_at), report.received_at)
        self.pass_time(reports[-1].received_at + HOUR)

    def pass_time(self, until):
        while (due := self.line.next_due()) is not None and due <= until:
            self.keep(self.line.tick(due), due)
        self.keep(self.line.tick(until), until)

    def keep(self, outcome, now):
        self.incidents |= outcome.incidents
        for one in outcome.incidents.values():
            face = (one.kind, one.root, one.severity, one.state)
            if self.since.get(one.key, ("", now))[0] != face:
                self.since[one.key] = (face, now)
            known = self.gone.get(one.key, {})
            self.gone[one.key] = {subject: known.get(subject, now) for subject in away(one)}
        for notice in outcome.notices:
            for one in notice.items or (notice.incident,) if notice.kind.rings else ():
                self.rung.setdefault(one.key, []).append(one)
        self.compare(now)

    def compare(self, now):
        lasting = [one for one in self.incidents.values() if one.state is State.OPEN and now - self.since[one.key][1] > UNFOLDS]
        for notice in Router(bell()).review(lasting, now):
            told = [one for key in self.parts(notice.incident.key) for one in self.rung.get(key, ())]
            assert any(not_less(one, notice.incident) for one in told), f"{now}: nobody was rung for {notice.incident}"
            if any(one.kind is Kind.QUORUM_LOST for one in told):
                continue  # that all stops was told
            missed = self.lasting_away(notice.incident, now) - {subject for one in told for subject in away(one)}
            assert not missed, f"{now}: nobody was rung for {missed} of {notice.incident}"

    def lasting_away(self, incident, now):
        """Services that have been away long enough, in an incident that has been what it is for so long; none that comes and goes."""
        if now - self.since[incident.key][1] <= LASTS:
            return set()
        often = times_away(incident)
        gone = self.gone[incident.key].items()
        return {subject for subject, since in gone if now - since > LASTS and often[subject] < OFTEN}

    def parts(self, key):
        """The incident and what it took in."""
        yield key
        for one in self.incidents.values():
            if one.absorbed_into == key:
                yield from self.parts(one.key)


def away(incident):
    return {one.subject for one in incident.outages if one.ended_at is None}


def not_less(told, incident):
    same = (told.kind, told.root) == (incident.kind, incident.root)
    graver = GRAVITY.get(told.kind, 0) > GRAVITY.get(incident.kind, 0) or told.severity.rank > incident.severity.rank
    return told.severity.rank >= incident.severity.rank and (same or graver)


def by_time(*recordings):
    return sorted(chain(*recordings), key=lambda one: one.received_at)


@pytest.mark.parametrize("name", [name for name in NAMES if REPORTS[name]])
def test_nothing_is_swallowed(name):
    Watched().play(by_time(REPORTS[name]))


@given(one=st.sampled_from(SINGLE), other=st.sampled_from(SINGLE), seconds=st.integers(0, 300))
@examples(60)
def test_nor_when_another_cluster_s_day_is_laid_over_it(one, other, seconds):
    Watched().play(by_time(*overlaid(one, other, seconds)))


@given(one=st.sampled_from(SINGLE), other=st.sampled_from(SINGLE), seconds=st.integers(0, 300))
@examples(60)
def test_nor_when_it_happens_to_the_same_nodes(one, other, seconds):
    mine, theirs = REPORTS[one], REPORTS[other]
    gap = int((mine[0].received_at - theirs[0].received_at).total_seconds()) + seconds
    Watched().play(by_time(mine, [replace(late, uid=late.uid + b"x") for late in shifted(theirs, gap)]))
