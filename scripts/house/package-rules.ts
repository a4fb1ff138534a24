import type { Finding, Source } from './source.ts'

/** What the packages depend on. */

interface Manifest {
  readonly name?: string
  readonly license?: string
  readonly type?: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly [kind: string]: unknown
}

const manifests = (sources: readonly Source[]) =>
  sources
    .filter(({ path }) => /(^|\/)package\.json$/.test(path))
    .map(({ path, text }) => ({ path, manifest: JSON.parse(text) as Manifest }))

const kinds = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']

/** Versions are exact: what was tested is what is installed. */
function inexactVersions(sources: readonly Source[]): Finding[] {
  return manifests(sources).flatMap(({ path, manifest }) =>
    kinds.flatMap((kind) =>
      Object.entries((manifest[kind] ?? {}) as Record<string, string>)
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version))
        .map(([name, version]) => ({ path, problem: `${kind} has ${name} ${version}: not an exact version` })),
    ),
  )
}

const ownScripts = ['preinstall', 'install', 'postinstall', 'prepare']

/** Our packages are ESM under one licence, and run nothing while they are installed. */
function manifestsOutOfLine(sources: readonly Source[]): Finding[] {
  return manifests(sources).flatMap(({ path, manifest }) => {
    const problems = ownScripts
      .filter((script) => Object.hasOwn(manifest.scripts ?? {}, script))
      .map((script) => `has the script \`${script}\``)
    if (manifest.license !== 'Apache-2.0') problems.push('is not licensed under Apache-2.0')
    if (manifest.type !== 'module') problems.push('is not of type `module`')
    return problems.map((problem) => ({ path, problem }))
  })
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>
}

/** No dependency runs a program while it is installed, but for those named here. `lock`: the text of package-lock.json. */
export function installScripts(lock: string, permitted: readonly string[]): Finding[] {
  const { packages } = JSON.parse(lock) as Lock
  const path = 'package-lock.json'
  const running = Object.keys(packages).filter((name) => packages[name]?.hasInstallScript)
  return [
    ...running.filter((name) => !permitted.includes(name)).map((name) => ({ path, problem: `${name} has an install script` })),
    ...permitted
      .filter((name) => !running.includes(name))
      .map((name) => ({ path, problem: `${name} has no install script any more` })),
  ]
}

export const packageRules = { inexactVersions, manifestsOutOfLine }
