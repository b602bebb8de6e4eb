"""What routes and silences may ask about an incident."""

import pytest

from bridge.core.telling.match import BadMatcher, Matcher, labels_of, parse
from bridge.core.world.event import Severity
from bridge.core.world.incident import Kind


@pytest.fixture
def labels(make):
    incident = make.open(
        "n2",
        kind=Kind.NODE_FAILURE,
        root="node/n2",
        severity=Severity.WARNING,
        peak=Severity.CRITICAL,
        subjects=("node/n2", "resource/web", "guest/vm1", "resource/db"),
        facts={"node": "n3", "resource": "ip", "guest": "vm.2\nb"},
    )
    return labels_of(incident)


@pytest.mark.parametrize(
    "text",
    [
        "cluster=alpha",
        "kind=node-failure",
        "kind=~node-.*",
        "severity=warning",
        "peak=critical",
        "root=node/n2",
        "subject=resource/web",
        "subject=node/n2",
        "node=n2",
        "node=n3",
        "resource=web",
        "resource=db",
        "resource=ip",
        "resource!=mail",
        "resource!~mail|x.*",
        "guest=vm1",
        'guest=~"vm.2.b"',
        "planned=no",
        "planned!=yes",
        'resource=~"w(e)b"',
    ],
)
def test_it_is_described(labels, text):
    assert parse(text).holds(labels)


@pytest.mark.parametrize(
    "text", ["cluster=alph", "kind=~node", "guest=vm..", 'guest="vm.2"', "node=web", "resource=n2", "resource!=db", "planned=yes"]
)
def test_it_is_not(labels, text):
    assert not parse(text).holds(labels)


def test_a_planned_one_says_so(make):
    assert parse("planned=yes").holds(labels_of(make.open(planned=True)))


def test_a_label_without_a_value_is_empty(make):
    labels = labels_of(make.open(root="cluster"))
    assert parse('guest=""').holds(labels)
    assert parse("guest!=vm1").holds(labels)


@pytest.mark.parametrize("text", ["kind", 'kind=a"b', "colour=red", "kind=~(", "kind=~" + "(" * 9999, "kind=~a{99999999999999}"])
def test_what_is_no_matcher_is_refused_with_the_mistake_in_words(text):
    with pytest.raises(BadMatcher, match=r"write label|there is no label 'colour'|expression '[^']*' is wrong"):
        parse(text)


@pytest.mark.parametrize("text", ['kind=~"a.*"', 'root="a \\"b\\" \\\\c"'])
def test_a_matcher_is_written_as_it_is_read(text):
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    "expression",
    [
        "(.|.)*x",
        "(a+)+b",
        "((a|b))*x",
        "(a?){30}",
        "(?:a*)*b",
        "(?=(a+)+b)",
        "(?i)(a|A)+x",
        "(?x)(a|a) *b",
        ".*.*.*.*x",
        "a?" * 9,
        r"(\(|.)*x",
        "([(]|.)*x",
    ],
)
def test_what_could_take_a_name_years_is_refused(expression):
    with pytest.raises(BadMatcher, match="for ever"):
        parse(str(Matcher("node", "=~", expression)))


@pytest.mark.parametrize(
    "expression,name",
    [
        ("(node|fencing|relay)/n3|[^/]+/.*@n3", "storage/md0@n3"),
        ("(ab)+", "abab"),
        ("(?i)VM-.*", "vm-a"),
        ("(?!vm-test).*", "vm-a"),
        ("vm-[*+?|()]{3}", "vm-+|+"),
        (r"a\*\(\+\|b\)\*", "a*(+|b)*"),
        ("vm-(a|b)?", "vm-"),
        ("(a|{)b", "{b"),
    ],
)
def test_what_is_usual_is_taken(expression, name):
    assert parse(str(Matcher("root", "=~", expression))).holds({"root": (name,)})
