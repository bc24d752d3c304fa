"""What clients of /api/v1 send about themselves and see of it."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django.core.validators import EmailValidator, RegexValidator
from rest_framework import serializers

from catalog import countries
from customers.models import Address, Customer, normalised_email
from customers.tax_numbers import normalised_tax_number

MAX_PASSWORD_LENGTH = 256
# Says what is allowed, not what is forbidden: the OpenAPI document shows it to clients as it is.
_one_line = RegexValidator(
    re.compile(r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z"), "Must be one line without control characters."
)
_phone = RegexValidator(re.compile(r"\A[0-9+()\-./ ]*\Z"), "Only digits, blanks and + ( ) - . / are allowed.")


class TextField(serializers.CharField):
    """Text that was sent as text: a number is not quietly spelled out, control characters are refused."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(_one_line)

    def to_internal_value(self, data: Any) -> str:
        """The text, or a refusal."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class EmailField(TextField):
    """An e-mail address in the one spelling by which accounts are told apart."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, max_length=254)
        self.validators.append(EmailValidator())

    def to_internal_value(self, data: Any) -> str:
        """Normalised before it is validated: what is checked is what is stored."""
        return normalised_email(super().to_internal_value(data))


class PasswordField(TextField):
    """A password, every character of it as typed. Never shown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, trim_whitespace=False, max_length=MAX_PASSWORD_LENGTH, write_only=True)


class CredentialsSerializer(serializers.Serializer[Any]):
    """Who signs in. Whatever text it is, only right or wrong is answered."""

    email = TextField(max_length=254)
    password = PasswordField()


class RefreshSerializer(serializers.Serializer[Any]):
    """A refresh token to be exchanged."""

    refresh = TextField(max_length=4096)


class LogoutSerializer(serializers.Serializer[Any]):
    """The refresh token may come along; all of the caller's sessions end either way."""

    refresh = TextField(max_length=4096, required=False, allow_blank=True, allow_null=True)


class TokensSerializer(serializers.Serializer[Any]):
    """A pair of tokens."""

    access = serializers.CharField()
    refresh = serializers.CharField()


class TaxNumberField(TextField):
    """A VAT number or GSTIN, kept in its one spelling."""

    default_error_messages: ClassVar = {
        "tax_number_invalid": "Not a VAT number of the EU with its country, nor an Indian GSTIN."
    }

    def to_internal_value(self, data: Any) -> str:
        """The number, or nothing."""
        text = super().to_internal_value(data)
        number = normalised_tax_number(text) if text else ""
        if number is None:
            self.fail("tax_number_invalid")
        return number


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    """A customer as they see and edit themselves. The e-mail is how they sign in and does not change here."""

    email = serializers.EmailField(source="user.email", read_only=True)
    first_name = TextField(max_length=100, required=False, allow_blank=True)
    last_name = TextField(max_length=100, required=False, allow_blank=True)
    phone = TextField(max_length=32, required=False, allow_blank=True, validators=[_phone])
    tax_number = TaxNumberField(max_length=30, required=False, allow_blank=True)

    class Meta:
        model = Customer
        fields = ("id", "email", "first_name", "last_name", "phone", "tax_number")
        read_only_fields = ("id",)


class RegistrationSerializer(serializers.Serializer[Any]):
    """A new customer."""

    email = EmailField()
    password = PasswordField()
    first_name = TextField(max_length=100, required=False, allow_blank=True)
    last_name = TextField(max_length=100, required=False, allow_blank=True)
    phone = TextField(max_length=32, required=False, allow_blank=True, validators=[_phone])


class RegisteredSerializer(TokensSerializer):
    """The new customer, signed in."""

    customer = CustomerSerializer()


class PasswordChangeSerializer(serializers.Serializer[Any]):
    """The present password, and the one to come."""

    current_password = PasswordField()
    new_password = PasswordField()


class CountryField(TextField):
    """A country by code or English name, kept as alpha-2."""

    default_error_messages: ClassVar = {"not_a_country": "Not a country."}

    def to_internal_value(self, data: Any) -> str:
        """The alpha-2 code."""
        code = countries.alpha2(super().to_internal_value(data))
        if code is None:
            self.fail("not_a_country")
        return code


class AddressSerializer(serializers.ModelSerializer[Address]):
    """An address of the caller."""

    label = TextField(max_length=60, required=False, allow_blank=True)  # type: ignore[assignment]  # a field here
    street = TextField(max_length=200)
    city = TextField(max_length=120)
    state = TextField(max_length=120, required=False, allow_blank=True)
    postal_code = TextField(max_length=20, required=False, allow_blank=True)
    country = CountryField()

    class Meta:
        model = Address
        fields = ("id", "label", "street", "city", "state", "postal_code", "country")
        read_only_fields = ("id",)


class AddressPageSerializer(serializers.Serializer[Any]):
    """A page of addresses."""

    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    results = AddressSerializer(many=True)
