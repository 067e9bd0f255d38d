"""The one interface between training and everything after it: tables, what their columns mean, and the file that keeps them.

schema (every column, described once), tables (those of one job, checked), loading (them, wherever they are), store (SQLite), migrations
(stores of older versions), export (Parquet and CSV).
"""
