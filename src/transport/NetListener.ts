import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { TransportError, type Address, type Listen, type ListenerEvents } from "../ports/Transport.js"
import { AcceptedCrowd } from "./AcceptedCrowd.js"
import * as NodeInternals from "./NodeInternals.js"
import { remoteOf, socketOptions, wrap, type Remote } from "./NetSocket.js"
import { errorCode, listenError, type Explain } from "./SystemError.js"

/** Completed connections that this process has not accepted yet. The kernel caps it at `net.core.somaxconn`. */
const backlog = 4096

/** An address, and the options with which `node:net` listens there. */
export interface Binding {
  readonly address: Address
  readonly options: Net.ListenOptions
}

/** Turns an accepted `net.Socket` into a connection of the port, immediately or once its first bytes have arrived. */
export type Admit = (socket: Net.Socket, remote: Remote, events: ListenerEvents) => void

export const plain: Admit = (socket, remote, events) => events.accepted(wrap(socket, remote))

/** What an adapter adds to a `net.Server`. */
export interface Adapter extends Binding {
  /**
   * The binding once the kernel has bound it: the port is the real one. Without it, and for a Unix socket, as
   * requested.
   */
  readonly bound?: (info: Net.AddressInfo) => Binding
  readonly explain: Explain
  /**
   * Starts the server; `server.listen(options)` unless given. An adapter can set up here what `bind(2)` depends on (the
   * umask), because Node binds within the call. If it throws, listening fails with that error.
   */
  readonly bind?: (server: Net.Server, options: Net.ListenOptions) => void
  readonly admit?: Admit
  /** False if a server that was suspended cannot listen again. */
  readonly canResume?: boolean
}

const bindDirectly = (server: Net.Server, options: Net.ListenOptions) => {
  const { host, port } = options
  const isDone = host !== undefined && port !== undefined && NodeInternals.listenOn(server, host, port, backlog)
  if (!isDone) server.listen(options)
}

/** Whether a server listens on a Unix socket. Node reports its path, or null if it did not bind the socket itself. */
export const isUnix = (server: Net.Server): boolean => {
  if (!server.listening) return false
  const address = server.address()
  return address === null || typeof address === "string"
}

/** Listens with `node:net`. */
export const listen =
  ({ admit = plain, bind = bindDirectly, bound, canResume = true, explain, ...requested }: Adapter): Listen =>
  ({ events, hardLimit }) =>
    Effect.gen(function* () {
      let nameless = "unknown"
      let isInherited = false
      const crowd = new AcceptedCrowd<Net.Socket>({
        admit: (socket) => {
          if (!isInherited) setOptions(socket)
          admit(socket, remoteOf(socket, nameless), events)
        },
        hold: NodeInternals.stopReading,
        release: NodeInternals.readAgain,
        endOfTurn: setImmediate,
        now: () => performance.now()
      })
      const server = Net.createServer({ allowHalfOpen: socketOptions.allowHalfOpen }, (socket) => {
        crowd.accepted(socket)
      })
      server.maxConnections = hardLimit
      server.on("drop", () => events.dropped())

      let isSuspended = false
      const start = ({ address, options }: Binding) =>
        Effect.async<void, TransportError>((resume) => {
          const failed = (cause: Error) => {
            server.off("listening", listening)
            const error =
              cause instanceof TransportError ? cause : listenError(address, explain(errorCode(cause)), cause)
            resume(Effect.fail(error))
          }
          const listening = () => {
            server.off("error", failed)
            isInherited = NodeInternals.setInherited(server, socketOptions)
            if (isSuspended) server.close() // suspended while Node resolved the host name
            resume(Effect.void)
          }
          server.once("error", failed)
          server.once("listening", listening)
          try {
            bind(server, { ...options, backlog })
            if (isUnix(server)) nameless = "unix"
          } catch (cause) {
            server.off("error", failed)
            failed(cause as Error) // Node throws only Errors here (a port out of range, a bad path), as `bind` does
          }
        })

      yield* start(requested)
      server.on("error", (cause) => {
        if (server.listening) events.failed(acceptError(cause))
      })
      const info = server.address()
      const actual = info !== null && typeof info === "object" ? (bound?.(info) ?? requested) : requested

      const suspend = Effect.sync(() => {
        isSuspended = true
        // Does not wait for the callback, which follows the end of the last connection. Listening itself ends
        // immediately.
        if (server.listening) server.close()
        crowd.flush()
      })
      yield* Effect.addFinalizer(() => suspend)
      const listener = { address: actual.address, suspend }
      if (!canResume) return listener
      return {
        ...listener,
        resume: Effect.suspend(() => {
          isSuspended = false
          return server.listening ? Effect.void : start(actual)
        })
      }
    })

const setOptions = (socket: Net.Socket) => {
  socket.setNoDelay(socketOptions.noDelay)
  socket.setKeepAlive(socketOptions.keepAlive, socketOptions.keepAliveInitialDelay)
}

const acceptError = (cause: unknown) => {
  const code = errorCode(cause)
  const reason = `a connection could not be accepted (${code ?? "unknown error"})`
  return new TransportError({ during: "Listen", reason, code, cause })
}
