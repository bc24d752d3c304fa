"""Pictures of flyers: uploaded by customers and staff, served to everybody who knows their random names."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import ParseError, PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.models import User
from kit.errors import DomainError, Fault
from orders.api.flyers import CHANGE
from orders.api.refund_shapes import KnownFieldsSerializer
from orders.api.views import customer_id_of, staff_with
from orders.campaigns.images import store_image
from orders.models import FlyerImage

_TYPES = {"jpg": "image/jpeg", "png": "image/png"}
# It is a picture and nothing else, whatever somebody finds in it.
_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


class FormParser(MultiPartParser):
    """A form with files; one that breaks off is malformed."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Fields and files."""
        try:
            return super().parse(stream, media_type, parser_context)
        except UnreadablePostError:
            raise ParseError("The body broke off") from None


class ImageUploadSerializer(KnownFieldsSerializer):
    """A JPEG, PNG, WebP or GIF file."""

    image = serializers.FileField()


class FlyerImageSerializer(serializers.Serializer[Any]):
    """An image as it is kept: `main_image` is what a flyer names it by."""

    main_image = serializers.CharField()
    url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    size = serializers.IntegerField(help_text="Bytes.")


class FlyerImagesView(APIView):
    """POST flyer-images/"""

    parser_classes = (FormParser,)

    @extend_schema(
        operation_id="flyer_images_create",
        request={"multipart/form-data": ImageUploadSerializer},
        responses={201: FlyerImageSerializer},
    )
    def post(self, request: Request) -> Response:
        """Upload a picture for a flyer, as a customer or as staff with the right `orders.change_campaign`. It is known
        by its content, whatever it is called, and encoded anew without what else the file said.
        """
        customer_id = customer_id_of(request)
        if customer_id is None and not staff_with(request, CHANGE):
            raise PermissionDenied
        assert isinstance(request.user, User)
        sent = ImageUploadSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        upload = sent.validated_data["image"]
        if upload.size > settings.MAX_IMAGE_BYTES:
            most = settings.MAX_IMAGE_BYTES // 1024**2
            raise DomainError([Fault("image_file_too_large", {"most": most}, at=("image",))])
        image = store_image(upload.read(), uploader=request.user, customer_id=customer_id)
        body = {
            "main_image": image.path,
            "url": settings.PUBLIC_BASE_URL + image.path,
            "width": image.width,
            "height": image.height,
            "size": image.size,
        }
        return Response(FlyerImageSerializer(body).data, status=status.HTTP_201_CREATED)


@require_safe
def serve_image(request: HttpRequest, name: str) -> HttpResponse:
    """GET /uploads/{name}. One statement."""
    del request
    if not FlyerImage.objects.filter(name=name).exists():
        raise Http404
    try:
        with default_storage.open(f"uploads/{name}") as file:
            # Small enough to be held: we have encoded it.
            response = HttpResponse(file.read(), content_type=_TYPES[name.rpartition(".")[2]])
    except FileNotFoundError:
        raise Http404 from None
    for header, value in _HEADERS.items():
        response[header] = value
    return response
