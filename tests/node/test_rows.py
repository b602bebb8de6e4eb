"""What is read of an element, and what a folder's watch tells: nothing that is not sure."""

import pytest

from bridge.node.events2 import MAX_VALUE, listing
from bridge.node.inotify import Inotify
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


def test_names_fill_a_field_to_its_end_and_go_on_in_the_next():
    full = "n" * (MAX_VALUE - 2)
    assert listing([full, "a"]) == {"dump": True, "resources": f"{full} a"}
    assert listing([full, "a", "b"]) == {"dump": True, "resources": f"{full} a", "resources2": "b"}
    assert listing([full, "ab"]) == {"dump": True, "resources": full, "resources2": "ab"}
