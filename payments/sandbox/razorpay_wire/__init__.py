"""Razorpay's API as far as this project uses it: JSON bodies in, Razorpay's entities and error envelopes out."""
