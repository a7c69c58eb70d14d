// Rules that no general linter knows: C++ format, file lengths, formulas only in ops/, nothing unfinished.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const kLines = 400
const files = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .stdout.split('\n')
  .filter(Boolean)
const faults = []

const inHouse = files.filter((file) => /^(ops|cuda|cpu|binding|lib)\//.test(file))
for (const file of inHouse) {
  const lines = readFileSync(file, 'utf8').split('\n')
  if (lines.length > kLines + 1)
    faults.push(`${file}: ${lines.length - 1} lines, at most ${kLines}`)
}

// cpu/ and cuda/ hold loops; an equation there would drift from its twin.
const formula = /\b(?:std::)?(?:sin|cos|exp|tanh|log)f?\(|__(?:sin|cos|exp|log)f\(/
for (const file of files.filter((name) => /^(cpu|cuda)\/.*\.(cpp|cu|cuh|h)$/.test(name))) {
  for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const code = line.replace(/\/\/.*/, '')
    if (formula.test(code))
      faults.push(`${file}:${i + 1}: a formula belongs in ops/: ${line.trim()}`)
  }
}

const unfinished = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'not ' + 'implemented'].join('|'))
for (const file of files.filter(
  (name) =>
    /^(ops|cuda|cpu|binding|lib|test|bench|examples)\/.*\.\w+$/.test(name) &&
    !name.startsWith('bench/peers') &&
    !name.endsWith('.safetensors'),
)) {
  for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (unfinished.test(line)) faults.push(`${file}:${i + 1}: unfinished: ${line.trim()}`)
  }
}

const sources = files.filter((name) =>
  /^(ops|cpu|cuda|binding|test)\/.*\.(cpp|cu|cuh|h)$/.test(name),
)
if (spawnSync('clang-format', ['--version']).status === 0) {
  const check = spawnSync('clang-format', ['--dry-run', '--Werror', ...sources], {
    encoding: 'utf8',
  })
  if (check.status !== 0)
    faults.push(
      check.stderr
        .split('\n')
        .filter((line) => line.includes('error:'))
        .join('\n'),
    )
} else {
  console.log('clang-format is not installed: the format of C++ was not checked')
}

if (faults.length > 0) {
  console.error(faults.join('\n'))
  process.exit(1)
}
console.log(`${inHouse.length} files of the house and ${sources.length} C++ files are in order`)
