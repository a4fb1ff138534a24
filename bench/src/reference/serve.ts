import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

/** One connected socket: `ws` reads it, the reference writes frames to the stream below. */
export interface Connection {
  readonly userId: string
  readonly socket: WebSocket
  readonly stream: Duplex
}

/**
 * Listens on a free port of 127.0.0.1, says so as Sotto does (a JSON line), and takes sockets at /ws. The user's name
 * is read from the token; nothing is verified.
 */
export function serve(onConnection: (connection: Connection) => void): void {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: 196_608,
    handleProtocols: () => 'sotto.v1',
  })
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('upgrade', (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, (socket) => {
      socket.on('error', () => socket.terminate())
      onConnection({ userId: userOf(request), socket, stream })
    })
  })
  server.listen(0, '127.0.0.1', 4_096, () => {
    console.log(JSON.stringify({ msg: 'listening', port: (server.address() as AddressInfo).port }))
  })
  process.once('SIGTERM', () => process.exit(0))
}

function userOf(request: IncomingMessage): string {
  const claims = request.headers.authorization?.split('.')[1] ?? ''
  return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { userId: string }).userId
}
