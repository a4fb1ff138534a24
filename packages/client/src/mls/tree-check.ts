import { encode } from 'ts-mls/codec/tlsEncoder.js'
import type { Hash } from 'ts-mls/crypto/hash.js'
import type { GroupContext } from 'ts-mls/groupContext.js'
import { verifyLeafNodeSignature, verifyLeafNodeSignatureKeyPackage } from 'ts-mls/leafNode.js'
import { parentHashInputEncoder } from 'ts-mls/parentHash.js'
import type { ParentNode } from 'ts-mls/parentNode.js'
import { type RatchetTree, removeLeaves, resolution } from 'ts-mls/ratchetTree.js'
import { encodeLeafNodeHashInput, encodeParentNodeHashInput } from 'ts-mls/treeHash.js'
import { directPath, isLeaf, leafWidth, left, right, rootFromNodeWidth, toLeafIndex, toNodeIndex } from 'ts-mls/treemath.js'
import { base64url, equalBytes } from './bytes.ts'
import { leafProblem } from './key-packages.ts'
import type { Suite } from './suite.ts'

/**
 * What a joiner has to verify of a ratchet tree (RFC 9420 section 12.4.3.1), who vouches for the leaves left aside.
 *
 * ts-mls has a check of its own, which refuses trees that are right: it wants all nodes above an unmerged leaf to have
 * the same unmerged leaves. Nobody could join a group of nine or more after some came and went. And it hashes each
 * subtree again for each leaf, which takes seconds at some hundred members.
 *
 * @returns what is wrong, or undefined.
 */
export async function treeProblem(tree: RatchetTree, context: GroupContext, suite: Suite): Promise<string | undefined> {
  return (
    shapeProblem(tree) ??
    keyProblem(tree) ??
    (await leavesProblem(tree, context, suite)) ??
    (await hashProblem(tree, context.treeHash, suite.hash))
  )
}

/** Node types stand where they may, and unmerged leaves (section 7.1) are below their node and known to all between. */
function shapeProblem(tree: RatchetTree): string | undefined {
  for (const [index, node] of tree.entries()) {
    if (node === undefined) continue
    if ((node.nodeType === 'leaf') !== isLeaf(toNodeIndex(index))) return 'a node is where its kind cannot be'
    if (node.nodeType === 'parent' && !unmergedAreRight(tree, index, node.parent)) return 'unmerged leaves are wrong'
  }
  return undefined
}

function unmergedAreRight(tree: RatchetTree, index: number, { unmergedLeaves }: ParentNode): boolean {
  return unmergedLeaves.every((leaf, i) => {
    const node = 2 * leaf
    const above = i === 0 ? -1 : (unmergedLeaves[i - 1] ?? -1)
    if (leaf <= above || !isBelow(node, index) || tree[node]?.nodeType !== 'leaf') return false
    return directPath(toNodeIndex(node), leafWidth(tree.length))
      .filter((between) => between !== index && isBelow(between, index))
      .every((between) => {
        const parent = tree[between]
        return parent === undefined || (parent.nodeType === 'parent' && parent.parent.unmergedLeaves.includes(leaf))
      })
  })
}

/** Whether a node is in the subtree of another: the array holds the tree in order, a node at level k covers 2^k - 1 on each side. */
function isBelow(node: number, ancestor: number): boolean {
  let reach = 0
  for (let rest = ancestor; rest % 2 === 1; rest = (rest - 1) / 2) reach = 2 * reach + 1
  return Math.abs(node - ancestor) <= reach
}

/** Keys are unique: encryption keys among all nodes, signature keys among leaves. */
export function keyProblem(tree: RatchetTree): string | undefined {
  const encryption = new Set<string>()
  const signature = new Set<string>()
  let nodes = 0
  let leaves = 0
  for (const node of tree) {
    if (node === undefined) continue
    nodes += 1
    encryption.add(base64url(node.nodeType === 'leaf' ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey))
    if (node.nodeType !== 'leaf') continue
    leaves += 1
    signature.add(base64url(node.leaf.signaturePublicKey))
  }
  return encryption.size === nodes && signature.size === leaves ? undefined : 'a key is there twice'
}

async function leavesProblem(tree: RatchetTree, { groupId }: GroupContext, suite: Suite): Promise<string | undefined> {
  for (const [index, node] of tree.entries()) {
    if (node?.nodeType !== 'leaf') continue
    const problem = leafProblem(node.leaf)
    if (problem !== undefined) return `leaf ${index / 2} has ${problem}`
    const verified =
      node.leaf.leafNodeSource === 'key_package'
        ? verifyLeafNodeSignatureKeyPackage(node.leaf, suite.signature)
        : verifyLeafNodeSignature(node.leaf, groupId, index / 2, suite.signature)
    if (!(await verified)) return `the signature of leaf ${index / 2} does not verify`
  }
  return undefined
}

async function hashProblem(tree: RatchetTree, treeHash: Uint8Array, hash: Hash): Promise<string | undefined> {
  const hashes = new TreeHashes(tree, hash)
  if (!equalBytes(await hashes.of(rootFromNodeWidth(tree.length)), treeHash)) return 'the tree hash is another'
  for (const [index, node] of tree.entries()) {
    if (node?.nodeType === 'parent' && !(await isHashedBelow(tree, index, node.parent, hashes, hash)))
      return 'a parent hash is another'
  }
  return undefined
}

/** Tree hashes (section 7.8), each subtree once. */
class TreeHashes {
  readonly #tree: RatchetTree
  readonly #hash: Hash
  readonly #known = new Map<number, Promise<Uint8Array>>()

  constructor(tree: RatchetTree, hash: Hash) {
    this.#tree = tree
    this.#hash = hash
  }

  of(index: number): Promise<Uint8Array> {
    const known = this.#known.get(index) ?? this.#calculate(index)
    this.#known.set(index, known)
    return known
  }

  async #calculate(index: number): Promise<Uint8Array> {
    const node = this.#tree[index]
    if (isLeaf(toNodeIndex(index))) {
      const leafNode = node?.nodeType === 'leaf' ? node.leaf : undefined
      return this.#hash.digest(encodeLeafNodeHashInput({ nodeType: 'leaf', leafIndex: index / 2, leafNode }))
    }
    const parentNode = node?.nodeType === 'parent' ? node.parent : undefined
    const leftHash = await this.of(left(toNodeIndex(index)))
    const rightHash = await this.of(right(toNodeIndex(index)))
    return this.#hash.digest(encodeParentNodeHashInput({ nodeType: 'parent', parentNode, leftHash, rightHash }))
  }
}

/**
 * Section 7.9.2: below one child stands the node that was set by the same path as this parent, and its parent hash says
 * so. It is what the child resolves to but for leaves that came later.
 */
async function isHashedBelow(
  tree: RatchetTree,
  index: number,
  parent: ParentNode,
  hashes: TreeHashes,
  hash: Hash,
): Promise<boolean> {
  const [one, other]: [number, number] = [left(toNodeIndex(index)), right(toNodeIndex(index))]
  for (const [child, sibling] of [
    [one, other],
    [other, one],
  ] as const) {
    const later = new Set(parent.unmergedLeaves.map((leaf) => 2 * leaf).filter((node) => isBelow(node, child)))
    const resolved: number[] = resolution(tree, toNodeIndex(child))
    const [candidate, ...others] = resolved.filter((node) => !later.has(node))
    if (candidate === undefined || others.length > 0 || resolved.length !== later.size + 1) continue
    const claimed = parentHashOf(tree, candidate)
    if (claimed === undefined) continue
    const originalSiblingTreeHash = await siblingHash(tree, sibling, parent.unmergedLeaves, hashes, hash)
    const input = { encryptionKey: parent.hpkePublicKey, parentHash: parent.parentHash, originalSiblingTreeHash }
    if (equalBytes(claimed, await hash.digest(encode(parentHashInputEncoder)(input)))) return true
  }
  return false
}

function parentHashOf(tree: RatchetTree, index: number): Uint8Array | undefined {
  const node = tree[index]
  if (node?.nodeType === 'parent') return node.parent.parentHash
  return node?.leaf.leafNodeSource === 'commit' ? node.leaf.parentHash : undefined
}

function siblingHash(
  tree: RatchetTree,
  sibling: number,
  unmerged: readonly number[],
  hashes: TreeHashes,
  hash: Hash,
): Promise<Uint8Array> {
  const later = unmerged.filter((leaf) => isBelow(2 * leaf, sibling))
  return later.length === 0 ? hashes.of(sibling) : new TreeHashes(removeLeaves(tree, later.map(toLeafIndex)), hash).of(sibling)
}
