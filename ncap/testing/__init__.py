"""Conformance kits: the laws of each contract as tests that whoever writes a member, here or elsewhere, can run over it."""
