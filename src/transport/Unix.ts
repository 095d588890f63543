import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as NetListener from "./NetListener.js"
import { impossible } from "./NetSocket.js"
import * as Tcp from "./Tcp.js"
import { TransportError, type Listen } from "./Transport.js"

/** Only the owner may connect: the file's mode is the access control of a Unix socket. */
const mode = 0o600

/**
 * Listens on a Unix socket of mode 0600. A socket file that nobody listens on any more is replaced; a live one, or a
 * file that is no socket, is refused. The file goes away with the listener.
 */
export const listen =
  (path: string): Listen =>
  (options) =>
    Effect.gen(function* () {
      if (impossible({ _tag: "Unix", path }) === undefined) yield* removeStale(path)
      return yield* bind(path)(options)
    })

const bind = (path: string) =>
  NetListener.listen({ _tag: "Unix", path }, (server, options) => {
    // The umask, and not a later chmod, so that there is no moment at which others could connect.
    const umask = process.umask(0o777 & ~mode)
    try {
      server.listen(options)
    } finally {
      process.umask(umask)
    }
  })

const refused = (path: string, why: string) =>
  new TransportError({ during: "Listen", reason: `cannot listen on unix:${path}: ${why}`, code: "EADDRINUSE" })

const removeStale = (path: string): Effect.Effect<void, TransportError> =>
  Effect.gen(function* () {
    const found = Fs.lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined) return
    if (!found.isSocket())
      return yield* refused(path, "a file of that name is there and is no socket; choose another --unix")
    const answered = yield* Effect.either(Tcp.connect({ _tag: "Unix", path }))
    if (answered._tag === "Right") {
      answered.right.destroy()
      return yield* refused(path, "another server is listening there; stop it or choose another --unix")
    }
    // Only a refusal proves that nobody listens. Anything else, such as a missing permission, is not ours to remove.
    if (answered.left.code !== "ECONNREFUSED") return yield* refused(path, answered.left.reason)
    yield* Effect.try({
      try: () => Fs.rmSync(path, { force: true }),
      catch: (cause) => NetListener.listenError({ _tag: "Unix", path }, cause)
    })
  })
