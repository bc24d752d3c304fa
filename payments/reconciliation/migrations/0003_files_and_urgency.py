"""What files say of settlements, and how soon somebody has to look at what differs."""

from django.conf import settings
from django.db import migrations, models

# What was filed before; whoever files tells it from then on.
URGENCIES = """
UPDATE reconciliation_discrepancy SET urgency = 1 WHERE kind IN ('payment_unknown', 'amount_differs',
    'currency_differs', 'captured_differs', 'refund_unknown', 'dispute_unknown', 'dispute_differs', 'stuck',
    'not_brought_in_line', 'not_sent_back', 'refunded_twice')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="discrepancy",
            name="discrepancy_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="discrepancy",
            name="discrepancy_proposed_known",
        ),
        migrations.RemoveConstraint(
            model_name="discrepancy",
            name="discrepancy_resolved_says_how_and_why",
        ),
        migrations.RemoveConstraint(
            model_name="discrepancyact",
            name="discrepancy_act_known",
        ),
        migrations.AddField(
            model_name="discrepancy",
            name="urgency",
            field=models.PositiveSmallIntegerField(choices=[(1, "Now"), (2, "Soon"), (3, "Later")], db_default=2),
        ),
        migrations.RunSQL(URGENCIES, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="discrepancy",
            name="kind",
            field=models.CharField(
                choices=[
                    ("payment_unknown", "Payment of no order of ours"),
                    ("payment_missing", "Payment that the gateway does not have"),
                    ("reference_differs", "Payment of another request"),
                    ("amount_differs", "Amount differs"),
                    ("currency_differs", "Currency differs"),
                    ("captured_differs", "Captured amount differs"),
                    ("refunded_differs", "Refunded amount differs"),
                    ("refund_unknown", "Refund of no payment of ours"),
                    ("refund_missing", "Refund that the gateway does not have"),
                    ("dispute_unknown", "Dispute about no payment of ours"),
                    ("dispute_differs", "Dispute differs"),
                    ("stuck", "Outcome unknown for long"),
                    ("not_brought_in_line", "Our books do not take what the gateway says"),
                    ("not_sent_back", "Money that an order may not keep, not on its way back"),
                    ("settlement_line_unknown", "Settled, and nothing of ours"),
                    ("settlement_line_differs", "Settled with another amount"),
                    ("settlement_sum_differs", "Settlement is not the sum of its lines"),
                    ("settled_twice", "Settled twice"),
                    ("unsettled", "Captured long ago, not settled"),
                    ("line_no_longer_listed", "Settled line that the gateway lists no longer"),
                    ("file_settlement_unknown", "Settlement in a file that the gateway has not paid out"),
                    ("file_line_unknown", "Line in a file that the settlement does not have"),
                    ("file_line_differs", "Line that a file has otherwise"),
                    ("file_lacks_lines", "File that lacks lines of a settlement"),
                    ("refunded_twice", "Sent back, and given as credit before"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="discrepancy",
            name="proposed",
            field=models.CharField(
                choices=[
                    ("look_again", "Look again"),
                    ("send_back", "Send the money back at the gateway"),
                    ("check_gateway", "Compare with the gateway's dashboard"),
                    ("ask_support", "Ask the gateway's support"),
                    ("write_off", "Write the difference off"),
                    ("take_back", "Take back what was booked"),
                ],
                max_length=16,
                verbose_name="proposed act",
            ),
        ),
        migrations.AlterField(
            model_name="discrepancy",
            name="resolution",
            field=models.CharField(
                blank=True,
                choices=[
                    ("accepted", "Accepted as known"),
                    ("closed", "Closed"),
                    ("written_off", "Written off"),
                    ("taken_back", "Taken back"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="discrepancyact",
            name="deed",
            field=models.CharField(
                choices=[
                    ("assigned", "Assigned"),
                    ("looked_again", "Looked again"),
                    ("accepted", "Accepted as known"),
                    ("closed", "Closed"),
                    ("written_off", "Written off"),
                    ("taken_back", "Taken back"),
                    ("gone", "Gone"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="discrepancy",
            index=models.Index(
                condition=models.Q(("state", "open")), fields=["urgency", "id"], name="discrepancy_queue"
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "payment_unknown",
                            "payment_missing",
                            "reference_differs",
                            "amount_differs",
                            "currency_differs",
                            "captured_differs",
                            "refunded_differs",
                            "refund_unknown",
                            "refund_missing",
                            "dispute_unknown",
                            "dispute_differs",
                            "stuck",
                            "not_brought_in_line",
                            "not_sent_back",
                            "settlement_line_unknown",
                            "settlement_line_differs",
                            "settlement_sum_differs",
                            "settled_twice",
                            "unsettled",
                            "line_no_longer_listed",
                            "file_settlement_unknown",
                            "file_line_unknown",
                            "file_line_differs",
                            "file_lacks_lines",
                            "refunded_twice",
                        ],
                    )
                ),
                name="discrepancy_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "proposed__in",
                        ["look_again", "send_back", "check_gateway", "ask_support", "write_off", "take_back"],
                    )
                ),
                name="discrepancy_proposed_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.CheckConstraint(
                condition=models.Q(("urgency__in", [1, 2, 3])), name="discrepancy_urgency_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("resolution", ""),
                        ("resolved_at__isnull", True),
                        ("resolved_by__isnull", True),
                        ("state", "open"),
                    ),
                    models.Q(
                        ("resolution", ""),
                        ("resolved_at__isnull", False),
                        ("resolved_by__isnull", True),
                        ("state", "gone"),
                    ),
                    models.Q(
                        ("resolved_at__isnull", False),
                        ("resolved_by__isnull", False),
                        ("state", "resolved"),
                        ("resolution__in", ["accepted", "closed", "written_off", "taken_back"]),
                        models.Q(("reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="discrepancy_resolved_says_how_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancyact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "deed__in",
                        ["assigned", "looked_again", "accepted", "closed", "written_off", "taken_back", "gone"],
                    )
                ),
                name="discrepancy_act_known",
            ),
        ),
    ]
