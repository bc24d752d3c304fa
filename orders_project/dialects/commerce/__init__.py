"""The interface of back-end integrations: an apikey beside the bearer token, one envelope, every fault at once."""
