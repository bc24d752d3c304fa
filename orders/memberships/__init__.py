"""Packages as they are ordered, and what their orders do to memberships.

Locks: the order's row, its payment requests, the customer, the customer's credit, the coupon, stock. Whoever places or
moves an order with a package locks the customer before any of what comes after.
"""
