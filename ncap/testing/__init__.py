"""Conformance kits: the laws of each contract as checks that raise AssertionError, for members of ncap and for those written outside it.

One file a contract: methods, engines, targets, candidates, rules, scores. `ncap verify` and the test suite run the same code.
"""
