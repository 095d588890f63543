import type * as Net from "node:net"

/** The result of examining the first bytes: undefined until there are enough; otherwise the number consumed. */
export type FirstBytesVerdict<A> = { readonly taken: number; readonly found: A } | undefined

/**
 * Examines the first bytes of a connection before its reader gets them. The reader gets the unconsumed bytes if it
 * starts to read in the turn in which `found` is called.
 *
 * @returns a function that cancels: `found` is not called after that
 */
export const read = <A>(
  socket: Net.Socket,
  look: (bytes: Uint8Array) => FirstBytesVerdict<A>,
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
  // The client ended before sending enough bytes. The half-open socket would otherwise stay open forever.
  const ended = () => socket.destroy()
  const stop = () => {
    socket.off("readable", readable)
    socket.off("end", ended)
  }
  socket.on("readable", readable)
  socket.on("end", ended)
  return stop
}
