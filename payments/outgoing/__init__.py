"""Outgoing events: what happened here, told to the merchant's own systems by signed webhooks.

Whoever makes something happen calls `events.emit` in the same transaction; `delivering` sends, later and elsewhere. An
app of its own: it knows neither orders nor payments, only that something of a given type happened to a subject.
"""
