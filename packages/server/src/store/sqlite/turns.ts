/** One after another for each key, in the order of the calls; those of different keys beside each other. */
export class Turns {
  /** The end of the last turn of each key, where there is one. */
  private readonly last = new Map<string, Promise<unknown>>()
  private alone: Promise<unknown> = Promise.resolve()

  /** What fails does so for its caller alone. */
  inTurn<result>(key: string, run: () => Promise<result>): Promise<result> {
    const turn = Promise.all([this.alone, this.last.get(key)]).then(run)
    const end: Promise<void> = turn.then(
      () => this.leave(key, end),
      () => this.leave(key, end),
    )
    this.last.set(key, end)
    return turn
  }

  /** While no turn of any key is taken: after those that were given before, and before those that are given later. */
  inTurnAlone<result>(run: () => Promise<result>): Promise<result> {
    const turn = Promise.all([this.alone, ...this.last.values()]).then(run)
    this.alone = turn.catch(() => {})
    return turn
  }

  private leave(key: string, end: Promise<unknown>): void {
    if (this.last.get(key) === end) this.last.delete(key)
  }
}
