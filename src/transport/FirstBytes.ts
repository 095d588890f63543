import type * as Net from "node:net"

/** What the first bytes of a connection come to: not enough yet, or how many of them are done with. */
export type Verdict<A> = { readonly taken: number; readonly found: A } | undefined

/**
 * Looks at the first bytes of a connection before anybody else does. What is not taken is there for whoever reads next,
 * in the turn in which `found` is called.
 *
 * @returns gives it up: nobody is told any more
 */
export const read = <A>(
  socket: Net.Socket,
  look: (bytes: Uint8Array) => Verdict<A>,
  found: (found: A) => void
): (() => void) => {
  let bytes: Uint8Array = new Uint8Array()
  const readable = () => {
    for (;;) {
      const chunk = socket.read() as Buffer | null // no encoding is set
      if (chunk === null) return
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const verdict = look(bytes)
      if (verdict === undefined) continue
      stop()
      if (verdict.taken < bytes.length) socket.unshift(bytes.subarray(verdict.taken))
      return found(verdict.found)
    }
  }
  // Whoever ends before them wants nothing; half-open, it would stay for ever.
  const ended = () => socket.destroy()
  const stop = () => {
    socket.off("readable", readable)
    socket.off("end", ended)
  }
  socket.on("readable", readable)
  socket.on("end", ended)
  return stop
}
