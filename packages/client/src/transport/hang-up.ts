import type { Socket } from 'node:net'

/**
 * Node.js waits without end for the other side to answer the close of a WebSocket, and keeps the process alive meanwhile:
 * over a network that has gone away in silence that is a quarter of an hour, or for ever. A `WebSocket` shows nothing of the
 * connection below it; Node.js tells of it in its diagnostics channels. Elsewhere the platform hangs up by itself.
 */
interface Channels {
  subscribe(name: string, told: (message: unknown) => void): void
}

const beingOpened = new Map<string, Socket>()
const connections = new WeakMap<object, Socket>()

const node = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process
const channels = node?.getBuiltinModule?.('node:diagnostics_channel') as Channels | undefined

channels?.subscribe('undici:client:sendHeaders', (message) => {
  const { request, socket } = message as { readonly request?: { readonly upgrade?: unknown }; readonly socket?: Socket }
  if (request?.upgrade !== 'websocket' || socket === undefined) return
  const place = placeOf({ address: socket.localAddress, port: socket.localPort })
  beingOpened.set(place, socket)
  socket.once('close', () => {
    if (beingOpened.get(place) === socket) beingOpened.delete(place)
  })
})

channels?.subscribe('undici:websocket:open', (message) => {
  const { websocket, address } = message as { readonly websocket?: object; readonly address?: Place }
  if (websocket === undefined || address === undefined) return
  const socket = beingOpened.get(placeOf(address))
  if (socket === undefined) return
  beingOpened.delete(placeOf(address))
  connections.set(websocket, socket)
})

interface Place {
  readonly address: string | undefined
  readonly port: number | undefined
}

function placeOf({ address, port }: Place): string {
  return `${address} ${port}`
}

/** Ends the connection below, whatever the other side does. */
export function hangUp(websocket: WebSocket): void {
  connections.get(websocket)?.destroy()
}
