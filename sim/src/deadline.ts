/** Rejects, with what `describe` says then, when `promise` has not settled in time. */
export async function withinMs<value>(ms: number, promise: Promise<value>, describe: () => string): Promise<value> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${describe()}`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
