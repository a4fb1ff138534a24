/** The oldest major version of Node.js that Sotto runs on. */
const majorMin = 24

/** Why this Node.js cannot run Sotto, in one line; undefined when it can. `version`: `process.versions.node`. */
export function nodeRefusal(version: string): string | undefined {
  if (Number.parseInt(version, 10) >= majorMin) return undefined
  return `this is Node.js ${version}, and Sotto needs Node.js ${majorMin} or newer: install it, or put it first in PATH`
}
