/** Reading Server-Sent Events (WHATWG HTML, section 9.2) from text that arrives in arbitrary pieces. */

export type ServerEvent = { event: string; data: string };

/** A full snapshot of a contest with very many options stays far below. */
const BUFFERED_CHARACTERS_MAX = 1_000_000;

export class EventTooLarge extends Error {
  readonly code = "event_too_large";
}

export class EventStreamReader {
  private buffered = "";

  /** The events that this piece completes; comments, ids and retry times are of no use here and left out. */
  push(piece: string): ServerEvent[] {
    this.buffered = `${this.buffered}${piece}`.replaceAll("\r\n", "\n");
    if (this.buffered.length > BUFFERED_CHARACTERS_MAX) throw new EventTooLarge("an event has no end");
    const blocks = this.buffered.split("\n\n");
    this.buffered = blocks.pop() ?? "";
    return blocks.map(eventOf).filter((event) => event !== null);
  }
}

function eventOf(block: string): ServerEvent | null {
  let event = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (field === "event") event = value ?? "";
    if (field === "data") data.push(value ?? "");
  }
  return data.length === 0 ? null : { event, data: data.join("\n") };
}
