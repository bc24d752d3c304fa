"""The pages of the back office about outgoing events."""

from payments.outgoing.admin import deliveries, events, subscriptions

__all__ = ["deliveries", "events", "subscriptions"]
