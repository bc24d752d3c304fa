"""Razorpay's interface for merchants: any of its official SDKs with its base URL pointed here. JSON and form bodies,
keys by HTTP Basic, errors in Razorpay's envelope."""
