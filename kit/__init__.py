"""Plain Python that every app may use: money, strict JSON, CSV rows, ids, errors, signing, clock, progress bars.

No models, no Django.
"""
