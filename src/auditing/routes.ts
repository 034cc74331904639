/** Receipts over HTTP: anybody who holds one may ask what has become of it. */
import { readJson } from "../http/request.ts";
import { json } from "../http/respond.ts";
import type { Route } from "../http/server.ts";
import { Problem } from "../runtime/problem.ts";
import { parseReceipt } from "./parse-receipt.ts";
import type { ReceiptSources } from "./receipt-source.ts";
import { verifyAccepted, verifyReceipt } from "./verify-receipt.ts";

const BODY = { bytesMax: 16 * 1024, timeoutMs: 10_000 };

export function receiptRoutes(sources: ReceiptSources): Route[] {
  return [
    {
      method: "POST",
      path: "/v1/receipts/verify",
      handle: async (request) => {
        const parsed = parseReceipt(await readJson(request, BODY));
        if ("fault" in parsed) throw new Problem("invalid_request", parsed.fault);
        try {
          const verifying =
            "accepted" in parsed
              ? verifyAccepted(parsed.accepted, sources)
              : verifyReceipt(parsed.receipt, sources);
          return json(await verifying);
        } catch (error) {
          if (error instanceof Problem) throw error;
          throw new Problem("not_available", "the ledger does not answer now", { cause: error });
        }
      },
    },
  ];
}
