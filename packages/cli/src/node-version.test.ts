import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeRefusal } from './node-version.ts'

test('Node.js 24 and newer will do', () => {
  for (const version of ['24.0.0', '24.21.0', '25.1.0', '100.0.0', process.versions.node]) {
    expect(nodeRefusal(version), version).toBeUndefined()
  }
})

test('older ones are refused in one line that says what to do', () => {
  for (const version of ['23.11.1', '20.20.2', '8.17.0', '2.4.0', '']) {
    expect(nodeRefusal(version), version).toMatch(/^this is Node\.js .*, and Sotto needs Node\.js 24 or newer: install it.*$/)
  }
})

test('the check is all that the program loads before it', () => {
  const imports = (file: string) => [
    ...readFileSync(new URL(file, import.meta.url), 'utf8').matchAll(/^(?:import|export)\b.*\bfrom '(.+)'/gm),
  ]
  expect(imports('./main.ts').map(([, from]) => from)).toEqual(['./node-version.ts'])
  expect(imports('./node-version.ts')).toEqual([])
})
