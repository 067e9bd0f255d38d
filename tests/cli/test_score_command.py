"""ncap score and ncap scores: the table of scores, and what it is asked with."""

import json

from commands import call


def test_the_command_passes_on_what_it_is_asked(tmp_path):
    truth = tmp_path / "elsewhere.csv"
    truth.write_text("target,candidate,accuracy\nother,mlp,0.9\nother,plain,0.4\n", encoding="utf-8")
    words = ["score", "--candidates", "mlp,plain", "--names", "mean_rank,knn_accuracy", "--images", 60, "--error"]
    done = call(*words, "--history", truth, "--format", "json")
    assert done.exit_code == 0, done.output
    records = json.loads(done.stdout)
    assert [record["value"] for record in records if record["score"] == "mean_rank"] == [1.0, 0.0]
    assert [record["error"] is None for record in records] == [True, False] * 2
    missing = call(*words, "--history", tmp_path / "missing.csv")
    assert missing.exit_code == 2
    assert "missing.csv" in missing.output


def test_the_list_says_what_each_needs_and_costs():
    done = call("scores", "--format", "json")
    listed = {record["score"]: record for record in json.loads(done.stdout)}
    assert (listed["leep"]["needs"], listed["leep"]["cost"]) == ("source_probabilities", "forward")
    assert all(record["source"] and record["summary"] for record in listed.values())
