"""What to do next, from records whose answer is known: lines without noise, whose value at beta_eff = 0 is their name's."""

from dataclasses import replace

import made_records
import pandas as pd
import pytest
from made_records import line

from ncap.ranking.order import rank_records
from ncap.report.advice import advice, seconds_per_epoch
from ncap.report.page import _content
from ncap.report.series import by_rank
from ncap.rules.contract import Prediction, Rule

GUESSING = {"classes": 5, "most_frequent_class": 0.25, "validation_images": 10_000}
SURE, GUESS = "How sure is that?", "What would guessing give?"
TRUST, TIME = "More to be trusted than the last accuracy?", "How long until it is trained?"


def ranked(rule="capacitance", facts=None, failed=(), **runs):
    return rank_records(replace(made_records.records(failed=failed, **runs), facts=facts or {}), rule)


def advised(ranking, truth=None, unfinished=False):
    said = advice(ranking, _content(ranking, truth), unfinished)
    return said.do, dict(said.why)


def test_the_best_of_lines_that_are_far_apart_is_trained_to_the_end():
    do, why = advised(ranked(facts=GUESSING, best=line(0.9), worse=line(0.5)))
    assert do == "Train best to the end."
    assert "overlaps with no other" in why[SURE]
    assert why[SURE].startswith("The 95 % interval of best reaches from 0.8")
    assert (
        why[GUESS]
        == "Guessing the most frequent of 5 classes is right for 0.250 of the validation images; best has shown 0.800."
    )
    assert (
        why[TRUST]
        == "The last accuracy chooses best too (0.800), so the choice does not depend on which of the two you trust."
    )
    assert why[TIME] == (
        "One run of best from epoch 4 to epoch 30 takes about 26 s more on the machine of this job, at 1.0 s an epoch."
    )


def test_what_cannot_be_told_apart_is_trained_with_it_and_the_rest_waits():
    do, why = advised(ranked(a=line(0.9), b=line(0.9), c=line(0.5)))
    assert (
        do == "Keep training a and b, and let the other one wait: what was seen does not settle which of these is best."
    )
    assert why[TIME].endswith("; with its rival, 52 s.")


def test_too_many_rivals_ask_for_more_epochs():
    do, _ = advised(ranked(**{name: line(0.9) for name in "abcdef"}, last=line(0.5)))
    assert do.startswith(
        "Do not settle on a yet: what was seen leaves 5 of the 6 others as possible winners. Observe more epochs"
    )


def test_where_the_last_accuracy_chooses_another_both_are_named_and_the_prediction_is_not_trusted_more():
    ranking = ranked(late=line(0.9, (8, 7, 6, 5)), early=line(0.6))
    do, why = advised(ranking)
    assert do == "Keep training late and early: what was seen does not settle which of these is best."
    assert why[TRUST].startswith(
        "The last accuracy would choose early instead (0.500; late had 0.400). Do not trust this prediction more"
    )
    do, why = advised(rank_records(ranking.records, "last_seen"))
    assert do == "Train early first: the rule last_seen puts it ahead, and does not say how sure that is."
    assert TRUST not in why
    assert why[SURE] == "The rule last_seen gives no interval, so nothing here says how sure it is."


def test_accuracies_after_different_epochs_are_given_with_them():
    _, why = advised(ranked(late=line(0.9, (8, 7, 6, 5)), early=line(0.6, (5, 4, 3, 2, 1))))
    assert why[TRUST].startswith(
        "The last accuracy would choose early instead (0.500 after 5 epochs; late had 0.400 after 4 epochs)."
    )


def test_a_line_that_leaves_the_accuracies_says_nothing_of_how_sure_the_choice_is():
    _, why = advised(ranked(a=line(1.5, (12, 11, 10, 9)), b=line(0.5)))
    assert why[SURE].startswith("The 95 % interval of a lies wholly above 1, where no accuracy is")
    assert why[TRUST].endswith("Take the number itself with care: h(0) = 1.50, clipped.")


def test_nothing_above_guessing_is_chosen():
    do, why = advised(ranked(facts=GUESSING | {"validation_images": 50}, a=line(0.4), b=line(0.3, (2.5, 2, 1.5, 1))))
    assert (
        do
        == "Choose none of these yet: a comes first, and has shown nothing better than guessing. Observe more epochs."
    )
    assert why[GUESS].endswith("; a has shown 0.300.")


def test_without_a_fit_there_is_only_a_best_so_far():
    do, why = advised(ranked(a=line(0.9)[:2], b=line(0.5)[:2]))
    assert do == "Observe more epochs before you choose. a is the best so far, and that is all that is known."
    assert set(why) == {TIME}


def test_where_all_failed_there_is_nothing_to_choose():
    failed = [("a", 0, 1, "ValueError: broken")]
    do, why = advised(ranked(failed=failed))
    assert do == "Choose none of these: not one has a prediction, for the reasons in the notes below."
    assert why == {}


def test_an_only_candidate_is_no_choice():
    assert advised(ranked(a=line(0.9)))[0] == "Train a to the end; there was no other to choose from."


def test_an_unfinished_job_is_waited_for():
    do, _ = advised(ranked(a=line(0.9), b=line(0.5)), unfinished=True)
    assert do == "Wait for the candidates that are still to come. If the job ended now: Train a to the end."


@pytest.mark.parametrize(
    ("true", "words"),
    [
        ((0.8, 0.7), "a, which was selected, was best, at 0.800."),
        ((0.7, 0.8), "a, which was selected, ended at 0.700, and b was best, at 0.800."),
    ],
)
def test_where_the_end_is_known_it_is_told(true, words):
    truth = pd.DataFrame({"candidate": ["a", "b"], "true_accuracy": true, "true_epochs": 30})
    do, why = advised(ranked(a=line(0.9), b=line(0.5)), truth)
    assert do == f"Nothing is left to decide: the networks were trained on. {words}"
    assert TIME not in why


def test_a_selection_has_trained_its_winner():
    do, why = advised(ranked(facts={"selection": "successive halving"}, a=line(0.9), b=line(0.5)[:3]))
    assert do == "Use a: it was trained further than the others, to epoch 4."
    assert TIME not in why


class Least(Rule):
    """Orders by the least beta_eff: a score, no accuracy."""

    name, summary, source, is_accuracy = "least", "minus the last beta_eff", "this test", False
    needs = ("val_accuracy", "beta_eff")

    def predict(self, curve, scores):
        return Prediction.of_score(-curve.beta_eff[-1], curve)


def test_a_score_says_nothing_of_how_sure_it_is():
    do, why = advised(ranked(Least(), a=line(0.9, (8, 7, 6, 5)), b=line(0.6)))
    assert do == "Train b first: the rule least puts it ahead, and does not say how sure that is."
    assert (
        why[SURE]
        == "The rule least orders the candidates by a score and predicts no accuracy, so nothing here says how sure it is."
    )


def test_an_epoch_is_timed_without_the_tick_that_compiles():
    tables = made_records.tables(a_0=line(0.9), a_1=line(0.9), b=line(0.5)[:1])
    tables["observations"]["seconds_train"] = [9.0, 1.0, 2.0, 3.0, 9.0, 4.0, 4.0, 4.0, 7.0]
    a, b = by_rank(rank_records(tables))
    assert seconds_per_epoch(a) == (6 + 12) / 6
    assert seconds_per_epoch(b) == 7.0  # the run has no other
