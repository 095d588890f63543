import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { TLSSocket } from "node:tls"
import * as NodeInternals from "../../src/transport/NodeInternals.js"
import { socketOptions } from "../../src/transport/NetSocket.js"
import { client, dial, listening } from "../support/TlsConnections.js"

const keyOf = (value: object, key: string) => {
  const [, description] = /^Symbol\((.*)\)$/u.exec(key) ?? []
  return description === undefined ? key : (NodeInternals.symbolOf(value, description) ?? key)
}

const valueAt = (socket: Net.Socket | Net.Server, path: ReadonlyArray<string>) =>
  path.reduce<unknown>(
    (value, key) => (value === undefined || value === null ? value : Reflect.get(value, keyOf(value, key))),
    socket
  )

describe(`Node ${process.version} has the internals that we read:`, () => {
  const sockets = Effect.gen(function* () {
    const { port } = yield* listening()
    return {
      "TCP socket": (yield* dial(port)).socket,
      "TLS socket": (yield* client(port)).tls,
      "TCP server": yield* server
    }
  })

  const server = Effect.acquireRelease(
    Effect.async<Net.Server>((resume) => {
      const server = Net.createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

  for (const { of, path, type, without } of NodeInternals.internals) {
    it.scopedLive(`${path.join(".")} of a ${of}`, () =>
      Effect.gen(function* () {
        const value = valueAt((yield* sockets)[of], path)
        assert.strictEqual(typeof value, type, `without it: ${without}`)
      })
    )
  }

  it.scopedLive("and they mean what we take them for", () =>
    Effect.gen(function* () {
      const { "TCP server": server, "TCP socket": tcp, "TLS socket": tls } = yield* sockets
      assert.strictEqual(NodeInternals.setInherited(server, socketOptions), process.platform === "linux")
      assert.isTrue(NodeInternals.hasPeer(tcp))
      assert.isTrue(NodeInternals.stopReading(tcp))
      NodeInternals.readAgain(tcp)
      assert.strictEqual(NodeInternals.queuedBytes(tcp), 0)
      assert.isFalse(NodeInternals.hasTcpEnded(tls))
      const ciphertext = NodeInternals.Ciphertext.of(tls)
      assert.isDefined(ciphertext)
      const before = ciphertext.handed
      tls.write("hi")
      assert.isAbove(ciphertext.handed - before, 2)
      assert.strictEqual(ciphertext.pending, ciphertext.handed - before)
      assert.strictEqual(ciphertext.queued, 0)
      assert.strictEqual(NodeInternals.takenBytes(tls), ciphertext.handed)
      const taken = NodeInternals.takenBytes(tcp) ?? 0
      tcp.write("hi")
      assert.strictEqual(NodeInternals.takenBytes(tcp), taken + 2)
      const above = new TLSSocket(tcp, { isServer: true }).on("error", () => {})
      assert.strictEqual(NodeInternals.socketBelow(above), tcp)
      above.destroy()
    })
  )
})
