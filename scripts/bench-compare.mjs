// Joins the project's rows with the peers' into one Markdown table.
//
//   npm run bench:compare                                    all rows under bench/results
//   npm run bench:compare -- peers.json mine.json --device gpu
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'bench', 'results')
const given = process.argv.slice(2)
const files = given.some((name) => name.endsWith('.json'))
  ? []
  : existsSync(folder)
    ? readdirSync(folder)
        .filter(
          (name) => name.endsWith('.json') && !name.includes('quick') && !name.includes('limits'),
        )
        .sort()
        .map((name) => join(folder, name))
    : []
if (files.length === 0 && !given.some((name) => name.endsWith('.json'))) {
  console.error('bench:compare: bench/results must hold row files; run `npm run bench` first')
  process.exit(2)
}
const script = join(root, 'bench', 'peers', 'compare.mjs')
const { status } = spawnSync(process.execPath, [script, ...files, ...given], { stdio: 'inherit' })
process.exit(status ?? 1)
