import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { ask, tryListening } from './ask.ts'

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createTcpServer()
  const port = await portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

test('an answer is given with its JSON, or without', async () => {
  const port = await portOf(
    createServer((request, response) =>
      response.writeHead(request.url === '/a' ? 200 : 503).end(request.url === '/a' ? '{"b":1}' : 'no'),
    ),
  )
  expect(await ask(`http://127.0.0.1:${port}/a`)).toEqual({ status: 200, body: { b: 1 } })
  expect(await ask(`http://127.0.0.1:${port}/c`)).toEqual({ status: 503, body: undefined })
})

test('what is no HTTP, breaks off or never ends is a failure', async () => {
  const speaking = (speak: (socket: Socket) => void) => portOf(createTcpServer((socket) => speak(socket.on('error', () => {}))))
  const hello = await speaking((socket) => socket.end('SSH-2.0-hello\r\n'))
  const silent = await speaking((socket) => socket.destroy())
  const endless = await speaking((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n')
    const more = () => void (socket.destroyed || socket.write('x'.repeat(16_384), () => setImmediate(more)))
    more()
  })
  for (const port of [hello, silent, endless, await freePort()]) {
    expect(await ask(`http://127.0.0.1:${port}/`)).toEqual({ failure: expect.stringMatching(/./) })
  }
})

test('a free port can be listened on, and is free afterwards; one in use cannot', async () => {
  const free = await freePort()
  expect(await tryListening('127.0.0.1', free)).toBeUndefined()
  expect(await tryListening('127.0.0.1', free)).toBeUndefined()
  expect(await tryListening('127.0.0.1', await portOf(createTcpServer()))).toBe('EADDRINUSE')
})
