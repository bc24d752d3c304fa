"""The order retrieval dialect: one order as integrators read it, `GET /api/order/{id}`."""
