"""Pictures of flyers: uploaded under a limit, known by their content, served as pictures and as nothing else."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.test import Client

from kit import clock
from orders import jobs
from orders.campaigns import images
from orders.models import FlyerImage
from orders_project.idempotency.models import KeptAnswer
from tests.flyers import campaigns, flyer_order, picture, upload
from tests.orders.test_api_flyers import codes, worker
from tests.shop import Shop, Shopper, access_of, hire, send, written

PATH = "/api/v1/flyer-images/"


def files() -> set[str]:
    """What lies where images are kept."""
    folder = Path(settings.MEDIA_ROOT) / "uploads"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_an_uploaded_picture_is_served_to_everybody_as_a_picture(ada: Shopper) -> None:
    response = upload(picture("JPEG", comment=b"<script>"), ada, name="../../x.html", content_type="text/html")
    assert response.status_code == 201, response.content
    body = json.loads(response.content)
    path = body["main_image"]
    assert re.fullmatch(r"/uploads/[0-9a-f]{32}\.jpg", path)
    assert body == {
        "main_image": path,
        "url": settings.PUBLIC_BASE_URL + path,
        "width": 40,
        "height": 30,
        "size": FlyerImage.objects.get().size,
    }
    served = Client().get(path)
    assert (served.status_code, served["Content-Type"]) == (200, "image/jpeg")
    content = served.content
    assert content[:3] == b"\xff\xd8\xff"
    assert b"script" not in content
    assert len(content) == body["size"]
    assert served["X-Content-Type-Options"] == "nosniff"
    assert served["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "immutable" in served["Cache-Control"]
    head = Client().head(path)
    assert (head.status_code, head["Content-Length"]) == (200, str(body["size"]))
    assert Client().post(path).status_code == 405


def test_its_type_is_what_it_is(ada: Shopper) -> None:
    path = json.loads(upload(picture("PNG"), ada, name="x.jpg", content_type="image/jpeg").content)["main_image"]
    assert path.endswith(".png")
    assert Client().get(path)["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    "path",
    [
        "/uploads/" + "0" * 32 + ".jpg",
        "/uploads/" + "0" * 32 + ".svg",
        "/uploads/" + "0" * 32 + ".jpg%0A",
        "/uploads/../manage.py",
        "/uploads/%2e%2e/manage.py",
        "/uploads/",
        "/uploads/x",
        "/uploads/%00",
    ],
)
def test_there_is_nothing_else_there(db: None, path: str) -> None:
    assert Client().get(path).status_code == 404


def test_a_file_that_is_gone_is_not_found(ada: Shopper) -> None:
    path = json.loads(upload(picture(), ada).content)["main_image"]
    default_storage.delete(path.lstrip("/"))
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize(
    "raw", [b"<svg/>", b"<html>", b"MZ", b"%PDF-1.7", picture("BMP"), picture()[:200]], ids=lambda raw: raw[:5]
)
def test_what_is_no_picture_is_refused_and_nothing_is_kept(ada: Shopper, raw: bytes) -> None:
    before, there = written(), files()
    response = upload(raw, ada)
    assert (response.status_code, codes(json.loads(response.content))) == (400, [("image_unreadable", "image")])
    assert (written(), files()) == (before, there)


def test_a_form_has_one_file_and_no_more(ada: Shopper) -> None:
    assert codes(json.loads(upload(picture(), ada, field="picture").content)) == [("unknown", "picture")]
    assert codes(json.loads(upload(picture(), ada, owner="bob").content)) == [("unknown", "owner")]
    assert codes(json.loads(upload(b"", ada).content)) == [("empty", "image")]
    for body, kind, status in (
        (b"{}", "application/json", 415),
        (b"x", "image/jpeg", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=y", 400),
        (b"", "multipart/form-data; boundary=y", 400),
        (b"image=x", "application/x-www-form-urlencoded", 415),
    ):
        assert send("POST", PATH, body, by=ada, content_type=kind).status_code == status, kind
    assert not FlyerImage.objects.exists()


def test_it_may_be_larger_than_any_other_body_and_no_larger_than_said(ada: Shopper, settings: Any) -> None:
    large = picture("PNG", (700, 700)) + bytes(settings.MAX_BODY_BYTES)
    assert upload(large, ada).status_code == 201
    settings.MAX_IMAGE_BYTES = len(large) - 1
    refused = upload(large, ada)
    assert (refused.status_code, codes(json.loads(refused.content))) == (400, [("image_file_too_large", "image")])
    # Nor is it read to be looked up under its key.
    settings.MAX_IMAGE_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for headers in ({}, {"Idempotency-Key": "k"}):
        refused = upload(large, ada, headers=headers)
        assert (refused.status_code, codes(json.loads(refused.content))) == (413, [("body_too_large", None)])
    # What is allowed here is allowed nowhere else, with and without a key.
    for key in (None, "k"):
        response = send("POST", "/api/v1/addresses/", b"x" * (settings.MAX_BODY_BYTES + 1), by=ada, key=key)
        assert response.status_code == 413
    assert not KeptAnswer.objects.exists()


def test_an_upload_under_a_key_is_kept_once(ada: Shopper) -> None:
    raw = picture("PNG", (300, 300)) + bytes(settings.MAX_BODY_BYTES)
    boundary = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n%b\r\n--x--\r\n'
    kind = "multipart/form-data; boundary=x"
    first, again = (send("POST", PATH, boundary % raw, by=ada, key="up", content_type=kind) for _ in range(2))
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert FlyerImage.objects.count() == 1


def test_customers_and_those_who_look_after_flyers_upload(db: None, ada: Shopper) -> None:
    for by, status in ((None, 401), (ada, 201), (worker("campaigns"), 201), (worker("support"), 403)):
        assert upload(picture(), by).status_code == status
    assert upload(picture(), access_of(hire("root@example.com", is_superuser=True))).status_code == 201
    owners = FlyerImage.objects.order_by("created_at").values_list("customer_id", flat=True)
    assert list(owners) == [ada.customer.pk, None, None]


def test_nobody_fills_the_disk(ada: Shopper, bob: Shopper, monkeypatch: pytest.MonkeyPatch, shop: Shop) -> None:
    monkeypatch.setattr(images, "UNUSED_PER_ACCOUNT", 2)
    paths = [json.loads(upload(picture(), ada).content)["main_image"] for _ in range(2)]
    refused = upload(picture(), ada)
    assert (refused.status_code, codes(json.loads(refused.content))) == (400, [("too_many_images", "image")])
    assert upload(picture(), bob).status_code == 201
    order = flyer_order(ada, shop)
    send("PATCH", f"/api/v1/orders/{order.pk}/flyers/1/", {"main_image": paths[0]}, by=ada)
    assert upload(picture(), ada).status_code == 201


def test_what_no_flyer_has_ever_shown_is_forgotten(ada: Shopper, shop: Shop) -> None:
    used, unused = [json.loads(upload(picture(), ada).content)["main_image"] for _ in range(2)]
    order = flyer_order(ada, shop)
    send("PATCH", f"/api/v1/orders/{order.pk}/flyers/1/", {"main_image": used}, by=ada)
    jobs.forget_images(0)
    assert FlyerImage.objects.count() == 2
    with clock.turned(images.UNUSED_KEPT + timedelta(hours=1)):
        jobs.forget_images(0)
    assert (Client().get(used).status_code, Client().get(unused).status_code) == (200, 404)
    assert unused.rpartition("/")[2] not in files()
    image = campaigns(order)[0].main_image
    assert image is not None
    assert image.path == used
