"""Our books against the gateways': what differs, and what a person made of it. Healing is done above, where it is
known what the money is for."""
