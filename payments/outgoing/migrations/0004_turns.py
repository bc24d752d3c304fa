"""Senders take turns, and what they have under way is claimed for a while; and whoever writes an event inside a
transaction finds out whether a sender waits already, however many other jobs wait.
"""

from django.db import migrations, models

# Holds nothing but the sender's jobs that wait: one or two.
SENDER_WAITS = """
CREATE INDEX outgoing_sender_waits ON procrastinate_jobs (id) WHERE status = 'todo' AND task_name = 'outgoing.send'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("outgoing", "0003_notes_issued"),
        ("procrastinate", "0041_post_retry_failed_job"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="claimed_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("id", models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ("holder", models.UUIDField()),
                ("until", models.DateTimeField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="turn_is_one")],
            },
        ),
        migrations.RunSQL(SENDER_WAITS, "DROP INDEX outgoing_sender_waits"),
    ]
