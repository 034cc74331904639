/** Server-Sent Events: the same events however the network cuts the text, and no unbounded buffer. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { EventStreamReader, EventTooLarge } from "../../src/web/event-stream.ts";

const STREAM = `: ping\n\nevent: history\ndata: {"a":1}\n\n: ping\n\nid: 7\r\nevent: results\r\ndata: {"b":\r\ndata: 2}\r\n\r\ndata:x\n\n`;
const EVENTS = [
  { event: "history", data: '{"a":1}' },
  { event: "results", data: '{"b":\n2}' },
  { event: "message", data: "x" },
];

test("comments are no events; several data lines are one", () => {
  expect(new EventStreamReader().push(STREAM)).toEqual(EVENTS);
});

test("the events do not depend on where the text is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: STREAM.length })), (cuts) => {
      const reader = new EventStreamReader();
      const at = [0, ...cuts.sort((a, b) => a - b), STREAM.length];
      const events = at.slice(1).flatMap((end, i) => reader.push(STREAM.slice(at[i], end)));
      expect(events).toEqual(EVENTS);
    }),
  );
});

test("an event without an end is refused", () => {
  const reader = new EventStreamReader();
  expect(() => {
    for (let i = 0; i < 100; i++) reader.push("x".repeat(100_000));
  }).toThrow(EventTooLarge);
});
