import type { KeyPackage } from 'ts-mls/keyPackage.js'
import { addLeafNode, type RatchetTree, removeLeafNode } from 'ts-mls/ratchetTree.js'
import { toLeafIndex } from 'ts-mls/treemath.js'
import { leafNodeAt } from './leaves.ts'
import type { Addition } from './make-commit.ts'

export interface Applied {
  readonly tree: RatchetTree
  readonly added: readonly Addition[]
}

/**
 * The tree after removals and additions, in this order (RFC 9420 section 12.3). Undefined: a leaf to be removed is not
 * there, or twice in the list.
 */
export function applied(tree: RatchetTree, remove: readonly number[], add: readonly KeyPackage[]): Applied | undefined {
  if (new Set(remove).size !== remove.length || remove.some((leaf) => leafNodeAt(tree, leaf) === undefined)) return undefined
  let next = remove.reduce((smaller, leaf) => removeLeafNode(smaller, toLeafIndex(leaf)), tree)
  const added = add.map((keyPackage): Addition => {
    const [larger, node] = addLeafNode(next, keyPackage.leafNode)
    next = larger
    return { leafIndex: node / 2, keyPackage }
  })
  return { tree: next, added }
}
