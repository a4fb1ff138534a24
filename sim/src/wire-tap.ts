import { once } from 'node:events'
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketTexts } from './web-socket-texts.ts'

/** What passes between one device and the server. */
export interface Witness {
  /** A whole frame of the device's socket. */
  sent(text: string): void
  /** A whole frame to the device. */
  received(text: string): void
  /** An HTTP request, before the server has it. */
  asked(request: TappedRequest): void
  /** The server's answer to it, before the device has it. */
  answered(request: TappedRequest, status: number, body: string): void
}

export interface TappedRequest {
  readonly method: string
  readonly path: string
  readonly body: string
}

/** A way to the server, through which everything passes that a device says and hears; it can be cut. */
export interface WireTap {
  readonly url: string
  /** Ends every connection, as a network that goes away does; what was on its way is lost. */
  cut(): void
  /** No connection comes about while this is true. */
  isDown: boolean
  /** What the device says is witnessed and gets lost on its way while this is true. */
  isLossy: boolean
  close(): Promise<void>
}

/** `target`: host and port of the server, asked for with each connection. */
export async function startWireTap(target: () => string, witness: Witness): Promise<WireTap> {
  const open = new Set<Duplex>()
  let isDown = false
  let isLossy = false

  const keep = (socket: Duplex) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => {})
  }

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = incoming
    const body = await textOf(incoming)
    const request = { method, path, body: body.toString('utf8') }
    witness.asked(request)
    if (isLossy) return
    const onward = ask(`http://${target()}${path}`, { method, headers, agent: false })
    onward.on('socket', keep)
    onward.end(body)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const answered = await textOf(answer)
    witness.answered(request, answer.statusCode ?? 0, answered.toString('utf8'))
    const { 'transfer-encoding': _, ...kept } = answer.headers
    response.writeHead(answer.statusCode ?? 500, { ...kept, 'content-length': answered.length })
    response.end(answered)
  }

  const server = createServer((incoming, response) => {
    pass(incoming, response).catch(() => incoming.socket.destroy())
  })
  server.on('connection', (socket) => {
    keep(socket)
    if (isDown) socket.destroy()
  })
  server.on('upgrade', (incoming: IncomingMessage, near: Duplex, head: Buffer) => {
    const [host = '', port = ''] = target().split(':')
    const far = connect(Number(port), host)
    keep(far)
    const end = () => {
      near.destroy()
      far.destroy()
    }
    for (const socket of [near, far]) socket.on('close', end)
    far.write(headOf(incoming))
    const sent = new WebSocketTexts((text) => witness.sent(text))
    const received = new WebSocketTexts((text) => witness.received(text))
    const fromDevice = (bytes: Buffer) => {
      sent.push(bytes)
      if (!isLossy) far.write(bytes)
    }
    if (head.length > 0) fromDevice(head)
    near.on('data', fromDevice)
    let isUpgraded = false
    far.on('data', (bytes: Buffer) => {
      if (isUpgraded) received.push(bytes)
      else {
        // The answer to the upgrade comes first, and what follows it may come along.
        isUpgraded = true
        const at = bytes.indexOf('\r\n\r\n')
        if (bytes.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101' && at >= 0) received.push(bytes.subarray(at + 4))
      }
      near.write(bytes)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    get isDown() {
      return isDown
    },
    set isDown(down) {
      isDown = down
      if (down) cut()
    },
    get isLossy() {
      return isLossy
    },
    set isLossy(lossy) {
      isLossy = lossy
    },
    async close() {
      cut()
      await new Promise((closed) => server.close(closed))
    },
  }
}

async function textOf(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of message) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** The request as it came, but for extensions: frames stay readable. */
function headOf({ method, url, rawHeaders }: IncomingMessage): string {
  const lines = [`${method} ${url} HTTP/1.1`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]!.toLowerCase() !== 'sec-websocket-extensions')
      lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
