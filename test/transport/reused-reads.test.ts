import { assert, describe, it } from "vitest"
import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"
import * as NodeInternals from "../../src/transport/NodeInternals.js"

/** A connection, and its other end. */
const connected = async () => {
  const server = createServer()
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: "127.0.0.1", port })
  const [peer] = (await once(server, "connection")) as [Socket]
  if (socket.connecting) await once(socket, "connect")
  server.close()
  return { socket, peer }
}

describe("memory that a socket reads into again", () => {
  it("has a socket read into the same memory, and leaves its other events as they are", async () => {
    const { peer, socket } = await connected()
    const whole = Buffer.from(Array.from({ length: 200_000 }, (_, at) => at % 251))
    const memory = Buffer.allocUnsafeSlow(10_000)
    const parts: Array<Buffer> = []
    let other = 0
    socket.on("data", () => (other += 1))
    const isReused = NodeInternals.readInto(socket, memory, (bytes) => {
      assert.strictEqual(bytes.buffer, memory.buffer)
      parts.push(Buffer.from(bytes))
    })
    assert.isTrue(isReused, "this version of Node lacks the internals: V8 has to free every read")
    peer.end(whole)
    await once(socket, "end")
    assert.isTrue(Buffer.concat(parts).equals(whole))
    assert.strictEqual(other, 0)
    socket.destroy()
  })

  it("changes nothing if the socket has other internals", async () => {
    const { peer, socket } = await connected()
    const callback = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "kBufferCb")
    Reflect.deleteProperty(socket, callback ?? assert.fail("this version of Node has other internals"))
    const isReused = NodeInternals.readInto(socket, Buffer.alloc(100), () => assert.fail("it reads into the memory"))
    assert.isFalse(isReused)
    peer.end("hello")
    const [bytes] = (await once(socket, "data")) as [Buffer]
    assert.strictEqual(bytes.toString(), "hello")
    socket.destroy()
  })
})
