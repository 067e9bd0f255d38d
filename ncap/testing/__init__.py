"""Conformance kits: the laws of each contract as functions that a test calls with a member."""
