// A picture of the nodes of a sphere: discs in the colours of their phases, vortices ringed, seen from
// above the equator. Each disc is drawn at twice the size and averaged down.
import { type Colour, Picture } from './picture.js'

const kBackground: Colour = [16, 18, 27]
const kRing: Colour = [255, 255, 255]
/** Share of the picture's half width that the sphere fills. */
const kFill = 0.92
/** Of the view, rad: the sphere's north leans towards it. */
const kLean = 0.5
/** Radius of a node's disc, as a share of the sphere's; that of a vortex's ring, of the disc's. */
const kDisc = 0.55
const kRingSize = 2.4
/** How much darker the far side is. */
const kFar = 0.28
const kOversampling = 2

/** What is drawn: n nodes on a sphere of radius 1. */
export interface SpherePictureOptions {
  /** Pixels of a side. */
  readonly size: number
  /** (3, n): x, y and z one after another. */
  readonly positions: ArrayLike<number>
  /** rad (n): the hue. */
  readonly phases: ArrayLike<number>
  /** Nodes that are ringed. */
  readonly vortices: ReadonlySet<number>
}

/** The colour of a phase: around the hues once, about equally bright. */
export function phaseColour(phase: number): Colour {
  const channel = (turn: number): number => 255 * (0.56 + 0.4 * Math.cos(phase - turn))
  const third = (2 * Math.PI) / 3
  return [channel(0), channel(third), channel(2 * third)]
}

/** Draws the sphere, far nodes first. */
export function spherePicture({
  size,
  positions,
  phases,
  vortices,
}: SpherePictureOptions): Picture {
  const large = new Picture(kOversampling * size, kOversampling * size)
  for (let i = 0; i < large.width * large.height; ++i) {
    large.set(i % large.width, Math.floor(i / large.width), kBackground)
  }
  const nodes = phases.length
  const at = (axis: number, node: number): number => positions[axis * nodes + node] as number
  const [cosine, sine] = [Math.cos(kLean), Math.sin(kLean)]
  const depth = (node: number): number => -at(1, node) * cosine + at(2, node) * sine
  const height = (node: number): number => at(1, node) * sine + at(2, node) * cosine
  const scale = (kFill * large.width) / 2
  const disc = Math.max(1.2, (kDisc * scale * 2) / Math.sqrt(nodes))
  const order = Array.from({ length: nodes }, (_, i) => i).sort((a, b) => depth(a) - depth(b))
  for (const node of order) {
    const x = large.width / 2 + scale * at(0, node)
    const y = large.height / 2 - scale * height(node)
    const near = (1 + depth(node)) / 2
    const light = kFar + (1 - kFar) * near ** 1.5
    drawDisc(large, { x, y, inner: 0, outer: disc * (0.6 + 0.4 * near) }, [
      phaseColour(phases[node] as number),
      light,
    ])
    if (!vortices.has(node)) continue
    const outer = Math.max(3.5, kRingSize * disc)
    drawDisc(large, { x, y, inner: outer - Math.max(1.5, disc / 2), outer }, [kRing, light])
  }
  return averaged(large, size)
}

function drawDisc(
  picture: Picture,
  { x, y, inner, outer }: { x: number; y: number; inner: number; outer: number },
  [colour, light]: readonly [Colour, number],
): void {
  const within = (value: number, limit: number): number => Math.min(Math.max(value, 0), limit)
  const top = within(Math.ceil(y - outer), picture.height)
  const left = within(Math.ceil(x - outer), picture.width)
  for (let row = top; row <= within(Math.floor(y + outer), picture.height - 1); ++row) {
    for (let column = left; column <= within(Math.floor(x + outer), picture.width - 1); ++column) {
      const distance = Math.hypot(column - x, row - y)
      if (distance <= outer && distance >= inner) picture.set(column, row, colour, light)
    }
  }
}

function averaged(large: Picture, size: number): Picture {
  const small = new Picture(size, size)
  for (let y = 0; y < size; ++y) {
    for (let x = 0; x < size; ++x) {
      const sum = [0, 0, 0]
      for (let i = 0; i < kOversampling ** 2; ++i) {
        const row = kOversampling * y + Math.floor(i / kOversampling)
        const from = 3 * (row * large.width + kOversampling * x + (i % kOversampling))
        for (let c = 0; c < 3; ++c) sum[c] = (sum[c] as number) + (large.data[from + c] as number)
      }
      small.set(x, y, sum as unknown as Colour, 1 / kOversampling ** 2)
    }
  }
  return small
}
