"""Settings, all from the environment (`.env` is read; see `.env.example`).

The defaults suit production: whatever is only good for development must be asked for, and `checks` refuses to start
a production that still has a development default.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import environ
from django.utils.csp import CSP

from customers.memberships.reminders import read_days
from orders.approval_limits import read_limits
from orders.memberships.volume import read_rules
from orders.seller import Seller
from orders_project import environment
from orders_project.admin_look import LOOK
from orders_project.logs import LOG_SETTINGS, configure_structlog

BASE_DIR = environment.BASE_DIR
env = environment.read()
ENVIRONMENT = environment.deployment(env)
PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.bool("DEBUG", default=False)
# Where tests kill the process (kit.crashpoints); production refuses it.
CRASH_AT = env.str("CRASH_AT", default="")

DEVELOPMENT_SECRET_KEY = "development-only-key-that-production-refuses-0123456789"  # noqa: S105
# Several keys, comma separated: the first signs, all verify (rotation).
SECRET_KEYS: list[str] = env.list("SECRET_KEY", default=[]) or [DEVELOPMENT_SECRET_KEY]
SECRET_KEY = SECRET_KEYS[0]
SECRET_KEY_FALLBACKS = SECRET_KEYS[1:]

PORT = env.int("PORT", default=8000)
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

# --- gateways -------------------------------------------------------------------------------------------------------

STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", default="")
RAZORPAY_KEY_ID = env.str("RAZORPAY_KEY_ID", default="")
# With no gateway key at all the built-in sandbox answers for both, over HTTP. Production has no such way out.
SANDBOX = not STRIPE_SECRET_KEY and not RAZORPAY_KEY_ID
SANDBOX_PORT = env.int("SANDBOX_PORT", default=8001)
SANDBOX_BASE_URL = f"http://127.0.0.1:{SANDBOX_PORT}/sandbox"

STRIPE_API_BASE = env.str("STRIPE_API_BASE", default=f"{SANDBOX_BASE_URL}/stripe" if SANDBOX else "")
STRIPE_WEBHOOK_SECRET = env.str("STRIPE_WEBHOOK_SECRET", default="whsec_sandbox" if SANDBOX else "")
RAZORPAY_API_BASE = env.str("RAZORPAY_API_BASE", default=f"{SANDBOX_BASE_URL}/razorpay" if SANDBOX else "")
RAZORPAY_KEY_SECRET = env.str("RAZORPAY_KEY_SECRET", default="sandbox_razorpay_secret" if SANDBOX else "")
RAZORPAY_WEBHOOK_SECRET = env.str("RAZORPAY_WEBHOOK_SECRET", default="sandbox_razorpay_webhook" if SANDBOX else "")
if SANDBOX:
    STRIPE_SECRET_KEY = "sk_test_sandbox"  # noqa: S105 - the sandbox accepts this key and no other
    RAZORPAY_KEY_ID = "rzp_test_sandbox"
# One gateway call, connect and read; nobody waits longer for a gateway (the SDKs' own defaults are 80 s and none).
GATEWAY_CONNECT_TIMEOUT_S = env.float("GATEWAY_CONNECT_TIMEOUT_S", default=3.0)
GATEWAY_READ_TIMEOUT_S = env.float("GATEWAY_READ_TIMEOUT_S", default=8.0)

# --- the shop's rules -----------------------------------------------------------------------------------------------

# An order whose online payment is open for longer gives its stock back.
ORDER_EXPIRES_AFTER = timedelta(minutes=env.int("ORDER_EXPIRES_AFTER_MINUTES", default=60))
# An order that an integration places waits for its money for so long.
COMMERCE_ORDER_EXPIRES_AFTER = timedelta(days=env.int("COMMERCE_ORDER_EXPIRES_AFTER_DAYS", default=7))
# Calls that one integration may make within a second.
INTEGRATION_CALLS_PER_SECOND = env.int("INTEGRATION_CALLS_PER_SECOND", default=500)
# What one person may refund of one order without a second one, in major units of its currency.
REFUND_APPROVAL_ABOVE = read_limits(env.str("REFUND_APPROVAL_ABOVE", default="USD:500,INR:40000,*:500"))
# What one person may grant a customer of credit without a second one, in major units of its currency.
CREDIT_APPROVAL_ABOVE = read_limits(
    env.str("CREDIT_APPROVAL_ABOVE", default="USD:100,INR:8000,*:100"), setting="CREDIT_APPROVAL_ABOVE"
)
# How long credit is good that came back from an order when its term was over already.
CREDIT_RETURNED_GOOD_FOR_DAYS = env.int("CREDIT_RETURNED_GOOD_FOR_DAYS", default=30)
# How long credit is good that was bought, and money of an order that became credit; None: for ever.
CREDIT_BOUGHT_GOOD_FOR_DAYS = env.int("CREDIT_BOUGHT_GOOD_FOR_DAYS", default=0) or None
CREDIT_REFUNDED_GOOD_FOR_DAYS = env.int("CREDIT_REFUNDED_GOOD_FOR_DAYS", default=0) or None
# How long before credit ends its customer is written to; None: never.
CREDIT_REMINDER_DAYS = env.int("CREDIT_REMINDER_DAYS", default=7) or None
# The shop's own days: taxes, invoices and reports begin and end with them.
SHOP_TIME_ZONE = ZoneInfo(env.str("SHOP_TIME_ZONE", default="UTC"))
# Whether the prices of the catalogue contain their taxes.
PRICES_INCLUDE_TAX = env.bool("PRICES_INCLUDE_TAX", default=False)
TAX_ROUNDING = env.str("TAX_ROUNDING", default="line_half_up")
# Who says what the taxes are: a class that answers orders.taxes.service.TaxService.
TAX_SERVICE = env.str("TAX_SERVICE", default="orders.taxes.service.TableOfRates")
SELLER = Seller(
    name=env.str("SELLER_NAME", default="Example Shop"),
    street=env.str("SELLER_STREET", default=""),
    city=env.str("SELLER_CITY", default=""),
    state=env.str("SELLER_STATE", default=""),
    postal_code=env.str("SELLER_POSTAL_CODE", default=""),
    country=env.str("SELLER_COUNTRY", default="US"),
    tax_number=env.str("SELLER_TAX_NUMBER", default=""),
    email=env.str("SELLER_EMAIL", default=""),
    registration=env.str("SELLER_REGISTRATION", default=""),
)
# Each kind of document has a series of numbers of its own, which begins anew with each fiscal year.
INVOICE_SERIES = {
    "invoice": env.str("INVOICE_SERIES", default="INV"),
    "credit_note": env.str("CREDIT_NOTE_SERIES", default="CN"),
    "debit_note": env.str("DEBIT_NOTE_SERIES", default="DN"),
}
INVOICE_NUMBER_FORMAT = env.str("INVOICE_NUMBER_FORMAT", default="{series}-{fy}-{number:06}")
# April in India.
FISCAL_YEAR_FIRST_MONTH = env.int("FISCAL_YEAR_FIRST_MONTH", default=1)
# When an order that is paid on delivery gets its invoice: as it is sent, or once it is paid.
INVOICE_ON_DELIVERY_ISSUED = env.str("INVOICE_ON_DELIVERY_ISSUED", default="sent")
# A gateway call whose outcome nobody knows, or that a crash cut off, is asked about again after this.
UNKNOWN_OUTCOME_ASK_AFTER = timedelta(seconds=env.int("UNKNOWN_OUTCOME_ASK_AFTER_S", default=60))
# Money for an order that is over revives one that expired, any, or none, and otherwise goes back or becomes credit.
LATE_MONEY_REVIVES = env.str("LATE_MONEY_REVIVES", default="expired")
LATE_MONEY_OTHERWISE = env.str("LATE_MONEY_OTHERWISE", default="refund")
# How many days before a membership ends its member is reminded, the most first.
MEMBERSHIP_REMINDER_DAYS = read_days(env.str("MEMBERSHIP_REMINDER_DAYS", default="30,7"))
# How many days before its end a membership can be renewed, and what becomes of the days that an upgrade leaves unused.
MEMBERSHIP_RENEWAL_DAYS = env.int("MEMBERSHIP_RENEWAL_DAYS", default=30)
MEMBERSHIP_REMAINDER = env.str("MEMBERSHIP_REMAINDER", default="none")
# Who buys for so much in the period is upgraded to a tier, after a while in which staff may say no.
AUTO_UPGRADES = read_rules(env.str("AUTO_UPGRADES", default=""))
AUTO_UPGRADE_PERIOD = timedelta(days=env.int("AUTO_UPGRADE_PERIOD_DAYS", default=365))
AUTO_UPGRADE_WAIT = timedelta(minutes=env.int("AUTO_UPGRADE_WAIT_MINUTES", default=60))
ACCESS_TOKEN_LIFETIME = timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=90))
REFRESH_TOKEN_LIFETIME = timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=30))
IDEMPOTENCY_KEPT = timedelta(hours=48)
# Hosts that outgoing events may go to although they are near, spelt exactly so: for development and tests.
OUTGOING_ALLOWED_PRIVATE_HOSTS: list[str] = env.list("OUTGOING_ALLOWED_PRIVATE_HOSTS", default=[])
# A subscriber all of whose tries have failed for so long, and at least so many in a row, is disabled.
OUTGOING_DISABLE_AFTER = timedelta(hours=env.int("OUTGOING_DISABLE_AFTER_HOURS", default=24))
OUTGOING_DISABLE_AFTER_FAILURES = env.int("OUTGOING_DISABLE_AFTER_FAILURES", default=20)
# How far a reconciliation of payments goes back behind the end of the last one: a hold lives that long at a gateway.
RECONCILE_OVERLAP = timedelta(days=env.int("RECONCILE_OVERLAP_DAYS", default=7))
# What has an unknown outcome for so long, although it was asked about, is put before a person.
RECONCILE_STUCK_AFTER = timedelta(minutes=env.int("RECONCILE_STUCK_AFTER_MINUTES", default=60))
# Captured money that no settlement contains after so long is put before a person.
UNSETTLED_AFTER = timedelta(days=env.int("UNSETTLED_AFTER_DAYS", default=10))
# Calls that one key of a merchant may make within a second.
MERCHANT_CALLS_PER_SECOND = env.int("MERCHANT_CALLS_PER_SECOND", default=500)
# In which currencies merchants may be paid.
MERCHANT_CURRENCIES: list[str] = env.list("MERCHANT_CURRENCIES", default=["INR"])
MAX_BODY_BYTES = 256 * 1024
# Images alone may be larger, see orders_project.body_limits.
MAX_IMAGE_BYTES = env.int("MAX_IMAGE_MB", default=8) * 1024 * 1024
# What a picture may unfold to: four bytes a pixel.
MAX_IMAGE_PIXELS = 25_000_000
# Django's own bound, which does not know of routes: each has one before anything is read.
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES + MAX_IMAGE_BYTES
# An order of 500 lines as a form has five fields for each.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3_000
# Where uploaded images lie; several servers share it.
MEDIA_ROOT = env.str("MEDIA_ROOT", default=str(BASE_DIR / "var" / "media"))

# --- Django ---------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "procrastinate.contrib.django",
    "catalog",
    "customers",
    "customers.integrations",
    "payments",
    "payments.reconciliation",
    "payments.settlements",
    "payments.outgoing",
    "payments.merchants",
    "orders",
    "orders.reconciliation",
    "orders_project",
    "orders_project.idempotency",
]

MIDDLEWARE = [
    "orders_project.requests.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "orders_project.admin_policy.AdminPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "orders_project.requests.DatabaseOutageMiddleware",
    "orders_project.requests.BodyLimitMiddleware",
    "orders_project.idempotency.middleware.ApiIdempotencyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "orders_project.urls"
WSGI_APPLICATION = "orders_project.wsgi.application"
# A trailing slash is optional on every path; a redirect would lose a POST's body.
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def _database(url: str) -> dict[str, Any]:
    """A PostgreSQL database with persistent connections, and limits that keep a stuck request from holding locks."""
    database: dict[str, Any] = environ.Env.db_url_config(url)
    if "postgresql" not in database["ENGINE"]:
        raise ValueError("DATABASE_URL must be a PostgreSQL one: postgres://user:password@host/name")
    options = database.setdefault("OPTIONS", {})
    limits = {"statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "20s"}
    options.setdefault("options", " ".join(f"-c {name}={value}" for name, value in limits.items()))
    options.setdefault("connect_timeout", 5)
    # Planned once per connection: a third off the time of placing an order. A pooler in transaction mode that does not
    # track prepared statements needs this off.
    if env.bool("DATABASE_PREPARED_STATEMENTS", default=True):
        options |= {"server_side_binding": True, "prepare_threshold": 3}
    return {
        **database,
        "ENGINE": "orders_project.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


DATABASES = {"default": _database(env.str("DATABASE_URL", default="postgres:///quittance"))}
DATABASE_ROUTERS = ["orders_project.databases.SandboxRouter"]
if not PRODUCTION:
    # Its own database: what the sandbox says of the money must not come from the books that it is a witness for.
    DATABASES["sandbox"] = _database(env.str("SANDBOX_DATABASE_URL", default="postgres:///quittance_sandbox"))
    INSTALLED_APPS.append("payments.sandbox")
    # Whose secret the sandbox's checkout signs with, by the id of the order that is paid.
    SANDBOX_CHECKOUT_SECRET = "payments.merchants.keys.checkout_secret"  # noqa: S105 - a name

AUTH_USER_MODEL = "customers.User"
# Whoever signs in for no page in particular wants the back office: nobody else signs in with a form.
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "orders_project.admin_formats"

STATIC_URL = "static/"
# Serves each app's files as they lie in the packages: no collectstatic step to forget.
WHITENOISE_USE_FINDERS = True

# Mails are printed until a mail server is named.
MAIL_HOST = env.str("MAIL_HOST", default="")
MAILERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": MAIL_HOST,
            "port": env.int("MAIL_PORT", default=587),
            "username": env.str("MAIL_USERNAME", default=""),
            "password": env.str("MAIL_PASSWORD", default=""),
            "use_tls": env.bool("MAIL_TLS", default=True),
            "timeout": 10,
        },
    }
    if MAIL_HOST
    else {"BACKEND": env.str("MAIL_BACKEND", default="django.core.mail.backends.console.EmailBackend")}
}
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Quittance <orders@localhost>")

# --- browsers -------------------------------------------------------------------------------------------------------

CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_HEADERS = ["accept", "authorization", "apikey", "content-type", "idempotency-key", "x-request-id"]
CORS_EXPOSE_HEADERS = ["Location", "Retry-After", "X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining"]

SECURE_CSP: dict[str, list[str]] = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
# unfold's JavaScript evaluates expressions and sets styles.
ADMIN_CSP: dict[str, list[str]] = {
    **SECURE_CSP,
    "script-src": [CSP.SELF, CSP.UNSAFE_EVAL],
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
}
# How many proxies of ours a request passes: that many entries of X-Forwarded-For, from the right, are to be believed.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
HTTPS = PUBLIC_BASE_URL.startswith("https://")
SECURE_SSL_REDIRECT = HTTPS and env.bool("SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

# --- API, jobs, admin, logs -----------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["customers.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["orders_project.parsing.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "orders_project.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Quittance",
    "DESCRIPTION": "Orders and payments that always add up.",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "orders_project.openapi.document_problems",
        "orders_project.openapi.document_other_routes",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ProductKindEnum": "catalog.models.ProductKind.choices",
        "OrderStatusEnum": "orders.api.serializers.STATUS_CHOICES",
        "FulfilmentEnum": "orders.models.Fulfilment.choices",
        "RefundKindEnum": "orders.models.RefundKind.choices",
        "CampaignStatusEnum": "orders.api.flyer_shapes.STATUS_CHOICES",
        "PaymentTermsEnum": "orders.models.PaymentTerms.choices",
        "GatewayEnum": "payments.models.GatewayName.choices",
        "OnlineGatewayEnum": "orders.api.payments.ONLINE",
    },
}

UNFOLD = LOOK

PROCRASTINATE_ON_APP_READY = None
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"

LOGGING = LOG_SETTINGS
configure_structlog()
