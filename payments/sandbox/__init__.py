"""A stand-in for Stripe and Razorpay over HTTP, for development and tests, with books of its own.

It shares no code, no table and no transaction with the project that calls it, so what it says about the money is an
independent witness. Never installed in production.
"""
