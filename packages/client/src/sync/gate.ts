/** Lets so many run at once, and the others wait, in the order of their coming. */
export class Gate {
  private readonly places: number
  private readonly waiting: (() => void)[] = []
  private taken = 0

  constructor(places: number) {
    this.places = places
  }

  async run<result>(task: () => Promise<result>): Promise<result> {
    if (this.taken >= this.places) await new Promise<void>((enter) => this.waiting.push(enter))
    else this.taken++
    try {
      return await task()
    } finally {
      const next = this.waiting.shift()
      // The place is handed on.
      if (next === undefined) this.taken--
      else next()
    }
  }
}
