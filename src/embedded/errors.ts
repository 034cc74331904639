/** What can keep the embedded cluster from starting: one code a cause, and a text that says what to do. */

export type EmbeddedErrorCode =
  | "binaries_missing"
  | "user_unusable"
  | "folder_in_use"
  | "folder_unusable"
  | "folder_foreign"
  | "version_mismatch"
  | "disk_full"
  | "primary_behind_standby"
  | "node_failed";

export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "EmbeddedError";
    this.code = code;
  }
}

/** The errno name (`ENOENT`, …) of a failed system call, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

export function isDiskFull(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOSPC" || code === "53100"; // PostgreSQL's disk_full
}

export function diskFull(folder: string, cause?: unknown): EmbeddedError {
  return new EmbeddedError(
    "disk_full",
    `no space left for ${folder}; make room or choose another --data`,
    cause,
  );
}
