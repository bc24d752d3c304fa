"""The page of an act: its form, and on POST the act. What refuses it is said, and then nothing was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

from kit.errors import DomainError
from orders.admin.wording import refusal_text
from payments.gateways.base import GatewayError


class SubjectForm(forms.Form):
    """A form whose fields faults can be shown at, and that may be laid out by a template of its own."""

    layout = ""

    def field_at(self, at: tuple[str | int, ...]) -> str | None:
        """The visible field that a fault is about, if any."""
        name = str(at[0]) if at else ""
        return name if name in {field.name for field in self.visible_fields()} else None


@dataclass(frozen=True, slots=True)
class Words:
    """What the page of an act says."""

    title: str
    explanation: str
    button: str
    is_drastic: bool = False
    warning: str = ""


def act_page(
    page: ModelAdmin[Any],
    request: HttpRequest,
    subject: Model,
    form: SubjectForm,
    perform: Callable[[Mapping[str, Any]], str],
    *,
    words: Words,
    back: str,
    title: str = "",
) -> HttpResponse:
    """The form; on POST the act, and `back` with what `perform` says, or with a refusal that no field is about. The
    title names the subject, unless it is given."""
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, perform(form.cleaned_data))
        except (DomainError, GatewayError) as refusal:
            field = form.field_at(refusal.first.at) if isinstance(refusal, DomainError) else None
            if field is None:
                messages.error(request, refusal_text(refusal))
                return HttpResponseRedirect(back)
            form.add_error(field, refusal_text(refusal))
        else:
            return HttpResponseRedirect(back)
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        # What is only being made has no page yet, nor a name.
        "original": None if subject._state.adding else subject,
        "title": title or f"{words.title}: {subject}",
        "form": form,
        "button": words.button,
        "button_variant": "danger" if words.is_drastic else "primary",
        "explanation": words.explanation,
        "warning": words.warning,
        "back": back,
    }
    return TemplateResponse(request, "admin/act.html", context)
