// Infinitely many Kuramoto oscillators of Lorentzian frequencies, as one complex number.
import { type Tensor, tensor } from '../tensor.js'
import type { BankNumbers } from './bank-tensors.js'
import { RealBank, type RealBankOptions } from './real-bank.js'
import { RealState } from './real-state.js'

/** Arguments of `MeanField`. */
export interface MeanFieldOptions extends RealBankOptions {
  /** ω̄, the centre of the frequencies, rad per unit of time: one number or (batch). Default: 0. */
  frequency?: BankNumbers
  /** Δ, their half width at half maximum: one number or (batch). */
  width: BankNumbers
  /** K: one number or (batch). */
  coupling: BankNumbers
  /** Z at the start: (Re, Im) for every one or (batch, 2). Default: 0.01 + 0i. */
  order?: ArrayLike<number> | null
  /** What requires gradients and is among `parameters()`. Default: nothing. */
  learnable?: { frequency?: boolean; width?: boolean; coupling?: boolean }
}

const name = 'MeanField'

/**
 * The reduction of Ott and Antonsen: the order parameter of infinitely many oscillators, all to all.
 *
 *     dZ/dt = (iω̄ − Δ + K/2) Z − (K/2) |Z|² Z
 *
 * Beyond K = 2Δ it settles at R = √(1 − 2Δ/K), else at 0. The state is Re Z, Im Z: (batch, 2).
 *
 * @throws ShapeError, ValueError (numbers that are not finite, too), DtypeError, DeviceError.
 * Source: Ott & Antonsen 2008, doi:10.1063/1.2930766.
 */
export class MeanField extends RealBank {
  protected readonly real: RealState

  constructor(options: MeanFieldOptions) {
    super(name, options)
    const { learnable = {} } = options
    const { batch, device, dtype } = this
    const shapes = batch === 1 ? [[1]] : [[1], [batch]]
    try {
      const add = (key: 'frequency' | 'width' | 'coupling', given: BankNumbers) =>
        this.tensors.add(key, given, { shapes, learned: learnable[key] })
      const parameters = {
        frequency: add('frequency', options.frequency ?? 0),
        width: add('width', options.width),
        coupling: add('coupling', options.coupling),
      }
      const order = options.order ?? [0.01, 0]
      this.tensors.add('order', order, { shapes: [[2], [batch, 2]] })
      const whole = Float64Array.from(
        { length: 2 * batch },
        (_, i) => order[i % order.length] as number,
      )
      this.real = new RealState(name, {
        tensors: this.tensors,
        state: tensor(whole, { shape: [batch, 2], device, dtype }),
        system: () => ({ system: 'ott-antonsen', ...parameters }),
      })
    } catch (error) {
      this.tensors.dispose()
      throw error
    }
  }

  /** Z now: (batch, 2). */
  order(): Tensor {
    return this.real.state.detach()
  }
}
