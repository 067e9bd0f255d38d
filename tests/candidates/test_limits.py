"""What is left out of a job, and why: by numbers known beforehand, and by those that only the built body has."""

import pytest

from ncap import candidates
from ncap.candidates.limits import Limits
from ncap.records.candidate_facts import CandidateFacts

MINI = candidates.resolve("mini")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5M", 5_000_000),
        ("300k", 300_000),
        ("1.5G", 1_500_000_000),
        ("2 b", 2 * 10**9),
        ("1_000", 1000),
        (7, 7),
        (1e6, 10**6),
    ],
)
def test_numbers_may_have_a_unit(text, number):
    assert Limits(max_parameters=text).max_parameters == Limits(max_multiply_adds=text).max_multiply_adds == number


def test_a_limit_leaves_out_what_has_more_and_keeps_what_has_as_many():
    kept, left_out = Limits(max_parameters=23_296).split(MINI)
    assert set(kept) == {name for name, one in MINI.items() if one.parameters <= 23_296}
    assert "plain" in kept
    assert left_out["mlp"] == "51,488 parameters, more than max_parameters=23,296"
    assert {*kept, *left_out} == set(MINI)


def test_where_none_is_left_it_is_an_error_that_gives_numbers():
    with pytest.raises(
        ValueError, match=r"none is within the limits \(plain: 23,296 parameters, .*; and 7 more\); raise a limit"
    ):
        Limits(max_parameters=100).split(MINI)


def test_what_is_not_known_before_building_is_decided_after_it():
    own = candidates.resolve({"own": lambda: None})
    limits = Limits(max_parameters=100, max_multiply_adds="1k", max_milliseconds=2)
    assert limits.split(own) == (own, {})
    within = CandidateFacts(parameters=100, multiply_adds=1000, milliseconds=2.0)
    assert limits.forbid(within, built=True) == ""
    slow = CandidateFacts(parameters=100, multiply_adds=1000, milliseconds=2.5)
    assert limits.forbid(slow, built=True) == "2.5 ms an image, more than max_milliseconds=2"
    uncounted = CandidateFacts(parameters=100, milliseconds=1.0)
    assert limits.forbid(uncounted, built=True) == "its multiply-adds cannot be told, and max_multiply_adds=1,000"


@pytest.mark.parametrize(
    ("licences", "licence", "reason"),
    [
        ("MIT,Apache-2.0", "apache-2.0", ""),
        (["mit", "BSD-3-Clause, CC0"], "CC0", ""),
        ("MIT", "CC-BY-4.0", "licence CC-BY-4.0, not one of licences=mit"),
        ("MIT", "", "licence not known, not one of licences=mit"),
        (None, "", ""),
        ([], "CC-BY-4.0", ""),
    ],
)
def test_licences_are_compared_in_any_case(licences, licence, reason):
    assert Limits(licences=licences).forbid(CandidateFacts(licence=licence)) == reason
