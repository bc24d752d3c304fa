"""Stripe's API as far as this project uses it: form-encoded bodies in, Stripe's objects and error envelopes out."""
