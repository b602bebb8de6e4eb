"""What real clusters of three releases showed, reduced: equal states are equal pictures, and what differs is what happened."""

from pathlib import Path

import pytest

from bridge.node import configuration, picture
from bridge.node.xml_tree import NotXml, Tree

SHOWN = Path(__file__).parent / "crm_mon"
RELEASES = ("2.0.5", "2.1.5", "3.0.0")


def tree(text):
    read = Tree(picture.SKIPPED)
    for at in range(0, len(text), 1000):
        read.feed(text[at : at + 1000])
    return read.root()


def seen(release, state, meta=None):
    return picture.reduced(tree((SHOWN / release / f"{state}.xml").read_bytes()), meta or {})


def named(rows, name):
    return [row for row in rows if row["id"] == name]


def alike(said):
    """Without what says which cluster it was, and when."""
    told = {name: value for name, value in said.items() if name not in {"version", "dc", "changed", "mixed"}}
    words = {"last", "completed", "exec_ms", "client"}
    return {
        name: [{key: one for key, one in row.items() if key not in words} for row in rows]
        if name in {"failures", "counts", "fencings"}
        else rows
        for name, rows in told.items()
    }


def test_three_releases_in_one_cluster_show_one_picture():
    known = configuration.reduced(tree((SHOWN / "mixed/configuration.xml").read_bytes()))
    first, *others = [
        picture.reduced(tree((SHOWN / "mixed" / f"{release}.xml").read_bytes()), known.meta) for release in RELEASES
    ]

    assert [len(first[name]) for name in ("nodes", "resources", "bans", "attributes")] == [3, 12, 2, 3]
    for other in others:
        assert alike(other) == alike(first)


@pytest.mark.parametrize("state", ["05-maintenance", "06-unmanaged-disabled", "07-banned-everywhere"])
def test_the_same_state_is_the_same_picture_in_all_releases(state):
    """But for where the instances happened to run."""

    def of(release):
        said = alike(seen(release, state))
        spread = {"nodes", "role"} if state == "05-maintenance" else {"nodes"}
        rows = [{key: one for key, one in row.items() if key not in spread} for row in said["resources"]]
        return {**said, "resources": sorted(map(str, rows)), "attributes": len(said["attributes"])}

    assert of("2.0.5") == of("2.1.5") == of("3.0.0")


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_usual_is_not_told(release):
    said = seen(release, "01-healthy")

    assert named(said["resources"], "web-fs") == [
        {"id": "web-fs", "agent": "ocf:pacemaker:Dummy", "nodes": ["n3"], "active": True, "group": "web"}
    ]
    assert said["nodes"] == [{"name": name, "online": True, "expected_up": True} for name in ("n1", "n2", "n3")]
    assert sorted(row["role"] for row in named(said["resources"], "db")) == ["Promoted", "Unpromoted", "Unpromoted"]
    assert "failures" not in said
    assert "options" not in said


@pytest.mark.parametrize("release", RELEASES)
def test_failed_everywhere_says_why_and_how_often(release):
    said = seen(release, "03-failed-everywhere-everything")

    assert [(row["node"], row["rc"], row["reason"], row["task"], row["status"]) for row in said["failures"]] == [
        (node, 1, "no memory", "start", "complete") for node in ("n1", "n2", "n3")
    ]
    assert [(row["resource"], row["fails"], row["threshold"]) for row in said["counts"]] == [("flk", 1_000_000, 1_000_000)] * 3
    assert named(said["resources"], "flk") == [{"id": "flk", "agent": "ocf:lab:Flaky", "role": "Stopped"}], (
        "pending=Monitoring is no news"
    )


@pytest.mark.parametrize("release", RELEASES)
def test_planned_work_is_resolved_down_to_each_instance(release):
    resting, off = seen(release, "05-maintenance"), seen(release, "06-unmanaged-disabled")

    assert resting["options"] == {"maintenance": True}
    assert all(row["maintenance"] and not row["managed"] for row in resting["resources"]), "2.0 does not say so of resources"
    (ip,) = named(off["resources"], "ip")
    assert (ip["managed"], ip.get("maintenance")) == (False, None)
    for name in ("web-fs", "web-srv"):
        (row,) = named(off["resources"], name)
        assert (row["disabled"], row["target_role"], row["group"]) == (True, "Stopped", "web")


@pytest.mark.parametrize("release", RELEASES)
def test_nodes_in_trouble(release):
    failed, away = seen(release, "08b-unclean-fence-failed"), seen(release, "12-no-quorum")

    assert failed["nodes"][2] == {"name": "n3", "unclean": True, "expected_up": True}
    assert [row["status"] for row in failed["fencings"]] == ["pending", "failed", "failed"]
    assert "quorate" not in away
    assert failed["quorate"] is True


def test_a_bundle_a_guest_node_a_ticket_and_a_cloned_group():
    said = picture.reduced(
        tree(
            b"""<crm_mon version="1.1.24"><summary><current_dc present="true" name="a" with_quorum="true"/>
        <cluster_options stonith-enabled="false" no-quorum-policy="ignore" maintenance-mode="false"/></summary>
        <nodes><node name="vm" online="true" type="remote" id_as_resource="g" container_id="dom"/><node name="a" online="true" type="member"/></nodes>
        <resources>
        <bundle id="web" type="podman" image="i" unique="false" managed="true" failed="false">
          <replica id="1"><resource id="web-podman-1" resource_agent="ocf::heartbeat:podman" role="Started" managed="true"><node name="b"/></resource></replica>
          <replica id="0"><resource id="web-podman-0" resource_agent="ocf::heartbeat:podman" role="Started" managed="true"><node name="a"/></resource></replica>
        </bundle>
        <clone id="c" multi_state="true" unique="true" managed="false" disabled="false" target_role="Slave">
          <group id="g:1"><resource id="x:1" resource_agent="lsb:x" role="Slave" managed="false"><node name="b"/></resource></group>
          <group id="g:0"><resource id="x:0" resource_agent="lsb:x" role="Master" managed="false" pending="Demoting"><node name="a"/></resource></group>
        </clone></resources>
        <tickets><ticket id="t" status="granted" standby="true"/></tickets><bans><ban id="l" resource="x" node="b" weight="-1000000" master_only="true"/></bans>
        </crm_mon>"""
        ),
        {"web": {"target-role": "Stopped"}},
    )

    assert said["options"] == {"fencing": False, "no_quorum_policy": "ignore"}
    assert said["nodes"][1] == {"name": "vm", "kind": "remote", "online": True, "resource": "g", "container": "dom"}
    web = [row for row in said["resources"] if row.get("bundle") == "web"]
    assert [(row["id"], row["replica"], row["disabled"]) for row in web] == [
        ("web-podman-1", "1", True),
        ("web-podman-0", "0", True),
    ]
    slave, master = named(said["resources"], "x:1") + named(said["resources"], "x:0")
    assert master == {
        "id": "x:0",
        "agent": "lsb:x",
        "role": "Promoted",
        "nodes": ["a"],
        "target_role": "Unpromoted",
        "managed": False,
        "pending": "Demoting",
        "group": "g:0",
        "clone": "c",
        "promotable": True,
        "unique": True,
    }
    assert slave["group"] == "g:1"
    assert said["tickets"] == [{"id": "t", "granted": True, "standby": True}]
    assert said["bans"] == [{"id": "l", "resource": "x", "node": "b", "promoted_only": True}]


def test_the_configuration_says_what_crm_mon_does_not_and_no_secret():
    known = configuration.reduced(
        tree(
            b"""<configuration><resources>
        <template id="vm" class="ocf" provider="heartbeat" type="VirtualDomain"><meta_attributes id="m"><nvpair name="remote-node" value="guest"/></meta_attributes></template>
        <primitive id="v" template="vm"><instance_attributes id="v-i"><nvpair name="config" value="/etc/v.xml"/><nvpair name="migration_user" value="root"/></instance_attributes></primitive>
        <primitive id="v2" template="vm"><instance_attributes id-ref="v-i"/></primitive>
        <master id="ms"><primitive id="d" class="ocf" provider="linbit" type="drbd"><instance_attributes id="d-i"><nvpair name="drbd_resource" value="r0"/></instance_attributes></primitive></master>
        <primitive id="f" class="stonith" type="fence_ipmilan"><instance_attributes id="f-i"><nvpair name="password" value="secret"/><nvpair name="pcmk_host_list" value="a"/></instance_attributes></primitive>
        <bundle id="b"><podman image="i" replicas="2"/><network ip-range-start="10.0.0.9"/></bundle>
        </resources><constraints>
        <rsc_location id="l" rsc="v" node="a" score="-INFINITY"/><rsc_location id="likes" rsc="v" node="b" score="100"/>
        <rsc_location id="cli-prefer-v" rsc="v" role="Started" node="b" score="INFINITY"/>
        <rsc_location id="cli-prefer-d" rsc="d"><rule id="cli-prefer-rule-d" score="INFINITY"><expression id="cli-prefer-expr-d" attribute="#uname" operation="eq" value="a"/></rule></rsc_location>
        <rsc_colocation id="c" rsc="v" with-rsc="ms" with-rsc-role="Master" score="INFINITY"/>
        <rsc_order id="o"><resource_set id="s1"><resource_ref id="d"/><resource_ref id="e"/></resource_set><resource_set id="s2"><resource_ref id="v"/></resource_set></rsc_order>
        </constraints></configuration>"""
        )
    )

    said = known.says
    assert "secret" not in str(said)
    assert {row["id"]: (row["agent"], row.get("parameters"), row.get("meta")) for row in said["primitives"]} == {
        "v": ("ocf:heartbeat:VirtualDomain", [["config", "/etc/v.xml"]], [["remote-node", "guest"]]),
        "v2": ("ocf:heartbeat:VirtualDomain", [["config", "/etc/v.xml"]], [["remote-node", "guest"]]),
        "d": ("ocf:linbit:drbd", [["drbd_resource", "r0"]], None),
        "f": ("stonith:fence_ipmilan", [["pcmk_host_list", "a"]], None),
    }
    assert said["bundles"] == [{"id": "b", "kind": "podman", "image": "i", "replicas": "2", "network": "10.0.0.9"}]
    assert said["locations"] == [{"id": "l", "resource": "v", "node": "a"}]
    moved = [("cli-prefer-v", "v", "b"), ("cli-prefer-d", "d", "a")]
    assert said["moved"] == [{"id": constraint, "resource": resource, "node": node} for constraint, resource, node in moved]
    assert said["colocations"] == [{"id": "c", "resource": "v", "partner": "ms", "partner_role": "Master", "score": "INFINITY"}]
    assert [(row["first"], row["then"]) for row in said["orders"]] == [("d", "e"), ("e", "v")]


ORDERS = """<configuration><resources>
<bundle id="b"><docker image="i" masters="2"/><network ip-range-start="192.0.2.1"/></bundle></resources><constraints>
<rsc_location id="l" rsc="web" node="n3" role="Promoted" score="-INFINITY"/>
<rsc_order id="o" kind="Optional" first="fs" then="db" first-action="promote" then-action="start"/>
<rsc_order id="s" kind="Mandatory" score="500"><resource_set id="x"><resource_ref id="a"/><resource_ref id="b"/></resource_set></rsc_order>
</constraints></configuration>"""


def test_what_a_constraint_is_about_is_told_whole():
    """What waits for what, and how strictly; in which role a place is forbidden; how many a bundle of an older release promotes."""
    said = configuration.reduced(tree(ORDERS.encode())).says
    (where,) = said["locations"]
    assert (where["resource"], where["node"], where["role"]) == ("web", "n3", "Promoted")
    pair, both = said["orders"]
    assert pair == {"id": "o", "kind": "Optional", "first": "fs", "then": "db", "first_action": "promote", "then_action": "start"}
    assert both == {"id": "s", "kind": "Mandatory", "score": "500", "first": "a", "then": "b"}
    assert said["bundles"] == [{"id": "b", "kind": "docker", "image": "i", "replicas": "2", "network": "192.0.2.1"}]


def test_a_number_that_goes_along_is_no_reason_to_tell():
    said = seen("2.1.5", "01-healthy")
    free = {"node": "n1", "name": "free_ram", "value": "100"}
    more = {**said, "attributes": [*said["attributes"], free]}

    assert picture.telling(more) == picture.telling({**said, "changed": {"time": "later"}})
    assert picture.telling({**said, "attributes": [{**free, "name": "pingd"}]}) != picture.telling(said)


BOMB = b'<!DOCTYPE x [<!ENTITY a "ha">%s]><crm_mon>&z;</crm_mon>' % b"".join(
    b'<!ENTITY %c "&%c;&%c;&%c;">' % (letter, letter - 1, letter - 1, letter - 1) for letter in range(98, 123)
)


@pytest.mark.parametrize(
    "text, why",
    [
        (BOMB, "a document type or an entity"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><crm_mon/>', "a document type or an entity"),
        (b"<a>" * 1000, "in one another"),
        (b"<a>" + b"<b/>" * 50_000, "more than 40000 elements"),
        (b"<crm_mon><nodes>", "no element found"),
        (b"crm_mon: hello", "syntax error"),
        (b"\xff\xfe\x00<", "not well-formed"),
        (b"", "no element found"),
    ],
)
def test_what_no_tool_of_pacemaker_prints_is_refused(text, why):
    with pytest.raises(NotXml, match=why):
        tree(text)


def shown(text):
    return picture.reduced(tree(f"<pacemaker-result>{text}</pacemaker-result>".encode()), {})


def test_where_no_cluster_is_shown_none_runs():
    assert shown('<pacemakerd state="starting_daemons"/>') == {"running": False, "why": "pacemakerd: starting_daemons"}
    assert shown("") == {"running": False, "why": "crm_mon shows no cluster"}


@pytest.mark.parametrize("said, symmetric", [("false", False), ("true", True), (None, True)])
def test_whether_resources_may_run_anywhere_is_told_where_it_is_not_as_usual(said, symmetric):
    option = f'symmetric-cluster="{said}"' if said else ""
    options = shown(f"<summary><cluster_options {option}/></summary>").get("options", {})
    assert options.get("symmetric", True) is symmetric


@pytest.mark.parametrize("group, member, managed", [("true", "true", True), ("false", "true", False), ("true", "false", False)])
def test_what_is_in_an_unmanaged_group_is_unmanaged(group, member, managed):
    inside = f'<resource id="a" role="Started" active="true" managed="{member}" resource_agent="ocf:x:y"/>'
    told = shown(f'<summary><stack/></summary><resources><group id="g" managed="{group}">{inside}</group></resources>')
    (row,) = told["resources"]
    assert row.get("managed", True) is managed
