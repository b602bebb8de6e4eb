"""In whose name somebody speaks to the bridge: the kernel says who asks, and that decides what is believed."""

import os

import msgspec
import pytest

from bridge.serve import control

OURS, SOMEBODY = 990, 1000


@pytest.mark.parametrize(
    "user,said,believed",
    [
        (0, "anna", "anna"),
        (0, "anna (page)", "anna (page)"),
        (OURS, "anna (page)", "anna (page)"),
        (OURS, "anna", "uid 990"),
        (OURS, "root", "uid 990"),
        (OURS, "", "uid 990"),
        (OURS, "anna (page) ", "uid 990"),
        (SOMEBODY, "anna (page)", "uid 1000"),
        (SOMEBODY, "anna", "uid 1000"),
    ],
)
def test_who_may_speak_in_whose_name(monkeypatch, user, said, believed):
    monkeypatch.setattr(control.os, "geteuid", lambda: OURS)
    monkeypatch.setattr(control, "_name", lambda number: f"uid {number}")
    line = msgspec.json.encode(control.Ack(incident=1, author=said))
    request, why = control._understood(line, user)
    assert (request.author, why) == (believed, "")


def test_a_person_of_the_page_stands_in_what_the_bridge_is_asked(tmp_path):
    """Over the real socket, as this user."""
    desk = control.Control(tmp_path / "c.sock")
    heard = []

    def serve():
        while not heard:
            for request, answer in desk.handle():
                heard.append(request.author)
                answer()

    import threading

    thread = threading.Thread(target=serve)
    thread.start()
    control.ask(tmp_path / "c.sock", control.EndPlanned(id="x", author="anna (page)"), timeout=5)
    thread.join()
    desk.close()
    assert heard == ["anna (page)"], f"this user ({os.geteuid()}) runs the bridge, too"
