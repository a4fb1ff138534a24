/** Runs what is given one after another, in the order of the calls. */
export class Turns {
  private last: Promise<unknown> = Promise.resolve()

  run<result>(task: () => Promise<result>): Promise<result> {
    const turn = this.last.then(task)
    this.last = turn.catch(() => {})
    return turn
  }

  /** Resolves when everything asked for until now has run. */
  async idle(): Promise<void> {
    await this.last
  }
}
