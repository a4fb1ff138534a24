import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { docsPage, escapeHtml } from './docs-page.ts'
import { docsPageStyle, docsPageStyleHash } from './docs-page-style.ts'
import { errorCodes } from './errors.ts'
import { clientFrames, serverFrames } from './frames.ts'
import { limitNames } from './limits.ts'
import { type OpenApiDocument, openApiDocument } from './openapi.ts'
import { routeNames, routeOf } from './routes.ts'

const openapi = openApiDocument('1.2.3')
const page = docsPage(openapi)

const empty = new Set(['meta', '!doctype'])

/** Tags that are opened and not closed, or closed and not open. */
function unbalanced(html: string): string[] {
  const wrong: string[] = []
  const opened: string[] = []
  for (const [, slash, name = ''] of html.replace(/<style>[\s\S]*?<\/style>/, '').matchAll(/<(\/?)([a-z0-9!]+)[^>]*>/g)) {
    if (empty.has(name)) continue
    if (slash === '') opened.push(name)
    else if (opened.pop() !== name) wrong.push(name)
  }
  return [...wrong, ...opened]
}

describe('the page', () => {
  test('lists every route, frame, error and limit', () => {
    for (const name of routeNames) {
      const { method, path } = routeOf(name)
      const shown = path.replace(/:(\w+)/g, '{$1}')
      expect(page).toContain(`<b class="${method.toLowerCase()}">${method}</b> <code>${shown}</code>`)
    }
    for (const code of errorCodes) expect(page).toContain(`<code id="error-${code}">`)
    for (const name of limitNames) expect(page).toContain(`<code>${name}</code>`)
    for (const type of Object.keys(clientFrames)) expect(page).toContain(`id="client-${type}"`)
    for (const type of Object.keys(serverFrames)) expect(page).toContain(`id="server-${type}"`)
  })

  test('shows parameters, body, answer and errors of a route', () => {
    const section = page.match(/<details id="postKeysPrekeys">[\s\S]*?<\/details>/)?.[0] ?? ''
    for (const text of ['X-Device-Id', 'oneTimePreKeys[].keyId', 'Answer 200', '<code>count</code>', '#error-key_conflict']) {
      expect(section).toContain(text)
    }
  })

  test('is balanced markup, and its inner links lead somewhere', () => {
    expect(unbalanced(page)).toEqual([])
    expect(unbalanced('<p><b></p>')).not.toEqual([])
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const links = [...page.matchAll(/ href="([^"]+)"/g)].map(([, href]) => href)
    expect(links.length).toBeGreaterThan(100)
    for (const href of links) expect(href === 'openapi.json' || ids.includes(href?.slice(1))).toBe(true)
  })
})

describe('a strict policy', () => {
  test('can admit exactly the style of the page', () => {
    const styles = [...page.matchAll(/<style>([\s\S]*?)<\/style>/g)].map(([, style]) => style)
    expect(styles).toEqual([docsPageStyle])
    const hash = `sha256-${createHash('sha256').update(docsPageStyle).digest('base64')}`
    expect(docsPageStyleHash, 'the style has changed: put its new hash into docs-page-style.ts').toBe(hash)
  })

  test('is kept: no script, no attribute with style or code, no request to anywhere', () => {
    expect(page).not.toMatch(/<(script|link|img|iframe|object|embed|form|base|svg|video|audio)\b/i)
    expect(page).not.toMatch(/<[^>]*\s(style|on\w+|src|srcset|action|background)\s*=/i)
    expect(page).not.toMatch(/https?:|javascript:|url\(|@import/i)
  })
})

describe('text', () => {
  test('is escaped, whatever it holds', () => {
    expect(escapeHtml(`<a href="x">&'`)).toBe('&lt;a href=&quot;x&quot;&gt;&amp;&#39;')
  })

  test('of the document cannot become markup, wherever it stands', () => {
    const bad = '<script>alert(1)</script>"\' onload=x `</code><script>`'
    /** The document with every text in it, member names included, made hostile. */
    const hostile = JSON.parse(JSON.stringify(openapi), (name, value: unknown) =>
      typeof value === 'string' && !['$ref', 'type', 'in'].includes(name) ? bad + value : value,
    ) as OpenApiDocument
    const named = {
      ...hostile,
      paths: Object.fromEntries(Object.entries(hostile.paths).map(([path, part]) => [bad + path, part])),
    }
    const html = docsPage(named)
    const unquoted = html.replace(/"[^"<>]*"/g, '""')
    expect(/<script/i.test(html)).toBe(false)
    expect(/<[a-z][^<>]*onload/i.test(unquoted)).toBe(false)
    expect(unbalanced(html)).toEqual([])
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })
})
