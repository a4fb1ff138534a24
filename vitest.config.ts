import { defineConfig } from 'vitest/config'

/** Processes and threads that tests start run the sources as they are. */
const execArgv = ['-C', 'source']
const resolve = { conditions: ['source'] }
const ssr = { resolve: { conditions: ['source'], externalConditions: ['source'] } }

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'bench/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          pool: 'forks',
          execArgv,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'process',
          include: ['sim/**/*.test.ts', 'examples/*.test.ts'],
          pool: 'forks',
          execArgv,
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
