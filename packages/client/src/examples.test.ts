import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { moduleOf, namesIn, typeErrors, workshop } from './documentation/modules.suite.ts'
import { documentedEntries, manualExamples, publicApi, publicShapes } from './documentation/public-api.suite.ts'
import { type Scene, Stage, sceneNames } from './documentation/scene.suite.ts'
import { bareCode, type Snippet } from './documentation/snippets.suite.ts'
import * as sdk from './index.ts'
import { Sotto } from './index.ts'

/** Every example of the public API and of the manual is compiled, and run against a real server. */

const api = publicApi()
const inDocstrings = api.flatMap(({ examples }) => examples)
const inManuals = manualExamples()
const all = [...inDocstrings, ...inManuals]
const anywhere = all.map(({ code }) => bareCode(code)).join('\n')

/** These run in Chromium (`examples.browser.test.ts`). */
const isForBrowsers = ({ code }: Snippet) => code.includes('indexedDbStorage(')

test('an example compiles with the settings of this repository, but that it may leave a name unused', async () => {
  const folder = await workshop({})
  const modules = all.map((one, index) => [`example-${index}.ts`, moduleOf(one, folder, documentedEntries, sceneNames)] as const)
  const written = await workshop(Object.fromEntries(modules))
  const errors = await typeErrors(written, { noUnusedLocals: false })
  const named = errors.replace(/\S*example-(\d+)\.ts/g, (file, index) => `${all[Number(index)]!.place} (${file})`)
  expect(named).toBe('')
})
