"""How fast the application is, as ratios to the least that its database could do in the same run.

Every figure is taken on a PostgreSQL and servers of the benchmark's own, started as `make run` starts them. Absolute
rates drift with the host and with whatever else runs there; the ratios and the CPU milliseconds per order are what to
compare.
"""
