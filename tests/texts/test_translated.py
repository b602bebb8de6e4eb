"""What the core says in English, for who reads German: every word of it that the recordings, and its own source, know."""

import ast
import re
import time
from pathlib import Path

import pytest

import bridge.core
from bridge.config.correlation import CorrelationSettings
from bridge.core.telling.match import Route
from bridge.rehearse.rehearse import Rehearsal, read_recording
from bridge.texts.translated import in_german, phrases, translated

RECORDINGS = Path(__file__).parents[1] / "judge" / "recordings"


class Listening(Rehearsal):
    """Keeps every reason that anybody may be shown."""

    def __init__(self):
        super().__init__(CorrelationSettings().core(), (Route(receivers=("bell",)),))
        self.said = set()

    def _keep(self, outcome):
        super()._keep(outcome)
        self.said |= {one.why for one in outcome.conditions} | {one.reason for one in outcome.incidents.values()}
        self.said |= {one.reason for one in outcome.notices}


def test_all_that_the_recordings_make_it_say_is_german():
    unknown = {}
    for path in sorted(one for one in RECORDINGS.iterdir() if one.is_dir() or one.suffix == ".json"):
        listening = Listening()
        listening.take(read_recording(path))
        unknown |= {said: (path.name, in_german(said)[1]) for said in listening.said if in_german(said)[1]}
    assert unknown == {}


VERBS = {"note", "hurt", "heal", "let_go", "open_incident", "dismiss", "absorb"}
COMPOSED = {
    "fencing worked…",
    "… … failed: …",
    "… … on …",
    "… was …",
    "… was fenced… …",
    "… is unclean: the cluster does not trust it, and …",
    "… says that the cluster …",
    "silent, but … report that … is …: its relay, or its way to here, is broken",
}
"""Of these the inner words are part of the sentence; the phrases have each sentence whole."""


def sentences(node):
    """What a literal may say; what is filled in is `…`."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return sentences(node.body) + sentences(node.orelse)
    if isinstance(node, ast.BinOp):
        return [left + right for left in sentences(node.left) for right in sentences(node.right)]
    if not isinstance(node, ast.JoinedStr):
        return []
    made = [""]
    for part in node.values:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        known = sentences(inner) if isinstance(inner, ast.Constant | ast.IfExp | ast.JoinedStr) else []
        made = [before + one for before in made for one in known or ["…"]]
    return made


def told_by(function):
    """What a function of the core hands to the verbs of the world."""
    named = {}
    for one in ast.walk(function):
        if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Name):
            named.setdefault(one.targets[0].id, []).append(one.value)
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in VERBS:
            for argument in call.args:
                for value in named.get(argument.id, []) if isinstance(argument, ast.Name) else [argument]:
                    yield from (said for said in sentences(value) if " " in said or said.isalpha())


def test_all_that_the_core_has_written_down_is_german():
    functions = [
        function
        for path in Path(bridge.core.__file__).parent.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
    ]
    said = {one for function in functions for one in told_by(function)} - COMPOSED
    assert len(said) > 60
    assert {one: left for one in said if (left := set(in_german(one)[1]) - {"…", "……"})} == {}


@pytest.mark.parametrize(
    "said, german",
    [
        ("web: start failed on n1: no such file; see runs on n2", "web: start ist auf n1 fehlgeschlagen: no such file; see runs on n2"),
        ("web: start failed on n1: timed out after 20 s", "web: start ist auf n1 fehlgeschlagen: Zeitüberschreitung nach 20 s"),
        ("the disk of volume 0 failed on a; Connected Diskless", "die Platte von Volume 0 ist auf a ausgefallen; Connected Diskless"),
        ("still open after 30 s: n3 is lost; neither announced nor yet fenced",
         "nach 30 s noch offen: n3 ist verloren; weder angekündigt noch bisher abgeschaltet"),
        ("n3 was fenced (off) by an administrator, from n1", "n3 wurde abgeschaltet (off), von einem Administrator, auf n1"),
        ("a lost the connection to its peer", "a hat die Verbindung zu seiner Gegenseite verloren"),
        ("split brain: a and b have data that the other has not", "Split-Brain: a und b haben Daten, die die andere Seite nicht hat"),
        ("{node} runs nowhere", "{node} läuft nirgends"),
        ("what nobody has ever said", "what nobody has ever said"),
        ("", ""),
    ],
)  # fmt: skip
def test_names_and_words_of_others_stay(said, german):
    assert translated(said, "de") == german
    assert translated(said, "en") == said


@pytest.mark.parametrize("said", ["a: " * 1300, "x failed on y: " * 270, "; " * 2000, "a" * 4096, "runs on " * 500 + "; x"])
def test_nobody_can_say_what_takes_long(said):
    began = time.perf_counter()
    assert translated(said, "de")
    assert time.perf_counter() - began < 2


def test_nothing_is_there_twice_and_no_gap_is_lost():
    text = (Path(bridge.core.__file__).parents[1] / "texts/templates/de/reasons.txt").read_text("utf-8")
    assert 2 * len(phrases()) == sum(bool(line) and line[0] != "#" for line in text.splitlines())
    for english, german in phrases().items():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", german)), english
