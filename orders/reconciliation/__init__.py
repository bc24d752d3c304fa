"""Bringing our books in line with the gateways', without any webhook.

`payments.reconciliation` compares and keeps what differs; here it is known what money is for, so here it is healed. An
app of its own for its jobs and its pages of the back office; it has no tables.
"""
