import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A TCP proxy that a test can make behave like a bad network. */
export interface Proxy {
  readonly url: string
  /** Connections that were ever made. */
  readonly accepted: number
  /** Where it leads to from now on. */
  target: number
  /** Ends every connection, as a network that goes away does. */
  cut(): void
  /** Nothing passes any more, in connections old and new, and nobody is told. */
  stall(): void
  /** What was held back passes. */
  release(): void
  /** The answers to the first so many HTTP requests that match are thrown away, and their connections cut. */
  dropAnswers(count: number, request: RegExp): void
  /** How many answers were thrown away. */
  readonly dropped: number
  /** Everything that a client says after its upgrade is held back from now on, its end included. */
  holdsHellos: boolean
  readonly heldHellos: number
  /** What was held back of hellos arrives, late. */
  passHellos(): void
  /** Upgrades are answered as by a proxy that knows no sockets, or swallowed. */
  blocksUpgrades: false | 'refuse' | 'swallow'
}

interface Pair {
  readonly near: Socket
  readonly far: Socket
}

export async function startProxy(target: number): Promise<Proxy> {
  const pairs = new Set<Pair>()
  const state = { target, accepted: 0, isStalled: false, blocks: false as Proxy['blocksUpgrades'], dropped: 0, holds: false }
  const held: (() => void)[] = []
  let toDrop = 0
  let dropping = /$^/

  const server = createServer((near) => {
    state.accepted += 1
    const far = connect(state.target, '127.0.0.1')
    const pair: Pair = { near, far }
    pairs.add(pair)
    let dropsAnswer = false
    let isUpgraded = false
    let isHeld = false
    const end = () => {
      if (isHeld) return
      pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', end)
      if (state.isStalled) socket.pause()
    }
    near.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      if (isUpgraded && (state.holds || isHeld)) {
        isHeld = true
        held.push(() => far.write(bytes))
        return
      }
      isUpgraded ||= /^upgrade: websocket/im.test(text)
      if (state.blocks !== false && /^upgrade: websocket/im.test(text)) {
        if (state.blocks === 'refuse') near.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')
        return
      }
      if (toDrop > 0 && dropping.test(text)) {
        toDrop -= 1
        dropsAnswer = true
      }
      far.write(bytes)
    })
    far.on('data', (bytes: Buffer) => {
      if (!dropsAnswer) near.write(bytes)
      else {
        state.dropped += 1
        end()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const { near, far } of pairs) for (const socket of [near, far]) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const each = (call: (socket: Socket) => void) => {
    for (const { near, far } of [...pairs]) for (const socket of [near, far]) call(socket)
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get accepted() {
      return state.accepted
    },
    get target() {
      return state.target
    },
    set target(port) {
      state.target = port
    },
    get dropped() {
      return state.dropped
    },
    get holdsHellos() {
      return state.holds
    },
    set holdsHellos(holds) {
      state.holds = holds
    },
    get heldHellos() {
      return held.length
    },
    passHellos() {
      for (const pass of held.splice(0)) pass()
    },
    get blocksUpgrades() {
      return state.blocks
    },
    set blocksUpgrades(how) {
      state.blocks = how
    },
    cut: () => each((socket) => socket.destroy()),
    stall() {
      state.isStalled = true
      each((socket) => socket.pause())
    },
    release() {
      state.isStalled = false
      each((socket) => socket.resume())
    },
    dropAnswers(count, request) {
      toDrop = count
      dropping = request
    },
  }
}
