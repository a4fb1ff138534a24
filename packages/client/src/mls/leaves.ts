import type { Credential } from 'ts-mls/credential.js'
import type { LeafNode } from 'ts-mls/leafNode.js'
import type { RatchetTree } from 'ts-mls/ratchetTree.js'
import { equalBytes } from './bytes.ts'
import { type Leaf, MlsFailure } from './engine.ts'

/** The identity of a basic credential. @throws MlsFailure `unsupported` for another credential. */
export function identityOf(credential: Credential): Uint8Array {
  if (credential.credentialType !== 'basic' || !('identity' in credential))
    throw new MlsFailure('unsupported', 'not a basic credential')
  return credential.identity
}

export const leafOf = (index: number, node: LeafNode): Leaf => ({
  index,
  credential: identityOf(node.credential),
  signatureKey: node.signaturePublicKey,
})

export function leafNodeAt(tree: RatchetTree, index: number): LeafNode | undefined {
  const node = Number.isSafeInteger(index) && index >= 0 ? tree[2 * index] : undefined
  return node?.nodeType === 'leaf' ? node.leaf : undefined
}

export function leafAt(tree: RatchetTree, index: number): Leaf | undefined {
  const node = leafNodeAt(tree, index)
  return node === undefined ? undefined : leafOf(index, node)
}

/** The leaves of a tree, by index. */
export function leavesOf(tree: RatchetTree): readonly Leaf[] {
  return tree.flatMap((node, index) => (node?.nodeType === 'leaf' ? [leafOf(index / 2, node.leaf)] : []))
}

export const sameLeaf = (a: Omit<Leaf, 'index'>, b: Omit<Leaf, 'index'>): boolean =>
  equalBytes(a.signatureKey, b.signatureKey) && equalBytes(a.credential, b.credential)
