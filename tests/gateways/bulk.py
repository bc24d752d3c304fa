"""Many payments in the sandbox's own tables, faster than they could be made one by one."""

from __future__ import annotations

from payments.sandbox.models import (
    BalanceEntry,
    Charge,
    PaymentIntent,
    Payout,
    RazorpayOrder,
    RazorpayPayment,
    RazorpayRefund,
)


def captured(gateway: str, seconds: list[int], amount_minor: int = 1000) -> list[str]:
    """A captured payment for each of these Unix seconds; their ids, in that order."""
    return _charges(seconds, amount_minor) if gateway == "stripe" else _payments(seconds, amount_minor)


def paid_out(gateway: str, payment_ids: list[str], second: int, amount_minor: int = 1000) -> str:
    """One payout of those payments, without fees; its id."""
    payout = Payout.objects.create(
        gateway=gateway,
        public_id="po_bulk" if gateway == "stripe" else "setl_bulk0000000000",
        amount_minor=amount_minor * len(payment_ids),
        currency="usd" if gateway == "stripe" else "USD",
        utr="UTR1",
        created=second,
    )
    BalanceEntry.objects.bulk_create(
        BalanceEntry(
            gateway=gateway,
            public_id=f"txn_{payment_id}",
            kind=BalanceEntry.Kind.PAYMENT,
            source=payment_id,
            amount_minor=amount_minor,
            net_minor=amount_minor,
            currency=payout.currency,
            payout=payout,
            created=second,
        )
        for payment_id in payment_ids
    )
    return payout.public_id


def _charges(seconds: list[int], amount_minor: int) -> list[str]:
    intents = PaymentIntent.objects.bulk_create(
        PaymentIntent(
            public_id=f"pi_bulk{number}",
            client_secret=f"pi_bulk{number}_secret",
            amount_minor=amount_minor,
            received_minor=amount_minor,
            currency="usd",
            status=PaymentIntent.Status.SUCCEEDED,
            capture_method="automatic",
            metadata={"request": f"key{number}"},
            created=second,
        )
        for number, second in enumerate(seconds)
    )
    charges = Charge.objects.bulk_create(
        Charge(
            public_id=f"ch_bulk{number}",
            intent=intent,
            amount_minor=amount_minor,
            captured_minor=amount_minor,
            currency="usd",
            status=Charge.Status.SUCCEEDED,
            payment_method="pm_1",
            payment_method_details={"type": "paypal", "paypal": {}},
            created=intent.created,
        )
        for number, intent in enumerate(intents)
    )
    return [charge.public_id for charge in charges]


def _payments(seconds: list[int], amount_minor: int) -> list[str]:
    orders = RazorpayOrder.objects.bulk_create(
        RazorpayOrder(
            public_id=f"order_bulk{number:010}",
            amount_minor=amount_minor,
            paid_minor=amount_minor,
            currency="USD",
            status=RazorpayOrder.Status.PAID,
            captures_automatically=True,
            notes={"request": f"key{number}"},
            created=second,
        )
        for number, second in enumerate(seconds)
    )
    payments = RazorpayPayment.objects.bulk_create(
        RazorpayPayment(
            public_id=f"pay_bulk{number:010}",
            order=order,
            amount_minor=amount_minor,
            captured_minor=amount_minor,
            currency="USD",
            status=RazorpayPayment.Status.CAPTURED,
            method="upi",
            created=order.created,
        )
        for number, order in enumerate(orders)
    )
    return [payment.public_id for payment in payments]


def sent_back(payment_id: str, number: int, amount_minor: int = 1) -> list[str]:
    """So many refunds of one of Razorpay's payments; their ids."""
    payment = RazorpayPayment.objects.get(public_id=payment_id)
    refunds = RazorpayRefund.objects.bulk_create(
        RazorpayRefund(
            public_id=f"rfnd_bulk{each:010}",
            payment=payment,
            amount_minor=amount_minor,
            currency=payment.currency,
            speed="normal",
            created=payment.created + each // 3,
        )
        for each in range(number)
    )
    payment.refunded_minor = number * amount_minor
    payment.save(update_fields=["refunded_minor"])
    return [refund.public_id for refund in refunds]
