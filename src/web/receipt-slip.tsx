/** The receipt as a slip of paper: what it proves, and a button that saves it. */
import type { AcceptedReceipt, Receipt } from "../election/receipt.ts";
import { formatInstant } from "./format.ts";

type AnyReceipt = Receipt | AcceptedReceipt;

export function ReceiptSlip({ receipt, contest }: { receipt: AnyReceipt; contest: string }) {
  const place =
    "seq" in receipt
      ? `stream ${receipt.stream}, block ${receipt.seq}, ballot ${receipt.index}`
      : `partition ${receipt.partition}, offset ${receipt.offset}`;
  const [what, at] =
    "recordedAt" in receipt ? ["Recorded", receipt.recordedAt] : ["Accepted", receipt.acceptedAt];
  return (
    <section class="receipt" aria-labelledby="receipt-title">
      <h2 id="receipt-title">Receipt</h2>
      <dl>
        <dt>{what}</dt>
        <dd>
          <time dateTime={at}>{formatInstant(Date.parse(at), Date.now())}</time>
        </dd>
        <dt>Place</dt>
        <dd>{place}</dd>
        <dt>Leaf</dt>
        <dd class="code">{receipt.leaf}</dd>
        <dt>Nonce</dt>
        <dd class="code">{receipt.nonce}</dd>
      </dl>
      {"durability" in receipt && (
        <p class="override">Recorded while the durability gate was overridden: it may not be on a standby.</p>
      )}
      <p class="caution">Whoever sees this receipt can find out how you voted.</p>
      <button type="button" id="save-receipt" onClick={() => save(receipt, contest)}>
        Save receipt
      </button>
    </section>
  );
}

function save(receipt: AnyReceipt, contest: string): void {
  const url = URL.createObjectURL(
    new Blob([`${JSON.stringify(receipt, null, 2)}\n`], { type: "application/json" }),
  );
  const link = document.createElement("a");
  link.href = url;
  link.download = `urna-receipt-${contest.replaceAll(/[^\w-]/g, "_")}.json`;
  link.click();
  // Revoking at once would cancel the download in some browsers.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
