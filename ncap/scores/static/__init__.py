"""Scores of what is known of a network before it has seen the data set: its size, its source, how it fared elsewhere."""
