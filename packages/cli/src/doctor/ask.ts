import { get } from 'node:http'
import { createServer } from 'node:net'

/** What a request came to: an answer (`body` undefined when it is no JSON), or the code of what went wrong. */
export type Answer = { readonly status: number; readonly body: unknown } | { readonly failure: string }

const timeoutMs = 3_000
const bodyBytesMax = 65_536

/** One GET, on a connection of its own. Never throws. */
export function ask(url: string): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) => resolve({ failure: failureOf(error) })
    const request = get(url, { agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > bodyBytesMax) request.destroy(new Error('the answer is too long'))
        else chunks.push(chunk)
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) }))
      response.on('error', fail)
    })
    request.on('error', fail)
  })
}

/** Whether a port is free: undefined, or the code of why it cannot be listened on. It is let go of at once. */
export function tryListening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

function failureOf(error: NodeJS.ErrnoException): string {
  return error.name === 'AbortError' || error.name === 'TimeoutError' ? 'TIMEOUT' : (error.code ?? error.message)
}

function parsed(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'))
  } catch {
    return undefined
  }
}
