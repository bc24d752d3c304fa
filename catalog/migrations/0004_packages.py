"""Packages, and the database's own word on them: of what kind their product is, and whether they are on sale."""

import django.db.models.deletion
from django.db import migrations, models

# The lock makes whoever takes the product off sale wait, and then find this row.
FOLLOWS_PRODUCT = """
CREATE FUNCTION catalog_package_follows_product() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    product record;
BEGIN
    SELECT kind, active INTO product FROM catalog_product WHERE id = NEW.product_id FOR SHARE;
    IF product.kind IS DISTINCT FROM 'package' THEN
        RAISE EXCEPTION 'product % is no package', NEW.product_id USING ERRCODE = 'check_violation';
    END IF;
    NEW.on_sale := product.active;
    RETURN NEW;
END
$$
"""
FOLLOWS = """
CREATE TRIGGER catalog_package_follows BEFORE INSERT OR UPDATE ON catalog_package
FOR EACH ROW EXECUTE FUNCTION catalog_package_follows_product()
"""
TELLS_PACKAGE = """
CREATE FUNCTION catalog_product_tells_package() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalog_package SET on_sale = NEW.active WHERE product_id = NEW.id;
    RETURN NULL;
END
$$
"""
TELLS = """
CREATE TRIGGER catalog_product_tells AFTER UPDATE OF kind, active ON catalog_product
FOR EACH ROW WHEN (OLD.kind <> NEW.kind OR OLD.active <> NEW.active) EXECUTE FUNCTION catalog_product_tells_package()
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="Package",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="package",
                        serialize=False,
                        to="catalog.product",
                    ),
                ),
                ("tier", models.PositiveSmallIntegerField(help_text="Its rank: an upgrade goes to a higher one.")),
                (
                    "validity_days",
                    models.PositiveSmallIntegerField(help_text="A year is 365.", verbose_name="valid for days"),
                ),
                ("on_sale", models.BooleanField(default=True, editable=False)),
            ],
            options={
                "ordering": ("tier", "product"),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("tier__gte", 1)), name="package_tier_counts_from_one"),
                    models.CheckConstraint(
                        condition=models.Q(("validity_days__range", (1, 3660))), name="package_validity_in_bounds"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("on_sale", True)), fields=("tier",), name="package_tier_once_on_sale"
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            sql=[FOLLOWS_PRODUCT, FOLLOWS, TELLS_PACKAGE, TELLS],
            reverse_sql=[
                "DROP TRIGGER catalog_product_tells ON catalog_product",
                "DROP FUNCTION catalog_product_tells_package()",
                "DROP TRIGGER catalog_package_follows ON catalog_package",
                "DROP FUNCTION catalog_package_follows_product()",
            ],
        ),
    ]
