"""A small shop to try things out in. Every run tops up what was used, through the acts that everybody uses."""
