"""One row per (caller, Idempotency-Key): who works on it, or what the first answer was."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class KeptAnswer(models.Model):
    """An answer in the making (`status` is null) or made. Its id travels into the core as the placement key."""

    id = models.UUIDField(primary_key=True)
    principal = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    # When somebody last began to work on it; long ago and without an answer means that they were cut off.
    locked_at = models.DateTimeField()
    created_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("principal", "key"), name="idempotency_key_once_per_principal"),
            models.CheckConstraint(
                condition=Q(status=None) | Q(status__gte=200, status__lte=599), name="kept_answer_status"
            ),
        )

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"
