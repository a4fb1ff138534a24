import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

/** Processes and threads that tests start run the sources as they are. */
const execArgv = ['-C', 'source']
/** Threads and processes start twice as fast when what they run is compiled once. */
const env = { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) }
const resolve = { conditions: ['source'] }
const ssr = { resolve: { conditions: ['source'], externalConditions: ['source'] } }

/** Tests of a package that start processes of their own, one after another. */
const processTests = '{packages/*,bench}/src/**/*.process.test.ts'

/** Tests in a real Chromium, one file after another: it wants the machine for itself. */
const browserTests = 'packages/*/src/**/*.browser.test.ts'

/** Tests of whole parts: a listening server, a database on disk. They run side by side, but take longer than a breath. */
const partTests = [
  'packages/server/src/{gateway,auth}/**/*.test.ts',
  'packages/server/src/store/**/*.test.ts',
  'packages/client/src/storage/*.test.ts',
  'packages/client/src/hostile/**/*.test.ts',
  'packages/client/src/*.test.ts',
  'packages/client/src/{mls,transport,sync,tabs}/*.test.ts',
  'bench/src/load/*.test.ts',
]

export default defineConfig({
  test: {
    // All of the cores, also where there are but two: most tests of parts wait, for a disk or for each other. `isolate: false`
    // below: no test keeps anything outside of itself, and loading the sources anew for each file costs as much as its tests.
    maxWorkers: '100%',
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'bench/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [...configDefaults.exclude, processTests, browserTests, ...partTests],
          pool: 'forks',
          isolate: false,
          execArgv,
          env,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'part',
          include: partTests,
          exclude: [...configDefaults.exclude, processTests, browserTests],
          pool: 'forks',
          execArgv,
          env,
          isolate: false,
          // A hang guard for a whole test; each wait in it has its own.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'process',
          include: ['sim/**/*.test.ts', 'examples/*.test.ts', processTests],
          pool: 'forks',
          execArgv,
          env,
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'browser',
          include: [browserTests],
          pool: 'forks',
          execArgv,
          env,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
