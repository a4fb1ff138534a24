import type { Config } from '@sotto/server'
import { type Answer, ask, tryListening } from './ask.ts'
import type { Finding } from './finding.ts'

const check = 'server'

/** What was seen at the address that the settings name. */
export interface Seen {
  readonly host: string
  readonly port: number
  /** Whether a server has the database open; undefined when that cannot be told. */
  readonly isHeld: boolean | undefined
  readonly health: Answer
  readonly ready: Answer | undefined
  /** Why the port cannot be listened on; undefined: it can, or that was not tried. */
  readonly refusal: string | undefined
}

/** Asks the server that should be there; where none is, whether one could be. */
export async function checkServer({ host, port }: Config, isHeld: boolean | undefined): Promise<Finding[]> {
  if (port === 0) {
    const message = 'PORT=0: a server picks a free port and names it in its log, so that it cannot be asked here'
    return [{ check, level: 'note', message }]
  }
  const address = addressOf(host, port)
  const health = await ask(`${address}/health`)
  const ready = isOurs(health) ? await ask(`${address}/ready`) : undefined
  const refusal = 'failure' in health && !isHeld ? await tryListening(host, port) : undefined
  return serverFindings({ host, port, isHeld, health, ready, refusal })
}

export function serverFindings({ host, port, isHeld, health, ready, refusal }: Seen): Finding[] {
  const address = addressOf(host, port)
  if (isOurs(health)) {
    if (isHeld === false) return [strangerFinding(port)]
    return [{ check, level: 'ok', message: `${address} answers` }, ...(ready === undefined ? [] : [readyFinding(ready)])]
  }
  if ('status' in health) return [otherProgram(port)]
  if (isHeld) {
    const message = `a server has the database open, but ${address} does not answer (${health.failure})`
    const action = 'compare PORT and HOST of the running server with these settings; it may also be starting, or hang'
    return [{ check, level: 'warning', message, action }]
  }
  return [
    refusal === undefined
      ? { check, level: 'ok', message: `none runs, and port ${port} is free` }
      : refusalFinding(host, port, refusal),
  ]
}

function strangerFinding(port: number): Finding {
  const message = `port ${port} belongs to a Sotto with another data directory`
  return {
    check,
    level: 'problem',
    message,
    action: 'name its data directory (DATA_DIR or --data), or choose another port (PORT or --port)',
  }
}

function otherProgram(port: number): Finding {
  const message = `port ${port} is in use by another program`
  return { check, level: 'problem', message, action: 'stop that program, or choose another port (PORT or --port)' }
}

function refusalFinding(host: string, port: number, code: string): Finding {
  if (code === 'EADDRINUSE') return otherProgram(port)
  if (code === 'EACCES') {
    const message = `port ${port} needs privileges that this user has not`
    return { check, level: 'problem', message, action: 'choose one above 1023 (PORT or --port), with a proxy in front' }
  }
  const message = `HOST=${host} cannot be listened on (${code})`
  return {
    check,
    level: 'problem',
    message,
    action: 'name an address of this machine: 0.0.0.0 is all of them, 127.0.0.1 none but its own',
  }
}

function readyFinding(ready: Answer): Finding {
  if ('failure' in ready)
    return { check: 'ready', level: 'problem', message: `/ready gives no answer (${ready.failure})`, action: readLog }
  if (ready.status === 200) return { check: 'ready', level: 'ok', message: 'store and bus answer' }
  const { store, bus } = (ready.body ?? {}) as { store?: unknown; bus?: unknown }
  const message = `/ready answers ${ready.status}: store ${store ?? 'unknown'}, bus ${bus ?? 'unknown'}`
  return { check: 'ready', level: 'problem', message, action: readLog }
}

const readLog = 'look into the log of the server'

function isOurs(answer: Answer): boolean {
  if ('failure' in answer || answer.status !== 200) return false
  return (answer.body as { status?: unknown } | null | undefined)?.status === 'ok'
}

/** The address as this machine reaches it. */
export function addressOf(host: string, port: number): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${reached.includes(':') ? `[${reached}]` : reached}:${port}`
}
