import { startServer } from './server-process.ts'
import { subjectEnv } from './subject.ts'
import { runLoad } from './load/start.ts'
import { mkdirSync } from 'node:fs'
const dir = '/work/main/.cache/bench/o'+process.pid
mkdirSync(dir, {recursive:true})
const secret='secretsecretsecretsecretsecretsecretsecret'
const s = await startServer({ command: [process.execPath,'-C','source','/work/main/packages/server/src/main.ts'], env: subjectEnv(dir,secret), cwd: dir })
for (const pairs of [1, 1, 20, 200, 200]) for (const depth of [1,8]) try {
  const m = await runLoad({kind:'pairs', target:{port:s.port,pid:s.pid,secret}, pairs, depth, ack:{entries:16,afterMs:50}, warmUpMs:300, measureMs:700})
  console.log(pairs, depth, Math.round(m.perSecond))
} catch (e) { console.log(pairs, depth, String(e)) }
await s.stop()
