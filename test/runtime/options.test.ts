/** The settings' checks at start. */
import { describe, expect, test } from "bun:test";
import { Command } from "commander";
import { OPTIONS } from "../../src/runtime/options.ts";

/** What a command with this option makes of the flags; throws with what it would print. */
function read(
  option: ReturnType<(typeof OPTIONS)["adminToken"]>,
  ...flags: string[]
): Record<string, unknown> {
  let printed = "";
  const command = new Command().addOption(option).exitOverride();
  command.configureOutput({ writeErr: (text) => (printed += text) });
  try {
    return command.parse(flags, { from: "user" }).opts();
  } catch (error) {
    throw printed === "" ? error : new Error(printed);
  }
}

describe("the admin token", () => {
  test.each(["0123456789abcdef", "a.b_c~d+e/f-0123=="])("%s will do", (token) => {
    expect(read(OPTIONS.adminToken(), "--admin-token", token)).toEqual({ adminToken: token });
  });

  test.each(["", "short", "0123456789abcde", "with a space 0123456", "tür0123456789abcd"])(
    "%p will not",
    (token) => {
      const reading = () => read(OPTIONS.adminToken(), `--admin-token=${token}`);
      expect(reading).toThrow(/^--admin-token \(URNA_ADMIN_TOKEN\) must have at least 16 characters/);
      if (token !== "") expect(reading).not.toThrow(new RegExp(token));
    },
  );
});

test.each(["-1", "65536", "80.5", "http", ""])("port %p is refused", (port) => {
  expect(() => read(OPTIONS.port(), `--port=${port}`)).toThrow(/from 0 to 65535/);
});
