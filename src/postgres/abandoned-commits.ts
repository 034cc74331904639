/**
 * Commits of this process that were abandoned: nobody waits for their answer any more. Each may hold a server process, and so one of PostgreSQL's
 * connections, until a standby confirms it: nothing else ends that wait, and nothing may.
 */
export class AbandonedCommits {
  private abandoned = 0;
  private released = 0;

  /** Past `countMax` nobody begins another commit. */
  constructor(private readonly countMax: number) {}

  get areTooMany(): boolean {
    return this.abandoned - this.released >= this.countMax;
  }

  add(): void {
    this.abandoned++;
  }

  /**
   * To be called before a commit is sent; what it returns, when that commit is confirmed. Standbys confirm in the log's
   * order, so that every commit that was in the log before it has been released by then. One that was abandoned before
   * its COMMIT reached the log may come behind it there, and is then counted no more although it still waits.
   */
  beforeCommit(): () => void {
    const { abandoned } = this;
    return () => {
      this.released = Math.max(this.released, abandoned);
    };
  }
}
