"""The pages of the back office about money: all of them to look at."""

from payments.admin import events, refunds, requests

__all__ = ["events", "refunds", "requests"]
