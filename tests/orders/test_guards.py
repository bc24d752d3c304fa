"""The database's own word: raw SQL that no code of ours runs is refused by constraints and triggers alone."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError

from kit.money import Money
from orders import actors
from orders.campaigns.images import store_image
from orders.campaigns.reporting import Figures, report_figures
from orders.cash import collect_cash
from orders.fulfilment import send_order
from orders.models import Order, PaymentTerms
from tests import flyers
from tests.shop import Shop, Shopper, give_back, place, written

# A copy of the invoice with some changes; `corrected` is the invoice that is copied.
_ANOTHER = (
    "CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT *, id AS corrected FROM orders_invoice LIMIT 1; "
    "UPDATE copy SET id = gen_random_uuid(), source = 'mine', {changes}; "
    "ALTER TABLE copy DROP COLUMN corrected; INSERT INTO orders_invoice SELECT * FROM copy"
)

ATTACKS: list[tuple[str, str, str]] = [
    # stock
    ("oversell", "UPDATE catalog_stock SET reserved = on_hand + 1", "stock_never_oversold"),
    ("reserved below zero", "UPDATE catalog_stock SET reserved = -1", "stock_reserved_not_negative"),
    ("on hand below zero", "UPDATE catalog_stock SET on_hand = -1, reserved = -2", "stock_"),
    ("change a movement", "UPDATE catalog_stockmovement SET on_hand_change = 7", "append-only"),
    ("delete a movement", "DELETE FROM catalog_stockmovement", "append-only"),
    ("empty the movements", "TRUNCATE catalog_stockmovement", "append-only"),
    (
        "reserve twice for one order",
        "INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason) "
        "SELECT variant_id, kind, on_hand_change, reserved_change, source_id, '' FROM catalog_stockmovement "
        "WHERE kind = 'reserved'",
        "stock_moves_once_per_source",
    ),
    (
        "release what was sent",
        "INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason) "
        "SELECT variant_id, k.kind, k.on_hand, -1, source_id, '' FROM catalog_stockmovement m, "
        "(VALUES ('released', 0), ('sent', -1)) k (kind, on_hand) WHERE m.kind = 'reserved'",
        "stock_reservation_ends_once",
    ),
    (
        "a movement that is none",
        "INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason) "
        "SELECT variant_id, 'received', -5, 0, gen_random_uuid(), '' FROM catalog_stock LIMIT 1",
        "stock_movement_moves_what_its_kind_says",
    ),
    # orders
    ("delete an order", "DELETE FROM orders_order", "append-only"),
    ("empty the orders", "TRUNCATE orders_order CASCADE", "append-only"),
    ("another total", "UPDATE orders_order SET total_minor = 1", "append-only"),
    (
        "another total that adds up",
        "UPDATE orders_order SET total_minor = total_minor - 1, products_minor = products_minor - 1",
        "append-only",
    ),
    ("another currency", "UPDATE orders_order SET currency = 'JPY'", "append-only"),
    ("another customer", "UPDATE orders_order SET customer_id = gen_random_uuid()", "append-only"),
    ("another number", "UPDATE orders_order SET number = number + 1000", "append-only"),
    ("a status without history", "UPDATE orders_order SET status = 'partially_paid'", "not in its history"),
    (
        "an order without history",
        "CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT * FROM orders_order LIMIT 1; "
        "UPDATE copy SET id = gen_random_uuid(), number = number + 1000000, placement_key = NULL, products_minor = 0, "
        "delivery_minor = 0, total_minor = 0, collected_minor = 0, refunded_minor = 0; "
        "INSERT INTO orders_order SELECT * FROM copy",
        "not in its history",
    ),
    (
        "an order without its posting",
        "CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT * FROM orders_order WHERE status = 'payment_pending' LIMIT 1; "
        "UPDATE copy SET id = gen_random_uuid(), number = number + 1000000, placement_key = NULL; "
        "INSERT INTO orders_order SELECT * FROM copy",
        "in the ledger",
    ),
    ("a cancellation without its posting", "UPDATE orders_order SET status = 'cancelled'", "in the ledger"),
    ("collected without its posting", "UPDATE orders_order SET collected_minor = collected_minor + 1", "in the ledger"),
    ("a status that is none", "UPDATE orders_order SET status = 'lost'", "order_status_known"),
    ("a fulfilment that is none", "UPDATE orders_order SET fulfilment = 'lost'", "order_fulfilment_known"),
    (
        "paid without money",
        "UPDATE orders_order SET status = 'paid' WHERE collected_minor = 0",
        "order_paid_means_collected",
    ),
    (
        "completed without delivery",
        "UPDATE orders_order SET status = 'completed', collected_minor = total_minor",
        "order_completed_means_delivered",
    ),
    (
        "more back than came in",
        "UPDATE orders_order SET refunded_minor = collected_minor + 1",
        "order_refunded_within_collected",
    ),
    ("negative money", "UPDATE orders_order SET collected_minor = -1", "order_refunded_within_collected"),
    ("cash that expires", "UPDATE orders_order SET expires_at = now()", "order_cash_never_expires"),
    ("a country that is none", "UPDATE orders_order SET country = 'us'", "order_country_is_alpha2"),
    ("a second order of one placement", "UPDATE orders_order SET placement_key = '{uuid}'", "placement_key"),
    ("change a line", "UPDATE orders_orderline SET quantity = 2", "append-only"),
    ("delete a line", "DELETE FROM orders_orderline", "append-only"),
    (
        "a line of nothing",
        "INSERT INTO orders_orderline (order_id, position, variant_id, kind, title, variant_title, sku, quantity, "
        "unit_price_minor, discount_minor, tax_minor) SELECT order_id, 9, variant_id, kind, '', '', '', 0, 1, 0, 0 "
        "FROM orders_orderline LIMIT 1",
        "order_line_quantity_positive",
    ),
    (
        "a discount beyond the line",
        "INSERT INTO orders_orderline (order_id, position, variant_id, kind, title, variant_title, sku, quantity, "
        "unit_price_minor, discount_minor, tax_minor) SELECT order_id, 9, variant_id, kind, '', '', '', 1, 1, 2, 0 "
        "FROM orders_orderline LIMIT 1",
        "order_line_amounts_not_negative",
    ),
    ("change history", "UPDATE orders_orderhistory SET actor_kind = 'system'", "append-only"),
    ("delete history", "DELETE FROM orders_orderhistory", "append-only"),
    ("empty history", "TRUNCATE orders_orderhistory", "append-only"),
    (
        "a second confirmation mail",
        "INSERT INTO orders_notice (order_id, kind, times_tried) SELECT order_id, kind, 0 FROM orders_notice",
        "notice_once_per_order",
    ),
    # campaigns
    ("delete a campaign", "DELETE FROM orders_campaign", "append-only"),
    ("a campaign of another order", "UPDATE orders_campaign SET order_id = gen_random_uuid()", "append-only"),
    ("a campaign at another place", "UPDATE orders_campaign SET position = 9", "append-only"),
    ("another headline once it is scheduled", "UPDATE orders_campaign SET headline = 'mine'", "append-only"),
    ("another time once it is scheduled", "UPDATE orders_campaign SET scheduled_at = now()", "append-only"),
    ("fewer delivered", "UPDATE orders_campaign SET delivered = delivered - 1", "append-only"),
    ("less completed", "UPDATE orders_campaign SET percentage_completed = 0", "append-only"),
    ("more than all", "UPDATE orders_campaign SET percentage_completed = 101", "campaign_percentage_at_most_100"),
    ("completed in part", "UPDATE orders_campaign SET status = 'completed'", "campaign_completed_means_all"),
    ("a campaign's move without history", "UPDATE orders_campaign SET status = 'cancelled'", "not in its history"),
    ("a state that is none", "UPDATE orders_campaign SET status = 'lost'", "campaign_status_known"),
    ("change what happened to it", "UPDATE orders_campaignhistory SET facts = '{}'", "append-only"),
    ("forget what happened to it", "DELETE FROM orders_campaignhistory", "append-only"),
    ("another key under a name", "UPDATE orders_mailingkey SET digest = 'x'", "append-only"),
    ("delete a key", "DELETE FROM orders_mailingkey", "append-only"),
    ("an image that is a page", "UPDATE orders_flyerimage SET name = 'x.html'", "flyer_image_name"),
    # invoices
    (
        "change an invoice",
        "UPDATE orders_invoice SET total_minor = total_minor - 1, net_minor = net_minor - 1",
        "append-only",
    ),
    ("another number of an invoice", "UPDATE orders_invoice SET number = 'INV-1'", "append-only"),
    ("another view of an invoice", "UPDATE orders_invoice SET view = '{}'", "append-only"),
    ("delete an invoice", "DELETE FROM orders_invoice", "append-only"),
    ("empty the invoices", "TRUNCATE orders_invoice CASCADE", "append-only"),
    ("set a counter back", "UPDATE orders_invoicecounter SET last = last - 1", "goes up by one"),
    ("leave numbers out", "UPDATE orders_invoicecounter SET last = last + 2", "goes up by one"),
    ("take a number for nothing", "UPDATE orders_invoicecounter SET last = last + 1", "taken and not used"),
    (
        "begin a series late",
        "INSERT INTO orders_invoicecounter (series, fiscal_year, last, issued_at) "
        "VALUES ('NEW', '2026-01-01', 2, now())",
        "goes up by one",
    ),
    ("forget a counter", "DELETE FROM orders_invoicecounter", "append-only"),
    (
        "a number beside its counter",
        _ANOTHER.format(changes="serial = 9, number = 'X-9'"),
        "not taken from its counter",
    ),
    (
        "an invoice from before the one before",
        "UPDATE orders_invoicecounter SET last = last + 1; "
        + _ANOTHER.format(changes="serial = 2, number = 'X-2', issued_at = issued_at - interval '1 hour'"),
        "does not follow the one before",
    ),
    (
        "a second invoice of an order",
        "UPDATE orders_invoicecounter SET last = last + 1; " + _ANOTHER.format(changes="serial = 2, number = 'X-2'"),
        "one_invoice_per_order",
    ),
    (
        "a credit note beyond its invoice",
        "INSERT INTO orders_invoicecounter (series, fiscal_year, last, issued_at) "
        "VALUES ('CN', '2026-01-01', 1, now()); "
        + _ANOTHER.format(
            changes="kind = 'credit_note', series = 'CN', serial = 1, fiscal_year = '2026-01-01', number = 'CN-1', "
            "corrects_id = corrected, total_minor = total_minor + 1, net_minor = net_minor + 1"
        ),
        "come to",
    ),
    (
        "a paid order without an invoice",
        "UPDATE orders_order SET status = 'paid', collected_minor = total_minor, "
        "needs_invoice = true WHERE status = 'payment_pending'",
        "has no invoice|in its history|in the ledger",
    ),
    (
        "a PDF with another's hash",
        "INSERT INTO orders_invoicepdf (invoice_id, content, sha256, rendering) "
        "SELECT id, 'x', repeat('0', 64), '' FROM orders_invoice",
        "invoice_pdf_hash_is_its_own",
    ),
    # money
    ("delete a payment", "DELETE FROM payments_paymentattempt", "append-only"),
    ("delete a request", "DELETE FROM payments_paymentrequest", "append-only"),
    ("delete a refund", "DELETE FROM payments_refund", "append-only"),
    ("ask for another amount", "UPDATE payments_paymentrequest SET amount_minor = 1", "append-only"),
    (
        "capture more than was paid",
        "UPDATE payments_paymentattempt SET captured_minor = amount_minor + 1",
        "payment_attempt_refunded_within_captured_within_amount",
    ),
    (
        "give back more than was captured",
        "UPDATE payments_paymentattempt SET refunded_minor = captured_minor + 1",
        "payment_attempt_refunded_within_captured_within_amount",
    ),
    (
        "a capture without its posting",
        "INSERT INTO payments_paymentattempt (id, request_id, gateway, gateway_payment_id, state, amount_minor, "
        "captured_minor, refunded_minor, currency, method, last4, failure_code, changed_at) SELECT gen_random_uuid(), "
        "request_id, gateway, 'pay_new', 'captured', 100, 100, 0, currency, '', '', '', now() "
        "FROM payments_paymentattempt LIMIT 1",
        "in the ledger",
    ),
    (
        "a refund without its posting",
        "INSERT INTO payments_refund (id, attempt_id, amount_minor, currency, state, reason, times_asked) "
        "SELECT gen_random_uuid(), id, 1, currency, 'approved', '', 0 FROM payments_paymentattempt LIMIT 1",
        "owed in the ledger",
    ),
    (
        "refunds beyond what was captured",
        "INSERT INTO payments_refund (id, attempt_id, amount_minor, currency, state, reason, times_asked) "
        "SELECT gen_random_uuid(), id, captured_minor, currency, 'requested', '', 0 FROM payments_paymentattempt",
        "exceed what was captured",
    ),
    (
        "a refund that its requester approves",
        "UPDATE payments_refund SET requested_by_id = u.id, approved_by_id = u.id FROM customers_user u",
        "append-only|second_person",
    ),
    ("another share of a refund", "UPDATE payments_refund SET surplus_minor = surplus_minor + 1", "lessens the sale"),
    ("another tax in a refund", "UPDATE payments_refund SET tax_minor = tax_minor + 1", "lessens the sale"),
    (
        "a movement of a payment that did not move",
        "WITH t AS (INSERT INTO payments_ledgertransfer (source, kind, memo) VALUES ('mine', 'capture', '') "
        "RETURNING id) INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, attempt_id) "
        "SELECT t.id, leg.account, a.currency, leg.amount, leg.attempt FROM t, payments_paymentattempt a, "
        "LATERAL (VALUES ('clearing_offline', 1, a.id), ('suspense', -1, NULL)) leg (account, amount, attempt)",
        "in the ledger",
    ),
    ("a paid order of which nothing is due", "UPDATE orders_order SET given_up = true", "given_up_means_refunded"),
    # the ledger
    ("change an entry", "UPDATE payments_ledgerentry SET amount_minor = 2 * amount_minor", "append-only"),
    ("delete an entry", "DELETE FROM payments_ledgerentry", "append-only"),
    ("empty the entries", "TRUNCATE payments_ledgerentry CASCADE", "append-only"),
    ("change a transfer", "UPDATE payments_ledgertransfer SET memo = 'mine'", "append-only"),
    ("delete a transfer", "DELETE FROM payments_ledgertransfer", "append-only"),
    (
        "post twice",
        "INSERT INTO payments_ledgertransfer (source, kind, memo) SELECT source, kind, '' FROM payments_ledgertransfer",
        "source",
    ),
    (
        "an entry that does not balance",
        "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor) "
        "SELECT id, 'bank', 'USD', 1 FROM payments_ledgertransfer LIMIT 1",
        "does not balance",
    ),
    (
        "a transfer that balances across currencies only",
        "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor) "
        "SELECT id, 'bank', c.code, c.amount FROM payments_ledgertransfer, (VALUES ('USD', 1), ('EUR', -1)) "
        "c (code, amount)",
        "does not balance",
    ),
    (
        "an account that is none",
        "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor) "
        "SELECT id, 'pocket', 'USD', 1 FROM payments_ledgertransfer LIMIT 1",
        "ledger_entry_account_known",
    ),
    (
        "credit that nobody has",
        "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, customer_id) "
        "SELECT t.id, 'customer_credit', 'USD', 1, c.id FROM payments_ledgertransfer t, customers_customer c LIMIT 1",
        "credit_balance_not_negative",
    ),
    (
        "credit out of nothing",
        "INSERT INTO payments_creditbalance (customer_id, currency, balance_minor) "
        "SELECT id, 'USD', 100 FROM customers_customer",
        "append-only",
    ),
    ("unsay a capture", "UPDATE payments_paymentattempt SET captured_minor = captured_minor - 1", "append-only"),
    ("another refund amount", "UPDATE payments_refund SET amount_minor = amount_minor + 1", "append-only"),
    (
        "a payment twice",
        "INSERT INTO payments_paymentattempt (id, request_id, gateway, gateway_payment_id, state, amount_minor, "
        "captured_minor, refunded_minor, currency, method, last4, failure_code, changed_at) SELECT gen_random_uuid(), "
        "request_id, gateway, gateway_payment_id, state, amount_minor, captured_minor, 0, currency, '', '', '', now() "
        "FROM payments_paymentattempt",
        "payment_attempt_once",
    ),
    (
        "a second active request",
        "INSERT INTO payments_paymentrequest (id, subject_id, gateway, client_secret, amount_minor, currency, "
        "description, state, times_asked) SELECT gen_random_uuid(), subject_id, 'stripe', '', amount_minor, currency, "
        "'', 'unknown', 0 FROM payments_paymentrequest WHERE state = 'initiated'",
        "one_active_payment_request_per_subject",
    ),
    (
        "a refund of nothing",
        "INSERT INTO payments_refund (id, attempt_id, amount_minor, currency, state, reason, times_asked) "
        "SELECT gen_random_uuid(), id, 0, currency, 'requested', '', 0 FROM payments_paymentattempt",
        "refund_amount_positive",
    ),
]


@pytest.fixture
def orders(shop: Shop, ada: Shopper) -> list[Order]:
    """Two on delivery, of which one is part paid and has money going back, one that waits for a gateway, and one of
    flyers that go out."""
    part_paid = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(part_paid.pk, amount=Money(1000, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)
    give_back(part_paid.pk, Money(100, "USD"))
    sent = place(ada, shop.cash, (shop.cable, 1))
    send_order(sent.pk, actor=actors.SYSTEM)
    flyers.issue_key()
    store_image(flyers.picture(), uploader=ada.user, customer_id=ada.customer.pk)
    of_flyers = flyers.flyer_order(ada, shop)
    (campaign,) = flyers.schedule_all(of_flyers)
    report_figures(campaign.pk, Figures(9, 3, 1, 50), source="mailer")
    return [
        part_paid,
        place(ada, shop.cash, (shop.cable, 1)),
        sent,
        place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID),
        of_flyers,
    ]


@pytest.mark.parametrize(
    ("statement", "guard"), [row[1:] for row in ATTACKS], ids=[row[0].replace(" ", "-") for row in ATTACKS]
)
def test_the_database_refuses_by_itself(orders: list[Order], statement: str, guard: str) -> None:
    before = written()
    with (
        pytest.raises((IntegrityError, InternalError), match=guard),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("{uuid}", str(uuid.uuid4())))
    assert written() == before
