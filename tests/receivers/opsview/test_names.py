"""Which object shows a subject, and what the config may say about it."""

from pathlib import Path

import pytest

from bridge.config.config import parse_config
from bridge.config.findings import ConfigError
from bridge.core.showing.picture import Target
from bridge.receivers.opsview.names import Name, Names


@pytest.mark.parametrize(
    "subject,target",
    [
        ("cluster", ("ha1", "Cluster")),
        ("node/n1", ("n1", "Cluster Node")),
        ("fencing/n1", ("n1", "Fencing")),
        ("resource/web", ("ha1", "Resource: web")),
        ("guest/vm-a", ("ha1", "Guest: vm-a")),
        ("drbd/r0", ("ha1", "DRBD: r0")),
        ("drbd/r0@n1", ("n1", "DRBD: r0")),
        ("attribute/#health-disk@n1", ("n1", "Attribute: _health-disk")),
        ("storage/md/0@n1", ("n1", "Storage: md/0")),
        ("relay/n1", ("n1", "Quorumbell Relay")),
        ("libvirt/x:y", ("ha1", "libvirt: x_y")),
        ("resource/ü,ö:1", ("ha1", "Resource: ü_ö_1")),
    ],
)
def test_defaults(subject, target):
    assert Names({}, frozenset()).place("ha1", subject) == Target(*target)


def test_guests_may_be_hosts_of_their_own_and_kinds_be_hidden():
    names = Names({"guest": Name(host="{name}", service="Guest")}, frozenset({"attribute"}))
    assert names.place("ha1", "guest/vm-a") == Target("vm-a", "Guest")
    assert names.place("ha1", "attribute/pingd@n1") is None


def test_long_names_fit_and_stay_apart():
    names = Names({}, frozenset())
    one, other = (names.place("ha1", f"resource/{'x' * 80}{end}") for end in "ab")
    assert one != other
    assert len(one.service) <= 128
    assert len(one.service.partition(": ")[2]) <= 63


BASE = '[receivers.noc]\nkind = "opsview"\nurl = "https://ops.example.com"\nuser = "bell"\npassword = "initial"\n'


def read(more="", base=BASE):
    return parse_config(base + more, Path("/nowhere/q.toml")).receivers["noc"]


def test_the_config():
    found = read('refresh = "5m"\nhide = ["attribute"]\n[receivers.noc.names.guest]\nhost = "{name}"\nservice = "Guest"\n')
    assert found.board
    assert found.settings.names["guest"].host == "{name}"


@pytest.mark.parametrize(
    "more,words",
    [
        ('refresh = "20m"', "half of stale_after"),
        ('hide = ["gests"]', "there is no kind of subject 'gests'"),
        ('names = { gest = { host = "x", service = "y" } }', "there is no such kind of subject"),
        ('names = { guest = { host = "{node}", service = "y" } }', "{node} means nothing there; it may hold {cluster}"),
        ('names = { guest = { host = "x", service = "{name" } }', "is no template"),
        ('names = { guest = { host = "x", service = " " } }', "is empty"),
        ('names = { guest = { host = "{name.__class__}", service = "y" } }', "means nothing there"),
        ('timeout = "0s"', "between one and 100 seconds"),
        ('look_every = "1s"', "between 5 s and 10 min"),
        ('reload = "at-once"', "write create = true with them"),
        ('create = true\nreload = "25:00"', 'write "at-once", "never", or a time of the day'),
        ("create = true\nreload_others = true", 'means nothing with reload = "never"'),
        ('create = true\ntime_zone = "Mars"', "is not known here"),
        ('submit = "nsca"', "is not allowed"),
    ],
)
def test_mistakes_name_the_cure(more, words):
    with pytest.raises(ConfigError) as error:
        read(more)
    assert words in str(error.value)


@pytest.mark.parametrize(
    "url,words",
    [
        ("http://ops.example.com", "plain text; write https"),
        ("ops.example.com", "write url ="),
        ("https://bell:pw@ops.example.com", "the password apart"),
    ],
)
def test_addresses(url, words):
    with pytest.raises(ConfigError) as error:
        read(base=BASE.replace("https://ops.example.com", url))
    assert words in str(error.value)
    assert "pw@" not in str(error.value)
