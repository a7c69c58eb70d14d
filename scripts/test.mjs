// Runs the compiled tests: all of them, or the files whose names are given.
//   node scripts/test.mjs                     what `npm test` runs after the build
//   node scripts/test.mjs eigenstate-scan     one file
//   node scripts/test.mjs --simt [names]      on the emulator's binary: the CUDA kernels on the host
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const simt = process.argv.includes('--simt')
const folder = join('dist', 'test')
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.test.js'))
  .filter((file) => names.length === 0 || names.includes(file.slice(0, -'.test.js'.length)))
  .map((file) => join(folder, file))
if (files.length === 0) {
  console.error(`no test file is named ${names.join(' or ')}`)
  process.exit(1)
}

const environment = { ...process.env }
if (simt) {
  const binary = join('build-simt', 'Release', 'entrain.node')
  if (!existsSync(binary)) {
    console.error(`${binary} is not there: npm run build:simt makes it`)
    process.exit(1)
  }
  Object.assign(environment, simtEnvironment(binary))
}

// The sanitizers' runtime must be in the process before the addon; leaks of node itself are not ours.
function simtEnvironment(binary) {
  const library = spawnSync('g++', ['-print-file-name=libasan.so'], {
    encoding: 'utf8',
  }).stdout.trim()
  const sanitized = spawnSync('ldd', [binary], { encoding: 'utf8' }).stdout.includes('libasan')
  return {
    ENTRAIN_BINARY: binary,
    ENTRAIN_TEST_DEVICE: 'cuda',
    ...(sanitized && {
      LD_PRELOAD: library,
      // Too large an allocation gives null, as it does without the sanitizer: tests ask for one.
      ASAN_OPTIONS:
        'detect_leaks=0:allow_user_segv_handler=1:use_sigaltstack=0:allocator_may_return_null=1',
      UBSAN_OPTIONS: 'print_stacktrace=1',
    }),
  }
}

const concurrency = simt ? ['--test-concurrency=2'] : ['--test-concurrency=1']
const run = spawnSync(process.execPath, ['--test', ...concurrency, ...files], {
  stdio: 'inherit',
  env: environment,
})
process.exit(run.status ?? 1)
