/** The address of a contest's pages: /c/{contest} to vote, /c/{contest}/live to watch. */

/** The contest that a page's path names. The server routes nothing else to these pages. */
export function contestInAddress(pathname: string): string {
  return decodeURIComponent(pathname.split("/")[2] ?? "");
}

export function votePath(contest: string): string {
  return `/c/${encodeURIComponent(contest)}`;
}

export function livePath(contest: string): string {
  return `${votePath(contest)}/live`;
}
