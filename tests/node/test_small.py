"""Small parts of the relay: what is read of an element, what a watch, a walk and a page tell, and what must not be lost."""

import random
from types import SimpleNamespace

import pytest

from bridge.node import child, pending
from bridge.node.events2 import MAX_VALUE, listing
from bridge.node.inotify import Inotify
from bridge.node.own_reports import OwnReports
from bridge.node.pages import Lying, Pages
from bridge.node.rows import number
from bridge.node.walk import Look
from bridge.node.xml_tree import Tree


def element(text):
    tree = Tree()
    tree.feed(text.encode())
    return tree.root()


@pytest.mark.parametrize(
    "text, value",
    [("12", 12), ("0", 0), ("", 0), ("x", 0), ("-1", 0), ("1e3", 0), ("٣", 0), ("9" * 12, 999_999_999_999), ("9" * 13, 0)],
)
def test_what_is_no_number_is_none(text, value):
    assert number(element(f'<one n="{text}"/>'), "n") == value


def test_a_watch_tells_what_was_moved_in_and_that_it_ended(tmp_path):
    folder, elsewhere = tmp_path / "new", tmp_path / "file"
    folder.mkdir()
    watch = Inotify()
    assert watch.read() == ([], False)
    assert watch.watch(str(folder))
    assert not watch.watch(str(folder)), "it is watched already"
    elsewhere.write_text("")
    elsewhere.rename(folder / "one")
    assert watch.read() == ([(str(folder), "one")], False)
    (folder / "one").unlink()
    folder.rmdir()
    assert watch.read() == ([], True), "whatever comes to a folder of that name is not told any more"
    watch.close()


def test_a_walk_counts_and_weighs_all_that_it_meets():
    look = Look(None)
    for size in (3, 4):
        look.add(bytes([size]) * 25, size)
    assert (look.count, look.size) == (2, 7)


def test_what_was_taken_from_a_page_is_not_taken_from_the_next():
    records = [Lying(born_ns=at, box=0, uid=bytes(16)).record() for at in (1, 2, 3)]
    pages, taken = Pages(), []
    for _ in records:
        pages.turn(records, 0)
        taken.append(pages.take().born_ns)
    pages.turn(records, 0)
    assert (taken, pages.take()) == ([1, 2, 3], None)


def test_what_a_relay_says_itself_is_kept_though_no_disk_takes_it_and_memory_is_full(monkeypatch):
    monkeypatch.setattr(pending, "MAX_HELD", 1)
    waiting = pending.Pending(random.Random(1))
    assert not waiting.offer_body(bytes(16), b"a hook's")
    OwnReports(SimpleNamespace(tops=()), waiting, "boot").tell([(b"u" * 16, b"our own")])
    assert [body for _, body in waiting.take(9, 1 << 20, 0.0, lambda *_: None)] == [b"our own"]


def test_names_fill_a_field_to_its_end_and_go_on_in_the_next():
    full = "n" * (MAX_VALUE - 2)
    assert listing([full, "a"]) == {"dump": True, "resources": f"{full} a"}
    assert listing([full, "a", "b"]) == {"dump": True, "resources": f"{full} a", "resources2": "b"}
    assert listing([full, "ab"]) == {"dump": True, "resources": full, "resources2": "ab"}


def test_a_program_is_found_where_a_service_has_no_path_to(tmp_path, monkeypatch):
    """Pacemaker's programs lie in /usr/sbin, which a user's PATH lacks."""
    program = tmp_path / "crm_mon"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(child, "FOLDERS", str(tmp_path))
    assert child.installed("crm_mon") == str(program)
    assert child.installed("no_such_program") is None
