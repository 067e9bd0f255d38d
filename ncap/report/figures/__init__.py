"""The figures of the report, one per file; each `draw` returns a matplotlib Figure, or None where there is nothing to draw."""
