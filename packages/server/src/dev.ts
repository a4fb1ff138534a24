import { loadDevEnv } from './config.ts'
import { serve } from './serve.ts'

/** `npm run dev`. */
await serve(() => loadDevEnv(process.cwd()))
