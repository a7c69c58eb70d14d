// Element types and their carriers in JavaScript.

/** Element types of tensors. The half types are storage: arithmetic on them is done in float32. */
export type Dtype = 'float64' | 'float32' | 'bfloat16' | 'float16' | 'int32' | 'uint8'

/** Element types with gradients. */
export type FloatDtype = 'float64' | 'float32' | 'bfloat16' | 'float16'

/** Native numbers of the types. @internal */
export const dtypeCodes: Readonly<Record<Dtype, number>> = {
  float64: 0,
  float32: 1,
  bfloat16: 2,
  float16: 3,
  int32: 4,
  uint8: 5,
}

/** Bytes of one element. */
export const dtypeBytes: Readonly<Record<Dtype, number>> = {
  float64: 8,
  float32: 4,
  bfloat16: 2,
  float16: 2,
  int32: 4,
  uint8: 1,
}

/** What `data()` gives: half types arrive widened, without loss, to float32. */
export type DataOf<D extends Dtype> = D extends 'float64'
  ? Float64Array
  : D extends 'int32'
    ? Int32Array
    : D extends 'uint8'
      ? Uint8Array
      : Float32Array

/** The type that arithmetic on `dtype` is done in, and that gradients of parameters have. */
export function computeDtype(dtype: Dtype): 'float64' | 'float32' {
  return dtype === 'float64' ? 'float64' : 'float32'
}

const floats = new Float32Array(1)
const words = new Uint32Array(floats.buffer)

function toBfloat16(value: number): number {
  floats[0] = value
  const bits = words[0] as number
  if ((bits & 0x7fffffff) > 0x7f800000) return ((bits >>> 16) | 0x40) & 0xffff
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

function fromBfloat16(bits: number): number {
  words[0] = bits << 16
  return floats[0] as number
}

function toFloat16(value: number): number {
  floats[0] = value
  const bits = words[0] as number
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // subnormal: adding 0.5 in float32 rounds at the right place
    words[0] = magnitude
    floats[0] = (floats[0] as number) + 0.5
    return sign | ((words[0] as number) - 0x3f000000)
  }
  const rebased = magnitude - 0x38000000
  return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13)
}

function fromFloat16(bits: number): number {
  const exponent = (bits >>> 10) & 31
  const fraction = bits & 1023
  const sign = bits & 0x8000 ? -1 : 1
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * fraction * 2 ** -24
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Numbers as the bytes of a type, rounded to nearest even. @internal */
export function encode(data: ArrayLike<number>, dtype: Dtype): Uint8Array {
  let array: Float64Array | Float32Array | Uint16Array | Int32Array | Uint8Array
  switch (dtype) {
    case 'float64':
      array = data instanceof Float64Array ? data : Float64Array.from(data)
      break
    case 'float32':
      array = data instanceof Float32Array ? data : Float32Array.from(data)
      break
    case 'bfloat16':
      array = Uint16Array.from(data, toBfloat16)
      break
    case 'float16':
      array = Uint16Array.from(data, toFloat16)
      break
    case 'int32':
      array = data instanceof Int32Array ? data : Int32Array.from(data)
      break
    case 'uint8':
      array = data instanceof Uint8Array ? data : Uint8Array.from(data)
  }
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

/** The bytes of a type as numbers. @internal */
export function decode<D extends Dtype>(bytes: ArrayBuffer, dtype: D): DataOf<D> {
  return decodeAny(bytes, dtype) as DataOf<D>
}

function decodeAny(
  bytes: ArrayBuffer,
  dtype: Dtype,
): Float64Array | Float32Array | Int32Array | Uint8Array {
  switch (dtype) {
    case 'float64':
      return new Float64Array(bytes)
    case 'float32':
      return new Float32Array(bytes)
    case 'bfloat16':
      return Float32Array.from(new Uint16Array(bytes), fromBfloat16)
    case 'float16':
      return Float32Array.from(new Uint16Array(bytes), fromFloat16)
    case 'int32':
      return new Int32Array(bytes)
    case 'uint8':
      return new Uint8Array(bytes)
  }
}
