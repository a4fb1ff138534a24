import { describe, expect, it } from 'vitest'
import { portIn, startServer } from './server-process.ts'

const script = (code: string) => ({ command: [process.execPath, '-e', code], env: {} })

describe('portIn', () => {
  it('reads the listening line and nothing else', () => {
    expect(portIn('{"level":"info","msg":"listening","host":"127.0.0.1","port":4321}')).toBe(4321)
    expect(portIn('{"msg":"starting","port":4321}')).toBeUndefined()
    expect(portIn('"listening" on port 4321')).toBeUndefined()
    expect(portIn('{"msg":"listening","port":"4321"}')).toBeUndefined()
  })
})

describe('startServer', () => {
  it('waits for the port, passes the environment on and stops the server', async () => {
    const code = `console.log('{"msg":"listening","port":' + process.env.GIVEN + '}'); setInterval(() => {}, 1000)`
    const server = await startServer({ ...script(code), env: { GIVEN: '77' } })
    expect(server.port).toBe(77)
    await server.stop()
    expect(() => process.kill(server.pid, 0)).toThrow()
    await server.stop()
  })

  it('says why a server did not start', async () => {
    await expect(startServer(script(`console.error('JWT_SECRET is too short'); process.exit(3)`))).rejects.toThrow(
      /ended with 3\n.*JWT_SECRET is too short/s,
    )
    await expect(startServer({ command: ['no-such-program'], env: {} })).rejects.toThrow('ENOENT')
  })
})
