import { type Import, importsOf } from './imports.ts'
import { type Finding, isTest, type Source } from './source.ts'

/** Who may import whom: pure functions over sources, so that each can be shown to fail. */

const server = 'packages/server/src/'
const operations = ['groups', 'keys', 'devices', 'accounts', 'messages', 'attachments', 'push', 'auth']
const adapters = ['store', 'bus', 'blobs']

/** What operations may know of the rest of the server: its contracts, by type. */
const contracts = ['store/store.ts', 'store/group-contract.ts', 'bus/bus.ts', 'blobs/blobs.ts', 'clock.ts', 'caller.ts'].map(
  (file) => server + file,
)

/** Modules that have one owner: the rest of the server knows them by the owner's words alone. */
const owners: Readonly<Record<string, string>> = {
  ws: 'gateway',
  fastify: 'gateway',
  jose: 'auth',
  pino: 'observability',
  'prom-client': 'observability',
  'node:sqlite': 'store/sqlite',
  pg: 'store/postgres',
  '@nats-io/transport-node': 'bus',
}

type Rule = (one: Import) => string | undefined

function check(sources: readonly Source[], applies: (file: string) => boolean, rule: Rule): Finding[] {
  return sources
    .filter(({ path }) => /\.[mc]?[jt]sx?$/.test(path) && applies(path) && !isTest(path))
    .flatMap(importsOf)
    .flatMap((one) => {
      const problem = rule(one)
      return problem === undefined ? [] : [{ path: one.from, problem: `imports ${one.to}: ${problem}` }]
    })
}

const inFolders = (folders: readonly string[]) => (file: string) =>
  folders.some((folder) => file.startsWith(`${server}${folder}/`))
const folderOf = (file: string) => file.slice(server.length).split('/')[0] ?? ''

/** The protocol imports nothing of ours and does no I/O. */
function protocolImports(sources: readonly Source[]): Finding[] {
  const home = 'packages/protocol/src/'
  return check(
    sources,
    (file) => file.startsWith(home),
    ({ to, relative }) => {
      if (to.startsWith('@sotto/')) return 'the protocol imports nothing of ours'
      if (to.startsWith('node:')) return 'the protocol does no I/O and runs in browsers too'
      return relative && !to.startsWith(home) ? 'it lies outside of the protocol' : undefined
    },
  )
}

/** Operations import the protocol, what stands in their own folder, and contracts by type. */
function operationImports(sources: readonly Source[]): Finding[] {
  return check(sources, inFolders(operations), ({ from, to, relative, typeOnly }) => {
    if (to.startsWith('@sotto/'))
      return to === '@sotto/protocol' || to.startsWith('@sotto/protocol/')
        ? undefined
        : 'of our packages operations know the protocol alone'
    if (!relative || to.startsWith(`${server}${folderOf(from)}/`)) return undefined
    if (!contracts.includes(to)) return 'operations know only their own folder and contracts'
    return typeOnly ? undefined : 'a contract is imported by `import type`'
  })
}

/** Adapters import their own folder (the contract is in it), the clock and the protocol. */
function adapterImports(sources: readonly Source[]): Finding[] {
  return check(sources, inFolders(adapters), ({ from, to, relative }) => {
    if (to.startsWith('@sotto/'))
      return to === '@sotto/protocol' || to.startsWith('@sotto/protocol/')
        ? undefined
        : 'of our packages adapters know the protocol alone'
    const own = [`${server}${folderOf(from)}/`, `${server}clock.ts`]
    return !relative || own.some((path) => to.startsWith(path))
      ? undefined
      : 'adapters know their contract, the clock and the protocol'
  })
}

/** A contract does not know its adapters. */
function contractImports(sources: readonly Source[]): Finding[] {
  return check(
    sources,
    (file) => contracts.includes(file),
    ({ to, relative }) => (relative && !contracts.includes(to) ? 'a contract knows contracts alone' : undefined),
  )
}

/** Third-party modules with an owner are imported by it alone. */
function ownedImports(sources: readonly Source[]): Finding[] {
  return check(
    sources,
    (file) => file.startsWith(server),
    ({ from, to }) => {
      const owner = Object.hasOwn(owners, to) ? owners[to] : undefined
      return owner === undefined || from.startsWith(`${server}${owner}/`) ? undefined : `${owner}/ owns it`
    },
  )
}

/** Server and client never import each other. */
function sidesApart(sources: readonly Source[]): Finding[] {
  const sides = ['server', 'client']
  return sides.flatMap((side) => {
    const other = sides.find((name) => name !== side)
    return check(
      sources,
      (file) => file.startsWith(`packages/${side}/`),
      ({ to }) =>
        to.startsWith(`packages/${other}/`) || to === `@sotto/${other}` || to.startsWith(`@sotto/${other}/`)
          ? `${side} and ${other} never import each other`
          : undefined,
    )
  })
}

export const importRules = { protocolImports, operationImports, adapterImports, contractImports, ownedImports, sidesApart }
