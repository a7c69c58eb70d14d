// Learning-rate schedules: functions from a step (0, 1, ...) to a rate. They hold no state, so a run
// that continues from a checkpoint at step s asks for rate(s) and gets what it would have got.

import { ValueError } from '../errors.js'

/** The learning rate of a step, counted from 0. */
export type Schedule = (step: number) => number

function requireNumber(
  operation: string,
  values: Readonly<Record<string, number>>,
  least: number,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < least) {
      throw new ValueError(
        `${operation}: ${name} must be finite and at least ${least}, got ${String(value)}`,
      )
    }
  }
}

function requireCount(
  operation: string,
  values: Readonly<Record<string, number>>,
  least: number,
): void {
  for (const [name, value] of Object.entries(values)) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw new ValueError(
        `${operation}: ${name} must be an integer of at least ${least}, got ${String(value)}`,
      )
    }
  }
}

/** The linear part common to all: learningRate (step + 1) / warmup for step < warmup. */
const warmUp = (learningRate: number, step: number, warmup: number): number =>
  (learningRate * (step + 1)) / warmup

/**
 * A constant rate after a linear warm-up.
 *
 *     rate(s) = learningRate (s + 1) / warmup   for s < warmup,   else learningRate
 *
 * @param learningRate the rate, at least 0
 * @param warmup steps of the linear rise, an integer of at least 0 (default 0)
 * @throws ValueError (ERR_VALUE) for arguments outside these ranges, and for a step that is not a count
 */
export function constantSchedule({
  learningRate,
  warmup = 0,
}: {
  learningRate: number
  warmup?: number
}): Schedule {
  requireNumber('constantSchedule', { learningRate }, 0)
  requireCount('constantSchedule', { warmup }, 0)
  return (step) => {
    requireCount('constantSchedule', { step }, 0)
    return step < warmup ? warmUp(learningRate, step, warmup) : learningRate
  }
}

/**
 * A linear warm-up, then half a cosine from `learningRate` down to `floor`, which it keeps.
 *
 *     rate(s) = learningRate (s + 1) / warmup                                for s < warmup
 *     rate(s) = floor + (learningRate - floor) (1 + cos(pi p)) / 2           from there on,
 *     p = min((s - warmup) / max(total - warmup, 1), 1)
 *
 * @param learningRate the peak, at least 0
 * @param total steps of the whole run, an integer of at least 1
 * @param warmup steps of the linear rise, an integer of at least 0 (default 0)
 * @param floor the last rate, from 0 to learningRate (default 0)
 * @throws ValueError (ERR_VALUE) for arguments outside these ranges, and for a step that is not a count
 */
export function cosineSchedule({
  learningRate,
  total,
  warmup = 0,
  floor = 0,
}: {
  learningRate: number
  total: number
  warmup?: number
  floor?: number
}): Schedule {
  requireNumber('cosineSchedule', { learningRate, floor }, 0)
  requireCount('cosineSchedule', { total }, 1)
  requireCount('cosineSchedule', { warmup }, 0)
  if (floor > learningRate) {
    throw new ValueError(
      `cosineSchedule: floor must be at most learningRate ${learningRate}, got ${floor}`,
    )
  }
  return (step) => {
    requireCount('cosineSchedule', { step }, 0)
    if (step < warmup) return warmUp(learningRate, step, warmup)
    const progress = Math.min((step - warmup) / Math.max(total - warmup, 1), 1)
    return floor + ((learningRate - floor) * (1 + Math.cos(Math.PI * progress))) / 2
  }
}

/**
 * One cycle: half a cosine up from `learningRate / startDivisor` to `learningRate`, then half a cosine
 * down to `learningRate / endDivisor`, which it keeps. With r = round(rise (total - 1)):
 *
 *     rate(s) = a + (b - a) (1 - cos(pi p)) / 2,   p = s / r  going up,   p = (s - r) / (total - 1 - r)  going down
 *
 * @param learningRate the peak, at least 0
 * @param total steps of the whole run, an integer of at least 2
 * @param rise share of the run spent rising, from 0 to 1 (default 0.3)
 * @param startDivisor the peak over the first rate, at least 1 (default 25)
 * @param endDivisor the peak over the last rate, at least 1 (default 250 000)
 * @throws ValueError (ERR_VALUE) for arguments outside these ranges, and for a step that is not a count
 *
 * Source: Smith and Topin, Super-convergence, https://arxiv.org/abs/1708.07120
 */
export function oneCycleSchedule({
  learningRate,
  total,
  rise = 0.3,
  startDivisor = 25,
  endDivisor = 250_000,
}: {
  learningRate: number
  total: number
  rise?: number
  startDivisor?: number
  endDivisor?: number
}): Schedule {
  requireNumber('oneCycleSchedule', { learningRate, rise }, 0)
  requireNumber('oneCycleSchedule', { startDivisor, endDivisor }, 1)
  requireCount('oneCycleSchedule', { total }, 2)
  if (rise > 1) throw new ValueError(`oneCycleSchedule: rise must be at most 1, got ${rise}`)
  const last = total - 1
  const peak = Math.round(rise * last)
  const between = (from: number, to: number, progress: number): number =>
    from + ((to - from) * (1 - Math.cos(Math.PI * progress))) / 2
  return (step) => {
    requireCount('oneCycleSchedule', { step }, 0)
    if (step < peak) return between(learningRate / startDivisor, learningRate, step / peak)
    const progress = Math.min((step - peak) / Math.max(last - peak, 1), 1)
    return between(learningRate, learningRate / endDivisor, progress)
  }
}
