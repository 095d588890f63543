import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Unix from "../../src/transport/Unix.js"
import { startSocketServer } from "../support/SocketServer.js"
import { refusal } from "../support/Refusal.js"
import * as WireClient from "../support/WireClient.js"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "a-chat-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true }))
)

/**
 * A socket file that no process listens on, as a killed server leaves it; moved, so that its server does not remove it.
 */
const stale = (path: string) =>
  Effect.async<void>((resume) => {
    const server = Net.createServer().listen(`${path}.old`, () => {
      Fs.renameSync(`${path}.old`, path)
      server.close(() => resume(Effect.void))
    })
  })

describe("a Unix socket", () => {
  it.scopedLive("is accessible to its owner only while the server runs, and is removed afterwards", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "chat.sock")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const umask = process.umask()
          const server = yield* startSocketServer({ listen: [Unix.listen(path)] })
          assert.strictEqual(process.umask(), umask, "the umask of the process is unchanged")
          const stat = Fs.statSync(path)
          assert.isTrue(stat.isSocket())
          assert.strictEqual(stat.mode & 0o777, 0o600)
          const alice = yield* server.join("alice")
          yield* alice.send("nobody: hi\n")
          yield* alice.expect("! undelivered nobody reason=offline")
          yield* alice.end
          assert.deepStrictEqual(yield* alice.rest, [])
        })
      )
      assert.isFalse(Fs.existsSync(path))
    })
  )

  it.scopedLive("has no address, so limits per address do not apply", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "chat.sock")
      const server = yield* startSocketServer({
        listen: [Unix.listen(path), Tcp.listen("127.0.0.1", 0)],
        maxConnectionsPerAddress: 1,
        limitLoopback: true
      })
      const clients = yield* Effect.forEach(["alice", "bob", "carol"], server.join)
      for (const client of clients) yield* client.barrier
      // They can reach clients over TCP, where the limit applies.
      const tcp = server.addresses[1] ?? (yield* Effect.dieMessage("one address only"))
      const dave = yield* WireClient.connect(tcp)
      yield* dave.send("dave\nalice: hi\n")
      yield* clients[0]?.expect("from dave: hi") ?? Effect.void
      const second = yield* WireClient.connect(tcp)
      yield* second.expect("! full retry=5000 fatal")
    })
  )

  it.scopedLive("replaces the file of a dead server", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "chat.sock")
      yield* stale(path)
      assert.isTrue(Fs.statSync(path).isSocket())
      const server = yield* startSocketServer({ listen: [Unix.listen(path)] })
      yield* Effect.flatMap(server.join("alice"), (alice) => alice.barrier)
      assert.strictEqual(Fs.statSync(path).mode & 0o777, 0o600)
    })
  )

  it.scopedLive("does not replace the file of a running server, and reports why", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "chat.sock")
      const server = yield* startSocketServer({ listen: [Unix.listen(path)] })
      const alice = yield* server.join("alice")
      const error = yield* refusal(startSocketServer({ listen: [Unix.listen(path)] }))
      assert.strictEqual(error._tag, "TransportError")
      assert.match(error.reason, /^cannot listen on unix:\S+chat\.sock: another server is listening there[^\n]*$/)
      yield* alice.barrier
      yield* Effect.flatMap(server.join("bob"), (bob) => bob.barrier)
      assert.isTrue(Fs.existsSync(path))
    })
  )

  it.scopedLive("never touches a file that is not a socket", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "precious.txt")
      Fs.writeFileSync(path, "precious")
      const target = Path.join(Path.dirname(path), "link")
      Fs.symlinkSync(path, target)
      for (const at of [path, target]) {
        const error = yield* refusal(startSocketServer({ listen: [Unix.listen(at)] }))
        assert.match(error.reason, /is not a socket[^\n]*$/)
      }
      assert.strictEqual(Fs.readFileSync(path, "utf8"), "precious")
      assert.isTrue(Fs.lstatSync(target).isSymbolicLink())
    })
  )

  it.scopedLive("at an invalid path is an error of one line", () =>
    Effect.gen(function* () {
      const parent = yield* folder
      for (const path of [Path.join(parent, "missing", "chat.sock"), Path.join(parent, "x".repeat(200))]) {
        const error = yield* refusal(startSocketServer({ listen: [Unix.listen(path)] }))
        assert.strictEqual(error._tag, "TransportError")
        assert.match(error.reason, /^cannot listen on unix:\S+: [^\n]{20,}$/)
      }
      assert.deepStrictEqual(Fs.readdirSync(parent), [])
    })
  )

  it.scopedLive("is not left behind by a server that could not start for another reason", () =>
    Effect.gen(function* () {
      const path = Path.join(yield* folder, "chat.sock")
      const other = yield* startSocketServer()
      const port = other.address.port ?? 0
      yield* refusal(startSocketServer({ listen: [Unix.listen(path), Tcp.listen("127.0.0.1", port)] }))
      assert.isFalse(Fs.existsSync(path))
    })
  )
})
