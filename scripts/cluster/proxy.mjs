// A proxy between a node and a NATS server or a database that can fall silent: it then carries nothing and closes
// nothing, as a network that drops every packet. Imported, not run.
import { once } from "node:events"
import { connect, createServer } from "node:net"

/** Returns what passes on the bytes that have come while it was silent. */
const carry = (from, to, isSilent) => {
  const waiting = []
  from.on("data", (bytes) => {
    // What comes meanwhile is kept, as by the sender's kernel, and passes on once the network works again.
    if (isSilent()) waiting.push(bytes)
    else to.write(bytes)
  })
  return () => {
    for (const bytes of waiting.splice(0)) to.write(bytes)
  }
}

/**
 * `target` is a port of this machine, or the path of a Unix socket, and `host` the own address. Returns `{ port,
 * cut(direction), mend(), close() }`; `direction` is "both", "out" (from the node) or "in" (to it).
 */
export const silentProxy = async (target, host = "127.0.0.1") => {
  let silent = { in: false, out: false }
  const pairs = new Set()
  const server = createServer((client) => {
    const engine = typeof target === "string" ? connect(target) : connect(target, "127.0.0.1")
    const pair = { client, engine }
    pairs.add(pair)
    const flushes = [carry(client, engine, () => silent.out), carry(engine, client, () => silent.in)]
    pair.flush = () => flushes.forEach((flush) => flush())
    const end = () => {
      // The other side does not learn of it while the network carries nothing.
      if (silent.in || silent.out) pair.isOver = true
      else {
        pairs.delete(pair)
        client.destroy()
        engine.destroy()
      }
    }
    for (const socket of [client, engine]) socket.on("close", end).on("error", () => {})
  })
  server.listen(0, host)
  await once(server, "listening")
  return {
    port: server.address().port,
    cut(direction) {
      silent = { in: direction !== "out", out: direction !== "in" }
    },
    mend() {
      silent = { in: false, out: false }
      for (const pair of pairs) {
        pair.flush()
        if (!pair.isOver) continue
        pairs.delete(pair)
        pair.client.destroy()
        pair.engine.destroy()
      }
    },
    close() {
      server.close()
      for (const { client, engine } of pairs) {
        client.destroy()
        engine.destroy()
      }
    }
  }
}
