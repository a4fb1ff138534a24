import { ConfigError, type Environment, readConfig } from './config.ts'
import { createServer, type RunningServer } from './server.ts'
import { StoreRefusal } from './store/refusal.ts'

/** How long a stop may take before the process ends all the same. */
const stopMsMax = 9_000

/**
 * Runs a server in the foreground until SIGTERM or SIGINT: environment, configuration, server, signals. A wrong
 * setting or a store that refuses ends the process with one line that says so, and exit code 1.
 */
export async function serve(environment: () => Environment): Promise<RunningServer | undefined> {
  let server: RunningServer
  try {
    server = await createServer(readConfig(environment()))
  } catch (error) {
    process.stderr.write(`sotto: ${reasonOf(error)}\n`)
    process.exitCode = 1
    return undefined
  }
  let isStopping = false
  const stop = () => {
    if (isStopping) return
    isStopping = true
    setTimeout(() => process.exit(1), stopMsMax).unref()
    server.close().then(
      () => process.exit(0),
      (error) => {
        process.stderr.write(`sotto: ${reasonOf(error)}\n`)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return server
}

function reasonOf(error: unknown): string {
  if (error instanceof ConfigError || error instanceof StoreRefusal) return error.message
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') return `PORT: ${port} is in use: stop the other program, or choose another port`
  if (code === 'EACCES') return `PORT: ${port} needs privileges: choose one above 1023`
  return message
}
