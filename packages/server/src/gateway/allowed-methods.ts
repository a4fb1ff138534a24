import { routeNames, routeOf } from '@sotto/protocol'

const patterns = routeNames.map((name) => {
  const { method, path } = routeOf(name)
  return { method, segments: path.split('/') }
})

/** The methods that are answered at an address: for the `Allow` header of a refusal. Empty for an address that is unknown. */
export function allowedMethods(path: string): readonly string[] {
  const segments = path.split('/')
  const matching = patterns.filter(
    (pattern) =>
      pattern.segments.length === segments.length &&
      pattern.segments.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index])),
  )
  return matching.map(({ method }) => method)
}
