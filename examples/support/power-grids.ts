// A real power grid's published data, and what the swing equation needs of it.
//
// The IEEE 39-bus system, a model of the 345 kV grid of New England: 39 buses, 10 generators, 46 lines and
// transformers, on a base of 100 MVA and 60 Hz. Generator 39 stands for the grids beyond.
// Sources: lines, loads and generation of G. W. Bills et al., On-Line Stability Analysis Study, Edison
// Electric Institute RP90-1 (1970), with the solved power flow of MATPOWER's case39 (Zimmerman et al.,
// https://doi.org/10.1109/TPWRS.2010.2051168); inertia and transient reactance of T. Athay, R. Podmore &
// S. Virmani, A Practical Method for the Direct Analysis of Transient Stability, IEEE Trans. PAS-98, 573
// (1979), https://doi.org/10.1109/TPAS.1979.319407, also in M. A. Pai, Energy Function Analysis for Power
// System Stability (Kluwer, 1989).

/** A node of the grid; bus n of the publication has place n − 1. */
export interface Bus {
  /** Consumption in MW. */
  readonly load: number
  /** |V| of the solved power flow, per unit. */
  readonly voltage: number
  /** arg V of the solved power flow, degrees. */
  readonly angle: number
}

/** A line or transformer. */
export interface Line {
  /** Numbers of its buses, from 1. */
  readonly from: number
  readonly to: number
  /** Series resistance and reactance, per unit. */
  readonly resistance: number
  readonly reactance: number
  /** Turns ratio of a transformer, on the side of `from`; 1 for a line. */
  readonly ratio: number
}

/** A generator. */
export interface Generator {
  /** Number of its bus, from 1. */
  readonly bus: number
  /** Production in MW in the solved power flow. */
  readonly power: number
  /** H: kinetic energy at rated speed over the base power, seconds. */
  readonly inertia: number
  /** x′d, per unit. */
  readonly transientReactance: number
}

/** A grid; its numbers per unit are on `basePower`. */
export interface PowerGrid {
  readonly name: string
  /** MVA. */
  readonly basePower: number
  /** Hz. */
  readonly frequency: number
  readonly buses: readonly Bus[]
  readonly lines: readonly Line[]
  readonly generators: readonly Generator[]
}

/** Load in MW, |V| per unit, arg V in degrees, of buses 1 … 39. */
const buses: readonly (readonly [number, number, number])[] = [
  [97.6, 1.03938, -13.5366],
  [0, 1.04849, -9.7853],
  [322, 1.03071, -12.2764],
  [500, 1.00446, -12.6267],
  [0, 1.00601, -11.1923],
  [0, 1.00823, -10.4083],
  [233.8, 0.9984, -12.7556],
  [522, 0.99787, -13.3358],
  [6.5, 1.03833, -14.1784],
  [0, 1.01784, -8.1709],
  [0, 1.01339, -8.937],
  [8.53, 1.00082, -8.9988],
  [0, 1.01492, -8.9299],
  [0, 1.01232, -10.7153],
  [320, 1.01619, -11.3454],
  [329, 1.03252, -10.0333],
  [0, 1.03424, -11.1164],
  [158, 1.03157, -11.9862],
  [0, 1.05011, -5.4101],
  [680, 0.99101, -6.8212],
  [274, 1.03232, -7.6287],
  [0, 1.05014, -3.1831],
  [247.5, 1.04515, -3.3813],
  [308.6, 1.038, -9.9138],
  [224, 1.05768, -8.3692],
  [139, 1.05256, -9.4388],
  [281, 1.03834, -11.3622],
  [206, 1.05037, -5.9284],
  [283.5, 1.05011, -3.1699],
  [0, 1.0499, -7.3705],
  [9.2, 0.982, 0],
  [0, 0.9841, -0.1884],
  [0, 0.9972, -0.1932],
  [0, 1.0123, -1.6311],
  [0, 1.0494, 1.7765],
  [0, 1.0636, 4.4684],
  [0, 1.0275, -1.5829],
  [0, 1.0265, 3.8928],
  [1104, 1.03, -14.5353],
]

/** From, to, resistance and reactance per unit, and the ratio of a transformer. */
const lines: readonly (readonly [number, number, number, number, number?])[] = [
  [1, 2, 0.0035, 0.0411],
  [1, 39, 0.001, 0.025],
  [2, 3, 0.0013, 0.0151],
  [2, 25, 0.007, 0.0086],
  [2, 30, 0, 0.0181, 1.025],
  [3, 4, 0.0013, 0.0213],
  [3, 18, 0.0011, 0.0133],
  [4, 5, 0.0008, 0.0128],
  [4, 14, 0.0008, 0.0129],
  [5, 6, 0.0002, 0.0026],
  [5, 8, 0.0008, 0.0112],
  [6, 7, 0.0006, 0.0092],
  [6, 11, 0.0007, 0.0082],
  [6, 31, 0, 0.025, 1.07],
  [7, 8, 0.0004, 0.0046],
  [8, 9, 0.0023, 0.0363],
  [9, 39, 0.001, 0.025],
  [10, 11, 0.0004, 0.0043],
  [10, 13, 0.0004, 0.0043],
  [10, 32, 0, 0.02, 1.07],
  [12, 11, 0.0016, 0.0435, 1.006],
  [12, 13, 0.0016, 0.0435, 1.006],
  [13, 14, 0.0009, 0.0101],
  [14, 15, 0.0018, 0.0217],
  [15, 16, 0.0009, 0.0094],
  [16, 17, 0.0007, 0.0089],
  [16, 19, 0.0016, 0.0195],
  [16, 21, 0.0008, 0.0135],
  [16, 24, 0.0003, 0.0059],
  [17, 18, 0.0007, 0.0082],
  [17, 27, 0.0013, 0.0173],
  [19, 20, 0.0007, 0.0138, 1.06],
  [19, 33, 0.0007, 0.0142, 1.07],
  [20, 34, 0.0009, 0.018, 1.009],
  [21, 22, 0.0008, 0.014],
  [22, 23, 0.0006, 0.0096],
  [22, 35, 0, 0.0143, 1.025],
  [23, 24, 0.0022, 0.035],
  [23, 36, 0.0005, 0.0272],
  [25, 26, 0.0032, 0.0323],
  [25, 37, 0.0006, 0.0232, 1.025],
  [26, 27, 0.0014, 0.0147],
  [26, 28, 0.0043, 0.0474],
  [26, 29, 0.0057, 0.0625],
  [28, 29, 0.0014, 0.0151],
  [29, 38, 0.0008, 0.0156, 1.025],
]

/** Bus, production in MW, H in seconds, x′d per unit. */
const generators: readonly (readonly [number, number, number, number])[] = [
  [30, 250, 42, 0.031],
  [31, 677.871, 30.3, 0.0697],
  [32, 650, 35.8, 0.0531],
  [33, 632, 28.6, 0.0436],
  [34, 508, 26, 0.132],
  [35, 650, 34.8, 0.05],
  [36, 560, 26.4, 0.049],
  [37, 540, 24.3, 0.057],
  [38, 830, 34.5, 0.057],
  [39, 1000, 500, 0.006],
]

/** The IEEE 39-bus system, New England. */
export const newEngland39: PowerGrid = {
  name: 'IEEE 39-bus, New England',
  basePower: 100,
  frequency: 60,
  buses: buses.map(([load, voltage, angle]) => ({ load, voltage, angle })),
  lines: lines.map(([from, to, resistance, reactance, ratio = 1]) => ({
    from,
    to,
    resistance,
    reactance,
    ratio,
  })),
  generators: generators.map(([bus, power, inertia, transientReactance]) => ({
    bus,
    power,
    inertia,
    transientReactance,
  })),
}

/**
 * What each bus feeds in, per unit: production less load. The swing equation without losses needs a sum of
 * zero, so the generators give up what the lines lose, each in proportion to its power.
 */
export function injections({ basePower, buses, generators }: PowerGrid): Float64Array {
  const power = Float64Array.from(buses, (bus) => -bus.load / basePower)
  const load = buses.reduce((sum, bus) => sum + bus.load, 0)
  const production = generators.reduce((sum, generator) => sum + generator.power, 0)
  for (const { bus, power: produced } of generators) {
    power[bus - 1] = (power[bus - 1] as number) + (produced * load) / production / basePower
  }
  return power
}

/**
 * The coupling of each line, K = |V_from| |V_to| b / ratio per unit with the susceptance b = x / (r² + x²),
 * as a list of edges from 0: but for losses the power from one bus to the other is K sin(θ_from − θ_to).
 *
 * @param tripped indices in `grid.lines` of lines that are out of service
 */
export function couplings(
  { buses, lines }: PowerGrid,
  tripped: readonly number[] = [],
): { from: number[]; to: number[]; weight: number[] } {
  const inService = lines.filter((_, index) => !tripped.includes(index))
  const voltage = (bus: number): number => buses[bus - 1]?.voltage ?? Number.NaN
  return {
    from: inService.map((line) => line.from - 1),
    to: inService.map((line) => line.to - 1),
    weight: inService.map(({ from, to, resistance, reactance, ratio }) => {
      const susceptance = reactance / (resistance ** 2 + reactance ** 2)
      return (voltage(from) * voltage(to) * susceptance) / ratio
    }),
  }
}

/** M = 2H / (2π frequency) of each bus with a generator, in s² per radian; 0 elsewhere: M θ″ is a power per unit. */
export function inertias({ frequency, buses, generators }: PowerGrid): Float64Array {
  const inertia = new Float64Array(buses.length)
  for (const { bus, inertia: seconds } of generators) {
    inertia[bus - 1] = seconds / (Math.PI * frequency)
  }
  return inertia
}
