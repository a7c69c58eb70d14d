// Prints a hash of the wave field's gradients for each of some cases, for comparisons between processes.
import { createHash } from 'node:crypto'
import { waveCase, waveGradients, waveInputs } from './wave-native.js'

for (const options of [{}, { samples: 5 }, { receivers: 500 }]) {
  for (const dtype of ['float64', 'float32'] as const) {
    const got = await waveGradients(waveCase(1023, options), { dtype })
    const hash = createHash('sha256')
    for (const name of [...waveInputs, 'field'] as const) hash.update(got[name] as Float64Array)
    console.log(hash.digest('hex'))
  }
}
