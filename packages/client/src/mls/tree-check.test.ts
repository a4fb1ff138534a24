import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { treeHashRoot } from 'ts-mls/treeHash.js'
import { beforeAll, describe, expect, test } from 'vitest'
import { flipped, suite } from './forge.suite.ts'
import { type LoadedState, usable } from './group-state.ts'
import { Chance, commitTo, groupOf, Member, testEngine } from './members.suite.ts'
import { treeProblem } from './tree-check.ts'

const problemOf = ({ parts }: LoadedState, tree: RatchetTree = parts.tree) => treeProblem(tree, parts.context, suite)

test('every tree that members come to is right', async () => {
  const engine = await testEngine('trees')
  const chance = new Chance('trees')
  const members = await groupOf(9, engine)
  let unmerged = 0
  for (let i = 0; i < 40; i += 1) {
    const by = chance.pick(members)
    const remove = members.filter((member) => member !== by && members.length > 4 && chance.number(3) === 0).slice(0, 3)
    const add = await Promise.all(
      Array.from({ length: Math.min(chance.number(4), 17 - members.length) }, (_, j) => Member.create(`${i} ${j}`, engine)),
    )
    await commitTo([...members], by, { add, remove })
    for (const member of remove) members.splice(members.indexOf(member), 1)
    members.push(...add)
    const state = usable(by.group)
    expect(await problemOf(state)).toBeUndefined()
    if (state.parts.tree.some((node) => node?.nodeType === 'parent' && node.parent.unmergedLeaves.length > 0)) unmerged += 1
  }
  expect(unmerged).toBeGreaterThan(0)
}, 60_000)

test('whoever comes after some have come and gone can join', async () => {
  const engine = await testEngine('churn')
  const members = await groupOf(9, engine)
  const [first, , , third, fourth, fifth, , , last] = members as [Member, ...Member[]]
  if (third === undefined || fourth === undefined || fifth === undefined || last === undefined) throw new Error('too few')
  await commitTo(members, last, { remove: [third, fifth] })
  const rest = members.filter((member) => member !== third && member !== fifth)
  for (const by of [first, fourth, first]) await commitTo(rest, by)
  const add = await Promise.all(['one', 'two'].map((name) => Member.create(name, engine)))
  await commitTo([...rest, ...add], last, { add })
  const [one, two] = add as [Member, Member]
  const levels = usable(one.group).parts.tree.flatMap((node) =>
    node?.nodeType === 'parent' ? [`${node.parent.unmergedLeaves}`] : [],
  )
  expect(levels).toEqual(expect.arrayContaining(['3', '3,5']))
  expect(await two.read(await one.send('we are in'))).toBe('we are in')
})

describe('refuses', () => {
  let state: LoadedState
  let tree: RatchetTree

  beforeAll(async () => {
    const engine = await testEngine('wrong trees')
    const members = await groupOf(4, engine)
    const [first, second] = members as [Member, Member]
    await commitTo(members, second)
    state = usable(first.group)
    tree = state.parts.tree
    expect(await problemOf(state)).toBeUndefined()
  })

  const leaf = (index: number) => {
    const node = tree[2 * index]
    if (node?.nodeType !== 'leaf') throw new Error('no leaf')
    return node.leaf
  }
  const parent = (index: number) => {
    const node = tree[index]
    if (node?.nodeType !== 'parent') throw new Error('no parent')
    return node.parent
  }
  const unmerged = (index: number, unmergedLeaves: number[]) => (): RatchetTree =>
    tree.with(index, { nodeType: 'parent', parent: { ...parent(index), unmergedLeaves } })

  test.each<[string, string, () => RatchetTree]>([
    ['a leaf where a parent belongs', 'a node is where', () => tree.with(1, tree[0])],
    ['a parent where a leaf belongs', 'a node is where', () => tree.with(0, tree[1])],
    ['an unmerged leaf beyond the tree', 'unmerged', unmerged(3, [0xffff_ffff])],
    ['an unmerged leaf that is not below', 'unmerged', unmerged(1, [2])],
    ['unmerged leaves out of order', 'unmerged', unmerged(3, [2, 1])],
    ['an unmerged leaf that is blank', 'unmerged', () => unmerged(3, [3])().with(6, undefined)],
    ['an unmerged leaf that a node between does not know', 'unmerged', unmerged(3, [0])],
    [
      'a signature key twice',
      'a key is there twice',
      () => tree.with(2, { nodeType: 'leaf', leaf: { ...leaf(1), signaturePublicKey: leaf(0).signaturePublicKey } }),
    ],
    [
      'an encryption key twice',
      'a key is there twice',
      () => tree.with(1, { nodeType: 'parent', parent: { ...parent(1), hpkePublicKey: leaf(2).hpkePublicKey } }),
    ],
    [
      'a badly signed leaf',
      'the signature of leaf 1',
      () => tree.with(2, { nodeType: 'leaf', leaf: { ...leaf(1), signature: flipped(leaf(1).signature) } }),
    ],
    [
      'a leaf with another credential type',
      'leaf 0 has',
      () => tree.with(0, { nodeType: 'leaf', leaf: { ...leaf(0), credential: { credentialType: 'x509', certificates: [] } } }),
    ],
    ['another leaf than was hashed', 'the tree hash', () => tree.with(6, undefined)],
  ])('%s', async (_, problem, wrong) => {
    expect(await problemOf(state, wrong())).toMatch(problem)
  })

  test('a parent hash that leads to no node below, under a tree hash that fits', async () => {
    const wrong = tree.with(1, { nodeType: 'parent', parent: { ...parent(1), hpkePublicKey: flipped(parent(1).hpkePublicKey) } })
    const context = { ...state.parts.context, treeHash: await treeHashRoot(wrong, suite.hash) }
    expect(await treeProblem(wrong, context, suite)).toBe('a parent hash is another')
  })
})
