"""Training: one run of one candidate, from its first batch to its last tick. What it yields, how it resumes, and why it may fail.

The modules are run (the training itself), tick (what it yields), batches, evaluation, seeds, checkpoint (a tick in a file), failure.
"""
