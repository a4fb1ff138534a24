import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DeviceSetting, Orders, Told } from './orders.ts'

const program = fileURLToPath(new URL('./device-process.ts', import.meta.url))

/** The device has refused an order. */
export class Refused extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

type Answers = Pick<PromiseWithResolvers<unknown>, 'resolve' | 'reject'>

/** A device's process, seen from the story: it can be asked, closed, killed and started again on the same file. */
export class Device {
  readonly userId: string
  readonly name: string
  #child: ChildProcess | undefined
  #n = 0
  #isOver = false
  readonly #asked = new Map<number, Answers>()
  readonly #setting: Pick<DeviceSetting, 'url' | 'file'>
  readonly #heard: (device: Device, told: Told) => void

  constructor(
    userId: string,
    name: string,
    setting: Pick<DeviceSetting, 'url' | 'file'>,
    heard: (device: Device, told: Told) => void,
  ) {
    this.userId = userId
    this.name = name
    this.#setting = setting
    this.#heard = heard
  }

  /** Resolves once the device is open. `onCode`: it is a further device of its user. */
  async start({ onCode, diesReading }: { onCode?: (code: string) => void; diesReading?: string } = {}): Promise<void> {
    if (this.#isOver) throw new Error('the stage is being cleared')
    const setting: DeviceSetting = {
      ...this.#setting,
      userId: this.userId,
      name: this.name,
      link: onCode !== undefined,
      ...(diesReading === undefined ? {} : { diesReading }),
    }
    const child = fork(program, [JSON.stringify(setting)], {
      execArgv: ['-C', 'source'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    let complaint = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint += text
    })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    child.on('message', (told: Told) => {
      if (told.type === 'open') resolve()
      else if (told.type === 'code') onCode?.(told.code)
      else if (told.type === 'done') this.#settle(told.n)?.resolve(told.answer)
      else if (told.type === 'failed') this.#settle(told.n)?.reject(new Refused(told.code, told.message))
      else this.#heard(this, told)
    })
    child.once('exit', (code, signal) => {
      const error = new Error(`the process of ${this.name} ended with ${signal ?? code} ${complaint}`)
      reject(error)
      for (const n of [...this.#asked.keys()]) this.#settle(n)?.reject(error)
    })
    await promise
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  ask<name extends keyof Orders>(name: name, ...args: Parameters<Orders[name]>): ReturnType<Orders[name]> {
    const n = ++this.#n
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#asked.set(n, { resolve, reject })
    this.#child?.send({ n, name, args })
    return promise as ReturnType<Orders[name]>
  }

  /** Writes down what is under way, and ends. */
  async close(): Promise<void> {
    const ended = this.#ended()
    await this.ask('close')
    await ended
  }

  /** SIGKILL: no time to write anything down. */
  async kill(): Promise<void> {
    const ended = this.#ended()
    this.#child?.kill('SIGKILL')
    await ended
  }

  /** Kills it, and it cannot be started any more. */
  async end(): Promise<void> {
    this.#isOver = true
    await this.kill()
  }

  async #ended(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    await once(child, 'exit')
  }

  #settle(n: number): Answers | undefined {
    const answers = this.#asked.get(n)
    this.#asked.delete(n)
    return answers
  }
}
