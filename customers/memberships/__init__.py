"""Memberships: how they come, last and end (`acts`), what a refund undoes (`reversing`), upgrades on their way
(`upgrades`), the passing of time (`expiry`, `reminders`) and what members are written (`letters`).

Every act runs in the caller's transaction and locks the customer (`customers.locking`); nothing else needs a lock. Each
is harmless to repeat for one order.
"""
