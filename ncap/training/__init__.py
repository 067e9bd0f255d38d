"""One run of one candidate, from its first batch to its last tick; what it yields, what it goes on from, and why it may fail.

run (the training itself), tick (what it yields), batches, evaluation, seeds, checkpoint (a tick in a file), failure.
"""
