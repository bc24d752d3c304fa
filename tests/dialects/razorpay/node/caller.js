// Calls the official Node SDK as it is told, a line of JSON each: {"call": "orders.create", "arguments": [...]}.
// Nothing of the SDK is changed but where it finds the API.
"use strict";

const readline = require("node:readline");
const Razorpay = require("razorpay");

const [base, keyId, keySecret] = process.argv.slice(2);
const sdk = new Razorpay({ key_id: keyId, key_secret: keySecret });
sdk.api.rq.defaults.baseURL = base;

async function answer({ call, arguments: given }) {
  if (call === "validateWebhookSignature") {
    return Razorpay.validateWebhookSignature(...given);
  }
  const [resource, name] = call.split(".");
  return sdk[resource][name](...given);
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let told;
    try {
      told = { answer: await answer(JSON.parse(line)) };
    } catch (error) {
      told = { statusCode: error.statusCode, error: error.error ?? String(error) };
    }
    console.log(JSON.stringify(told));
  }
})();
