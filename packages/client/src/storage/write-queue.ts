/** Writes in the order in which they were asked for, many in one commit. */
export interface WriteQueue<Step> {
  /** Resolves once the step is committed; rejects when nothing of it was kept. */
  add(step: Step): Promise<void>
  /** Resolves when no step is under way or waits. */
  idle(): Promise<void>
}

interface Waiting<Step> {
  readonly step: Step
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * What is asked for while one commit is under way goes into the next one together, so that many writers wait for few
 * syncs. `commit` keeps all steps or none. `gather` is awaited before steps are taken: it lets more of them come.
 */
export function writeQueue<Step>(
  commit: (steps: readonly Step[]) => Promise<void>,
  gather: () => Promise<unknown> = () => Promise.resolve(),
): WriteQueue<Step> {
  let waiting: Waiting<Step>[] = []
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    do {
      await gather()
      const taken = waiting
      waiting = []
      await settle(taken)
    } while (waiting.length > 0)
    running = undefined
  }

  async function settle(taken: readonly Waiting<Step>[]): Promise<void> {
    try {
      await commit(taken.map(({ step }) => step))
      for (const { resolve } of taken) resolve()
    } catch (error) {
      if (taken.length === 1) taken[0]?.reject(error)
      // One that cannot be kept, being too large for the disk, say, does not fail the others.
      else for (const one of taken) await settle([one])
    }
  }

  return {
    add(step) {
      return new Promise((resolve, reject) => {
        waiting.push({ step, resolve, reject })
        running ??= run()
      })
    },
    async idle() {
      await running
    },
  }
}
