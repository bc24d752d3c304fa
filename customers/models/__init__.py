"""People: who signs in and buys, who stands below whom, and who is a member of what."""

from customers.models.genealogy import Genealogy, Placement, PlacementMove, Waiting
from customers.models.memberships import (
    Membership,
    MembershipEvent,
    MembershipHistory,
    MembershipNotice,
    MembershipNoticeKind,
    MembershipState,
    UpgradeKind,
    UpgradeProcess,
    UpgradeState,
)
from customers.models.people import (
    Address,
    Customer,
    EventProfile,
    FailureCount,
    Session,
    User,
    UserManager,
    normalised_email,
)

__all__ = [
    "Address",
    "Customer",
    "EventProfile",
    "FailureCount",
    "Genealogy",
    "Membership",
    "MembershipEvent",
    "MembershipHistory",
    "MembershipNotice",
    "MembershipNoticeKind",
    "MembershipState",
    "Placement",
    "PlacementMove",
    "Session",
    "UpgradeKind",
    "UpgradeProcess",
    "UpgradeState",
    "User",
    "UserManager",
    "Waiting",
    "normalised_email",
]
