"""What people do about a dispute: they write down evidence, and what they sent to whom. Nothing of it is unsaid."""

from __future__ import annotations

import uuid

from payments.models import Dispute, DisputeNote


def add_note(dispute_id: uuid.UUID, *, text: str, author_id: uuid.UUID) -> DisputeNote:
    """A note on a dispute, open or over. Raises Dispute.DoesNotExist and ValueError for a note that says nothing."""
    if not text.strip():
        raise ValueError("a note says something")
    return DisputeNote.objects.create(dispute=Dispute.objects.get(pk=dispute_id), text=text, author_id=author_id)
