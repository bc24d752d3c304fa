"""Accounts, sessions, and what customers keep about themselves."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters
from customers import accounts, authentication, throttling
from customers.api.serializers import (
    AddressPageSerializer,
    AddressSerializer,
    CredentialsSerializer,
    CustomerSerializer,
    LogoutSerializer,
    PasswordChangeSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegistrationSerializer,
    TokensSerializer,
)
from customers.models import Address, Customer, User
from customers.tokens import Tokens
from kit.errors import NotFound
from kit.ids import parse_id

_OLDEST_FIRST = Ordering("id", ("id",), (uuid.UUID,))


class IsCustomer(BasePermission):
    """The caller is signed in and somebody who buys; staff alone are not."""

    def has_permission(self, request: Request, _view: APIView) -> bool:
        """False for staff without a customer."""
        return isinstance(request.user, User) and hasattr(request.user, "customer")


class OpenView(APIView):
    """For callers who have no token yet; one that came along is not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class RegisterView(OpenView):
    """POST auth/register/"""

    @extend_schema(request=RegistrationSerializer, responses={201: RegisteredSerializer})
    def post(self, request: Request) -> Response:
        """Open an account, signed in at once. An e-mail that has one is refused."""
        wanted = _validated(RegistrationSerializer(data=request.data))
        registered = accounts.register(address=throttling.client_address(request), **wanted)
        body = {"customer": CustomerSerializer(registered.customer).data, **_rendered(registered.tokens)}
        return _not_stored(Response(body, status=status.HTTP_201_CREATED))


class TokenView(OpenView):
    """POST auth/token/"""

    @extend_schema(request=CredentialsSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Sign in."""
        wanted = _validated(CredentialsSerializer(data=request.data))
        return _answer(authentication.sign_in(wanted["email"], wanted["password"], throttling.client_address(request)))


class RefreshView(OpenView):
    """POST auth/refresh/"""

    @extend_schema(request=RefreshSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Exchange a refresh token, once, for a new pair. Using it again ends the session."""
        return _answer(authentication.refresh_session(_validated(RefreshSerializer(data=request.data))["refresh"]))


class LogoutView(APIView):
    """POST auth/logout/"""

    @extend_schema(request=LogoutSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """End every session of the caller, on every device."""
        _validated(LogoutSerializer(data=request.data))
        authentication.sign_out(_user(request).pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordView(APIView):
    """POST auth/password/"""

    @extend_schema(request=PasswordChangeSerializer, responses=TokensSerializer)
    def post(self, request: Request) -> Response:
        """Change the password; every other session ends."""
        wanted = _validated(PasswordChangeSerializer(data=request.data))
        return _answer(
            accounts.change_password(
                _user(request), wanted["current_password"], wanted["new_password"], throttling.client_address(request)
            )
        )


class MeView(APIView):
    """GET and PATCH customers/me/"""

    permission_classes = (IsCustomer,)

    @extend_schema(responses=CustomerSerializer)
    def get(self, request: Request) -> Response:
        """The caller."""
        return Response(CustomerSerializer(_customer(request)).data)

    @extend_schema(request=CustomerSerializer, responses=CustomerSerializer)
    def patch(self, request: Request) -> Response:
        """Change the caller's name or phone."""
        serializer = CustomerSerializer(_customer(request), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)


class AddressesView(APIView):
    """GET and POST addresses/"""

    permission_classes = (IsCustomer,)

    @extend_schema(
        operation_id="addresses_list",
        parameters=[OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor")],
        responses=AddressPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """The caller's addresses, oldest first."""
        parameters = Parameters(request.query_params, keyset.PARAMETERS)
        page = keyset.page(request, parameters, _customer(request).addresses.all(), _OLDEST_FIRST)
        return Response(page.rendered(lambda rows: AddressSerializer(rows, many=True).data))

    @extend_schema(request=AddressSerializer, responses={201: AddressSerializer})
    def post(self, request: Request) -> Response:
        """Keep an address."""
        serializer = AddressSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        serializer.save(customer=_customer(request))
        return Response(serializer.data, status=status.HTTP_201_CREATED)


@extend_schema(parameters=[OpenApiParameter("id", OpenApiTypes.UUID, location="path")])
class AddressView(APIView):
    """GET, PATCH and DELETE addresses/{id}/. Another's address is not found."""

    permission_classes = (IsCustomer,)

    @extend_schema(responses=AddressSerializer)
    def get(self, request: Request, id: str) -> Response:
        """One address."""
        return Response(AddressSerializer(_own_address(request, id)).data)

    @extend_schema(request=AddressSerializer, responses=AddressSerializer)
    def patch(self, request: Request, id: str) -> Response:
        """Change an address. Orders made with it keep what they copied."""
        serializer = AddressSerializer(_own_address(request, id), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return Response(serializer.data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Forget an address."""
        _own_address(request, id).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _own_address(request: Request, id: str) -> Address:
    parsed = parse_id(id)
    address = _customer(request).addresses.filter(pk=parsed).first() if parsed else None
    if address is None:
        raise NotFound("address")
    return address


def _validated(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _user(request: Request) -> User:
    user = request.user
    assert isinstance(user, User)
    return user


def _customer(request: Request) -> Customer:
    return _user(request).customer


def _rendered(issued: Tokens) -> dict[str, str]:
    return {"access": issued.access, "refresh": issued.refresh}


def _answer(issued: Tokens) -> Response:
    return _not_stored(Response(_rendered(issued)))


def _not_stored(response: Response) -> Response:
    """Tokens must not stay in a cache on the way (RFC 6749, 5.1)."""
    response["Cache-Control"] = "no-store"
    return response
