"""Places in the genealogy, memberships with their history, and upgrades on their way."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import kit.ids


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0004_packages"),
        ("customers", "0003_event_profiles"),
    ]

    operations = [
        migrations.CreateModel(
            name="Waiting",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="waiting",
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={
                "verbose_name_plural": "waiting",
            },
        ),
        migrations.CreateModel(
            name="Genealogy",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("moves", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name_plural": "genealogy",
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="genealogy_is_one")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.UUIDField(default=kit.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("tier", models.PositiveSmallIntegerField(help_text="The package's at the time.")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("expired", "Expired"),
                            ("replaced", "Replaced"),
                            ("reversed", "Undone"),
                        ],
                        default="active",
                        max_length=8,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("end_set_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="memberships", to="customers.customer"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.product"
                    ),
                ),
                (
                    "replaces",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replacements",
                        to="customers.membership",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="MembershipNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("membership_reminder", "Ends soon"), ("membership_ended", "Has ended")], max_length=20
                    ),
                ),
                ("ends_at", models.DateTimeField()),
                ("days_before", models.PositiveSmallIntegerField(default=0)),
                ("wanted_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(null=True)),
                ("times_tried", models.PositiveIntegerField(default=0)),
                ("due_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="notices", to="customers.membership"
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Placement",
            fields=[
                (
                    "customer",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="placement",
                        serialize=False,
                        to="customers.customer",
                    ),
                ),
                ("placed_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "placed_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "sponsor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="customers.placement",
                    ),
                ),
            ],
            options={
                "verbose_name": "place",
                "verbose_name_plural": "genealogy",
                "permissions": (
                    ("place_customer", "Can place customers who wait"),
                    ("move_customer", "Can move placed customers below somebody else"),
                ),
            },
        ),
        migrations.CreateModel(
            name="PlacementMove",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=200)),
                ("moved_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "from_sponsor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.placement",
                    ),
                ),
                (
                    "moved_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "placement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="moves", to="customers.placement"
                    ),
                ),
                (
                    "to_sponsor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="customers.placement",
                    ),
                ),
            ],
            options={
                "verbose_name": "move",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="UpgradeProcess",
            fields=[
                ("id", models.UUIDField(default=kit.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("tier", models.PositiveSmallIntegerField()),
                ("validity_days", models.PositiveSmallIntegerField()),
                ("kind", models.CharField(choices=[("ordered", "Ordered"), ("automatic", "Automatic")], max_length=9)),
                (
                    "state",
                    models.CharField(
                        choices=[("in_progress", "In progress"), ("finished", "Finished"), ("abandoned", "Abandoned")],
                        default="in_progress",
                        max_length=11,
                    ),
                ),
                ("order_id", models.UUIDField(null=True, unique=True)),
                (
                    "reason",
                    models.CharField(
                        blank=True, help_text="Which rule began it, or why it was abandoned.", max_length=200
                    ),
                ),
                ("begun_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="upgrades", to="customers.customer"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="catalog.product"
                    ),
                ),
            ],
            options={
                "verbose_name": "upgrade",
                "ordering": ("-id",),
                "permissions": (("abandon_upgradeprocess", "Can abandon automatic upgrades"),),
            },
        ),
        migrations.CreateModel(
            name="MembershipHistory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("begun", "Begun"),
                            ("renewed", "Renewed"),
                            ("upgraded", "Begun by an upgrade"),
                            ("replaced", "Replaced by an upgrade"),
                            ("expired", "Expired"),
                            ("reversed", "Undone"),
                            ("resumed", "Came back"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("expired", "Expired"),
                            ("replaced", "Replaced"),
                            ("reversed", "Undone"),
                        ],
                        help_text="The membership's since then.",
                        max_length=8,
                    ),
                ),
                ("days", models.SmallIntegerField(default=0, help_text="Given, or below zero, taken off again.")),
                ("ends_from", models.DateTimeField(null=True)),
                ("ends_to", models.DateTimeField()),
                ("order_id", models.UUIDField(null=True)),
                ("at", models.DateTimeField()),
                (
                    "actor",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "membership",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="history", to="customers.membership"
                    ),
                ),
                (
                    "upgrade",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="history",
                        to="customers.upgradeprocess",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "membership history",
                "ordering": ("id",),
            },
        ),
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(
                condition=models.Q(("state", "active")), fields=["ends_at"], name="membership_to_expire"
            ),
        ),
        migrations.AddIndex(
            model_name="membership",
            index=models.Index(fields=["state", "id"], name="membership_by_state"),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")), fields=("customer",), name="membership_one_active_per_customer"
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["active", "expired", "replaced", "reversed"])),
                name="membership_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gte", models.F("starts_at"))), name="membership_ends_after_its_start"
            ),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("state", "active")),
                    models.Q(models.Q(("state", "active"), _negated=True), ("ended_at__isnull", False)),
                    _connector="OR",
                ),
                name="membership_has_ended_or_is_active",
            ),
        ),
        migrations.AddIndex(
            model_name="membershipnotice",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", True)), fields=["due_at"], name="membership_notice_to_send"
            ),
        ),
        migrations.AddConstraint(
            model_name="membershipnotice",
            constraint=models.UniqueConstraint(
                fields=("membership", "ends_at", "kind", "days_before"), name="membership_notice_once"
            ),
        ),
        migrations.AddIndex(
            model_name="placement",
            index=models.Index(fields=["sponsor", "customer"], name="placement_children"),
        ),
        migrations.AddConstraint(
            model_name="placement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sponsor__isnull", True),
                    models.Q(("sponsor", models.F("customer")), _negated=True),
                    _connector="OR",
                ),
                name="placement_not_below_itself",
            ),
        ),
        migrations.AddConstraint(
            model_name="placementmove",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="placement_move_has_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="upgradeprocess",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "in_progress")),
                fields=("customer",),
                name="upgrade_one_in_progress_per_customer",
            ),
        ),
        migrations.AddConstraint(
            model_name="upgradeprocess",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "ordered"), ("order_id__isnull", False)),
                    models.Q(("kind", "automatic"), ("order_id__isnull", True)),
                    _connector="OR",
                ),
                name="upgrade_has_an_order_if_ordered",
            ),
        ),
        migrations.AddConstraint(
            model_name="upgradeprocess",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", True), ("state", "in_progress")),
                    models.Q(("ended_at__isnull", False), ("state__in", ("finished", "abandoned"))),
                    _connector="OR",
                ),
                name="upgrade_has_ended_or_is_in_progress",
            ),
        ),
        migrations.AddIndex(
            model_name="membershiphistory",
            index=models.Index(
                condition=models.Q(("order_id__isnull", False)), fields=["order_id"], name="membership_history_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="membershiphistory",
            constraint=models.UniqueConstraint(
                condition=models.Q(("event__in", ("begun", "renewed", "upgraded"))),
                fields=("order_id",),
                name="membership_given_once_per_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="membershiphistory",
            constraint=models.UniqueConstraint(
                condition=models.Q(("event", "reversed")), fields=("order_id",), name="membership_undone_once_per_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="membershiphistory",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("days__gt", 0), ("event__in", ("begun", "renewed", "upgraded"))),
                    models.Q(("days__lt", 0), ("event", "reversed"), ("order_id__isnull", False)),
                    models.Q(("days", 0), ("event__in", ("replaced", "expired", "resumed"))),
                    _connector="OR",
                ),
                name="membership_history_gives_what_its_event_says",
            ),
        ),
    ]
