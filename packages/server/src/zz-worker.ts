import { Worker } from 'node:worker_threads'
import { once } from 'node:events'
for (const src of ['1', "await import('/work/main/packages/server/src/store/refusal.ts')", "await import('/work/main/packages/server/src/store/sqlite/schema.ts')", "await import('/work/main/packages/server/src/store/sqlite/operations.ts')"]) {
  const r=[]
  for (let i=0;i<4;i++){ const c=process.cpuUsage().user; const w=new Worker('data:text/javascript,'+encodeURIComponent(src).replace(/^/,''),{}) ; 
  const w2 = w; await once(w2,'exit'); r.push(((process.cpuUsage().user-c)/1000)|0)}
  console.log(src, r.join(' '))
}
