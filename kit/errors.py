"""Errors of the domain carry facts, never sentences for a wire: each dialect words them itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why something was refused: a code, and the facts a dialect needs to word it.

    `at` says where in the request the fault is: ("items", 2, "quantity").
    """

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    at: tuple[str | int, ...] = ()


class DomainError(Exception):
    """A rule of the business said no. Nothing was written."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        if not faults:
            raise ValueError("a refusal needs a reason")
        self.faults = tuple(faults)
        super().__init__(", ".join(fault.code for fault in self.faults))

    @property
    def first(self) -> Fault:
        """The first failed check in documented order."""
        return self.faults[0]


class NotFound(DomainError):
    """What was named does not exist, or not for this caller: the two are never told apart."""

    def __init__(self, what: str) -> None:
        super().__init__([Fault("not_found", {"what": what})])
        self.what = what
