/** Who calls, by the socket and by what the edge says. */
import { expect, test } from "bun:test";
import { callerOf } from "../../src/http/caller.ts";

test.each([
  ["203.0.113.7", null, "203.0.113.7"],
  ["::ffff:203.0.113.7", null, "203.0.113.7"],
  ["2001:db8:1:2:3:4:5:6", null, "2001:db8:1:2::/64"],
  ["2001:db8::9", null, "2001:db8:0:0::/64"],
  ["2001:0DB8:0001::9", null, "2001:db8:1:0::/64"],
  ["10.0.0.1", "198.51.100.1", "198.51.100.1"],
  ["203.0.113.7", "198.51.100.1", "198.51.100.1"],
  ["10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"],
  ["10.0.0.1", "192.0.2.66,198.51.100.1:4711", "198.51.100.1"],
  ["10.0.0.1", "[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"],
  ["10.0.0.1", "10.9.9.9", "10.9.9.9"],
])("%s, forwarded %p: %s", (socket, forwarded, caller) => {
  expect(callerOf(socket, forwarded)).toBe(caller);
});

test.each([
  ...["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "172.31.255.255"],
  ...["169.254.1.1", "100.64.0.1", "fd12::1", "fe80::1%eth0", "", "no address"],
])("%p may be everybody's: it is nobody's", (socket) => {
  expect(callerOf(socket, null)).toBe(null);
});

test.each(["172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "11.0.0.1", "192.169.0.1"])(
  "%s is somebody's",
  (socket) => {
    expect(callerOf(socket, null)).toBe(socket);
  },
);

test.each(["", "unknown", "198.51.100.1, ", "999.1.1.1", "secret=1"])(
  "what is no address is not believed: %p",
  (forwarded) => {
    expect(callerOf("10.0.0.1", forwarded)).toBe(null);
    expect(callerOf("203.0.113.7", forwarded)).toBe("203.0.113.7");
  },
);
