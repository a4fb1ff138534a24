import { errorTable } from './error-table.ts'
import { closeCodes, type closeCodes as closeCodeTable, errorCodes } from './errors.ts'
import { clientFrames, serverFrames } from './frames.ts'
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts'
import { limitNames, limitTable, wire } from './limits.ts'
import { clientFrameMeanings, closeMeanings, memberMeaning, serverFrameMeanings } from './meanings.ts'
import { errorsOf } from './openapi.ts'
import { type RouteName, routeNames, routeOf } from './routes.ts'
import { frameType, memberRows } from './schema-words.ts'

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** A markdown table. Cells may hold inline markdown. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function errorsTable(): string {
  return markdownTable(
    ['code', 'status', 'close', 'meaning', 'what to do'],
    errorCodes.map((code) => {
      const { status, meaning, action, ...rest } = errorTable[code]
      return [`\`${code}\``, String(status), 'close' in rest ? String(rest.close) : '', meaning, action]
    }),
  )
}

/** 1,048,576 (1 MiB). */
export function limitWords(name: string, value: number): string {
  const grouped = value.toLocaleString('en-US')
  if (!name.endsWith('_BYTES')) return grouped
  if (value >= 2 ** 20 && value % 2 ** 20 === 0) return `${grouped} (${value / 2 ** 20} MiB)`
  return value % 1024 === 0 ? `${grouped} (${value / 1024} KiB)` : grouped
}

function limitsTable(): string {
  return markdownTable(
    ['name', 'default', 'meaning'],
    limitNames.map((name) => [`\`${name}\``, limitWords(name, limitTable[name][0]), limitTable[name][1]]),
  )
}

/** What the bounds of the wire itself bound. */
const wireMeanings: Record<keyof typeof wire, string> = {
  messageIdLength: 'characters of a message id',
  userIdLength: 'characters of a user id',
  deviceIdLength: 'characters of a device id',
  groupIdLength: 'characters of a group id',
  groupNameLength: "characters of a group's name",
  deviceNameLength: "characters of a device's name",
  contentTypeLength: 'characters of a content type',
  publicKeyLengthMin: 'characters of a key, at least',
  publicKeyLength: 'characters of a key, at most',
  keyIdLength: 'characters of a key id',
  preKeysPerRequest: 'one-time prekeys in one upload',
  keyPackagesPerRequest: 'key packages in one upload',
  keyPackageLength: 'base64 characters of one key package',
  goodbyeLength: 'base64 characters of the goodbye of who leaves an MLS group',
  claimsPerRequest: 'users in one claim of key packages',
  deviceListLength: 'characters of a signed device list',
  groupDevices: 'devices in one list of a request',
  acksPerRequest: 'acknowledgements in one request',
  messagesPerPage: 'entries in one answer',
  groupsPerPage: 'groups in one answer',
  longPollMs: 'milliseconds that a long poll may wait',
  ticketMs: 'milliseconds until a ticket expires',
  devTokenMs: 'milliseconds until a development token expires',
  pingMs: 'milliseconds between native pings of the server',
}

/** The bounds that cannot be configured. */
function boundsTable(): string {
  const names = Object.keys(wire) as (keyof typeof wire)[]
  return markdownTable(
    ['bound', 'meaning'],
    names.map((name) => [wire[name].toLocaleString('en-US'), wireMeanings[name]]),
  )
}

function closeCodesTable(): string {
  const names = (Object.keys(closeCodes) as (keyof typeof closeCodeTable)[]).sort((a, b) => closeCodes[a] - closeCodes[b])
  return markdownTable(
    ['code', 'meaning and what to do'],
    names.map((name) => [String(closeCodes[name]), closeMeanings[name]]),
  )
}

const codeList = (codes: readonly string[]) => codes.map((code) => `\`${code}\``).join(', ')

function routesTable(): string {
  return markdownTable(
    ['method', 'path', 'summary', 'token', 'errors'],
    routeNames.map((name) => {
      const { method, path, summary, auth, errors } = routeOf(name)
      return [method, `\`${path}\``, summary, auth === 'user' ? 'yes' : 'no', codeList(errors)]
    }),
  )
}

function membersTable(schema: JsonSchema, place: string): string {
  return markdownTable(
    ['member', 'type', 'required', 'meaning'],
    memberRows(schema).map(({ path, name, type, required }) => [
      `\`${path}\``,
      type,
      required ? 'yes' : '',
      memberMeaning(place, name) ?? '',
    ]),
  )
}

/** Where the meanings of an answer's members stand: an answer may be a frame of the server. */
export function placeOf(schema: JsonSchema, name: string): string {
  const type = frameType(schema)
  return type !== undefined && Object.hasOwn(serverFrames, type) ? `server ${type}` : name
}

function routeSection(name: RouteName): string {
  const route = routeOf(name)
  const { params, query, body, answer, status } = route
  const tables: [string, JsonSchema | undefined][] = [
    ['Path', params && jsonSchemaOf(params, 'input')],
    ['Query', query && jsonSchemaOf(query, 'input')],
    ['Body', body && jsonSchemaOf(body, 'input')],
    [`Answer ${status}`, answer && jsonSchemaOf(answer, 'output')],
  ]
  const parts = tables.flatMap(([title, schema]) => {
    if (schema === undefined) return []
    return memberRows(schema).length === 0 ? [] : [`${title}:`, membersTable(schema, placeOf(schema, name))]
  })
  const text = answer === undefined ? [`Answer ${status}: not JSON.`] : []
  return [`### ${name}`, `${route.summary}.`, ...parts, ...text, `Errors: ${codeList(errorsOf(route))}.`].join('\n\n')
}

/** Every route with its parameters, members and all errors. */
function routeSections(): string {
  return routeNames.map(routeSection).join('\n\n')
}

/** Every frame that a side sends, with its members. */
export function frameSections(sender: 'client' | 'server'): string {
  const frames = sender === 'client' ? clientFrames : serverFrames
  const meanings: Record<string, string> = sender === 'client' ? clientFrameMeanings : serverFrameMeanings
  return Object.entries(frames)
    .map(([type, schema]) => {
      const members = membersTable(jsonSchemaOf(schema, sender === 'client' ? 'input' : 'output'), `${sender} ${type}`)
      return [`### \`${type}\``, meanings[type], members].join('\n\n')
    })
    .join('\n\n')
}

/** The generated parts of the documents, by the name in their markers. */
export function generatedParts(): Record<string, string> {
  return {
    errors: errorsTable(),
    limits: limitsTable(),
    bounds: boundsTable(),
    'close-codes': closeCodesTable(),
    routes: routesTable(),
    'route-details': routeSections(),
    'client-frames': frameSections('client'),
    'server-frames': frameSections('server'),
  }
}

/**
 * The document with what stands between `<!-- generated: NAME -->` and `<!-- end -->` made anew; the rest stays.
 * Throws when a part is unknown, or a marker has no end.
 */
export function withGenerated(document: string, parts: Readonly<Record<string, string>>): string {
  const filled = document.replace(/<!-- generated: (\S+) -->\n[\s\S]*?<!-- end -->/g, (_, name: string) => {
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined
    if (part === undefined) throw new Error(`there is no generated part called ${name}`)
    return `<!-- generated: ${name} -->\n\n${part}\n\n<!-- end -->`
  })
  const begun = filled.split('<!-- generated: ').length
  if (begun !== filled.split('<!-- end -->').length) throw new Error('a generated part has no end')
  return filled
}
