// biome-ignore-all lint/suspicious/noTemplateCurlyInString: code is quoted here
/** Guards: who may do what, and secrets. */
import type { Guard } from "../guard.ts";

const TOKENS = "test/casting/tokens.test.ts";

export const ACCESS: Guard[] = [
  {
    name: "token-authenticator",
    without: "a voter token's authenticator is compared",
    file: "src/admission/voter-token.ts",
    text: "if (!timingSafeEqual(expected, readAuthenticator)) return null;",
    becomes: "timingSafeEqual(expected, readAuthenticator);",
    noticedBy: [TOKENS, "altered in any byte"],
  },
  {
    name: "token-expiry",
    without: "a voter token expires",
    file: "src/casting/cast.ts",
    text: "hasExpired: expiresAtMs <= this.parts.clock.now()",
    becomes: "hasExpired: false",
    noticedBy: [TOKENS, "without a recorded ballot: invalid_token"],
  },
  {
    name: "token-election",
    without: "a voter token is for one election",
    file: "src/casting/cast.ts",
    text: "if (contest.electionUuid === voter.electionUuid) return contest;",
    becomes: "if (contest.electionUuid !== voter.voterKey) return contest;",
    noticedBy: [TOKENS, "of another election: wrong_election"],
  },
  {
    name: "limiter",
    without: "a voter may ask so often and no more",
    file: "src/casting/voter-limiter.ts",
    text: "return this.counts.add(slot) <= this.options.requestsMax;",
    becomes: "return this.counts.add(slot) > 0;",
    noticedBy: ["test/casting/voter-limiter.test.ts", "so many in a window and no more"],
  },
  {
    name: "limiter-is-asked",
    without: "casting and looking up ask the limiter",
    file: "src/casting/cast.ts",
    text: "if (this.parts.limiter.admit(voterKey)) return;",
    becomes: "if (this.parts.limiter.admit(voterKey) || voterKey !== '') return;",
    noticedBy: ["test/casting/answers.test.ts", "by casting is told to wait"],
  },
  {
    name: "pepper",
    without: "an election's pepper can't be exchanged",
    file: "src/contests/administration.ts",
    text: "if (!pepperFingerprint(pepper).equals(election.pepperFingerprint)) {",
    becomes: "if (pepperFingerprint(pepper).length !== election.pepperFingerprint.length) {",
    noticedBy: ["test/admission/minting.test.ts", "with another pepper: wrong_pepper"],
  },
  {
    name: "voter-ids",
    without: "voter ids are taken byte for byte",
    file: "src/admission/secrets.ts",
    text: '.update(voterId, "utf8")',
    becomes: '.update(voterId.trim().normalize(), "utf8")',
    noticedBy: ["test/admission/minting.test.ts", "voter ids are taken byte for byte"],
  },
  {
    name: "admin-token",
    without: "administration needs the admin token",
    file: "src/contests/routes.ts",
    text: "      authorize(request, adminToken);\n",
    becomes: "",
    noticedBy: ["test/contests/administration.test.ts", "every call needs the admin token"],
  },
  {
    name: "secrets-are-private",
    without: "a secrets file that others can read is refused",
    file: "src/admission/secrets-file.ts",
    text: "if ((mode & 0o077) === 0) return text;",
    becomes: "if (mode >= 0) return text;",
    noticedBy: ["test/admission/secrets.test.ts", "one that others can read"],
  },
  {
    name: "secrets-are-not-quoted",
    without: "a damaged secrets file is not quoted",
    file: "src/admission/secrets-file.ts",
    text: 'throw new Error("it is not JSON");',
    becomes: "throw new Error(text);",
    noticedBy: ["test/cli/keys.test.ts", "a file that is no JSON is not quoted"],
  },
  {
    name: "causes-are-not-told",
    without: "what lies behind a problem is told to nobody",
    file: "src/http/respond.ts",
    text: "return problem(error.code, error.message);",
    becomes: "return problem(error.code, `${error.message} ${error.cause}`);",
    noticedBy: ["test/http/server.test.ts", "what lies behind a problem is logged, and told to nobody"],
  },
];
