"""Coupons: their codes, whether one may be used for an order and what it takes off, and every use of them."""
