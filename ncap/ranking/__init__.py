"""The ranking of candidates: predictions of all of them, their order, measures of an order, comparisons of rules."""
