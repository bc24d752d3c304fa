"""Keeping the table of tax rates: what staff may change of it, and loading it from a file."""
