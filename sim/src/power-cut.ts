import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Death } from './death.ts'
import { diskFullRun } from './disk-full-run.ts'
import { type Ext4Image, ext4Image } from './ext4-image.ts'
import { killRun } from './kill-run.ts'
import { preKeyRun } from './prekey-run.ts'
import type { RunReport } from './report.ts'
import { inScratch } from './scratch.ts'

/**
 * Cuts the power of the server's disk again and again (`npm run powercut`), while devices talk or, with `--prekeys`, while
 * one-time keys are claimed; with `--full` it uses up the disk's space instead. `--control` runs
 * the same with a SQLite that syncs less than it is told to: that must be noticed.
 */
const { values } = parseArgs({
  options: {
    cuts: { type: 'string', default: '30' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    control: { type: 'boolean', default: false },
    prekeys: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
  },
})
const cuts = Number(values.cuts)
const seed = Number(values.seed)
const imageMebibytes = values.full ? 64 : 512
const sendsMinEach = 20

if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  console.error('power cuts need Linux, root, mkfs.ext4 and perl: an ext4 image is mounted and shut down')
  process.exit(2)
}

const careless = fileURLToPath(new URL('./careless-sqlite.ts', import.meta.url))

async function onImage(run: (directory: string, image: Ext4Image) => Promise<RunReport>): Promise<RunReport> {
  return inScratch(async (directory) => {
    const image = ext4Image(directory, imageMebibytes)
    try {
      return await run(directory, image)
    } finally {
      image.unmount()
    }
  })
}

/**
 * What is written, but not synced, is gone. The server ends first: a sync that is under way while the file system shuts
 * down may report success falsely, which a machine without power does not live to see.
 */
function powerCut(image: Ext4Image): Death {
  return {
    name: 'power cut',
    clean: false,
    dataDir: image.mountPoint,
    execArgv: values.control ? ['--import', careless] : [],
    async strike(server) {
      await server.kill()
      image.cutPower()
      image.remount()
    },
  }
}

function cutTalk(directory: string, image: Ext4Image): Promise<RunReport> {
  return killRun({
    directory,
    seed,
    kills: cuts,
    sendsMin: cuts * sendsMinEach,
    death: powerCut(image),
    calmStart: values.control,
  })
}

function cutClaims(directory: string, image: Ext4Image): Promise<RunReport> {
  return preKeyRun({ directory, seed, kills: cuts, keys: 5_000, claimers: 64, death: powerCut(image) })
}

function useUp(directory: string, image: Ext4Image): Promise<RunReport> {
  const disk = { dataDir: image.mountPoint, fill: image.fill, free: image.free }
  return diskFullRun({ directory, seed, cycles: cuts, sendsMin: cuts * sendsMinEach, disk })
}

const [what, run] = values.full
  ? (['full disk', useUp] as const)
  : values.prekeys
    ? (['power cuts, prekeys', cutClaims] as const)
    : (['power cuts', cutTalk] as const)
console.log(`${what}${values.control ? ', control' : ''}, seed ${seed}`)
const report = await onImage(run)
console.log(report)
if (values.control) {
  const noticed = report.problems.some((problem) => /^(no-loss|prekey-conserved):/.test(problem))
  if (!noticed) console.error('no loss was noticed: the rig is blind')
  process.exit(noticed ? 0 : 1)
}
process.exit(report.problems.length === 0 ? 0 : 1)
