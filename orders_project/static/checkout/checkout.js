// The checkout page: opens Razorpay's window where it is the real one, shows what it hands out to our server, and says
// what the server answers. Nothing is called paid here that the server has not called so.
"use strict";

(() => {
  const page = document.getElementById("checkout");
  const told = page.dataset;
  const ASK_EVERY_MS = 2000;
  // The server knows of most payments by itself; the gateway is asked again now and then.
  const VERIFY_EVERY = 3;
  // After so long the payer need not wait at the page; it says so all the while.
  const MOST_ROUNDS = 300;

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  function show(state) {
    told.state = state;
    for (const part of page.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").includes(state);
    }
  }

  async function ask(address, options) {
    try {
      const response = await fetch(address, { cache: "no-store", ...options });
      if (response.ok) {
        return (await response.json()).status;
      }
      return response.status === 400 ? "refused" : "checking";
    } catch {
      // No network, or no server: nobody knows.
      return "checking";
    }
  }

  const verify = (answer) =>
    ask(told.verify, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(answer),
    });

  async function conclude(answer) {
    show("checking");
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const state = round % VERIFY_EVERY === 0 ? await verify(answer) : await ask(told.standing);
      // Until the gateway has said it, a try that failed earlier says nothing of this one.
      if (state !== "checking" && state !== "unpaid" && !(state === "failed" && round % VERIFY_EVERY !== 0)) {
        show(state);
        if (state === "paid" || state === "authorized") {
          offer(answer);
        }
        return;
      }
      await pause(ASK_EVERY_MS);
    }
  }

  function offer(answer) {
    const form = document.getElementById("handover");
    if (form === null) {
      return;
    }
    for (const [name, value] of Object.entries(answer)) {
      form.elements.namedItem(name).value = value;
    }
    form.hidden = false;
    // Time to read that it is paid.
    setTimeout(() => form.requestSubmit(), 1500);
  }

  async function follow() {
    // The page was opened while a payment was under way already.
    while (told.state === "checking") {
      await pause(ASK_EVERY_MS);
      show(await ask(told.standing));
    }
  }

  function open() {
    const checkout = new window.Razorpay({
      key: told.key,
      order_id: told.order,
      amount: told.amount,
      currency: told.currency,
      name: told.name,
      description: told.description,
      handler: (answer) =>
        conclude({
          razorpay_payment_id: answer.razorpay_payment_id,
          razorpay_order_id: answer.razorpay_order_id,
          razorpay_signature: answer.razorpay_signature,
        }),
    });
    checkout.on("payment.failed", () => show("failed"));
    checkout.open();
  }

  if (told.paymentId) {
    conclude({
      razorpay_payment_id: told.paymentId,
      razorpay_order_id: told.order,
      razorpay_signature: told.signature,
    });
  } else if (told.state === "checking") {
    follow();
  }
  if (told.key) {
    document.getElementById("pay").addEventListener("click", open);
  }
})();
