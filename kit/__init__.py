"""Plain Python that every app may use: money, strict JSON, ids, errors, signing, clock. No models, no Django."""
