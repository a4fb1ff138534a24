/** What became of a request: `info` means that it may or may not have taken effect. */
export type Outcome<answer> =
  | { readonly kind: 'ok'; readonly answer: answer }
  /** `problem`: the members of the answer, as far as there was one. */
  | { readonly kind: 'fail'; readonly code: string; readonly problem?: Readonly<Record<string, unknown>> }
  | { readonly kind: 'info'; readonly reason: string }

export interface Asking {
  readonly address: string
  readonly token: string
  readonly deviceId?: string
}

const timeoutMs = 10_000

/** One HTTP request. Never throws. */
export async function request<answer>(asking: Asking, method: string, path: string, body?: unknown): Promise<Outcome<answer>> {
  const { address, token, deviceId } = asking
  try {
    const response = await fetch(`http://${address}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(deviceId === undefined ? {} : { 'x-device-id': deviceId }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const answer = (await response.json()) as answer & { readonly code?: string }
    if (response.ok) return { kind: 'ok', answer }
    if (response.status < 500) return { kind: 'fail', code: answer.code ?? String(response.status), problem: { ...answer } }
    return { kind: 'info', reason: answer.code ?? String(response.status) }
  } catch (error) {
    return wasRefused(error) ? { kind: 'fail', code: unreachable } : { kind: 'info', reason: `cut: ${String(error)}` }
  }
}

/** No process listened: the request cannot have had an effect. */
export const unreachable = 'unreachable'

function wasRefused(error: unknown): boolean {
  return error instanceof Error && (error.cause as { readonly code?: unknown } | undefined)?.code === 'ECONNREFUSED'
}
