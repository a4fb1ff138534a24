import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { addClientCommands, notEmpty } from './client-commands.ts'
import { doctorHelp, programHelp, serveHelp, tokenHelp } from './help.ts'
import { inWords, UsageError } from './refusal.ts'
import { printJson } from './terminal.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

/** Exit codes: all is well; it could not be done, or the doctor found a problem; the call itself was wrong. */
const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/**
 * Runs `sotto` with its arguments and gives the exit code. A server goes on running after that.
 * The work of each command is loaded when it is called for, so that help and mistakes are answered at once.
 */
export async function run(args: readonly string[]): Promise<number> {
  // `sotto doctor | head -1`: whoever has read enough is no reason for a stack trace.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  let exitCode: number = exitCodes.ok
  let json = false
  const program = new Command('sotto')
    .usage('COMMAND [options]')
    .description('Talks over a Sotto server, a relay for end-to-end encrypted messages that it cannot read, and runs one.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(mistake(text, args, program)) })
    .addHelpText('after', programHelp)

  withSettings(program.command('serve'))
    .summary('run the server in the foreground')
    .description('Runs the server in the foreground, until SIGTERM or Ctrl-C.')
    .option('--json', 'log JSON lines on a terminal too')
    .addHelpText('after', serveHelp)
    .action(async (options) => {
      const { serveCommand } = await import('./commands/serve.ts')
      if (!(await serveCommand(options))) exitCode = exitCodes.failed
    })

  program
    .command('token')
    .summary('make a token for a user')
    .usage('USER [options]')
    .description("Makes a token that lets a program act as USER, signed with the server's own secret, and prints it.")
    .argument('<USER>', 'the user id that the token names')
    .option('--device <ID>', 'let it act as this device only', notEmpty)
    .option('--ttl <TIME>', 'how long it is valid: 90s, 15m, 24h, 7d', notEmpty, '24h')
    .option('--name <NAME>', 'a display name, for applications', notEmpty)
    .option('--data <DIR>', 'the data directory of the server (DATA_DIR)', notEmpty)
    .option('--json', 'print one JSON object: token, userId, expiresAt')
    .addHelpText('after', tokenHelp)
    .action(async (user, options) => {
      json = options.json === true
      const { tokenCommand } = await import('./commands/token.ts')
      await tokenCommand(user, options)
    })

  withSettings(program.command('doctor'))
    .summary('check what a server here needs, and say what to do')
    .description('Checks everything that a server here needs, and says what to do about each finding. Changes nothing.')
    .option('--quick', 'leave out the integrity check, which reads the whole database')
    .option('--json', 'print one JSON object: ok, problems, warnings, findings')
    .addHelpText('after', doctorHelp)
    .action(async (options) => {
      json = options.json === true
      const { doctorCommand } = await import('./commands/doctor.ts')
      if (!(await doctorCommand(options))) exitCode = exitCodes.failed
    })

  addClientCommands(program, (asJson) => {
    json = asJson
  })

  try {
    await program.parseAsync(asked(program, args), { from: 'user' })
    return exitCode
  } catch (error) {
    // Commander has said what is wrong, or printed the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    if (error instanceof UsageError) {
      process.stderr.write(mistake(error.message, args, program))
      return exitCodes.usage
    }
    if (json) printJson({ error: inWords(error) })
    else process.stderr.write(`sotto: ${inWords(error)}\n`)
    return exitCodes.failed
  }
}

/** The settings that options may override. */
function withSettings(command: Command): Command {
  return command
    .usage('[options]')
    .option('--port <NUMBER>', 'the port to listen on; 0: a free one (PORT, 8080)', notEmpty)
    .option('--host <ADDRESS>', 'the address to listen on (HOST, 0.0.0.0)', notEmpty)
    .option('--data <DIR>', 'where everything is kept (DATA_DIR, ./data)', notEmpty)
}

/** What commander is to parse: `help COMMAND` is `COMMAND --help`, and help for what does not exist is a mistake. */
function asked(program: Command, args: readonly string[]): readonly string[] {
  const [first, second] = args
  const rest = first === 'help' ? [...(second === undefined ? [] : [second]), '--help'] : args
  const name = rest.find((arg) => !arg.startsWith('-'))
  const isKnown = name === undefined || program.commands.some((command) => command.name() === name)
  return isKnown ? rest : [name]
}

/** A mistake in one line: commander's words or ours, the suggestion in them, and which help says more. */
function mistake(text: string, args: readonly string[], program: Command): string {
  const line = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.+)\?\)$/, '; did you mean $1?')
    .replace(/\s*\n\s*/g, ' ')
  const command = program.commands.find((one) => one.name() === args[0])
  return `sotto: ${line} (see sotto ${command === undefined ? '' : `${command.name()} `}--help)\n`
}
