// Programs that a test runs in a process of their own.
import { spawn } from 'node:child_process'
import { projectRoot } from './project.js'

/** How a child process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How a child process is started. */
export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Arguments of node itself. */
  readonly flags?: readonly string[]
  /** Limit on its address space, in KiB. */
  readonly addressSpace?: number
  /** Milliseconds after which it is killed. */
  readonly limit?: number
}

/** Address of the compiled public interface, for `import`. */
export const libraryAddress = new URL('../../lib/index.js', import.meta.url).href

/** Runs an ES module given as text; `lib` in it is everything that entrain exports. */
export function runProgram(text: string, options: ChildOptions = {}): Promise<Ended> {
  const program = `import * as lib from ${JSON.stringify(libraryAddress)}\n${text}`
  return runNode([...(options.flags ?? []), '--input-type=module', '-e', program], options)
}

/** Runs node with arguments. */
export function runNode(
  values: readonly string[],
  { env = {}, addressSpace, limit = 120_000 }: ChildOptions,
): Promise<Ended> {
  const command = addressSpace ? 'sh' : process.execPath
  const limited = ['-c', `ulimit -v ${addressSpace}; exec "$0" "$@"`, process.execPath, ...values]
  return new Promise((resolve, reject) => {
    const child = spawn(command, addressSpace ? limited : values, {
      cwd: projectRoot,
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const watchdog = setTimeout(() => child.kill('SIGKILL'), limit)
    const text = { stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => {
      text.stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      text.stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(watchdog)
      resolve({ code, signal, ...text })
    })
  })
}
