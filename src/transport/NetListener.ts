import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Path from "node:path"
import { errorCode, impossible, peerOf, socketOptions, wrap, type Peer } from "./NetSocket.js"
import { showAddress, TransportError, type Address, type Listen, type ListenerEvents } from "./Transport.js"

/** Connections that have completed but were not accepted yet; the kernel caps it at `net.core.somaxconn`. */
const backlog = 4096

const noFolder = "the folder of that path does not exist; create it first"

/** The flags that say where to listen. */
interface Flags {
  readonly host: string
  readonly port: string
}

const advice = (address: Address, code: string | undefined, { host, port }: Flags): string => {
  if (address._tag === "Inherited") return adviceForInherited(address.descriptor, code)
  switch (code) {
    case "EADDRINUSE":
      return `the address is in use; stop the other program or choose another with ${port} (0 takes any that is free)`
    case "EACCES":
      // So it says, too, when the folder of a Unix socket does not exist.
      if (address._tag === "Unix" && !Fs.existsSync(Path.dirname(address.path))) return noFolder
      return address._tag !== "Unix"
        ? `permission denied; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE), choose a higher ${port}`
        : "permission denied; choose a path in a folder that you may write to"
    case "EADDRNOTAVAIL":
      return `no network interface of this machine has that address; choose another ${host}`
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host name cannot be resolved; check ${host}`
    case "ENOENT":
      return noFolder
    default:
      return code ?? "unknown error"
  }
}

const adviceForInherited = (descriptor: number, code: string | undefined): string => {
  switch (code) {
    // Nothing was asked of the system where the descriptor is none, or that of a file.
    case undefined:
    case "EINVAL":
    case "ENOTSOCK":
      return (
        `descriptor ${descriptor} is no socket that listens for streams; in a .socket unit, ListenStream= makes one, ` +
        "without Accept="
      )
    default:
      return code
  }
}

export const listenError = (
  address: Address,
  cause: unknown,
  flags: Flags = { host: "--host", port: "--port" }
): TransportError =>
  new TransportError({
    during: "Listen",
    reason: `cannot listen on ${showAddress(address)}: ${impossible(address) ?? advice(address, errorCode(cause), flags)}`,
    code: errorCode(cause),
    cause
  })

/** Makes a connection of the port of one that was accepted, now or when its first bytes are there. */
export type Admit = (socket: Net.Socket, peer: Peer, events: ListenerEvents) => void

export const plain: Admit = (socket, peer, events) => events.accepted(wrap(socket, peer))

/** Whether a server listens on a Unix socket: Node has no address of it, or its path. */
export const isUnix = (server: Net.Server): boolean => {
  if (!server.listening) return false
  const address = server.address()
  return address === null || typeof address === "string"
}

/**
 * Listens with `node:net`. `bind` starts the given server at the address; it runs in one turn, so that an adapter can
 * set up what `bind(2)` looks at (the umask). What it throws is why the listening fails.
 */
export const listen =
  (address: Address, bind: (server: Net.Server, options: Net.ListenOptions) => void, admit = plain): Listen =>
  ({ events, hardLimit }) =>
    Effect.gen(function* () {
      if (impossible(address) !== undefined) return yield* listenError(address, undefined)
      let nameless = "unknown"
      const server = Net.createServer(socketOptions, (socket) => admit(socket, peerOf(socket, nameless), events))
      server.maxConnections = hardLimit
      server.on("drop", () => events.dropped())

      let isSuspended = false
      const start = (at: Address) =>
        Effect.async<void, TransportError>((resume) => {
          const failed = (cause: Error) => {
            server.off("listening", listening)
            resume(Effect.fail(cause instanceof TransportError ? cause : listenError(at, cause)))
          }
          const listening = () => {
            server.off("error", failed)
            if (isSuspended) server.close() // meanwhile: a host name takes its time
            resume(Effect.void)
          }
          server.once("error", failed)
          server.once("listening", listening)
          try {
            bind(server, { ...whereOf(at), backlog })
            if (isUnix(server)) nameless = "unix"
          } catch (cause) {
            server.off("error", failed)
            failed(cause as Error) // Node throws only Errors here (a port out of range, a bad path), as `bind` does
          }
        })

      yield* start(address)
      server.on("error", (cause) => {
        if (server.listening) events.failed(acceptError(cause))
      })
      const bound = server.address()
      const actual: Address =
        address._tag !== "Unix" && bound !== null && typeof bound === "object"
          ? { _tag: address._tag === "Tls" ? "Tls" : "Tcp", host: bound.address, port: bound.port }
          : address

      const suspend = Effect.sync(() => {
        isSuspended = true
        // The callback would wait for every connection; only the listening itself ends here, and at once.
        if (server.listening) server.close()
      })
      yield* Effect.addFinalizer(() => suspend)
      // Closed is closed here, while the other program goes on listening.
      if (address._tag === "Inherited") return { address: actual, suspend }
      return {
        address: actual,
        suspend,
        resume: Effect.suspend(() => {
          isSuspended = false
          return server.listening ? Effect.void : start(actual)
        })
      }
    })

const whereOf = (address: Address): Net.ListenOptions => {
  switch (address._tag) {
    case "Tcp":
    case "Tls":
      return { host: address.host, port: address.port }
    case "Unix":
      return { path: address.path }
    case "Inherited":
      return { fd: address.descriptor } as Net.ListenOptions // documented for `listen`, though not in its types
    case "Memory":
      return {}
  }
}

const acceptError = (cause: unknown) =>
  new TransportError({
    during: "Listen",
    reason: `a connection could not be accepted (${errorCode(cause) ?? "unknown error"})`,
    code: errorCode(cause),
    cause
  })
