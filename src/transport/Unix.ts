import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import type * as Net from "node:net"
import * as Path from "node:path"
import * as Endpoints from "../ports/Endpoints.js"
import { TransportError, type Address, type Listen, type Socket } from "../ports/Transport.js"
import * as NetConnect from "./NetConnect.js"
import * as NetListener from "./NetListener.js"
import { errorCode, connectError, listenError, unexplained, type Explanation } from "./SystemError.js"

/** Only the owner may connect: the file's mode is the access control of a Unix socket. */
const mode = 0o600

/** Longest path of a Unix socket, in bytes. libuv silently truncates a longer one, and so uses another file. */
const maxPathBytes = process.platform === "linux" ? 107 : 103

export interface UnixAddress extends Address {
  readonly path: string
}

export const address = (path: string): UnixAddress => ({
  text: `unix:${path}`,
  isLocal: true,
  isEncrypted: false,
  path
})

/**
 * Listens on a Unix socket of mode 0600. A stale socket file is replaced; fails if a server is listening on it, or if
 * the file is not a socket. The file is removed when the listener closes.
 */
export const listen =
  (path: string): Listen =>
  (options) =>
    Effect.gen(function* () {
      if (isTooLong(path)) return yield* listenError(address(path), tooLong)
      yield* removeStale(path)
      return yield* listenAt(path)(options)
    })

/** `listen` as a layer. */
export const layer = (path: string): Layer.Layer<Endpoints.Endpoints> => Endpoints.layer(listen(path))

/**
 * Connects to a Unix socket. The caller owns the socket: it must `attach` in the same turn, and close it. Interruption
 * cancels the attempt.
 *
 * @param timeout for the attempt; none by default
 */
export const connect = (path: string, timeout?: Duration.DurationInput): Effect.Effect<Socket, TransportError> =>
  isTooLong(path)
    ? Effect.fail(connectError(address(path), tooLong))
    : NetConnect.connect({ address: address(path), to: { path }, explain: explainConnect, timeout })

const listenAt = (path: string) =>
  NetListener.listen({ address: address(path), options: { path }, explain: explainListen(path), bind })

const bind = (server: Net.Server, options: Net.ListenOptions) => {
  // The umask rather than a later chmod: at no moment may another user connect.
  const umask = process.umask(0o777 & ~mode)
  try {
    server.listen(options)
  } finally {
    process.umask(umask)
  }
}

const isTooLong = (path: string) => Buffer.byteLength(path) > maxPathBytes

const tooLong: Explanation = { why: `the path is longer than ${maxPathBytes} bytes`, hint: "path-too-long" }

const explainListen =
  (path: string) =>
  (code: string | undefined): Explanation => {
    switch (code) {
      case "EADDRINUSE":
        return { why: "the address is in use", hint: "path-in-use" }
      case "EACCES":
        // Node reports a missing folder as EACCES, too.
        return Fs.existsSync(Path.dirname(path)) ? { why: "permission denied", hint: "path-not-permitted" } : noFolder
      case "ENOENT":
        return noFolder
      default:
        return unexplained(code)
    }
  }

const noFolder: Explanation = { why: "the folder of that path does not exist", hint: "no-such-path" }

const explainConnect = (code: string | undefined): Explanation => {
  switch (code) {
    case "ECONNREFUSED":
      return { why: "no server is listening there", hint: "no-server" }
    case "ENOENT":
      return { why: "there is no such socket", hint: "no-such-path" }
    case "EACCES":
      return { why: "permission denied", hint: "path-not-permitted" }
    default:
      return unexplained(code)
  }
}

const inUse = (path: string, why: string) => {
  const reason = `cannot listen on ${address(path).text}: ${why}`
  return new TransportError({ during: "Listen", reason, hint: "path-in-use", code: "EADDRINUSE" })
}

const removeStale = (path: string): Effect.Effect<void, TransportError> =>
  Effect.gen(function* () {
    const found = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return
    if (!found.isSocket()) return yield* inUse(path, "a file of that name exists and is not a socket")
    const probe = yield* Effect.either(connect(path))
    if (probe._tag === "Right") {
      probe.right.destroy()
      return yield* inUse(path, "another server is listening there")
    }
    // Only a refusal proves that no server listens. After any other failure, such as a missing permission, the file may
    // belong to a live server.
    if (probe.left.code !== "ECONNREFUSED") return yield* inUse(path, probe.left.reason)
    yield* Effect.try({
      try: () => Fs.rmSync(path, { force: true }),
      catch: (cause) => listenError(address(path), explainListen(path)(errorCode(cause)), cause)
    })
  })
