import { execFileSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A file system of its own, whose power can be cut and whose space can be used up. Linux, root only. */
export interface Ext4Image {
  readonly mountPoint: string
  /** From this moment nothing reaches the disk any more; what was not synced is lost. */
  cutPower(): void
  /** After a cut: mounts what was on disk. Nobody may have a file open. */
  remount(): void
  fill(): void
  free(): void
  unmount(): void
}

/** EXT4_IOC_SHUTDOWN with NOLOGFLUSH: not even the file system's own journal is written. */
const shutdown = `
  open(my $directory, '<', $ARGV[0]) or die "open: $!";
  my $noLogFlush = pack('L', 2);
  ioctl($directory, 0x8004587d, $noLogFlush) or die "ioctl: $!";
`

/** Makes and mounts an image of `mebibytes` in `directory`. */
export function ext4Image(directory: string, mebibytes: number): Ext4Image {
  const image = join(directory, 'disk.ext4')
  const mountPoint = join(directory, 'disk')
  const filler = join(mountPoint, 'filler')
  mkdirSync(mountPoint, { recursive: true })
  const file = openSync(image, 'w')
  ftruncateSync(file, mebibytes * 1024 * 1024)
  closeSync(file)
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image])
  const mount = () => execFileSync('mount', ['-o', 'loop', image, mountPoint])
  const unmount = () => execFileSync('umount', [mountPoint])
  mount()
  return {
    mountPoint,
    cutPower: () => execFileSync('perl', ['-e', shutdown, mountPoint]),
    remount() {
      unmount()
      mount()
    },
    fill: () => writeUntilFull(filler),
    free: () => rmSync(filler),
    unmount,
  }
}

/** Writes ever smaller pieces until not even the smallest finds room. */
function writeUntilFull(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (let bytes = 4 * 1024 * 1024; bytes >= 4096; ) {
      try {
        writeSync(file, Buffer.alloc(bytes, 1))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
        bytes /= 2
      }
    }
  } finally {
    closeSync(file)
  }
}
