"""Merchants who collect through us with Razorpay's own interface: their keys, their payment orders, what they hear.

A merchant's payment order is money without an order of the shop: what is collected for it is owed to the merchant. An
app of its own within payments; what Razorpay's interface looks like on the wire is its dialect's business, but for the
entities, which webhooks carry as well.
"""
