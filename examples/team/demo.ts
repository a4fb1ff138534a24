import { type ServerProcess, withServer } from '../stage/server-process.ts'
import { transcript } from '../stage/transcript.ts'
import { Cast, until } from './cast.ts'
import { type Device, Refused } from './device.ts'
import { finale } from './finale.ts'
import type { Plan } from './ledger.ts'

/**
 * Alice with a phone and a laptop, Bob, Carol and Dave over the SDK, each device a process with its own database; the
 * server and two of the devices are killed half-way. Exit code 0 when every count is as expected, 1 when not.
 */

const runMsMax = 240_000
const notes = 12
const killAfter = 5

/** What the acts below send; the counts at the end have to be exactly these. */
const plan: Plan = {
  // First contact 3 + 2, linking 2, group 3, the burst: three devices, and 3 that wait on the laptop; Carol 1, the end 3.
  sent: 5 + 2 + 3 + 3 * notes + 3 + 1 + 3,
  // Until the laptop is there one reader; then two; in the group of five devices four, without Dave three.
  due: 5 + 2 * 2 + 3 * 4 + 3 * notes * 4 + 3 * 4 + 4 + 3 * 3,
}

interface Devices {
  /** Alice's phone. */
  readonly alice: Device
  readonly laptop: Device
  readonly bob: Device
  readonly carol: Device
  readonly dave: Device
}

/** What has to go away with the server. */
const clearings: (() => Promise<void>)[] = []

async function play(server: ServerProcess): Promise<0 | 1> {
  transcript.heading('A server, and four people with a phone each')
  await server.start()
  showServer(server)
  const cast = new Cast(server)
  clearings.push(() => cast.clear())
  transcript.line('', `Each device is a process of its own, data in ${cast.directory}`)
  try {
    const devices: Devices = {
      alice: cast.device('alice', 'alice'),
      laptop: cast.device('alice', 'laptop'),
      bob: cast.device('bob', 'bob'),
      carol: cast.device('carol', 'carol'),
      dave: cast.device('dave', 'dave'),
    }
    for (const device of [devices.alice, devices.bob, devices.carol, devices.dave]) {
      await device.start()
      transcript.line(device.name, `pid ${device.pid} has made an identity, and left key packages at the server`)
    }
    const direct = await firstContact(cast, devices)
    await linkLaptop(cast, devices, direct)
    const team = await groupOfFour(cast, devices)
    await killInFlight(cast, devices, team)
    await removal(cast, devices, team)
    const search = cast.search(['alice', 'bob', 'carol', 'dave', team])
    return finale(await cast.ledger(), search, plan)
  } finally {
    await cast.clear()
  }
}

async function firstContact(cast: Cast, { alice, bob }: Devices): Promise<string> {
  transcript.heading('Alice writes to Bob, whose phone is off: his keys wait at the server, her messages too')
  await bob.close()
  transcript.line('bob', 'is offline')
  const direct = await alice.ask('direct', 'bob')
  for (const text of ['Bob, are you there?', 'The results have come.', 'Call me before noon.'])
    await cast.says(alice, direct, text, [bob])

  transcript.heading('Bob comes online; his battery dies while he reads the last one')
  await bob.start({ diesReading: 'Call me before noon.' })
  await cast.isDying(bob)
  const { pid } = bob
  await bob.kill()
  transcript.blow('bob', `SIGKILL to pid ${pid}: it was not handled`)

  transcript.heading('His application gets it once more; his history has it once')
  await bob.start()
  await cast.settled()
  await cast.says(bob, direct, 'I have read them all.', [alice])
  await cast.says(alice, direct, 'Tell nobody yet.', [bob])
  await cast.settled()
  const [hers, his] = [await alice.ask('safetyDigits', 'bob'), await bob.ask('safetyDigits', 'alice')]
  await alice.ask('verify', 'bob', his)
  await bob.ask('verify', 'alice', hers)
  transcript.line('', `Both compare ${hers.slice(0, 29)}…: the server has put nobody between them`)
  return direct
}

async function linkLaptop(cast: Cast, { alice, laptop, bob }: Devices, direct: string): Promise<void> {
  transcript.heading('Alice links a laptop: it shows a code, her phone confirms it')
  const code = Promise.withResolvers<string>()
  const open = laptop.start({ onCode: code.resolve })
  const shown = await Promise.race([code.promise, open.then(() => '')])
  transcript.line('laptop', `shows ${shown.slice(0, 16)}…`)
  await alice.ask('link', shown)
  await open
  transcript.line('alice', 'has confirmed it: her identity key went over sealed, the server saw nothing of it')
  await until('the laptop to be let in', async () => (await laptop.ask('standing', direct))?.state === 'active')
  await everybodyAgrees([alice, laptop, bob], direct)
  transcript.line('laptop', 'is in the conversation with bob, from now on')
  await cast.says(laptop, direct, 'Now from the big keyboard.', [alice, bob])
  await cast.says(bob, direct, 'Both of you hear me.', [alice, laptop])
  await cast.settled()
}

async function groupOfFour(cast: Cast, { alice, laptop, bob, carol, dave }: Devices): Promise<string> {
  transcript.heading('A group; then two members change it at the same moment')
  const team = await alice.ask('group', 'Team', ['bob'])
  await alice.ask('makeAdmin', team, 'bob')
  await until('the laptop to be in the group', async () => (await laptop.ask('standing', team))?.state === 'active')
  const before = await everybodyAgrees([alice, laptop, bob], team)
  transcript.line('alice', `has created it with bob, and made him admin: everybody stands at epoch ${before.epoch}`)
  await Promise.all([alice.ask('add', team, ['carol']), bob.ask('add', team, ['dave'])])
  transcript.line(
    '',
    'alice adds carol, and bob adds dave, to the same epoch: the server takes one commit, the loser builds anew on it',
  )
  const after = await everybodyAgrees([alice, laptop, bob, carol, dave], team)
  transcript.line('', `Five devices agree: epoch ${after.epoch}, ${after.members.join(', ')}`)
  if (after.members.join() !== 'alice,bob,carol,dave' || (after.epoch ?? 0) < (before.epoch ?? 0) + 2)
    throw new Error(`not what both wanted: ${JSON.stringify([before, after])}`)

  transcript.heading('One ciphertext for all: the server stores it once, and cannot read it')
  for (const [device, text] of [
    [alice, 'Welcome, you two.'],
    [carol, 'Who else is here?'],
    [dave, 'Only the four of us.'],
  ] as const)
    await cast.says(device, team, text, except([alice, laptop, bob, carol, dave], device))
  await cast.settled()
  return team
}

async function killInFlight(cast: Cast, { alice, laptop, bob, carol, dave }: Devices, team: string): Promise<void> {
  transcript.heading('Carol goes offline, the others write on, and the server is killed in the middle of it')
  const { server } = cast
  await carol.close()
  transcript.line('carol', 'is offline')
  const all = [alice, laptop, bob, carol, dave]
  await cast.quietly(async () => {
    const writing: Promise<void>[] = []
    let kill: Promise<void> | undefined
    for (let n = 1; n <= notes; n++) {
      for (const device of [alice, laptop, bob])
        writing.push(cast.says(device, team, `note ${n} of ${device.name}`, except(all, device)))
      // Each is on its sender's disk; some have reached the server, and some are on their way.
      await Promise.all(writing)
      if (n === killAfter) {
        transcript.blow('server', `SIGKILL to pid ${server.pid}`)
        kill = server.kill()
      }
    }
    await kill
    if (cast.waiting === 0) throw new Error('nothing was on its way')
    transcript.line(
      '',
      `Alice, her laptop and Bob have written ${3 * notes} notes; ${cast.waiting} of them wait on their devices`,
    )
    for (const text of ['And one more.', 'Is anybody there?', 'It will go out later.'])
      await cast.says(laptop, team, text, except(all, laptop))
    const { pid } = laptop
    await laptop.kill()
    transcript.blow('laptop', `SIGKILL to pid ${pid}, with three more messages in its outbox`)
    await laptop.start()
    transcript.line('laptop', 'is started again, while there is no server')
    await server.start()
    showServer(server)
    await carol.start()
    transcript.line('carol', 'comes back')
    await cast.settled()
  })
  for (const device of all) transcript.line(device.name, `has ${cast.shownBy(device)} messages now`)
  await cast.says(carol, team, 'Nothing is missing here.', except(all, carol))
  await cast.settled()
}

async function removal(cast: Cast, { alice, laptop, bob, carol, dave }: Devices, team: string): Promise<void> {
  transcript.heading('Alice removes Dave: from that commit on he has no key')
  await alice.ask('remove', team, 'dave')
  await everybodyAgrees([alice, laptop, bob, carol], team)
  await until('dave to learn it', async () => (await dave.ask('standing', team))?.state === 'left')
  const before = cast.shownBy(dave)
  const staying = [alice, laptop, bob, carol]
  for (const [device, text] of [
    [alice, 'Now we are among ourselves.'],
    [bob, 'The code is 4711.'],
    [carol, 'Understood.'],
  ] as const)
    await cast.says(device, team, text, except(staying, device))
  await cast.settled()
  const history = await dave.ask('history')
  transcript.line('dave', `has ${history.length} messages as before; the last that he reads is “${history.at(-1)?.text}”`)
  if (cast.shownBy(dave) !== before) throw new Error('dave reads on')
  const refusal = await dave.ask('send', team, 'Let me in!').catch((error: unknown) => error)
  if (!(refusal instanceof Refused) || refusal.code !== 'not_a_member') throw new Error(`dave may still write: ${refusal}`)
  transcript.line('dave', 'can write there no more: not_a_member')
}

/** Until these devices stand at the same epoch with the same members. */
async function everybodyAgrees(devices: readonly Device[], conversationId: string) {
  let standings = await standingsOf(devices, conversationId)
  await until(`${devices.map(({ name }) => name).join(', ')} to agree`, async () => {
    standings = await standingsOf(devices, conversationId)
    const [first, ...others] = standings.map((standing) => JSON.stringify(standing))
    const isComplete = standings[0]?.members.every((userId) => devices.some((device) => device.userId === userId)) === true
    return standings[0]?.state === 'active' && isComplete && others.every((other) => other === first)
  })
  const [standing] = standings
  if (standing === undefined) throw new Error('nobody was asked')
  return standing
}

function standingsOf(devices: readonly Device[], conversationId: string) {
  return Promise.all(devices.map((device) => device.ask('standing', conversationId)))
}

function except(devices: readonly Device[], author: Device): Device[] {
  return devices.filter((device) => device !== author)
}

function showServer({ pid, address, dataDir }: ServerProcess): void {
  transcript.line('server', `pid ${pid} listens on ${address}, data in ${dataDir}`)
}

process.exitCode = await withServer(play, { runMsMax, clearings })
