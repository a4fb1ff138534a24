import { type Command, InvalidArgumentError } from 'commander'
import { chatHelp, devicesHelp, listenHelp, sendHelp, verifyHelp } from './help.ts'

/** The commands that act as a user. Their work is loaded when it is called for. `asJson`: errors are to be one JSON object. */
export function addClientCommands(program: Command, asJson: (json: boolean) => void): void {
  withUser(program.command('chat'))
    .summary('talk to somebody, or in a group')
    .usage('[USER | --group NAME USER...] [options]')
    .description('Talks, end-to-end encrypted: lines that you type are sent, messages appear as they come.')
    .argument('[USER...]', 'who to talk to; left out: choose')
    .option('--group <NAME>', 'begin a group with these users', notEmpty)
    .option('--link', newDeviceCode)
    .addHelpText('after', chatHelp)
    .action(async (users, options) => {
      const { chatCommand } = await import('./commands/chat.ts')
      await chatCommand(users, options)
    })

  withUser(program.command('send'))
    .summary('send one message')
    .usage('USER TEXT | --group ID TEXT [options]')
    .description('Sends one message, and prints its id once the server has it on disk.')
    .argument('[USER]', 'who it is for')
    .argument('[TEXT...]', 'what it says; -: the standard input')
    .option('--group <ID>', 'to this group instead: its id, or its name', notEmpty)
    .option('--timeout <TIME>', 'how long to wait for the server: 30s, 5m', notEmpty, '60s')
    .option('--link', newDeviceCode)
    .option('--json', 'print one JSON object: id, conversationId')
    .addHelpText('after', sendHelp)
    .action(async (user: string | undefined, words: readonly string[], options) => {
      asJson(options.json === true)
      const { sendCommand } = await import('./commands/send.ts')
      await sendCommand([...(user === undefined ? [] : [user]), ...words], options)
    })

  withUser(program.command('listen'))
    .summary('print messages as they come, for a bot')
    .usage('[options]')
    .description('Prints messages as they come, until SIGTERM, Ctrl-C, or nobody reads any more.')
    .option('--json', 'one JSON object a line')
    .option('--all', 'with --json: also receipts, changes, errors')
    .option('--stdin', 'with --json: send what the lines of the standard input say')
    .option('--link', newDeviceCode)
    .addHelpText('after', listenHelp)
    .action(async (options) => {
      const { listenCommand } = await import('./commands/listen.ts')
      await listenCommand(options)
    })

  withUser(program.command('devices'))
    .summary('list, link and revoke your devices')
    .usage('[options]')
    .description('Lists your devices, lets a new one in, or takes a lost one out.')
    .option('--link [CODE]', 'let in the device that shows CODE; without: show the code of this new one', notEmpty)
    .option('--revoke <ID>', 'take a device out for good', notEmpty)
    .option('--json', 'print one JSON object')
    .addHelpText('after', devicesHelp)
    .action(async (options) => {
      asJson(options.json === true)
      const { devicesCommand } = await import('./commands/devices.ts')
      await devicesCommand(options)
    })

  withUser(program.command('verify'))
    .summary('see that nobody is in between')
    .usage('USER [NUMBER] [options]')
    .description("Shows the safety number of you and USER, or compares it with what USER's screen shows.")
    .argument('<USER>', 'whom to verify')
    .argument('[NUMBER...]', 'the 60 digits, or what the QR code says')
    .option('--link', newDeviceCode)
    .option('--json', 'print one JSON object: userId, digits, qrPayload, verified')
    .addHelpText('after', verifyHelp)
    .action(async (user: string, number: readonly string[], options) => {
      asJson(options.json === true)
      const { verifyCommand } = await import('./commands/verify.ts')
      await verifyCommand(user, number, options)
    })
}

const newDeviceCode = 'this is a further device: show a code for one that is linked'

/** Who one is, where the server is, where this device is kept. */
function withUser(command: Command): Command {
  return command
    .option('--as <USER>', 'who you are (SOTTO_USER)', notEmpty)
    .option('--url <URL>', 'the server (SOTTO_URL, http://127.0.0.1:8080)', notEmpty)
    .option('--token <TOKEN>', 'a token of your login (better: SOTTO_TOKEN)', notEmpty)
    .option('--token-command <COMMAND>', 'prints a token, each time one is needed', notEmpty)
    .option('--data <DIR>', 'where this device is kept', notEmpty)
    .option('--passphrase-file <FILE>', 'its first line seals what is kept', notEmpty)
    .option('--name <NAME>', 'how this device is called, the first time', notEmpty)
    .option('--reset', 'all your devices are lost: begin a new identity')
}

/** `--data "$DIR"` without DIR must not mean the default. */
export function notEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.')
  return value
}
