"""`explain` names the story to which a report belongs."""


def story(cluster):
    (one,) = [one for one in cluster.incidents.values() if one.absorbed_into is None]
    return one


def test_a_failure_a_good_word_after_its_end_and_one_more_witness(cluster):
    cluster.at(100).fails("n1", "db")
    assert cluster.decisions[-1].incident_key == story(cluster).key
    cluster.at(101).stops("n1", "db").starts("n1", "db").at(110).does("n1", "db", "monitor", interval=10_000)
    assert cluster.decisions[-1].incident_key == story(cluster).key, "it is still being watched"


def test_one_more_witness_of_a_loss_and_a_fencing_that_another_told_of(cluster):
    cluster.at(100).lost("n3", by="n1")
    for told in (lambda: cluster.lost("n3", by="n2"), lambda: cluster.fenced("n3", by="n1 n2")):
        told()
        assert cluster.decisions[-1].incident_key == story(cluster).key
