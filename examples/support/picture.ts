// Pictures as PNG files.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { encode } from 'fast-png'

/** A colour: red, green, blue from 0 to 255. */
export type Colour = readonly [number, number, number]

/** A picture of red, green and blue bytes, row after row. */
export class Picture {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray

  constructor(width: number, height: number) {
    this.width = width
    this.height = height
    this.data = new Uint8ClampedArray(3 * width * height)
  }

  /** Sets one pixel to `light` times a colour. */
  set(x: number, y: number, [red, green, blue]: Colour, light = 1): void {
    const at = 3 * (y * this.width + x)
    this.data[at] = light * red
    this.data[at + 1] = light * green
    this.data[at + 2] = light * blue
  }

  /** Writes the picture, making the folder if it is not there. */
  async write(path: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, encode({ ...this, channels: 3 }))
  }
}

/** The colour at `position` between the stops of a scale, which are [position, colour] in order. */
export function gradientColour(
  stops: readonly (readonly [number, Colour])[],
  position: number,
): Colour {
  let [before, from] = stops[0] as readonly [number, Colour]
  for (const [after, to] of stops) {
    if (position <= after) {
      const t = after > before ? Math.max(0, (position - before) / (after - before)) : 0
      const mix = (i: 0 | 1 | 2): number => from[i] + t * (to[i] - from[i])
      return [mix(0), mix(1), mix(2)]
    }
    before = after
    from = to
  }
  return from
}

/** A picture of grey bytes, made of square fields of numbers in [0, 1], row after row of them. */
export async function writeContactSheet(
  path: string,
  fields: readonly ArrayLike<number>[],
  { side, columns }: { side: number; columns: number },
): Promise<void> {
  const [width, height] = [side * columns, side * Math.ceil(fields.length / columns)]
  const data = new Uint8ClampedArray(width * height)
  for (const [n, field] of fields.entries()) {
    const corner = Math.floor(n / columns) * side * width + (n % columns) * side
    for (let i = 0; i < side * side; ++i) {
      data[corner + Math.floor(i / side) * width + (i % side)] = 255 * (field[i] as number)
    }
  }
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, encode({ width, height, data, channels: 1 }))
}
