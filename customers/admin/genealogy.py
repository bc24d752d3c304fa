"""The genealogy as staff see it: a tree that opens branch by branch, people found by e-mail, the way up from anybody, a
waiting room, and the two acts, placing and moving.

No page counts anything or reads more than a page of people, wherever in the tree it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from catalog.admin.pages import ReadOnlyAdmin
from customers.admin import placing
from customers.genealogy import tree
from customers.genealogy.tree import Person
from customers.models import Customer, Placement, PlacementMove
from kit.ids import parse_id

PAGE = 50
MOST_MOVES = 20
PLACE, MOVE = "customers.place_customer", "customers.move_customer"


@admin.register(Placement)
class PlacementAdmin(ReadOnlyAdmin):
    """The tree instead of a list, and a person with those around them instead of a form."""

    def get_urls(self) -> list[URLPattern]:
        """With the parts that are loaded later, the waiting room and the acts."""
        view = self.admin_site.admin_view
        own = [
            path("waiting/", view(self.waiting_view), name="customers_placement_waiting"),
            path("top/branch/", view(self.branch_view), name="customers_placement_top"),
            path("<uuid:customer_id>/branch/", view(self.branch_view), name="customers_placement_branch"),
            path("<uuid:customer_id>/below/", view(self.below_view), name="customers_placement_below"),
            path("<uuid:customer_id>/place/", view(self.place_view), name="customers_placement_place"),
            path("<uuid:customer_id>/move/", view(self.move_view), name="customers_placement_move"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The top of the tree, or the people that were searched for."""
        self._require_view(request)
        term = request.GET.get("q", "").strip()
        context = {
            "title": "Genealogy",
            "term": term,
            "found": list(tree.find_people(term)) if term else None,
            "most": tree.MOST_SHOWN,
            "branch": None if term else _branch(None, after=None),
            "may_place": request.user.has_perm(PLACE),
        }
        return self._page(request, "tree", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Somebody in the tree: the way up, those right below, the moves. Whoever waits is shown where to be placed."""
        self._require_view(request)
        if request.method == "POST":
            raise PermissionDenied
        customer = _customer(object_id)
        if customer is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        placement = Placement.objects.select_related("placed_by", "customer__user").filter(pk=customer.pk).first()
        moves = PlacementMove.objects.select_related(
            "from_sponsor__customer__user", "to_sponsor__customer__user", "moved_by"
        ).filter(placement=customer.pk)
        above = tree.path_to_root(customer.pk)
        context = {
            "title": str(customer),
            "original": placement or Placement(customer=customer),
            "customer": customer,
            "placement": placement,
            "path": above[::-1],
            "path_is_cut": len(above) == tree.MOST_SHOWN,
            "branch": _branch(customer.pk, after=None),
            "moves": list(moves[:MOST_MOVES]),
            "may_place": request.user.has_perm(PLACE),
            "may_move": request.user.has_perm(MOVE),
        }
        return self._page(request, "person", context)

    def branch_view(self, request: HttpRequest, customer_id: uuid.UUID | None = None) -> HttpResponse:
        """A page of those right below somebody, or at the top, to be put into a page that is there already."""
        self._require_view(request)
        context = {"branch": _branch(customer_id, after=parse_id(request.GET.get("after")))}
        return TemplateResponse(request, "admin/customers/placement/branch.html", context)

    def below_view(self, request: HttpRequest, customer_id: uuid.UUID) -> HttpResponse:
        """Everybody below somebody, page by page."""
        self._require_view(request)
        customer = _customer(str(customer_id))
        if customer is None or not tree.is_placed(customer_id):
            raise Http404
        after = parse_id(request.GET.get("after"))
        people = tree.below(customer_id, after=after, most=PAGE + 1)
        context = {
            "title": f"Everybody below {customer}",
            "original": Placement(customer=customer),
            "customer": customer,
            "is_first": after is None,
            "people": people[:PAGE],
            "next": people[PAGE - 1].customer_id if len(people) > PAGE else None,
        }
        return self._page(request, "below", context)

    def waiting_view(self, request: HttpRequest) -> HttpResponse:
        """Those who are not placed yet, the newest first."""
        self._require_view(request)
        waiting, after = tree.waiting(), parse_id(request.GET.get("after"))
        rows = list((waiting.filter(pk__lt=after) if after else waiting)[: PAGE + 1])
        context = {
            "title": "Waiting room",
            "is_first": after is None,
            "people": [row.customer for row in rows[:PAGE]],
            "next": rows[PAGE - 1].pk if len(rows) > PAGE else None,
            "may_place": request.user.has_perm(PLACE),
        }
        return self._page(request, "waiting", context)

    def place_view(self, request: HttpRequest, customer_id: uuid.UUID) -> HttpResponse:
        """The form on GET; on POST the customer is placed."""
        return self._act(request, customer_id, placing.PLACE, PLACE)

    def move_view(self, request: HttpRequest, customer_id: uuid.UUID) -> HttpResponse:
        """The form on GET; on POST the customer is moved."""
        return self._act(request, customer_id, placing.MOVE, MOVE)

    def _act(self, request: HttpRequest, customer_id: uuid.UUID, act: placing.Act, right: str) -> HttpResponse:
        self._require_view(request)
        if not request.user.has_perm(right):
            raise PermissionDenied
        customer = _customer(str(customer_id))
        if customer is None:
            raise Http404
        return placing.act_page(self, request, customer, act, back=_address("change", customer_id))

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "page_size": PAGE}
        return TemplateResponse(request, f"admin/customers/placement/{name}.html", {**shared, **context})


@admin.register(PlacementMove)
class PlacementMoveAdmin(ReadOnlyAdmin):
    """Every move, the newest first."""

    list_display = ("moved_at", "who", "before", "after", "reason", "moved_by")
    list_select_related = (
        "placement__customer__user",
        "from_sponsor__customer__user",
        "to_sponsor__customer__user",
        "moved_by",
    )
    ordering = ("-pk",)
    fields = ("who", ("before", "after"), "reason", ("moved_by", "moved_at"))
    readonly_fields = fields_shown = ("who", "before", "after", "reason", "moved_by", "moved_at")

    @display(description="Who")
    def who(self, row: PlacementMove) -> str:
        return _email(row.placement)

    @display(description="From below")
    def before(self, row: PlacementMove) -> str:
        return _email(row.from_sponsor)

    @display(description="To below")
    def after(self, row: PlacementMove) -> str:
        return _email(row.to_sponsor)


def _email(placement: Placement | None) -> str:
    return placement.customer.user.email if placement else "The top"


def _customer(key: str) -> Customer | None:
    identifier = parse_id(key)
    return Customer.objects.select_related("user").filter(pk=identifier).first() if identifier else None


def _address(page: str, customer_id: uuid.UUID | None = None) -> str:
    return reverse(f"admin:customers_placement_{page}", args=[customer_id] if customer_id else [])


def _branch(sponsor_id: uuid.UUID | None, *, after: uuid.UUID | None) -> dict[str, Any]:
    """A page of a branch, and where the next one comes from, if there is one."""
    people: Sequence[Person] = tree.branch(sponsor_id, after=after, most=PAGE + 1)
    more = None
    if len(people) > PAGE:
        address = _address("branch", sponsor_id) if sponsor_id else _address("top")
        more = f"{address}?after={people[PAGE - 1].customer_id}"
    return {"people": people[:PAGE], "more": more}
