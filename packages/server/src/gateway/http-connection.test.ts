import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawAnswer, started, startTestServer, type TestOptions, type TestServer } from './test-server.suite.ts'

describe('bytes that are no request', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startTestServer()
  })
  afterAll(() => server.close())

  test.each([
    ['noise', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is no HTTP\r\n\r\n', 400],
    ['two lengths', 'POST /groups HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
    [
      'length and chunks',
      'POST /groups HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['no host', 'GET /health HTTP/1.1\r\n\r\n', 400],
    ['endless headers', `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 413],
  ])('%s are refused, and the server goes on', async (_, bytes, status) => {
    expect(await rawAnswer(server, bytes)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(await server.call('GET /health')).toEqual({ status: 'ok' })
    expect(server.logged).toEqual([])
  })

  test('a client that leaves in the middle is no fault', async () => {
    const head = `POST /keys/identity HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await server.tokenOf('alice')}\r\n`
    const socket = connect(server.port, '127.0.0.1')
    socket.write(`${head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"identityKey"`)
    await once(socket, 'connect')
    await delay(50)
    socket.destroy()
    await once(socket, 'close')
    expect(await server.call('GET /health')).toEqual({ status: 'ok' })
    expect(server.logged).toEqual([])
  })
})

describe('a server that stops', () => {
  /** A request that waits until it is aborted. */
  function waiting() {
    const began = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const handlers: TestOptions['handlers'] = {
      'GET /messages': async (_, { signal }) => {
        began.resolve()
        if (!signal.aborted) await once(signal, 'abort')
        ended.resolve()
        return { messages: [], more: false }
      },
    }
    return { handlers, began: began.promise, ended: ended.promise }
  }

  test('ends long polls with their answer, then every connection', async () => {
    const { handlers, began } = waiting()
    const server = await startTestServer({ handlers })
    const polled = server.ask('GET /messages', { as: 'alice' })
    await began
    const closed = server.close()
    expect(await polled).toMatchObject({ status: 200, body: { messages: [], more: false } })
    await closed
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  test('refuses what still comes on an open connection', async () => {
    const release = Promise.withResolvers<void>()
    const began = Promise.withResolvers<void>()
    const server = await startTestServer({
      handlers: {
        'GET /devices': async () => {
          began.resolve()
          await release.promise
          return { devices: [] }
        },
      },
    })
    const head = `GET /devices HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${await server.tokenOf('alice')}\r\n\r\n`
    const socket = connect(server.port, '127.0.0.1')
    socket.write(head)
    await began.promise
    const closed = server.close()
    // Pipelined behind the one that is being answered.
    socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
    await delay(50)
    release.resolve()
    const [first = '', second = ''] = (await text(socket)).split(/(?<=\})(?=HTTP)/)
    expect(first).toMatch(/^HTTP\/1.1 200 [\s\S]*\{"devices":\[\]\}$/)
    expect(second).toMatch(/^HTTP\/1.1 503 [\s\S]*"code":"overloaded"/)
    expect(second).toMatch(/retry-after: 1\r\n/i)
    await closed
  })

  test('a client that goes away ends its long poll', async () => {
    const { handlers, began, ended } = waiting()
    const server = await started({ handlers })
    const request = httpRequest(`${server.url}/messages`, {
      headers: { authorization: `Bearer ${await server.tokenOf('alice')}` },
    })
    request.on('error', () => {})
    request.end()
    await began
    request.destroy()
    await ended
  })
})
