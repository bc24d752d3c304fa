"""The pages of the back office about what differs between our books and the gateways'."""

from orders.reconciliation.admin import discrepancies, runs

__all__ = ["discrepancies", "runs"]
