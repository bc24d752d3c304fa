"""Starts and stops everything a checkout needs on one machine: the embedded PostgreSQL, the servers, the workers.

Standard library only and no Django: production does not use this package. Everything it starts dies with it.
"""
