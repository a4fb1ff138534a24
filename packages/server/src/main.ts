import { loadEnv } from './config.ts'
import { serve } from './serve.ts'

await serve(() => loadEnv(process.cwd()))
