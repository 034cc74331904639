/** What is wrong with a file, in words: the system's own say neither what was wanted nor what to do. */

const REASONS: Record<string, string> = {
  ENOENT: "it does not exist",
  EACCES: "this user may not",
  EPERM: "this user may not",
  EISDIR: "it is a folder",
  ENOTDIR: "a part of its path is not a folder",
  EEXIST: "it is there already",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its links lead in a circle",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk's quota is used up",
  EROFS: "its disk can only be read",
  EMFILE: "too many files are open",
  EIO: "the disk fails",
  Z_DATA_ERROR: "it is not gzip, or damaged",
  Z_BUF_ERROR: "it is gzip that was cut off",
};

/** `cannot read voters.txt: it does not exist`. To write a file that does not exist is to miss its folder. */
export function cannot(what: "read" | "write" | "use", file: string, error: unknown): Error {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const reason = what === "write" && code === "ENOENT" ? "its folder does not exist" : REASONS[code];
  return new Error(`cannot ${what} ${file}: ${reason ?? message}`, { cause: error });
}

/** Whether it is the system that refused a file; such an error names the file. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException & { path: string } {
  const { code, path } = error as NodeJS.ErrnoException;
  return error instanceof Error && typeof path === "string" && code !== undefined && code in REASONS;
}
