"""Where a job is trained: here, or elsewhere. An engine fills a store and computes no ranking."""
