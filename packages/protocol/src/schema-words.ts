import type { JsonSchema } from './json-schema.ts'

/** One member of an object as a table row. */
export interface MemberRow {
  /** With the way to it: `oneTimePreKeys[].keyId`. */
  readonly path: string
  /** The last part of the path. */
  readonly name: string
  readonly type: string
  readonly required: boolean
  /** What the schema itself says that it means. */
  readonly description?: string
}

function range(min: number | undefined, max: number | undefined, unit: string): string {
  const low = min === undefined || min <= 0 ? undefined : min
  if (max === undefined || max === Number.MAX_SAFE_INTEGER) {
    if (low === undefined) return ''
    return low === 1 && unit !== '' ? ', not empty' : `, at least ${low}${unit}`
  }
  if (low === undefined) return `, at most ${max}${unit}`
  return low === max ? `, ${max}${unit}` : `, ${low} to ${max}${unit}`
}

function stringWords({ pattern, minLength, maxLength }: JsonSchema): string {
  const [, characters, min, max] = pattern?.match(/^\^\[([^\]]+)\]\{(\d+),(\d+)\}\$$/) ?? []
  if (characters !== undefined) return `string, ${min} to ${max} of \`${characters}\``
  const like = pattern === undefined ? '' : ` like \`${pattern}\``
  return `string${like}${range(minLength, maxLength, ' characters')}`
}

/** The `type` that names a frame, if the schema is one. */
export function frameType(schema: JsonSchema): string | undefined {
  const type = schema.properties?.type
  return typeof type?.const === 'string' && schema.required?.includes('type') ? type.const : undefined
}

function objectWords(schema: JsonSchema): string {
  const frame = frameType(schema)
  if (frame !== undefined) return `\`${frame}\` frame`
  if (typeof schema.additionalProperties === 'object' && schema.properties === undefined) {
    return `object of ${typeWords(schema.additionalProperties)} by name`
  }
  const names = Object.keys(schema.properties ?? {}).map((name) => (schema.required?.includes(name) ? name : `${name}?`))
  return names.length === 0 ? 'object' : `\`{${names.join(', ')}}\``
}

/** What a value must be, in a few words; code stands between backticks. */
export function typeWords(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return `\`${schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1)}\``
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(' or ')
  if (schema.anyOf !== undefined) {
    const alternatives = [...new Set(schema.anyOf.map(typeWords))]
    return alternatives.join(alternatives.some((words) => words.includes(',')) ? ', or ' : ' or ')
  }
  switch (schema.type) {
    case 'string':
      return stringWords(schema)
    case 'integer':
      return `integer${range(schema.minimum, schema.maximum, '')}`
    case 'array':
      return `array of ${typeWords(schema.items ?? {})}${range(schema.minItems, schema.maxItems, '')}`
    case 'object':
      return objectWords(schema)
    case undefined:
      return 'anything'
    default:
      return schema.type
  }
}

/** The objects that a schema consists of: itself, its alternatives, its items. Frames stand for themselves. */
function parts(schema: JsonSchema, suffix: string): { schema: JsonSchema; suffix: string }[] {
  if (schema.anyOf !== undefined) return schema.anyOf.flatMap((part) => parts(part, suffix))
  if (schema.items !== undefined) return parts(schema.items, `${suffix}[]`)
  return schema.properties === undefined ? [] : [{ schema, suffix }]
}

function below(schema: JsonSchema, prefix: string): MemberRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = prefix + name
    const { description } = member
    const required = schema.required?.includes(name) ?? false
    const row = { path, name, type: typeWords(member), required, ...(description !== undefined && { description }) }
    const inner = parts(member, '').filter((part) => frameType(part.schema) === undefined)
    return [row, ...inner.flatMap((part) => below(part.schema, `${path}${part.suffix}.`))]
  })
}

/**
 * Every member of an object, those of inner objects below it. Members of alternatives are listed one after the other,
 * each path once, and are required only if every alternative requires them.
 */
export function memberRows(schema: JsonSchema): MemberRow[] {
  const alternatives = parts(schema, '').map((part) => below(part.schema, part.suffix === '' ? '' : `${part.suffix}.`))
  const rows = new Map<string, MemberRow>()
  for (const row of alternatives.flat()) {
    const required = alternatives.every((members) => members.some(({ path, required }) => path === row.path && required))
    if (!rows.has(row.path)) rows.set(row.path, { ...row, required: row.path.includes('.') ? row.required : required })
  }
  return [...rows.values()]
}
