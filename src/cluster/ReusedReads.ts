import type { Socket } from "node:net"

/** What Node sets up for the option `onread` of `net.connect`: internals of a socket that it has from the start. */
interface Inside {
  readonly handle: { readonly useUserBuffer: (buffer: Uint8Array) => void }
  readonly buffer: symbol
  readonly callback: symbol
}

const insideOf = (socket: Socket): Inside | undefined => {
  const handle: unknown = Reflect.get(socket, "_handle")
  const symbolOf = (name: string) =>
    Object.getOwnPropertySymbols(socket).find(({ description }) => description === name)
  const [buffer, callback] = [symbolOf("kBuffer"), symbolOf("kBufferCb")]
  if (buffer === undefined || callback === undefined || symbolOf("kBufferGen") === undefined) return undefined
  if (typeof handle !== "object" || handle === null || !("useUserBuffer" in handle)) return undefined
  return typeof handle.useUserBuffer === "function"
    ? { handle: handle as Inside["handle"], buffer, callback }
    : undefined
}

/**
 * Has a connected socket read into memory that is used again for each read, as `onread` of `net.connect` would.
 * Otherwise, Node allocates 64 KiB for each read, and V8 frees them when it next collects garbage (benchmark:
 * nodes-1000). Its other events stay as they are, but for 'data', which no longer comes.
 *
 * @param take gets the bytes of each read, which are valid until it returns
 * @returns False, and nothing has changed, if this version of Node has no such internals
 */
export const begin = (socket: Socket, memory: Buffer, take: (bytes: Buffer) => void): boolean => {
  const inside = insideOf(socket)
  if (inside === undefined) return false
  inside.handle.useUserBuffer(memory)
  Reflect.set(socket, inside.buffer, memory)
  Reflect.set(socket, inside.callback, (length: number) => {
    take(memory.subarray(0, length))
    return true // false would pause the socket
  })
  return true
}
