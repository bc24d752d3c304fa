"""The sandbox's own routes: what a shopper, a bank and a saboteur would do."""
