import { SourceMap } from 'node:module'
import { gzipSync } from 'node:zlib'
import { build, defaultClientConditions } from 'vite'

const empty = {
  name: 'x',
  enforce: 'pre' as const,
  resolveId(id: string) {
    return id === 'crypto' ? '\0empty' : undefined
  },
  load(id: string) {
    return id === '\0empty' ? 'export const webcrypto = undefined' : undefined
  },
}
const built: any = await build({
  configFile: false,
  envFile: false,
  logLevel: 'silent',
  plugins: [empty],
  resolve: { conditions: ['source', ...defaultClientConditions] },
  build: {
    write: false,
    target: 'es2024',
    modulePreload: false,
    sourcemap: 'hidden',
    rolldownOptions: {
      input: '/work/main/packages/client/src/index.ts',
      preserveEntrySignatures: 'strict',
      output: { codeSplitting: false },
    },
  },
})
const chunk = (Array.isArray(built) ? built : [built]).flatMap((o: any) => o.output)[0]
const map = chunk.map
const code = chunk.code
// decode
const B = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const sizes = new Map<string, number>()
let src = 0
map.mappings.split(';').forEach((line: string, ln: number) => {
  let col = 0
  let prev: [number, number] | undefined
  const text = code.split('\n')[ln] ?? ''
  for (const seg of line.split(',')) {
    if (!seg) continue
    const vals: number[] = []
    let v = 0,
      s = 0
    for (const ch of seg) {
      const d = B.indexOf(ch)
      v |= (d & 31) << s
      if (d & 32) s += 5
      else {
        vals.push(v & 1 ? -(v >> 1) : v >> 1)
        v = 0
        s = 0
      }
    }
    const from = col
    col += vals[0]!
    if (prev) sizes.set(map.sources[prev[1]], (sizes.get(map.sources[prev[1]]) ?? 0) + col - prev[0])
    if (vals.length > 1) src += vals[1]!
    prev = [col, src]
  }
  if (prev) sizes.set(map.sources[prev[1]], (sizes.get(map.sources[prev[1]]) ?? 0) + text.length - prev[0])
})
const groups = new Map<string, number>()
for (const [id, n] of sizes) {
  const m = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)
  const k = m ? m[1]! : (id.split('packages/')[1]?.split('/').slice(0, 3).join('/') ?? id)
  groups.set(k, (groups.get(k) ?? 0) + n)
}
console.log(code.length, gzipSync(code, { level: 9 }).length)
console.log([...groups].sort((a, b) => b[1] - a[1]).slice(0, 30))
for (const [id, n] of [...sizes].sort((a, b) => b[1] - a[1]).slice(0, 70)) console.log(n, id.replace(/^(\.\.\/)+/, ''))
const fs = await import('node:fs')
fs.writeFileSync('/tmp/out.js', code)
