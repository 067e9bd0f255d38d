"""The one interface between training and everything after it: tables, what their columns mean, and the file that keeps them.

schema (every column, described once), tables (the tables of one job, checked), store (SQLite), migrations (stores of older versions),
export (Parquet and CSV).
"""
