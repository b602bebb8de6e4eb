"""What a receiver hears that was away: what is true now, and what is over in one summary."""

from msgspec.structs import replace

from bridge.core.telling.backlog import catch_up
from bridge.core.telling.decide import bundle, thread_of
from bridge.core.telling.notice import Notice, Telling
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind


class Outbox:
    """Notices with numbers, as the ledger gives them; and how each incident is now."""

    def __init__(self, make):
        self.make = make
        self.owed = []
        self.current = {}
        self.mentioned = {}
        self._numbers = {}

    def number(self, incident):
        return self._numbers.setdefault(incident.key, len(self._numbers) + 1)

    def owe(self, incident, *kinds):
        for kind in kinds:
            self.owed.append(
                Notice(
                    incident_id=self.number(incident),
                    receiver="noc",
                    kind=Telling(kind),
                    reason="because",
                    at=self.make.now,
                    incident=incident,
                    thread=thread_of(incident.key),
                    id=len(self.owed) + 1,
                )
            )
        return self.now(incident)

    def bundle(self, kind, *incidents, until=None):
        made = bundle(kind, "noc", incidents, self.make.now, reason="many", language="de", until=until)
        self.owed.append(replace(made, id=len(self.owed) + 1))
        self.mentioned[len(self.owed)] = [self.number(one) for one in incidents]
        for one in incidents:
            self.now(one)
        return self

    def now(self, incident):
        self.current[self.number(incident)] = incident
        return self

    def shorten(self, heard=()):
        made = catch_up(
            self.owed, self.mentioned, self.current, {self.number(one) for one in heard}, self.make.now + self.make.minute
        )
        told = [(str(one.kind), [item.key for item in one.items] or one.incident.key) for one in made.notices]
        return sorted(made.withdrawn), told, made


def test_an_open_one_is_told_once_as_it_is_now(make):
    first = make.open()
    worse = replace(first, alarms=("worse",))
    withdrawn, told, made = Outbox(make).owe(first, "opened", "updated", "escalated").now(worse).shorten()
    assert (withdrawn, told) == ([1, 2, 3], [("opened", first.key)])
    assert made.notices[0].incident == worse
    assert made.notices[0].thread == thread_of(first.key)


def test_one_that_is_as_it_was_is_left_alone(make):
    assert Outbox(make).owe(make.open(), "opened").shorten()[:2] == ([], [])


def test_what_is_over_and_was_never_heard_of_is_summed_up(make):
    box, keys = Outbox(make), []
    for name in ("a", "b", "c"):
        one = make.open(name)
        box.owe(one, "opened").owe(make.closed(one), "closed")
        keys.append(one.key)
    withdrawn, told, made = box.shorten()
    assert (withdrawn, told) == ([1, 2, 3, 4, 5, 6], [("summary", keys)])
    assert made.notices[0].since == make.now


def test_a_single_one_that_is_over_is_told_by_its_end_alone(make):
    one = make.open()
    assert Outbox(make).owe(one, "opened").owe(make.closed(one), "closed").shorten()[:2] == ([1], [])


def test_whose_beginning_was_heard_its_end_is_told_in_its_thread(make):
    one, other = make.open("a"), make.open("b")
    box = Outbox(make).owe(one, "updated").owe(make.closed(one), "closed").owe(other, "opened").owe(make.closed(other), "closed")
    assert box.shorten(heard=[one])[:2] == ([1, 3], [])


def test_data_in_danger_is_told_for_itself_though_it_is_over(make):
    one = make.open(kind=Kind.REPLICA_SPLIT_BRAIN)
    box = Outbox(make).owe(one, "opened", "reminder").owe(make.closed(one), "closed")
    for name in ("a", "b"):
        box.owe(make.open(name), "opened").owe(make.closed(make.open(name)), "closed")
    withdrawn, told, _ = box.shorten()
    assert withdrawn == [2, 4, 5, 6, 7]
    assert [keys for _, keys in told] == [[make.open("a").key, make.open("b").key]]


def test_summaries_that_wait_are_joined_and_brought_up_to_date(make):
    a, b, c = make.open("a"), make.open("b"), make.open("c")
    box = Outbox(make).bundle(Telling.SUMMARY, a, b).bundle(Telling.SUMMARY, c).now(make.closed(b))
    withdrawn, told, made = box.shorten()
    assert (withdrawn, told) == ([1, 2], [("summary", [a.key, c.key, b.key])])
    assert made.notices[0].language == "de"
    assert Outbox(make).bundle(Telling.SUMMARY, a, c).shorten()[:2] == ([], []), "one that is true still waits as it is"


def test_a_brake_that_is_off_again_is_no_news(make):
    box = Outbox(make).bundle(Telling.BRAKED, make.open(), until=make.now)
    assert box.shorten()[:2] == ([1], [])
    still = Outbox(make).bundle(Telling.BRAKED, make.open(), until=make.now + make.minute * 9)
    assert still.shorten()[:2] == ([], [])


def test_a_digest_waits_as_it_is(make):
    assert Outbox(make).bundle(Telling.DIGEST, make.closed(make.open())).owe(make.open("b"), "opened").shorten()[:2] == ([], [])


def test_doing_it_again_changes_nothing_more(make):
    one = make.open()
    box = Outbox(make).owe(one, "opened", "escalated").now(replace(one, alarms=("worse",)))
    _, _, made = box.shorten()
    again = Outbox(make)
    again.owed = [replace(notice, id=number) for number, notice in enumerate(made.notices, 1)]
    again.current = box.current
    assert again.shorten()[:2] == ([], [])


def test_what_became_part_of_another_says_so_only_where_its_beginning_was_heard(make):
    outbox = Outbox(make)
    part, whole = make.open("part"), make.open("whole")
    outbox.owe(whole, "opened")
    outbox.owe(part, "opened")
    outbox.owe(replace(make.closed(part), absorbed_into=whole.key), "updated")
    numbers = outbox.number(part), outbox.number(whole)
    now = {"mentioned": {}, "current": outbox.current, "now": make.now}
    unheard = catch_up(outbox.owed, heard=set(), **now)
    assert (unheard.withdrawn, unheard.notices) == ([2, 3], [])
    assert catch_up(outbox.owed, heard={numbers[0]}, **now).withdrawn == [2]


def test_each_of_several_is_shortened_for_itself(make):
    """Ended and heard of, still open and changed, moved: what is withdrawn of one leaves the others' as it was."""
    moved, whole, ended, split, still = (make.open(name) for name in ("m", "whole", "ended", "split", "still"))
    split = replace(split, kind=Kind.REPLICA_SPLIT_BRAIN)
    box = Outbox(make).owe(still, "opened", "updated", "reminder").owe(whole, "opened")
    box.owe(moved, "opened", "reminder").owe(replace(make.closed(moved), absorbed_into=whole.key), "updated")
    box.owe(split, "opened", "reminder", "reminder").owe(make.closed(split), "closed")
    box.owe(ended, "opened", "updated", "reminder").owe(make.closed(ended), "closed")
    withdrawn, told, made = box.shorten(heard=[moved, ended])
    assert withdrawn == [1, 2, 3, 5, 6, 9, 10, 12, 13, 14]
    assert told == [("opened", still.key)]
    assert (made.notices[0].id, made.notices[0].at) == (0, make.now + make.minute), "a notice of its own, as of now"
    assert made.notices[0].reason == "told late, as it is now: because"


def test_what_only_was_updated_is_told_as_it_is_now(make):
    one = make.open()
    _, told, _ = Outbox(make).owe(one, "updated", "updated").now(replace(one, subjects=("resource/x",))).shorten(heard=[one])
    assert told == [("updated", one.key)]


def test_one_that_opened_again_after_its_end_is_told_as_it_is(make):
    one = make.open()
    withdrawn, told, _ = Outbox(make).owe(one, "opened").owe(make.closed(one), "closed").now(one).shorten()
    assert (withdrawn, told) == ([1, 2], [("opened", one.key)])


def test_a_summary_of_what_has_changed_is_told_anew(make):
    a, b = make.open("a"), make.open("b")
    assert Outbox(make).bundle(Telling.SUMMARY, a, b).now(make.closed(b)).shorten()[1] == [("summary", [a.key, b.key])]
    for one in (replace(b, alarms=("worse",)), replace(b, severity=Severity.WARNING), replace(b, subjects=("resource/x",))):
        assert Outbox(make).bundle(Telling.SUMMARY, a, b).now(one).shorten()[0] == [1]


def test_two_summaries_are_one_though_nothing_has_changed(make):
    one, other = make.open("web"), make.open("db")
    withdrawn, told, _ = Outbox(make).bundle(Telling.SUMMARY, one).bundle(Telling.SUMMARY, other).shorten()
    assert (withdrawn, told) == ([1, 2], [("summary", [other.key, one.key])])


def test_what_is_part_of_another_now_is_told_as_that_one(make):
    part, whole = make.open("web"), make.open("n2", kind=Kind.NODE_FAILURE, root="node/n2")
    box = Outbox(make).owe(part, "opened").now(replace(part, absorbed_into=whole.key)).now(whole)
    _, told, made = box.shorten()
    assert told == [("opened", whole.key)]
    assert made.notices[0].thread == thread_of(part.key), "it goes on where it began"
