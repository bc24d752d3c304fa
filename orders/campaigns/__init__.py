"""Flyer campaigns: entered with the order or later, scheduled by staff, sent and reported on by a mailing system."""
