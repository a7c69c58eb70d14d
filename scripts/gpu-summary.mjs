// Reads what gpu.sh left in a folder and writes summary.json; prints a few lines for people.
//
//   node gpu-summary.mjs <folder> <stages.tsv>     stages: name, exit status, seconds, one a line
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const [folder = '.', stagesFile = ''] = process.argv.slice(2)
const text = (name) =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''
const json = (name) => {
  try {
    return JSON.parse(text(name))
  } catch {
    return null
  }
}

/** Status 0 passed, 124 and 137 ran out of time, 77 was left out on purpose. */
const outcome = (status) =>
  ({ 0: 'passed', 77: 'left out', 124: 'out of time', 137: 'out of time' })[status] ??
  `failed (${status})`
const stages = readFileSync(stagesFile, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => line.split('\t'))
  .map(([name, status, seconds]) => ({
    name,
    status: Number(status),
    outcome: outcome(status),
    seconds: Number(seconds),
  }))

const count = (log, word) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(log)?.[1] ?? 0)
const testLog = text('tests.log')
const tests = {
  passed: count(testLog, 'pass'),
  failed: count(testLog, 'fail'),
  skipped: count(testLog, 'skipped'),
  failures: [...testLog.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map((match) => match[1]).slice(0, 50),
}
const sanitizer = (name) => {
  const log = text(name)
  const sums = [...log.matchAll(/(?:ERROR SUMMARY: (\d+) error|RACECHECK SUMMARY: (\d+) hazard)/g)]
  return {
    programs: sums.length,
    findings: sums.reduce((sum, [, errors, hazards]) => sum + Number(errors ?? hazards), 0),
    first: /^=+ (?:Invalid|Error: |Warning: Race|Program hit).*$/m.exec(log)?.[0] ?? null,
  }
}
const rows = json('entrain-gpu.json')?.rows ?? []
let comparison = ''
const rowFiles = ['entrain-gpu.json', 'peers-gpu.json'].filter((name) => json(name))
if (rowFiles.length > 0) {
  try {
    const script = join(here, 'bench', 'peers', 'compare.mjs')
    const paths = rowFiles.map((name) => join(folder, name))
    comparison = execFileSync(process.execPath, [script, ...paths], {
      encoding: 'utf8',
      stdio: 'pipe',
    })
  } catch (error) {
    comparison = `comparison failed: ${error}`
  }
}
const summary = {
  commit: readFileSync(join(here, 'commit.txt'), 'utf8').trim(),
  created: new Date().toISOString(),
  stages,
  devices: json('probe.json')?.devices ?? null,
  tests,
  memcheck: sanitizer('memcheck.log'),
  racecheck: sanitizer('racecheck.log'),
  rows: rows.length,
  comparison: comparison.split('\n'),
}
writeFileSync(join(folder, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
console.log('\n---- summary ----')
for (const stage of stages)
  console.log(`${stage.name.padEnd(10)} ${stage.outcome}, ${stage.seconds} s`)
console.log(`tests: ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped`)
for (const name of tests.failures.slice(0, 10)) console.log(`  not ok: ${name}`)
for (const name of ['memcheck', 'racecheck']) {
  const { programs, findings, first } = summary[name]
  console.log(
    `${name}: ${findings} findings in ${programs} programs${first ? `; first: ${first}` : ''}`,
  )
}
console.log(comparison)
