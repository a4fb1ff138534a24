import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Sessions opened since the last collection from which on another is worth its while. */
const sessionsMin = 500
/** Ticks in a row in which next to nothing was said. */
const quietTicksMin = 8
const quietFramesMax = 50

/**
 * Gives back the memory that a burst of new sessions leaves behind. Handshakes and tokens are garbage a moment later, but
 * V8 keeps garbage until the heap has doubled, which thousands of idle sessions never do: they would cost twice what
 * they hold. So once a burst is over and all is quiet, it is told to collect.
 */
export class BurstMemory {
  private opened = 0
  private quietTicks = 0
  private framesBefore = 0
  private collect: (() => void) | null = null

  sessionOpened(): void {
    this.opened++
  }

  /** @param frames received so far. */
  tick(frames: number): void {
    const isQuiet = frames - this.framesBefore <= quietFramesMax
    this.framesBefore = frames
    this.quietTicks = isQuiet ? this.quietTicks + 1 : 0
    if (this.quietTicks < quietTicksMin || this.opened < sessionsMin) return
    this.opened = 0
    this.collect ??= collector()
    this.collect()
  }
}

function collector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}
