/** How many bodies of the largest kind may be under way in a process, and of these by one user. */
const bodiesMax = 8
const bodiesOfUserMax = 2

/** Bytes of a body that cost as much as one request. */
const bytesPerRequest = 64 * 1024

/** What a body of so many bytes costs of the requests that its sender may make: at least one. */
export function requestsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / bytesPerRequest))
}

/**
 * What a body may come to. `contentLength`: as the header says, undefined where it says nothing, which may then be as much as is
 * taken at all. Null: no more than any request may carry.
 */
export function largeBodyBytes(
  contentLength: string | undefined,
  { ordinary, max }: { readonly ordinary: number; readonly max: number },
): number | null {
  const bytes = contentLength === undefined ? max : Number(contentLength)
  if (!Number.isSafeInteger(bytes) || bytes > max) return max
  return bytes > ordinary ? bytes : null
}

/** Room for the large bodies of a process, each of which is held in memory as a whole, several times over. */
export class LargeBodies {
  private readonly bytesMax: number
  private readonly bytesOfUserMax: number
  private readonly byUser = new Map<string, number>()
  private bytes = 0

  /** @param bodyBytes of the largest body. */
  constructor(bodyBytes: number) {
    this.bytesMax = bodiesMax * bodyBytes
    this.bytesOfUserMax = bodiesOfUserMax * bodyBytes
  }

  /** Takes room: the function gives it back. Else whose room is used up. */
  take(userId: string, bytes: number): (() => void) | 'user' | 'process' {
    const own = this.byUser.get(userId) ?? 0
    if (own + bytes > this.bytesOfUserMax) return 'user'
    if (this.bytes + bytes > this.bytesMax) return 'process'
    this.bytes += bytes
    this.byUser.set(userId, own + bytes)
    return () => {
      this.bytes -= bytes
      const left = this.byUser.get(userId)! - bytes
      if (left === 0) this.byUser.delete(userId)
      else this.byUser.set(userId, left)
    }
  }
}
