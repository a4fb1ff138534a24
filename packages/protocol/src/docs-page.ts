import { limitWords, placeOf } from './docs.ts'
import { docsPageStyle } from './docs-page-style.ts'
import { errorTable } from './error-table.ts'
import { closeCodes, errorCodes } from './errors.ts'
import { clientFrames, serverFrames } from './frames.ts'
import { type JsonSchema, jsonSchemaOf, mapSchema } from './json-schema.ts'
import { limitNames, limitTable } from './limits.ts'
import { clientFrameMeanings, closeMeanings, memberMeaning, serverFrameMeanings } from './meanings.ts'
import type { OpenApiDocument, OpenApiOperation, OpenApiReference } from './openapi.ts'
import { memberRows, typeWords } from './schema-words.ts'

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as HTML: nothing in it is markup. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}

/** Text with code between backticks. */
const inline = (text: string) => escapeHtml(text).replace(/`([^`]+)`/g, '<code>$1</code>')

const code = (text: string) => `<code>${escapeHtml(text)}</code>`

/** A table whose cells are HTML already. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const titles = head.map((title) => `<th scope="col">${escapeHtml(title)}</th>`).join('')
  const lines = rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n')
  return `<div class="wide"><table><thead><tr>${titles}</tr></thead><tbody>\n${lines}\n</tbody></table></div>`
}

function membersTable(schema: JsonSchema, place: string): string {
  const rows = memberRows(schema).map(({ path, name, type, required, description }) => [
    code(path),
    inline(type),
    required ? 'yes' : '',
    inline(description ?? memberMeaning(place, name) ?? ''),
  ])
  return table(['member', 'type', 'required', 'meaning'], rows)
}

/** Whatever stands at `#/a/b/c` of the document. */
function at(openapi: OpenApiDocument, reference: OpenApiReference): unknown {
  const names = reference.$ref.slice(2).split('/')
  return names.reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], openapi)
}

function resolved<part extends object>(openapi: OpenApiDocument, part: part | OpenApiReference): part {
  return '$ref' in part ? (at(openapi, part as OpenApiReference) as part) : part
}

/** The schema with what its references name in their places. */
function whole(openapi: OpenApiDocument, schema: JsonSchema): JsonSchema {
  return mapSchema(schema, (part) =>
    part.$ref === undefined ? part : whole(openapi, at(openapi, part as OpenApiReference) as JsonSchema),
  )
}

function parametersTable(openapi: OpenApiDocument, operation: OpenApiOperation): string {
  if (operation.parameters.length === 0) return ''
  const rows = operation.parameters.map((parameter) => {
    const { name, in: where, schema, required, description } = resolved(openapi, parameter)
    return [code(name), escapeHtml(where), inline(typeWords(schema)), required ? 'yes' : '', inline(description ?? '')]
  })
  return `<h4>Parameters</h4>${table(['name', 'in', 'type', 'required', 'meaning'], rows)}`
}

function content(title: string, media: string, schema: JsonSchema, place: string): string {
  const members =
    memberRows(schema).length === 0 ? `<p>${inline(typeWords(schema))}</p>` : membersTable(schema, placeOf(schema, place))
  return `<h4>${escapeHtml(title)}</h4><p>${code(media)}</p>${members}`
}

function responses(openapi: OpenApiDocument, operation: OpenApiOperation, place: string): string {
  const refusals: string[][] = []
  const answers: string[] = []
  for (const [status, reference] of Object.entries(operation.responses)) {
    const response = resolved(openapi, reference)
    for (const [media, { schema }] of Object.entries(response.content)) {
      const codes = schema.allOf?.at(1)?.properties?.code?.enum
      if (codes === undefined) answers.push(content(`Answer ${status}`, media, whole(openapi, schema), place))
      else for (const name of codes) refusals.push([escapeHtml(status), errorLink(String(name))])
    }
  }
  return `${answers.join('')}<h4>Errors</h4>${table(['status', 'code'], refusals)}`
}

const errorLink = (name: string) => `<a href="#error-${escapeHtml(name)}">${code(name)}</a>`

function operationSection(openapi: OpenApiDocument, method: string, path: string, operation: OpenApiOperation): string {
  const place = `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`
  const body = Object.entries(operation.requestBody?.content ?? {})
    .map(([media, { schema }]) => content('Body', media, whole(openapi, schema), place))
    .join('')
  const open = operation.security.length === 0 ? ' <span class="open">no token</span>' : ''
  return `<details id="${escapeHtml(operation.operationId)}">
<summary><b class="${escapeHtml(method)}">${escapeHtml(method.toUpperCase())}</b> ${code(path)} <span>${inline(operation.summary)}</span>${open}</summary>
<div>${parametersTable(openapi, operation)}${body}${responses(openapi, operation, place)}</div>
</details>`
}

function routesSection(openapi: OpenApiDocument): string {
  const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  )
  return openapi.tags
    .map(({ name }) => {
      const sections = operations
        .filter(({ operation }) => operation.tags.includes(name))
        .map(({ method, path, operation }) => operationSection(openapi, method, path, operation))
      return `<h3>${escapeHtml(name)}</h3>\n${sections.join('\n')}`
    })
    .join('\n')
}

function framesSection(sender: 'client' | 'server'): string {
  const frames = sender === 'client' ? clientFrames : serverFrames
  const meanings: Record<string, string> = sender === 'client' ? clientFrameMeanings : serverFrameMeanings
  return Object.entries(frames)
    .map(([type, schema]) => {
      const members = membersTable(jsonSchemaOf(schema, sender === 'client' ? 'input' : 'output'), `${sender} ${type}`)
      const summary = `<summary>${code(type)} <span>${inline(meanings[type] ?? '')}</span></summary>`
      return `<details id="${sender}-${escapeHtml(type)}">\n${summary}\n<div>${members}</div>\n</details>`
    })
    .join('\n')
}

function errorsSection(): string {
  const rows = errorCodes.map((name) => {
    const { status, meaning, action, ...rest } = errorTable[name]
    return [
      `<code id="error-${name}">${name}</code>`,
      String(status),
      'close' in rest ? String(rest.close) : '',
      inline(meaning),
      inline(action),
    ]
  })
  return table(['code', 'status', 'close', 'meaning', 'what to do'], rows)
}

function closeCodesSection(): string {
  const names = Object.keys(closeCodes) as (keyof typeof closeCodes)[]
  return table(
    ['code', 'meaning and what to do'],
    names.map((name) => [String(closeCodes[name]), inline(closeMeanings[name])]),
  )
}

function limitsSection(): string {
  return table(
    ['name', 'default', 'meaning'],
    limitNames.map((name) => [code(name), limitWords(name, limitTable[name][0]), inline(limitTable[name][1])]),
  )
}

/**
 * The interface as one HTML page: no script, no request to anywhere, its style in one element. To be sent as
 * `text/html; charset=utf-8` with a Content-Security-Policy as strict as
 * `default-src 'none'; style-src '${docsPageStyleHash}'`.
 */
export function docsPage(openapi: OpenApiDocument): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(openapi.info.title)} ${escapeHtml(openapi.info.version)}</title>
<style>${docsPageStyle}</style>
</head>
<body>
<header>
<h1>${escapeHtml(openapi.info.title)} <small>${escapeHtml(openapi.info.version)}</small></h1>
<p>${inline(openapi.info.description)}</p>
</header>
<nav aria-label="Contents"><a href="#http">HTTP</a> <a href="#client-frames">Frames of the client</a> <a href="#server-frames">Frames of the server</a> <a href="#close-codes">Close codes</a> <a href="#errors">Errors</a> <a href="#limits">Limits</a> <a href="openapi.json">openapi.json</a></nav>
<main>
<h2 id="http">HTTP</h2>
<p>Routes need <code>Authorization: Bearer</code> and a token, unless marked.</p>
${routesSection(openapi)}
<h2 id="client-frames">Frames of the client</h2>
<p>The socket is <code>/ws</code>: one JSON object in each text frame. With the subprotocol <code>sotto.v1</code> delivery is reliable.</p>
${framesSection('client')}
<h2 id="server-frames">Frames of the server</h2>
<p>Ignore members that you do not know. A frame of a type that you do not know is an entry if it has a <code>mailbox</code> and a <code>seq</code>: acknowledge it.</p>
${framesSection('server')}
<h2 id="close-codes">Close codes</h2>
${closeCodesSection()}
<h2 id="errors">Errors</h2>
<p>Over HTTP an <code>application/problem+json</code> body, over the socket an <code>error</code> frame; <code>internal</code> and <code>overloaded</code> mean that the outcome is unknown: send the same id again.</p>
${errorsSection()}
<h2 id="limits">Limits</h2>
<p>The defaults; the operator overrides each with <code>LIMIT_</code> and its name.</p>
${limitsSection()}
</main>
<footer>Licensed under ${escapeHtml(openapi.info.license.name)}</footer>
</body>
</html>
`
}
