"""Scores of what a network tells about a data set as it is: from its features, or from what its own head says, and the labels."""
