"""Sales tax, VAT and GST: which are due, how much they come to, and who is asked. `orders.checks` calls `service`."""
