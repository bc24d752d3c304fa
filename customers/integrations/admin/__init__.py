"""Pages of the back office about integrations."""

from customers.integrations.admin import integrations

__all__ = ["integrations"]
