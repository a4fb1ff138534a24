/** One place where anything that goes wrong ends a job. */
export interface Failure {
  /** Never resolves; rejects with the first reason. */
  readonly happened: Promise<never>
  fail(reason: Error): void
}

export function failure(): Failure {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  return { happened: promise, fail: reject }
}

/** Resolves once `done()` holds; rejects when it does not within `limitMs`, saying `what` is missing. */
export async function eventually(done: () => boolean, limitMs: number, what: () => string): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!done()) {
    if (performance.now() > deadline) throw new Error(`after ${limitMs} ms still missing: ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
