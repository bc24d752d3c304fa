"""Refunds for people: what somebody wishes to give back, what of it can go back, who must agree, how far it is."""

from orders.returns.acts import approve_refund, refuse_refund, request_refund
from orders.returns.giving_up import give_up_refund

__all__ = ["approve_refund", "give_up_refund", "refuse_refund", "request_refund"]
