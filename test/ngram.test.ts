import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitWeights, NgramModel } from '../examples/support/ngram.js'
import { randomUniforms } from '../lib/data/philox.js'
import { CharacterVocabulary } from '../lib/data/text.js'

/** How often a word occurs in a text, overlaps included. */
function occurrences(text: string, word: string): number {
  let count = 0
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) count += 1
  return count
}

/** A probability from the definition: relative frequencies, an unseen context answering with the order below. */
function defined(
  text: string,
  context: string,
  character: string,
  vocabulary: number,
  weights: readonly number[],
): number {
  const frequency = (before: string, otherwise: number): number => {
    const seen = occurrences(text.slice(0, -1), before)
    return seen === 0 ? otherwise : occurrences(text, before + character) / seen
  }
  const p1 = occurrences(text, character) / text.length
  const p2 = frequency(context.slice(1), p1)
  const p3 = frequency(context, p2)
  return [1 / vocabulary, p1, p2, p3].reduce((sum, p, order) => sum + (weights[order] ?? 0) * p, 0)
}

const text = 'abracadabra abracadabra cadabra abra bracada rabadab'
const vocabulary = CharacterVocabulary.of(`${text}z`)
const model = new NgramModel({ tokens: vocabulary.encode(text), vocabulary: vocabulary.size })

test('probabilities are those of the definition', () => {
  for (const context of ['ab', 'br', 'ra', ' c', 'zz', 'za', 'dd']) {
    for (const character of vocabulary.characters) {
      const [a = 0, b = 0, c = 0] = vocabulary.encode(context + character)
      const expected = defined(text, context, character, vocabulary.size, model.weights)
      assert.ok(Math.abs(model.probability(a, b, c) - expected) < 1e-15, `${context}${character}`)
    }
  }
})

test('probabilities sum to one in every context, seen or not', () => {
  const size = vocabulary.size
  for (let a = -1; a < size; ++a) {
    for (let b = -1; b < size; ++b) {
      let sum = 0
      for (let c = 0; c < size; ++c) sum += model.probability(a, b, c)
      assert.ok(Math.abs(sum - 1) < 1e-12, `after ${a}, ${b}: ${sum}`)
    }
  }
})

test('bits per character are the mean of -log2 p', () => {
  const sample = 'zabra'
  const tokens = [...vocabulary.encode(sample)]
  const bits = tokens.map(
    (c, i) => -Math.log2(model.probability(tokens[i - 2] ?? -1, tokens[i - 1] ?? -1, c)),
  )
  const mean = bits.reduce((sum, value) => sum + value, 0) / bits.length
  assert.ok(Number.isFinite(mean))
  assert.ok(Math.abs(model.bitsPerCharacter(vocabulary.encode(sample)) - mean) < 1e-12)
})

test('weights are a maximum of the likelihood', () => {
  const rows = 400
  const table = randomUniforms({ seed: 9, count: 4 * rows }).map((value) => 0.01 + value)
  const likelihood = (weights: readonly number[]): number => {
    let sum = 0
    for (let row = 0; row < rows; ++row) {
      sum += Math.log(
        weights.reduce((total, weight, order) => total + weight * (table[4 * row + order] ?? 0), 0),
      )
    }
    return sum
  }
  const weights = fitWeights(table)
  assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1) < 1e-12)
  const best = likelihood(weights)
  for (let from = 0; from < 4; ++from) {
    for (let to = 0; to < 4; ++to) {
      const moved = weights.map(
        (weight, order) => weight + (order === to ? 0.01 : 0) - (order === from ? 0.01 : 0),
      )
      if (from !== to && moved.every((weight) => weight >= 0))
        assert.ok(likelihood(moved) <= best + 1e-3, `${from} to ${to}`)
    }
  }
})

test('a text of independent fair characters costs its entropy', () => {
  const draw = (block: number, count: number): Int32Array =>
    Int32Array.from(randomUniforms({ seed: 2, count, block }), (value) => Math.floor(4 * value))
  const fair = new NgramModel({ tokens: draw(0, 50_000), vocabulary: 4 })
  assert.ok(Math.abs(fair.bitsPerCharacter(draw(1, 20_000)) - 2) < 0.01)
})

test('arguments are checked', () => {
  assert.throws(
    () => new NgramModel({ tokens: new Int32Array(5), vocabulary: 3 }),
    /at least 20, got 5/,
  )
  assert.throws(
    () => new NgramModel({ tokens: new Int32Array(50).fill(3), vocabulary: 3 }),
    /from 0 to 2, got 3/,
  )
  assert.throws(() => new NgramModel({ tokens: new Int32Array(50), vocabulary: 0 }), /vocabulary/)
  assert.throws(() => model.bitsPerCharacter(new Int32Array(0)), /empty/)
})
