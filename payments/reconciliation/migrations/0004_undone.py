from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reconciliation", "0003_files_and_urgency"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="discrepancyact",
            name="discrepancy_act_known",
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
                    ("undone", "Write-off undone"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="discrepancyact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "deed__in",
                        [
                            "assigned",
                            "looked_again",
                            "accepted",
                            "closed",
                            "written_off",
                            "taken_back",
                            "gone",
                            "undone",
                        ],
                    )
                ),
                name="discrepancy_act_known",
            ),
        ),
    ]
