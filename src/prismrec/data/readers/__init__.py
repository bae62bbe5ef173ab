"""Readers of tables: one file per format, and the code that all formats share.

``open`` has the table of formats. The other files find columns, times, categories and rows that
cannot be used.
"""
