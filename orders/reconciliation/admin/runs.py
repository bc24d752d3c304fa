"""The reconciliations: what was compared when, and what came of it."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from catalog.admin.pages import ReadOnlyAdmin, coloured
from payments.reconciliation.models import ReconciliationRun, RunState


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    """Runs, the newest first. One that stays unfinished stands out: its gateway does not answer."""

    list_display = ("kind", "gateway", "state_label", "since", "until", "outcome", "started_at", "finished_at")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": (("kind", "gateway"), ("state_label", "asked"), ("since", "until"), "done_until")}),
        ("What came of it", {"fields": ("outcome", ("started_at", "finished_at"))}),
    )
    readonly_fields = ("state_label", "outcome")

    @display(description="State")
    def state_label(self, run: ReconciliationRun) -> str:
        return coloured(run.get_state_display(), "success" if run.state == RunState.COMPLETE else "warning")

    @display(description="Counted")
    def outcome(self, run: ReconciliationRun) -> str:
        return ", ".join(f"{count} {name}" for name, count in run.counts.items() if count) or "-"
