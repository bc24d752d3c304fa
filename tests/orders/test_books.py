"""The books find every kind of lie: each invariant is broken once, around all guards, and named."""

from __future__ import annotations

import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from kit.money import Money
from orders import actors
from orders.books import INVARIANTS, find_offenders
from orders.books.credits import CREDITS
from orders.books.entries import ENTRIES
from orders.cash import collect_cash
from orders.models import Coupon, CouponCode, Order
from payments.merchants.books import INVARIANTS as MERCHANTS
from payments.settlements.books import INVARIANTS as SETTLEMENTS
from tests import books, flyers
from tests.shop import Shop, Shopper, give_back, place

# What is broken, and the invariants that must notice it. The guards are put aside for the statement alone.
LIES: dict[str, tuple[str, ...]] = {
    "UPDATE catalog_stock SET on_hand = on_hand + 1": ("stock counters are the sums of their movements",),
    "DELETE FROM catalog_stockmovement WHERE kind = 'reserved'": (
        "stock counters are the sums of their movements",
        "an order holds stock exactly as long as it has goods to send",
    ),
    "ALTER TABLE catalog_stock DROP CONSTRAINT stock_never_oversold; UPDATE catalog_stock SET reserved = on_hand + 1": (
        "nothing is promised that is not there",
    ),
    "UPDATE orders_order SET reservation_id = gen_random_uuid()": (
        "all reserved stock is held by orders",
        "an order holds stock exactly as long as it has goods to send",
    ),
    "UPDATE orders_order SET fulfilment = 'sent'": ("an order holds stock exactly as long as it has goods to send",),
    "DELETE FROM orders_orderhistory": ("an order's status is the last one in its history",),
    "UPDATE orders_orderhistory SET from_status = 'refunded' WHERE event <> 'placed'": (
        "every move of an order is in the table of moves",
    ),
    "UPDATE orders_orderline SET quantity = quantity + 1": ("an order's amounts are the sums of its lines",),
    "DELETE FROM orders_orderline": ("an order's amounts are the sums of its lines",),
    "UPDATE orders_orderline SET taxes = '[{\"amount_minor\": 1}]'": (
        "the taxes frozen on a line, or on a delivery, come to its tax, and none says why",
    ),
    "UPDATE orders_order SET tax_minor = 1, delivery_tax_minor = 1, discount_minor = discount_minor + 1": (
        "the taxes frozen on a line, or on a delivery, come to its tax, and none says why",
        "an order's amounts are the sums of its lines",
    ),
    "DELETE FROM orders_campaignhistory WHERE campaign_id = (SELECT min(id) FROM orders_campaign); "
    "DELETE FROM orders_campaign WHERE id = (SELECT min(id) FROM orders_campaign)": (
        "each piece of a flyer line has its campaign, and nothing else has one",
    ),
    "UPDATE orders_orderline SET kind = 'flyer'": (
        "each piece of a flyer line has its campaign, and nothing else has one",
    ),
    "UPDATE orders_campaign SET status = 'cancelled'": (
        "a campaign's status is the last one in its history, and every move is in the table of moves",
    ),
    "UPDATE orders_campaignhistory SET from_status = 'completed' WHERE from_status = ''": (
        "a campaign's status is the last one in its history, and every move is in the table of moves",
    ),
    "UPDATE orders_order SET fulfilment = 'delivered' WHERE id IN (SELECT order_id FROM orders_campaign)": (
        "nothing is left to be sent of the campaigns of an order that is over or delivered",
        "an order holds stock exactly as long as it has goods to send",
    ),
    "UPDATE orders_order SET payment_terms = 'prepaid', status = 'partially_paid' WHERE id IN "
    "(SELECT order_id FROM orders_campaign)": (
        "a campaign leaves when its order is paid, or at once where that is paid on delivery",
        "an order's status is the last one in its history",
        "an order's status follows from its money and its goods",
    ),
    "UPDATE orders_coupon SET spent_minor = spent_minor + 1": (
        "a coupon counts its uses and what they took off, within its limits",
    ),
    "UPDATE orders_couponcode SET used = used - 1": ("a code counts its uses, within its limit",),
    "DELETE FROM orders_couponcustomer": ("a coupon counts each customer's uses",),
    "UPDATE orders_couponuse SET given_back_at = now()": (
        "an order has the discount of the coupon that it uses, and uses one as long as it lives",
        "a coupon counts its uses and what they took off, within its limits",
        "a code counts its uses, within its limit",
        "a coupon counts each customer's uses",
    ),
    "UPDATE orders_couponuse SET discount_minor = 1000": (
        "an order has the discount of the coupon that it uses, and uses one as long as it lives",
    ),
    **{
        f"UPDATE {lie}": ("the discount of a coupon is what its frozen terms come to, line by line",)
        for lie in (
            "orders_couponuse SET discount_minor = discount_minor - 1",
            "orders_couponuse SET terms = jsonb_set(terms, '{amount_minor}', '99')",
            "orders_couponuse SET terms = jsonb_set(terms, '{kind}', '\"free_delivery\"')",
            "orders_couponuse SET terms = jsonb_set(terms, '{lines}', '[99]')",
            "orders_couponuse SET terms = jsonb_set(terms, '{lines}', '[50, 50]')",
            "orders_couponuse SET terms = jsonb_set(terms, '{eligible}', '[951]')",
            "orders_couponuse SET terms = jsonb_set(terms, '{eligible}', '[0]')",
            "orders_couponuse SET terms = jsonb_set(terms, '{delivery}', '1')",
            "orders_couponuse SET terms = jsonb_set(terms, '{frees_delivery}', 'true')",
            "orders_order SET delivery_discount_minor = 1",
            "orders_orderline SET discount_minor = 99",
        )
    },
    "INSERT INTO orders_couponbatch (id, coupon_id, codes_made, note) SELECT gen_random_uuid(), id, 1, '' "
    "FROM orders_coupon": ("a batch has as many codes as were made, each good once",),
    "UPDATE orders_order SET collected_minor = collected_minor + 1": (
        "an order knows what was collected and refunded for it",
    ),
    "UPDATE orders_order SET status = 'payment_pending'": (
        "an order's status follows from its money and its goods",
        "an order's status is the last one in its history",
    ),
    "UPDATE orders_order SET status = 'cancelled'": ("money that an order may not keep is on its way back",),
    "UPDATE orders_order SET status = 'cancelled'; UPDATE payments_refund SET state = 'failed'": (
        "money that an order may not keep is on its way back",
    ),
    "UPDATE orders_order SET status = 'cancelled'; INSERT INTO payments_dispute (id, attempt_id, gateway_dispute_id, "
    "amount_minor, currency, state, withdrawn_minor, reason, opened_at) SELECT gen_random_uuid(), id, 'dp_1', 1, "
    "currency, 'lost', 1, '', now() FROM payments_paymentattempt": (
        "money that an order may not keep is on its way back",
    ),
    "UPDATE payments_refund SET state = 'failed'; UPDATE payments_paymentattempt SET currency = 'EUR'": (
        "captured in another currency and not promised back",
    ),
    "UPDATE payments_paymentattempt SET currency = 'EUR'": ("captured in another currency and not promised back",),
    "DELETE FROM payments_paymentrequest": (
        "every order that costs something has a payment request of its own currency, and every request an order",
    ),
    "UPDATE payments_paymentrequest SET state = 'open'": (
        "a payment request is paid when and only when it is captured in full",
    ),
    "UPDATE payments_refund SET amount_minor = 2000": ("refunds that have not failed never exceed what was captured",),
    "UPDATE payments_refund SET currency = 'JPY'": ("refunds that have not failed never exceed what was captured",),
    "UPDATE payments_refund SET amount_minor = 99": (
        "what an attempt says went back is the sum of its refunds that succeeded",
    ),
    "DROP INDEX one_active_payment_request_per_subject; INSERT INTO payments_paymentrequest (id, subject_id, gateway, "
    "client_secret, amount_minor, currency, description, state, times_asked) SELECT gen_random_uuid(), subject_id, "
    "'stripe', '', 1, currency, '', unnest(ARRAY['open', 'unknown']), 0 FROM payments_paymentrequest": (
        "a subject has at most one active payment request",
    ),
    "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor) SELECT max(id), 'bank', 'USD', 1 "
    "FROM payments_ledgertransfer": (
        "every transfer has entries that sum to zero for each currency",
        "debits equal credits in every currency",
    ),
    "INSERT INTO payments_ledgertransfer (source, kind, memo) VALUES ('empty', 'capture', '')": (
        "every transfer has entries that sum to zero for each currency",
    ),
    "DELETE FROM payments_ledgerentry WHERE transfer_id IN (SELECT id FROM payments_ledgertransfer WHERE kind = "
    "'ordered')": ("what is due for an order and what of it is not yet earned stand in the ledger",),
    "UPDATE payments_ledgerentry SET amount_minor = 2 * amount_minor WHERE account = 'revenue'": (
        "what of an order is earned and not given back stands in the ledger",
    ),
    "UPDATE payments_ledgerentry SET currency = 'EUR' WHERE attempt_id IS NOT NULL AND amount_minor < 0": (
        "a payment's money lies where the ledger says: captured less what went back and what is disputed",
    ),
    "UPDATE payments_paymentattempt SET captured_minor = captured_minor - 1": (
        "a payment's money lies where the ledger says: captured less what went back and what is disputed",
    ),
    "UPDATE payments_refund SET state = 'sent'": (
        "each refund that is promised and not yet back is owed in the ledger",
    ),
    "UPDATE payments_ledgertransfer SET source = 'refund:' || gen_random_uuid() WHERE source LIKE 'refund:%'": (
        "each refund that is promised and not yet back is owed in the ledger",
    ),
    "UPDATE payments_refund SET excess_minor = 1": (
        "what went back twice lies in suspense and was put before a person",
    ),
    "UPDATE payments_refund SET state = 'failed'; INSERT INTO reconciliation_discrepancy (id, kind, gateway, "
    "gateway_id, currency, amount_minor, ours, theirs, proposed, state, resolution, resolved_at, resolved_by_id, "
    "reason) SELECT gen_random_uuid(), 'refunded_twice', a.gateway, f.gateway_refund_id, f.currency, -1, '{}', '{}', "
    "'write_off', 'resolved', 'written_off', now(), u.id, 'x' FROM payments_refund f JOIN payments_paymentattempt a "
    "ON a.id = f.attempt_id, customers_user u": (
        "what was written off of what went back twice is not with us again",
        "what was written off of what went back twice stands in the ledger, and nothing of what was not",
    ),
    "INSERT INTO payments_creditbalance (customer_id, currency, balance_minor) SELECT id, 'USD', 1 "
    "FROM customers_customer": ("a customer's credit is the sum of its entries",),
    "INSERT INTO payments_dispute (id, attempt_id, gateway_dispute_id, amount_minor, currency, state, withdrawn_minor, "
    "reason, opened_at) SELECT gen_random_uuid(), id, 'dp_1', 1, currency, 'under_review', 1, '', now() "
    "FROM payments_paymentattempt": (
        "disputed money is that of disputes that are open",
        "each dispute stands in the ledger: kept back while it is open, owed anyway or written off once it is lost",
    ),
    "INSERT INTO payments_dispute (id, attempt_id, gateway_dispute_id, amount_minor, currency, state, withdrawn_minor, "
    "surplus_minor, reason, opened_at) SELECT gen_random_uuid(), id, 'dp_1', 1, currency, 'lost', 1, 1, '', now() "
    "FROM payments_paymentattempt": (
        "each dispute stands in the ledger: kept back while it is open, owed anyway or written off once it is lost",
        "what is due for an order and what of it is not yet earned stand in the ledger",
    ),
    "ALTER TABLE orders_order DROP CONSTRAINT order_given_up_means_refunded; UPDATE orders_order SET given_up = true": (
        "what is due for an order and what of it is not yet earned stand in the ledger",
    ),
    "UPDATE payments_refund SET cause_id = NULL": (
        "a refund is promised by its payments, and by none before a second person has agreed where one is needed",
    ),
    "UPDATE orders_orderrefund SET needs_approval = true": (
        "a refund is promised by its payments, and by none before a second person has agreed where one is needed",
    ),
    "INSERT INTO orders_orderrefundline (id, refund_id, order_line_id, quantity, amount_minor, discount_minor, "
    "tax_minor, restock) SELECT gen_random_uuid(), r.id, l.id, 2, 0, 0, 0, false FROM orders_orderrefund r, "
    "orders_orderline l": (
        "no piece of a line is given back twice, nor comes back into stock twice",
        "a refund by lines is the sum of its lines and its delivery",
    ),
    "UPDATE orders_order SET fulfilment = 'sent'; INSERT INTO orders_orderrefundline (id, refund_id, order_line_id, "
    "quantity, amount_minor, discount_minor, tax_minor, restock) SELECT gen_random_uuid(), r.id, l.id, 1, 0, 0, 0, "
    "true FROM orders_orderrefund r, orders_orderline l": (
        "goods that came back with a refund are in stock once, and no others",
    ),
    "INSERT INTO orders_orderwriteoff (id, order_id, currency, amount_minor, reason, requested_by_id, needs_approval, "
    "refused_because) SELECT gen_random_uuid(), o.id, o.currency, 1, 'x', u.id, false, '' FROM orders_order o, "
    "customers_user u": ("each write-off that nobody has to agree to any more is in the ledger, and no other",),
    "INSERT INTO orders_orderwriteoff (id, order_id, currency, amount_minor, reason, requested_by_id, needs_approval, "
    "refused_because) SELECT gen_random_uuid(), o.id, o.currency, 1, 'x', u.id, true, '' FROM orders_order o, "
    "customers_user u": ("nobody waits to write off more than is owed",),
    "UPDATE payments_ledgertransfer SET source = 'write-off:' || gen_random_uuid() WHERE source LIKE 'refund:%'": (
        "each write-off that nobody has to agree to any more is in the ledger, and no other",
    ),
    "ALTER TABLE orders_order DROP CONSTRAINT order_written_off_means_sent; "
    "UPDATE orders_order SET written_off_minor = 1": (
        "what is due for an order and what of it is not yet earned stand in the ledger",
        "what is written off of an order is what was given up of it and has not come since",
    ),
    "UPDATE orders_order SET fulfilment = 'sent', written_off_minor = 1; INSERT INTO payments_ledgerentry "
    "(transfer_id, account, currency, amount_minor, subject_id) SELECT t.id, l.account, o.currency, l.amount, o.id "
    "FROM orders_order o, (SELECT max(id) AS id FROM payments_ledgertransfer) t, (VALUES ('receivable', -1), "
    "('write_off', 1)) l (account, amount)": ("nothing stays written off that was paid",),
    "DELETE FROM orders_notice": (
        "a confirmation is due or sent for every order that was paid or is paid on delivery",
        "a mail is due or sent for every order that was paid, and for every refund that was promised",
    ),
    "UPDATE orders_invoice SET serial = serial + 1": (
        "the numbers of each series and fiscal year are dense, and their counter is at the last",
    ),
    "UPDATE orders_invoicecounter SET last = last + 1": (
        "the numbers of each series and fiscal year are dense, and their counter is at the last",
    ),
    "ALTER TABLE orders_invoice DROP CONSTRAINT invoice_serial_once; UPDATE orders_invoice SET series = 'INV', "
    "serial = CASE kind WHEN 'invoice' THEN 2 ELSE 1 END, issued_at = CASE kind WHEN 'invoice' THEN now() "
    "ELSE now() + interval '1 day' END": (
        "within a series and fiscal year nothing is issued before the number before it",
    ),
    "DELETE FROM orders_invoice": ("every paid order that needs an invoice has exactly one",),
    "UPDATE orders_invoice SET total_minor = total_minor + 1, net_minor = net_minor + 1": (
        "an invoice is of what its order costs, and only what is paid on delivery is still due",
        "what a document says is what its columns say",
    ),
    "ALTER TABLE orders_invoice DROP CONSTRAINT invoice_due_within_total; "
    "UPDATE orders_invoice SET due_minor = 10000": (
        "an invoice is of what its order costs, and only what is paid on delivery is still due",
    ),
    "UPDATE orders_invoice SET view = jsonb_set(view, '{number}', '\"X\"')": (
        "what a document says is what its columns say",
    ),
    "UPDATE orders_invoice SET total_minor = 99999, net_minor = 99999 WHERE kind = 'credit_note'": (
        "the notes of an invoice are about its order, and never come to more than it",
    ),
    "DELETE FROM orders_invoice WHERE kind = 'credit_note'": (
        "an invoice less its notes is what stands of the sale in the ledger, with its tax",
    ),
    "ALTER TABLE orders_invoicepdf DROP CONSTRAINT invoice_pdf_hash_is_its_own; INSERT INTO orders_invoicepdf "
    "(invoice_id, content, sha256, rendering) SELECT id, 'x', repeat('0', 64), '' FROM orders_invoice": (
        "a PDF is the one that its hash is of",
    ),
}


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """An order with a coupon that was paid in cash, with 1.00 USD back; beside one of a flyer that is scheduled."""
    flyers.schedule_all(flyers.flyer_order(ada, shop))
    coupon = Coupon.objects.create(name="A dollar", kind="amount", amount_minor=100, currency="USD")
    CouponCode.objects.create(code="DOLLAR", coupon=coupon)
    order = place(ada, shop.cash, (shop.cable, 1), coupon_code="DOLLAR")
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    return give_back(order.pk, Money(100, "USD"))


def lie(statement: str) -> set[str]:
    """The invariants that do not hold after a statement, which is then taken back."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {statement}")
            found = set()
            for name, question in INVARIANTS:
                cursor.execute(question)
                if cursor.fetchall():
                    found.add(name)
            return found
        finally:
            cursor.execute("ROLLBACK")


@pytest.mark.parametrize(("statement", "noticed"), LIES.items(), ids=[key[:60] for key in LIES])
def test_each_lie_is_noticed(order: Order, statement: str, noticed: tuple[str, ...]) -> None:
    assert lie("SELECT 1") == set()
    assert lie(statement) >= set(noticed)


def test_every_invariant_is_broken_by_some_lie() -> None:
    """Those about settlements, entries, merchants and credit are lied to in their own tests."""
    elsewhere = (*SETTLEMENTS, *ENTRIES, *MERCHANTS, *CREDITS)
    asked = {name for name, _ in INVARIANTS} - {name for name, _ in elsewhere}
    assert asked == {name for noticed in LIES.values() for name in noticed}


def test_the_command_says_what_it_checked_and_names_who_offends(order: Order) -> None:
    out = StringIO()
    call_command("check_books", stdout=out)
    for name, _ in INVARIANTS:
        assert name in out.getvalue()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_stock SET on_hand = on_hand + 1 WHERE reserved = 1")
    try:
        out, err = StringIO(), StringIO()
        with pytest.raises(SystemExit) as stopped:
            call_command("check_books", stdout=out, stderr=err)
        assert stopped.value.code == 1
        assert "CABLE-1" in out.getvalue() + err.getvalue()
        with pytest.raises(AssertionError):
            books.check()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE catalog_stock SET on_hand = on_hand - 1 WHERE reserved = 1")


def test_all_questions_are_asked_of_one_snapshot(order: Order) -> None:
    for check in find_offenders():
        assert check.offenders == ()
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchone() == ("repeatable read",)
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
