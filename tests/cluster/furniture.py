"""What runs on a cluster of a scenario: two guests that like n3, a service that fails when it is told to, a clone."""

from tests.cluster.pacemaker import guest, prefers, primitive

GUESTS = ("vm-a", "vm-b")


def furnish(site):
    for name in GUESTS:
        (site.home / f"outside/{name}.xml").write_text(f'<domain type="kvm">\n  <name>{name}</name>\n</domain>\n')
    site.shows(*(f"Guest: {name}" for name in GUESTS), "Resource: web", "Resource: dlm")
    clone = f'<clone id="dlm-clone">{primitive("dlm")}</clone>'
    likes = [prefers("vm-a", "n3"), prefers("vm-b", "n3"), prefers("web", "n2"), prefers("fencing", "n1")]
    site.cluster.add(*map(guest, GUESTS), primitive("web", "ocf:trial:Told"), clone, constraints="".join(likes))
    site.cluster.settle()
    assert [site.cluster.where(name) for name in (*GUESTS, "web", "dlm")] == [["n3"], ["n3"], ["n2"], ["n1", "n2", "n3"]]
    site.agree()
