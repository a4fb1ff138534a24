import { expect, test } from 'vitest'
import { plainLine } from './plain-log.ts'
import type { Paint } from './terminal.ts'

const plain: Paint = (_, text) => text
const marked: Paint = (colour, text) => `<${colour}>${text}</>`

const time = '2026-01-02T03:04:05.678Z'
const local = new Date(time).toTimeString().slice(0, 8)

test('says when, what, and with which members', () => {
  const line = JSON.stringify({
    level: 'info',
    time,
    port: 8080,
    url: 'http://localhost:8080',
    err: { code: 'X' },
    msg: 'listening',
  })
  expect(plainLine(`${line}\n`, plain)).toBe(`${local} listening port=8080 url=http://localhost:8080 err={"code":"X"}\n`)
})

test('names the level where something is wrong', () => {
  const line = (level: string) => plainLine(JSON.stringify({ level, time, msg: 'sweep failed' }), marked)
  expect(line('error')).toBe(`<dim>${local}</> <red>error</> sweep failed\n`)
  expect(line('warn')).toContain('<yellow>warn</>')
  expect(line('info')).toBe(`<dim>${local}</> sweep failed\n`)
  expect(line('constructor')).toBe(`<dim>${local}</> sweep failed\n`)
})

test('leaves what is no line of the log as it is', () => {
  for (const line of ['out of memory\n', '[1]\n', 'null\n', '7\n']) expect(plainLine(line, plain)).toBe(line)
  expect(plainLine('{"time":"noon"}', plain)).toBe('noon \n')
})
