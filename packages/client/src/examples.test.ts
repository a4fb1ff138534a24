import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { moduleOf, namesGivenTo, typeErrors, workshop } from './documentation/modules.suite.ts'
import {
  documentedEntries,
  isForBrowsers,
  isPrivate,
  manualExamples,
  publicApi,
  publicShapes,
  readerShapes,
} from './documentation/public-api.suite.ts'
import { eventually, type Scene, Stage, sceneNames } from './documentation/scene.suite.ts'
import { bareCode, type Snippet } from './documentation/snippets.suite.ts'
import * as entry from './index.ts'
import * as nodeEntry from './node.ts'

/** Every example of the public API and of the manual is compiled, and run against a real server. */

const everything = publicApi()
const api = everything.filter(({ docstring }) => !docstring.includes('@internal'))
const inDocstrings = api.flatMap(({ examples }) => examples)
const inManuals = manualExamples()
const all = [...inDocstrings, ...inManuals]

/** A module for each, `example-0.ts` and so on. An example may leave a name that it introduces unused. */
function modulesOf(snippets: readonly Snippet[]): Promise<string> {
  return workshop(snippets.map((one, index) => [`example-${index}.ts`, moduleOf(one, documentedEntries, sceneNames)]))
}
const settings = { noUnusedLocals: false, noUnusedParameters: false }

const timeout = 120_000

describe('examples compile', { timeout }, () => {
  test('with the settings of this repository, and one that does not is found', async () => {
    const wrong = { place: 'here', code: "await chat.send(1)\nawait chat.sendAll('x')" }
    const tried = [...all, wrong]
    const said = await typeErrors(await modulesOf(tried), settings)
    const errors = said.replace(/\S*example-(\d+)\.ts/g, (_, index) => `${tried[Number(index)]!.place}:`).split(/\n(?=\S)/)
    const isMeant = (error: string) => error.startsWith('here:')
    expect(errors.filter((error) => !isMeant(error))).toEqual([])
    expect(errors.filter(isMeant)).toEqual([
      expect.stringContaining("'number' is not assignable"),
      expect.stringContaining("'sendAll' does not exist"),
    ])
  })
})

/** After these the devices on stage are not what other examples expect. */
const usesUp = /\.close\(|revokeDevice\(|reset: true/

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not end')), 2 * eventually)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** Runs them one after another. @throws Error that names the one that failed. */
async function run(snippets: readonly Snippet[]): Promise<void> {
  const folder = await modulesOf(snippets)
  const before = process.cwd()
  process.chdir(folder)
  const said = [vi.spyOn(console, 'log').mockReturnValue(), vi.spyOn(console, 'warn').mockReturnValue()]
  const opened = vi.spyOn(entry.Sotto, 'open')
  onTestFinished(() => {
    process.chdir(before)
    for (const spy of [...said, opened]) spy.mockRestore()
  })
  let stage = await Stage.open()
  for (const [index, { place, code }] of snippets.entries()) {
    const { example } = (await import(join(folder, `example-${index}.ts`))) as { example(scene: Scene): Promise<void> }
    try {
      const scene = await stage.sceneFor(code, namesGivenTo(code, sceneNames))
      opened.mockClear()
      await inTime(example(scene))
      for (const { value } of opened.mock.results) stage.keep(value)
      expect(stage.incidents()).toEqual([])
    } catch (error) {
      throw new Error(`${place} failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    if (!usesUp.test(code)) continue
    await stage.close()
    stage = await Stage.open()
  }
}

describe('examples run against a real server', { timeout }, () => {
  test('those of the docstrings', () => run(inDocstrings.filter((one) => !isForBrowsers(one))))
  test('those of the manuals', () => run(inManuals.filter((one) => !isForBrowsers(one))))

  test('and one that throws is found', async () => {
    const wrong = { place: 'here', code: "await sotto.conversation('nobody')" }
    await expect(run([wrong])).rejects.toThrow('here failed')
  })
})

describe('everything public is shown', () => {
  const isMember = ({ name }: { readonly name: string }) => name.includes('.')
  const memberOf = (name: string) => name.slice(name.indexOf('.') + 1)
  const nameOf = ({ name }: { readonly name: string }) => name

  test('each class, function and table that can be imported has an example of its own', () => {
    const exported = api.filter((one) => !isMember(one))
    expect(exported.map(nameOf).sort()).toEqual([...Object.keys(entry), ...Object.keys(nodeEntry)].sort())
    expect(exported.filter(({ examples }) => examples.length === 0).map(nameOf)).toEqual([])
  })

  test('each method of a class has an example of its own that calls it', () => {
    const methods = api.filter(({ kind }) => kind === 'method')
    expect(methods.length).toBeGreaterThan(25)
    const calls = (code: string, name: string) => bareCode(code).includes(`.${memberOf(name)}(`)
    const unshown = methods.filter(({ name, examples }) => !examples.some(({ code }) => calls(code, name)))
    expect(unshown.map(nameOf)).toEqual([])
  })

  test('each getter and property of a class is read by an example of that class', () => {
    const getters = api.filter(({ kind }) => kind === 'getter')
    expect(getters.length).toBeGreaterThan(30)
    const shown = (name: string) => {
      const own = api.filter((one) => one.name.split('.')[0] === name.split('.')[0]).flatMap(({ examples }) => examples)
      return new RegExp(`\\.${memberOf(name)}\\b`).test(own.map(({ code }) => bareCode(code)).join('\n'))
    }
    expect(getters.map(nameOf).filter((name) => !shown(name))).toEqual([])
  })

  test('what classes have at run time is public, or said to be private or internal', () => {
    const found = [...Object.entries(entry)].flatMap(([className, one]) => {
      if (typeof one !== 'function' || !/^class\b/.test(String(one))) return []
      const members = [...Object.getOwnPropertyNames(one.prototype), ...Object.getOwnPropertyNames(one)]
      const builtIn = ['constructor', 'length', 'name', 'prototype']
      return members.filter((member) => !builtIn.includes(member)).map((member) => `${className}.${member}`)
    })
    expect(found.length).toBeGreaterThan(50)
    expect(found.filter((name) => !everything.some((one) => one.name === name) && !isPrivate(name))).toEqual([])
  })

  test('each event is listened to, and each member of options and of what is handed over is named', () => {
    const anywhere = all.map(({ code }) => bareCode(code)).join('\n')
    const events = publicShapes().get('SottoEvents')!
    expect(events.length).toBeGreaterThan(8)
    expect(events.filter((name) => !anywhere.includes(`.on('${name}'`))).toEqual([])
    const members = [...publicShapes()].flatMap(([shape, names]) =>
      shape === 'SottoEvents' || readerShapes.includes(shape) ? [] : names.map((name) => `${shape}.${name}`),
    )
    expect(members.length).toBeGreaterThan(20)
    expect(members.filter((name) => !new RegExp(`\\b${memberOf(name)}\\b`).test(anywhere))).toEqual([])
  })
})
