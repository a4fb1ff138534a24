import type { Bus } from '../bus/bus.ts'
import type { Store } from '../store/store.ts'

export type Condition = 'ok' | 'failed' | 'timeout'

export interface Readiness {
  readonly ready: boolean
  readonly store: Condition
  readonly bus: Condition
}

/** Whether the server can serve now: store and bus answer within `timeoutMs`. Never throws; says nothing of the causes. */
export async function readiness(store: Pick<Store, 'ping'>, bus: Pick<Bus, 'ping'>, timeoutMs: number): Promise<Readiness> {
  const [storeIs, busIs] = await Promise.all([
    conditionOf(() => store.ping(), timeoutMs),
    conditionOf(() => bus.ping(), timeoutMs),
  ])
  return { ready: storeIs === 'ok' && busIs === 'ok', store: storeIs, bus: busIs }
}

async function conditionOf(ping: () => Promise<void>, timeoutMs: number): Promise<Condition> {
  const { promise: late, resolve } = Promise.withResolvers<Condition>()
  const timer = setTimeout(resolve, timeoutMs, 'timeout')
  const answer = (async () => ping())().then(
    (): Condition => 'ok',
    (): Condition => 'failed',
  )
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
