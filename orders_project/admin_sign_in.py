"""Signing in to the back office: the same limits on guessing as everywhere, counted together with everywhere."""

from __future__ import annotations

import math
from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from customers import throttling
from customers.authentication import sign_in_limits
from customers.models import normalised_email
from customers.throttling import TooManyFailures


class SignInForm(AuthenticationForm):
    """E-mail and password. Refused before any password is hashed once too many were wrong; a failure counts."""

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError alike for an unknown account, a wrong password and one that is no staff's."""
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not username or not password:
            return dict(self.cleaned_data)
        address = throttling.client_address(self.request) if self.request else ""
        limits = sign_in_limits(normalised_email(username), address)
        try:
            throttling.refuse_when_exhausted(limits)
        except TooManyFailures as refusal:
            minutes = math.ceil(refusal.retry_after_s / 60)
            raise ValidationError(
                f"Too many failed sign-ins. Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
                code="throttled",
            ) from None
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            throttling.count_failure(limits)
            raise
        return cleaned
