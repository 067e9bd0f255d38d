"""Records: the one interface between training and everything after it. Tables, the meaning of their columns, and the file that keeps them.

The modules are schema (every column, described once), tables (those of one job, checked), loading (from a store or from DataFrames), store
(SQLite), migrations (stores of older versions) and export (Parquet and CSV).
"""
