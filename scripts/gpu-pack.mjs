// Packs what a GPU machine needs that has neither Node nor a network: npm run gpu:pack
//
// gpu-pack/ then holds Node itself (xz-compressed), the addon, the compiled TypeScript, golden files, the
// peers and gpu.sh, which runs everything there and writes JSON: `bash gpu-pack/gpu.sh` with OUT set.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, extname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const kLimitMiB = 60
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pack = join(root, 'gpu-pack')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

function fail(message) {
  console.error(`gpu:pack: ${message}`)
  process.exit(1)
}

/** The running Node, compressed; kept between runs, since compressing takes a minute. */
function compressedNode() {
  const binary = realpathSync(process.execPath)
  const cache = join(root, 'build', 'gpu-pack')
  const path = join(cache, `node-${process.version}-${statSync(binary).size}.xz`)
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  console.log('compressing node (once) ...')
  const compress = [
    'import lzma, shutil, sys',
    'with open(sys.argv[1], "rb") as source, lzma.open(sys.argv[2], "wb", preset=6) as target:',
    '    shutil.copyfileobj(source, target, 1 << 20)',
  ].join('\n')
  const part = `${path}.part`
  const { status } = spawnSync('python3', ['-c', compress, binary, part], { stdio: 'inherit' })
  if (status !== 0) fail('python3 with lzma must be there to compress node, got a failure')
  renameSync(part, path)
  return path
}

const leavesOut = new Set([
  'node_modules',
  '__pycache__',
  'results',
  '.gitignore',
  'package-lock.json',
])
const wanted = (path) =>
  !leavesOut.has(path.split('/').at(-1) ?? '') &&
  !path.endsWith('.map') &&
  !path.endsWith('.d.ts') &&
  !path.endsWith('.pyc')

function copy(...parts) {
  const from = join(root, ...parts)
  if (!existsSync(from)) fail(`${relative(root, from)} must be there (npm run build), got nothing`)
  cpSync(from, join(pack, ...parts), { recursive: true, filter: (source) => wanted(source) })
}

/** Packages that the library needs at run time, and theirs. */
function runtimePackages(names, found = new Set()) {
  for (const name of names) {
    const path = join(root, 'node_modules', name, 'package.json')
    if (found.has(name) || !existsSync(path)) continue
    found.add(name)
    runtimePackages(Object.keys(JSON.parse(readFileSync(path, 'utf8')).dependencies ?? {}), found)
  }
  return found
}

/** Bare imports that a module reaches through its relative ones. */
function packagesOf(path, seen = new Set()) {
  if (seen.has(path) || !existsSync(path)) return []
  seen.add(path)
  const text = readFileSync(path, 'utf8')
  // Statements as the compiler writes them, each on a line of its own, and dynamic imports.
  const statement =
    /^(?:import|export)\b[^'"\n]*\bfrom\s*['"]([^'"\n]+)['"]|^import\s*['"]([^'"\n]+)['"]|\bimport\(['"]([^'"\n]+)['"]\)/gm
  const names = [...text.matchAll(statement)].map((match) => match.slice(1).find(Boolean) ?? '')
  return names.flatMap((name) => {
    // Names put together at run time are paths of the project's own.
    if (name.startsWith('node:') || name.includes('${')) return []
    return name.startsWith('.') ? packagesOf(resolve(dirname(path), name), seen) : [name]
  })
}

/** Tests that run without development packages; the others say why they stay here. */
function portableTests(packages) {
  const folder = join(pack, 'dist', 'test')
  return readdirSync(folder)
    .filter((name) => name.endsWith('.test.js'))
    .sort()
    .filter((name) => {
      const missing = packagesOf(join(folder, name)).find(
        (used) => ![...packages].some((have) => used === have || used.startsWith(`${have}/`)),
      )
      if (missing) console.log(`  ${name} stays here: it needs ${missing}`)
      return !missing
    })
}

function size(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.size
  return readdirSync(path).reduce((sum, name) => sum + size(join(path, name)), 0)
}

function commit() {
  try {
    const git = (...names) => execFileSync('git', names, { cwd: root, encoding: 'utf8' }).trim()
    const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (changed ? ' with changes' : '')
  } catch {
    return 'unknown'
  }
}

const node = compressedNode()
rmSync(pack, { recursive: true, force: true })
mkdirSync(pack, { recursive: true })
const copied = ['dist', 'test/golden', 'bench/peers', 'bench/workloads.json', 'package.json']
for (const part of copied) copy(...part.split('/'))
const addons = join(root, 'build', 'Release')
const built = existsSync(addons)
  ? readdirSync(addons).filter((name) => extname(name) === '.node')
  : []
if (built.length === 0) fail('build/Release must hold the addon (npm run build), got none')
for (const name of built) copy('build', 'Release', name)
const packages = runtimePackages(Object.keys(manifest.dependencies ?? {}))
for (const name of packages) {
  cpSync(join(root, 'node_modules', name), join(pack, 'node_modules', name), { recursive: true })
}
cpSync(node, join(pack, 'node.xz'))
for (const name of ['gpu.sh', 'gpu-probe.mjs', 'gpu-summary.mjs']) {
  cpSync(join(root, 'scripts', name), join(pack, name))
}
chmodSync(join(pack, 'gpu.sh'), 0o755)
const tests = portableTests(packages)
writeFileSync(join(pack, 'tests.txt'), `${tests.join('\n')}\n`)
writeFileSync(join(pack, 'commit.txt'), `${commit()}\n`)

const parts = readdirSync(pack).map((name) => [name, size(join(pack, name))])
const total = parts.reduce((sum, [, bytes]) => sum + bytes, 0) / 2 ** 20
for (const [name, bytes] of parts)
  console.log(`  ${(bytes / 2 ** 20).toFixed(1).padStart(6)} MiB  ${name}`)
console.log(
  `gpu-pack: ${total.toFixed(1)} MiB, ${tests.length} test files, node ${process.version}`,
)
if (total > kLimitMiB) fail(`gpu-pack must be at most ${kLimitMiB} MiB, got ${total.toFixed(1)}`)
