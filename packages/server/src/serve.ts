import { systemClock } from './clock.ts'
import { ConfigError, type Environment, readConfig } from './config.ts'
import { createLog } from './observability/log.ts'
import { createServer, type RunningServer } from './server.ts'
import { StoreRefusal } from './store/refusal.ts'

/** How long a stop may take before the process ends all the same. */
const stopMsMax = 9_000

export interface ServeOptions {
  /** Takes the log, one JSON object a line; left out: the standard output. */
  readonly logLines?: { write(line: string): void }
}

/**
 * Runs a server in the foreground until SIGTERM or SIGINT: environment, configuration, server, signals. A wrong
 * setting or a store that refuses ends the process with one line that says so, and exit code 1.
 */
export async function serve(environment: () => Environment, { logLines }: ServeOptions = {}): Promise<RunningServer> {
  // Heeded from here on: a signal while the server starts must not end it halfway. Repeated ones change nothing: on a
  // terminal a Ctrl-C comes from there and from npm too.
  const asked = Promise.withResolvers<void>()
  const stop = () => {
    setTimeout(() => process.exit(1), stopMsMax).unref()
    asked.resolve()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  let server: RunningServer
  try {
    const config = readConfig(environment())
    const log = logLines && createLog({ level: config.logLevel, clock: systemClock, output: logLines })
    server = await createServer(config, log === undefined ? {} : { log })
  } catch (error) {
    process.stderr.write(`sotto: ${reasonOf(error)}\n`)
    // Whatever had been started already must not keep the process.
    process.exit(1)
  }
  asked.promise
    .then(() => server.close())
    .then(
      () => process.exit(0),
      (error) => {
        process.stderr.write(`sotto: ${reasonOf(error)}\n`)
        process.exit(1)
      },
    )
  return server
}

function reasonOf(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StoreRefusal) return error.message
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `PORT: ${port} is in use: stop the other program, or choose another port`
  if (code === 'EACCES') return `PORT: ${port} needs privileges: choose one above 1023`
  return message
}
