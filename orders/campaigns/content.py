"""What a flyer says, as somebody entered it: the one door that the contents of a campaign come in by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from kit.money import Money
from orders.campaigns.html import safe_html
from orders.models import Campaign


@dataclass(frozen=True, slots=True)
class FlyerContent:
    """All that is entered of a campaign. `main_image` is a path that `orders.campaigns.images` gave out.

    The description is kept to safe HTML as soon as there is one, the time to the second.
    """

    prop_address: str = ""
    prop_desc: str = ""
    prop_price: Money | None = None
    main_image: str = ""
    headline: str = ""
    sub_headline: str = ""
    rush: bool = False
    scheduled_at: datetime | None = None
    subject: str = ""
    list_name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "prop_desc", safe_html(self.prop_desc))
        if self.scheduled_at is not None:
            object.__setattr__(self, "scheduled_at", self.scheduled_at.replace(microsecond=0))


FIELDS = tuple(field.name for field in fields(FlyerContent))
NEEDED = ("headline", "subject", "list_name", "scheduled_at")
"""What nobody can send a mail without."""


def content_of(campaign: Campaign) -> FlyerContent:
    """What a campaign says now."""
    return FlyerContent(
        prop_address=campaign.prop_address,
        prop_desc=campaign.prop_desc,
        prop_price=campaign.prop_price,
        main_image=campaign.main_image.path if campaign.main_image else "",
        headline=campaign.headline,
        sub_headline=campaign.sub_headline,
        rush=campaign.rush,
        scheduled_at=campaign.scheduled_at,
        subject=campaign.subject,
        list_name=campaign.list_name,
    )


def missing(content: FlyerContent) -> list[str]:
    """What has to be entered before it can be scheduled."""
    return [name for name in NEEDED if not getattr(content, name)]
