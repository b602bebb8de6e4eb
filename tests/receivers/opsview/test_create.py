"""`create = true`: the bridge makes what Opsview lacks, and makes it live when it may; never what others have left there."""

from contextlib import closing

import pytest

from tests.receivers.opsview.site import OWN, PASSWORD, Site
from tests.servers.opsview import OPERATOR, Rules

MADE = ("ha1", "Resource: web")


@pytest.fixture
def made(tmp_path):
    """A site, with the settings given."""
    sites = []

    def make(rules=None, **settings):
        site = Site(tmp_path, rules or Rules(reload_takes=20), create=True, hostgroup="HA Clusters", **settings)
        sites.append(site)
        site.opsview.provide("bellhost")
        return site

    yield make
    for one in sites:
        one.close()


def web_fails(site):
    site.action("web", "stop", 1)
    site.wait(200)


def making(site):
    site.wait(10)
    return site.ledger.boards()[0].standing.making


def reloads(site):
    return [one for one in site.opsview.asked if (one.verb, one.path) == ("POST", "/rest/reload")]


def changes(site):
    return [one for one in site.opsview.asked if one.verb == "PUT"]


def test_what_is_missing_is_made_and_shown(made):
    site = made(reload="at-once")
    web_fails(site)
    assert site.state(*MADE) == "critical"
    assert site.state(*OWN) == "ok"
    assert making(site) == ""
    assert len(reloads(site)) == 1


def test_what_comes_together_is_made_together_also_a_node_of_its_own_host(made):
    site = made(reload="at-once")
    for name in ("web", "mail", "ftp"):
        site.action(name, "stop", 1)
    site.report(kind="node", node="n7", desc="member")
    site.wait(10)
    site.action("late", "stop", 1)
    site.wait(200)
    assert [site.state("ha1", f"Resource: {name}") for name in ("web", "mail", "ftp", "late")] == ["critical"] * 4
    assert site.state("n7", "Cluster Node") == "ok"
    assert site.opsview.setup.named("host", "n7")["ip"] == "n7", "a machine is reached by its name, else it would count as up"
    assert len(reloads(site)) == 1


def test_never_reloads_unless_it_is_told_to(made):
    site = made()
    web_fails(site)
    assert site.opsview.setup.pending
    assert reloads(site) == []
    assert "wait for a reload" in making(site)
    count = len(changes(site))
    site.wait(1800, step=30)
    assert len(changes(site)) == count, "it is made once"
    site.opsview.reload()
    site.wait(60)
    assert site.state(*MADE) == "critical"


def test_what_others_have_left_there_is_not_made_live(made):
    site = made(reload="at-once")
    site.opsview.provide("other", ["Their: work"], reload=False)
    before = len(changes(site))
    web_fails(site)
    assert (reloads(site), len(changes(site))) == ([], before)
    assert making(site).startswith("changes wait there, and not all of them are known to be this bridge's")
    assert site.opsview.setup.pending
    site.opsview.reload()
    site.wait(1200, step=10)
    assert site.state(*MADE) == "critical"


def test_unless_that_is_allowed(made):
    site = made(reload="at-once", reload_others=True)
    site.opsview.provide("other", ["Their: work"], reload=False)
    web_fails(site)
    assert site.state(*MADE) == "critical"


def test_at_an_hour(made):
    """It is made then, too: what waits for hours would be mixed with what others do meanwhile."""
    site = made(reload="05:30", time_zone="Europe/Berlin")  # 04:30 in UTC; it is 03:00
    web_fails(site)
    assert not site.opsview.setup.pending
    assert making(site) == "5 services are made at 05:30"
    site.wait(80 * 60, step=60)
    assert MADE not in site.opsview.world.things
    site.wait(15 * 60, step=20)
    assert site.state(*MADE) == "critical"


def test_a_reload_that_fails_is_told_and_tried_again(made):
    rules = Rules(reload_takes=20)
    site = made(rules, reload="at-once")
    rules.reload_ends = "3"
    web_fails(site)
    assert "the reload failed" in making(site)
    rules.reload_ends = "0"
    site.wait(900, step=10)
    assert site.state(*MADE) == "critical"


@pytest.mark.parametrize("fault", ["answer", "lost", "reset", "deadlock", "slow", "half"])
def test_what_was_made_before_opsview_failed_is_its_own_and_goes_on(made, fault):
    """Half of it waits for a reload then: nobody else's."""
    site = made(reload="at-once")
    site.opsview.fault(fault, "PUT /rest/config/hosttemplate", status=500, seconds=2.0, text="{}")
    web_fails(site)
    site.wait(600, step=10)
    assert site.state(*MADE) == "critical"
    assert len(reloads(site)) == 1
    kinds = ("servicecheck", "hosttemplate", "host", "attribute", "servicegroup")
    names = {kind: [one["name"] for one in site.opsview.setup.kinds[kind].values()] for kind in kinds}
    assert all(len(each) == len(set(each)) for each in names.values()), "nothing is there twice"


def test_what_others_change_after_it_failed_is_theirs(made):
    site = made(reload="at-once")
    refusal = site.opsview.fault("answer", "PUT /rest/config/", status=500, text="{}")
    web_fails(site)
    assert refusal.seen == 1
    site.opsview.provide("other", ["Their: work"], reload=False)
    site.wait(600, step=10)
    assert (reloads(site), changes(site)) == ([], [])
    assert making(site).startswith("changes wait there")


@pytest.mark.parametrize("takes_later", [False, True])
def test_a_reload_that_goes_on_there_is_waited_for_and_its_own_comes_after(made, takes_later):
    site = made(Rules(reload_takes=200, reload_takes_later=takes_later), reload="at-once")
    site.opsview.setup.start_reload(site.opsview.now)
    web_fails(site)
    site.wait(600, step=10)
    assert site.state(*MADE) == "critical"
    assert making(site) == ""
    assert [one.status for one in reloads(site)].count(200) == (0 if takes_later else 1)


@pytest.mark.parametrize("fault", ["lost", "slow"])
def test_a_reload_whose_answer_was_lost_is_no_other_s(made, fault):
    site = made(reload="at-once")
    site.opsview.fault(fault, "POST /rest/reload", seconds=2.0)
    web_fails(site)
    site.wait(600, step=10)
    assert site.state(*MADE) == "critical"
    assert making(site) == ""


def test_what_it_may_not_see_is_told_and_not_reloaded_for_again_and_again(made):
    site = made(reload="at-once")
    site.opsview.add_user("bell", PASSWORD, hosts={"bellhost"})
    web_fails(site)
    site.wait(3600, step=30)
    assert len(reloads(site)) == 1
    assert "this user may not see it" in making(site)


def test_a_check_of_the_same_name_that_is_somebody_elses_is_left_alone_and_the_rest_is_made(made):
    site = made(reload="at-once")
    site.opsview.provide("ha1", ["Resource: theirs"])
    site.report(kind="node", node="n7", desc="member")
    web_fails(site)
    assert site.state("n7", "Cluster Node") == "ok"
    assert MADE not in site.opsview.world.things
    site.wait(120)
    assert "Opsview has a service check 'Resource' that is not Quorumbell's" in making(site)


def test_a_right_that_is_missing_is_named(made):
    site = made(reload="at-once")
    site.opsview.add_user("bell", "open/sesame & more", rights=OPERATOR)
    web_fails(site)
    assert "this user lacks CONFIGUREVIEW" in making(site)
    assert changes(site) == []


def test_without_create_nothing_is_made(tmp_path):
    with closing(Site(tmp_path)) as site:
        web_fails(site)
        assert changes(site) == []
