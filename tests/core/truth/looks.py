"""What crm_mon of a real cluster showed, as a relay reduces it, and with what a test changes of it."""

from pathlib import Path

from bridge.node.picture import reduced
from bridge.node.xml_tree import Tree

SHOWN = Path(__file__).parents[2] / "node/crm_mon"
RELEASES = ("2.0.5", "2.1.5", "3.0.0")


def seen(state="01-healthy", release="2.1.5"):
    tree = Tree()
    tree.feed((SHOWN / release / f"{state}.xml").read_bytes())
    return reduced(tree.root(), {})


def changed(says=None, *, nodes=None, resources=None, without=(), **more):
    """`nodes` and `resources` give fields by name, for every row of that name."""
    says = says or seen()
    return {
        **says,
        "nodes": [{**row, **(nodes or {}).get(row["name"], {})} for row in says["nodes"] if row["name"] not in without],
        "resources": [{**row, **(resources or {}).get(row["id"], {})} for row in says["resources"] if row["id"] not in without],
        **more,
    }


STOPPED = {"role": "Stopped", "nodes": [], "active": False}
OFFLINE = {"online": False, "expected_up": False}
UNCLEAN = {"online": False, "unclean": True}
