// Fields that are kept on their device for the next time they are asked for, least recently used out
// first, within a budget of bytes.
import { LRUCache } from 'lru-cache'
import { noGrad } from '../context.js'
import { dtypeBytes } from '../dtype.js'
import { ValueError } from '../errors.js'
import { scope } from '../scope.js'
import { own, type Tensor } from '../tensor.js'

/** How a cache of fields has served. */
export interface FieldCacheStatistics {
  /** Fields that were there already: no kernel ran. */
  readonly hits: number
  /** Fields that had to be computed. */
  readonly misses: number
  /** Fields that had to go before `dispose`. */
  readonly evictions: number
  /** Fields that are kept now. */
  readonly entries: number
  /** Bytes of the fields that are kept now. */
  readonly bytes: number
  /** The most bytes that are kept. */
  readonly budget: number
}

/** Tensors by what determines them. Whoever gets one owns a tensor of their own on the same memory. @internal */
export class FieldCache implements Disposable {
  readonly #fields: LRUCache<string, Tensor>
  #hits = 0
  #misses = 0
  #evictions = 0

  constructor(operation: string, budget: number) {
    if (!Number.isSafeInteger(budget) || budget < 1) {
      throw new ValueError(
        `${operation}: cacheBytes must be an integer of at least 1, got ${String(budget)}`,
      )
    }
    this.#fields = new LRUCache<string, Tensor>({
      maxSize: budget,
      sizeCalculation: (field) => field.length * dtypeBytes[field.dtype],
      dispose: (field, _key, reason) => {
        if (reason === 'evict') ++this.#evictions
        // Only the cache's hold on the memory ends: who was given the field keeps it.
        field.dispose()
      },
    })
  }

  get statistics(): FieldCacheStatistics {
    return {
      hits: this.#hits,
      misses: this.#misses,
      evictions: this.#evictions,
      entries: this.#fields.size,
      bytes: this.#fields.calculatedSize,
      budget: this.#fields.maxSize,
    }
  }

  /** The field of a key, made by `make` if it is not there. One larger than the budget is not kept. */
  field(key: string, make: () => Tensor): Tensor {
    const kept = this.#fields.get(key)
    if (kept) {
      ++this.#hits
      return kept.alias(kept.shape)
    }
    const made = noGrad(() => scope(make))
    ++this.#misses
    if (made.length * dtypeBytes[made.dtype] <= this.#fields.maxSize) {
      this.#fields.set(key, own(made.alias(made.shape)))
    }
    return made
  }

  dispose(): void {
    this.#fields.clear()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
