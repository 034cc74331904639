/** A request that casts a ballot, built once a connection, with places for the token, the selection and the nonce. */
import { randomBytes } from "node:crypto";
import { ballotRequest } from "./ballot-request.ts";
import type { Origin } from "./connection.ts";

const BASE64URL = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const FIRST_OPTION = 0x31;
/** 16 bytes in base64url: 16 characters of the run, 5 of a counter, and one that has two bits only. */
const NONCE_CHARACTERS = 22;
const RUN_CHARACTERS = 16;

/** Nonces that no other ballot of this run has, and that no other run draws. */
export class NonceCounter {
  private readonly run = randomBytes((RUN_CHARACTERS / 4) * 3).toString("base64url");
  private count = 0;

  template(): string {
    return `${this.run}AAAAAA`;
  }

  /** Writes the counter's characters of a nonce that is at `at`. */
  writeNext(bytes: Uint8Array, at: number): void {
    const count = this.count++;
    for (let i = 0; i < 5; i++) bytes[at + RUN_CHARACTERS + i] = BASE64URL[(count >>> (6 * i)) & 63]!;
  }
}

/** Not for concurrent use: one request's bytes are the next one's. Options are numbered with one digit here. */
export class BallotTemplate {
  private bytes: Buffer = Buffer.alloc(0);
  private tokenLength = 0;
  private tokenAt = 0;
  private selectionAt = 0;
  private nonceAt = 0;

  constructor(
    private readonly origin: Origin,
    private readonly contest: string,
    private readonly nonces: NonceCounter,
  ) {}

  /** The request's bytes, valid until the next call. */
  fill(token: Uint8Array, option: number): Uint8Array {
    if (token.length !== this.tokenLength) this.build(token);
    this.bytes.set(token, this.tokenAt);
    this.bytes[this.selectionAt] = FIRST_OPTION + option - 1;
    this.nonces.writeNext(this.bytes, this.nonceAt);
    return this.bytes;
  }

  private build(token: Uint8Array): void {
    this.bytes = ballotRequest(this.origin, {
      contest: this.contest,
      token: "t".repeat(token.length),
      selections: [1],
      nonce: this.nonces.template(),
    });
    this.tokenLength = token.length;
    this.tokenAt = this.bytes.indexOf("Bearer ") + "Bearer ".length;
    this.selectionAt = this.bytes.lastIndexOf('"selections":[') + '"selections":['.length;
    this.nonceAt = this.bytes.length - NONCE_CHARACTERS - '"}'.length;
  }
}
