import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { subjectCommand, subjectInWords } from './subject.ts'

test('what is kept with the results names no folder of this machine', () => {
  const root = resolve('/somewhere/of/somebody')
  for (const subject of ['source', 'dist', 'node packages/cli/dist/main.js serve']) {
    const words = subjectInWords(subjectCommand(subject, root), root)
    expect(words.filter((word) => word.startsWith('/') || word.includes('..'))).toEqual([])
  }
  expect(subjectInWords(['/usr/bin/node', '-C', 'source', `${root}/packages/server/src/main.ts`], root)).toEqual([
    'node',
    '-C',
    'source',
    'packages/server/src/main.ts',
  ])
})
