"""The pages of the back office about money: to look at, but for notes on disputes and working an event again."""

from payments.admin import balances, disputes, events, ledger, refunds, requests

__all__ = ["balances", "disputes", "events", "ledger", "refunds", "requests"]
