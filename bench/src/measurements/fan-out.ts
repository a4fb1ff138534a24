import type { Arena, Contestant } from '../arena.ts'
import type { FanOutJob, Measured } from '../load/job.ts'
import { runLoad } from '../load/start.ts'
import { cpu, latency, rate } from '../report/format.ts'
import type { Outcome } from '../report/row.ts'
import { goals } from '../settings.ts'
import { summarise } from '../summary.ts'
import { signToken, userName } from '../token.ts'

const userPrefix = 'member'

/** (b) One group whose members are all online, beside a bare loop of writes. */
export async function measureFanOut(arena: Arena): Promise<Outcome> {
  const { settings, note } = arena
  const { members, senders, depth, ack } = settings.fanOut
  const loop = await arena.startReference('loop')
  const gatheredLoop = await arena.startReference('loop', ['--gathered'])
  const subject = await arena.startSubject()
  const groupId = await createGroup(subject, members)
  const run = ({ target }: Contestant, to: string, policy: FanOutJob['ack']) =>
    runLoad({ kind: 'fanOut', target, groupId: to, userPrefix, members, senders, depth, ack: policy, ...settings.span })
  const ours: Measured[] = []
  const looped: Measured[] = []
  const gathered: Measured[] = []
  for (let round = 1; round <= settings.rounds; round++) {
    note(`(b) group of ${members}, round ${round} of ${settings.rounds}`)
    ours.push(await run(subject, groupId, ack))
    looped.push(await run(loop, 'loop', null))
    gathered.push(await run(gatheredLoop, 'loop', null))
  }
  await Promise.all([subject.stop(), loop.stop(), gatheredLoop.stop()])
  const us = summarise(ours)
  const bare = summarise(looped)
  const ceiling = summarise(gathered)
  const ratio = us.perSecond / bare.perSecond
  const row = {
    label: `(b) group of ${members}, deliveries`,
    subject: rate(us),
    reference: rate(bare),
    ratio,
    goal: `ratio >= ${goals.fanOutRatio}`,
    met: ratio >= goals.fanOutRatio,
    latency: `${latency(us)}; ${latency(bare)}`,
    cpu: `${cpu(us)}; ${cpu(bare)}`,
    otherCores: (us.otherCores + bare.otherCores) / 2,
  }
  const beside = {
    label: '    beside a loop that gathers writes',
    subject: rate(us),
    reference: rate(ceiling),
    ratio: us.perSecond / ceiling.perSecond,
    latency: `${latency(us)}; ${latency(ceiling)}`,
    cpu: `${cpu(us)}; ${cpu(ceiling)}`,
    otherCores: (us.otherCores + ceiling.otherCores) / 2,
  }
  return { rows: [row, beside], numbers: { ratio, subject: us, reference: bare, gatheredReference: ceiling } }
}

/** Creates the group with half of its members and adds the others. */
async function createGroup({ target }: Contestant, members: number): Promise<string> {
  const users = Array.from({ length: members }, (_, index) => userName(userPrefix, index))
  const half = Math.ceil(members / 2)
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${target.port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${signToken(users[0]!, target.secret)}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { groupId: string }
  }
  const { groupId } = await post('/groups', { name: 'bench', members: users.slice(1, half) })
  await post(`/groups/${groupId}/members`, { members: users.slice(half) })
  return groupId
}
