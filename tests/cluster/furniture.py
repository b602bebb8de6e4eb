"""What runs on a cluster of a scenario: two guests that like n3, a service that fails when it is told to, a clone."""

from tests.cluster.pacemaker import guest, prefers, primitive

GUESTS = ("vm-a", "vm-b")


def define(site, guest_name):
    """The file that VirtualDomain reads."""
    text = f'<domain type="kvm">\n  <name>{guest_name}</name>\n</domain>\n'
    (site.home / f"outside/{guest_name}.xml").write_text(text)


def furnish(site):
    for name in GUESTS:
        define(site, name)
    site.shows(*(f"Guest: {name}" for name in GUESTS), "Resource: web", "Resource: dlm")
    clone = f'<clone id="dlm-clone">{primitive("dlm")}</clone>'
    likes = [prefers("vm-a", "n3"), prefers("vm-b", "n3"), prefers("web", "n2"), prefers("fencing", "n1")]
    site.cluster.add(*map(guest, GUESTS), primitive("web", "ocf:trial:Told"), clone, constraints="".join(likes))
    site.cluster.settle()
    assert [site.cluster.where(name) for name in (*GUESTS, "web", "dlm")] == [["n3"], ["n3"], ["n2"], ["n1", "n2", "n3"]]
    site.agree()
