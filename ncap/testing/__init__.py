"""Conformance kits: the laws of each contract as tests, for members in and outside ncap."""
