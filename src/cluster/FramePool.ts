/** Smaller frames share pieces of memory that Node allocates for them. */
const smallBytes = 8_192

/** What nearly all larger contents fit into: the text, and the heads of its pieces. */
const slotBytes = 81_920

/** Slots that are kept, of all links together: 2.5 MiB. */
const maxFree = 32

/**
 * Memory for frames, which is used again. Otherwise, V8 collects garbage for every few megabytes of contents, and the
 * kernel has to map and clear their memory again (benchmark: nodes-1000, a seventh of the sending node's CPU).
 */
export class FramePool {
  /** The slot that came back last is used next: it may still be in the CPU's caches. */
  private readonly free: Array<Buffer> = []

  take(bytes: number): Uint8Array {
    if (bytes < smallBytes || bytes > slotBytes) return Buffer.allocUnsafe(bytes)
    return (this.free.pop() ?? Buffer.allocUnsafeSlow(slotBytes)).subarray(0, bytes)
  }

  /** Nobody reads this frame any more. It may be of other memory than that of the pool. */
  give({ buffer, byteLength }: Uint8Array) {
    const isSlot = buffer.byteLength === slotBytes && byteLength >= smallBytes
    if (isSlot && this.free.length < maxFree) this.free.push(Buffer.from(buffer))
  }
}
