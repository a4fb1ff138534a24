import type { Finding } from './finding.ts'

type Kind = 'network' | 'memory' | 'layer'

/** File systems by the number that Linux knows them by (statfs(2)), as far as one should think twice about them. */
const unfit: ReadonlyMap<number, readonly [name: string, kind: Kind]> = new Map([
  [0x6969, ['NFS', 'network']],
  [0x517b, ['SMB', 'network']],
  [0xff534d42, ['CIFS', 'network']],
  [0xfe534d42, ['SMB2', 'network']],
  [0x01021997, ['9P', 'network']],
  [0x00c36400, ['CephFS', 'network']],
  [0x5346414f, ['AFS', 'network']],
  [0x6b414653, ['AFS', 'network']],
  [0x73757245, ['Coda', 'network']],
  [0x0bd00bd0, ['Lustre', 'network']],
  [0x47504653, ['GPFS', 'network']],
  [0x65735546, ['FUSE', 'network']],
  [0x01021994, ['tmpfs', 'memory']],
  [0x858458f6, ['ramfs', 'memory']],
  [0x794c7630, ['overlayfs', 'layer']],
])

const names: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'XFS'],
  [0x9123683e, 'Btrfs'],
  [0x2fc12fc1, 'ZFS'],
  [0xf2f52010, 'F2FS'],
  [0xca451a4e, 'bcachefs'],
])

const troubles = {
  network: 'locks and synced writes may not hold there, and the database can be corrupted',
  memory: 'everything is gone after a restart of the machine',
  layer: 'in a container, everything is gone with the container',
} as const

const actions = {
  network: 'put DATA_DIR on a local disk',
  memory: 'put DATA_DIR on a disk',
  layer: 'mount a volume of the host there',
} as const

/** `type`: as statfs gives it. Elsewhere than on Linux the numbers mean something else. */
export function filesystemFinding(type: number, platform: NodeJS.Platform): Finding {
  const check = 'filesystem'
  if (platform !== 'linux') return { check, level: 'note', message: 'its kind is not known here; it must be a local disk' }
  const number = type >>> 0
  const found = unfit.get(number)
  if (found === undefined) return { check, level: 'ok', message: names.get(number) ?? `of type 0x${number.toString(16)}` }
  const [name, kind] = found
  return { check, level: 'warning', message: `${name}: ${troubles[kind]}`, action: actions[kind] }
}
