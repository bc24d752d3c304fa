"""What gateways pay out to the bank, against what they have collected for us: from their API or from a file.

Knows payments and their ledger, never what the money is for. Lines go through `staging` (what we were told) and
`booking` (what we made of it); the ledger moves in `posting`.
"""
