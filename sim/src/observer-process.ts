import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'

/**
 * The observer: appends the lines of its standard input to a file, syncs, and then tells on its standard output how many
 * lines are on disk. What the load generator saw counts from there on. Ends when its input ends.
 */
const file = process.argv[2]
if (file === undefined) throw new Error('usage: observer-process.ts FILE')
const history = openSync(file, 'a')
const newline = 0x0a
let lines = 0

process.stdin.on('data', (chunk: Buffer) => {
  for (let written = 0; written < chunk.length; ) written += writeSync(history, chunk, written)
  fdatasyncSync(history)
  for (let at = chunk.indexOf(newline); at !== -1; at = chunk.indexOf(newline, at + 1)) lines++
  process.stdout.write(`${lines}\n`)
})
process.stdin.on('end', () => closeSync(history))
