import { expect, test } from 'vitest'
import { deviceDirectory, type Home } from './data-directory.ts'

const linux: Home = { platform: 'linux', env: {}, directory: '/home/me' }

test.each<[Home, string]>([
  [linux, '/home/me/.local/share/sotto/https+chat.example.org/alice'],
  [{ ...linux, env: { XDG_DATA_HOME: '/data' } }, '/data/sotto/https+chat.example.org/alice'],
  [{ ...linux, env: { XDG_DATA_HOME: 'relative' } }, '/home/me/.local/share/sotto/https+chat.example.org/alice'],
  [
    { platform: 'darwin', env: {}, directory: '/Users/me' },
    '/Users/me/Library/Application Support/Sotto/https+chat.example.org/alice',
  ],
  [
    { platform: 'win32', env: { LOCALAPPDATA: 'C:\\L' }, directory: 'C:\\Users\\me' },
    'C:\\L\\Sotto\\https+chat.example.org\\alice',
  ],
])('%j', (home, directory) => expect(deviceDirectory('https://chat.example.org', 'alice', home)).toBe(directory))

test('no two servers or users share a folder, whatever the file system thinks of capitals, and none leads elsewhere', () => {
  const urls = ['http://a:1', 'http://a', 'https://a', 'http://a/1', 'http://a.1', 'http://[::1]:1', 'http://a/x/1']
  const users = [
    'alice',
    'Alice',
    'ALICE',
    '..',
    '.',
    'a/b',
    'a\\b',
    'a%2fb',
    'é',
    'a'.repeat(128),
    `${'a'.repeat(127)}b`,
    '🙂'.repeat(60),
  ]
  const directories = urls.flatMap((url) => users.map((user) => deviceDirectory(url, user, linux)))
  expect(new Set(directories.map((one) => one.toLowerCase())).size).toBe(urls.length * users.length)
  for (const directory of directories) {
    expect(directory).toMatch(/^\/home\/me\/\.local\/share\/sotto\/http[^/]+\/[^/]+$/)
    for (const name of directory.split('/')) expect(name.length).toBeLessThanOrEqual(255)
    expect(directory.split('/')).not.toContain('..')
  }
})
