"""One folder per documented interface: routes, views, wire, errors. A dialect never imports another."""
